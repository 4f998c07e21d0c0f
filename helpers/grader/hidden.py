"""secret, submission -> inputs that nobody could know. The trusted side.

DRAWS gives each exercise its kinds of input, for students are told only the kind that failed. What
comes back is judged by `judging`.
"""

import hashlib
import hmac

import numpy as np

from helpers.grader.draws import DRAWS_OF_FUNCTIONS, InNumPy
from helpers.grader.draws_of_training import DRAWS_OF_TRAINING

DRAWS = DRAWS_OF_FUNCTIONS | DRAWS_OF_TRAINING  # {exercise: generator -> kinds of input}


def generator_for(secret, *names):
    """Return NumPy's generator for a secret and names, always the same for the same.

    The names are a submission's digest and an exercise.
    """
    key = hmac.new(secret.encode(), "\n".join(names).encode(), hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(key[:16], "big"))


def draw(exercise, generator):
    """Return [(kind, inputs as JSON)] of an exercise, drawn anew."""
    return [
        (kind, [to_json(value) for value in inputs]) for kind, *inputs in DRAWS[exercise](generator)
    ]


def kinds_of(exercise):
    """Return the kinds of input that an exercise gets, () where it has none."""
    return (
        [kind for kind, _ in draw(exercise, np.random.default_rng(0))] if exercise in DRAWS else ()
    )


def to_json(value):
    """Return an input as `probes.decode` reads it."""
    if isinstance(value, list):
        return [to_json(part) for part in value]
    if isinstance(value, InNumPy):
        return to_json(value.array) | {"dtype": f"numpy:{value.array.dtype}"}
    if isinstance(value, np.ndarray):
        return {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "values": value.flatten().tolist(),
        }
    return value.item() if isinstance(value, np.generic) else value
