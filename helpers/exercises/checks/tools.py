"""exercise -> raise or one line: the checks of the notebooks' exercises.

Each check calls the student's function on small inputs and compares the result with the library's.
It raises CheckFailed, with what was expected and what came, or prints one fixed line.
"""

import numpy as np
import torch

from helpers.exercises.checks.evidence import of_values, of_words
from helpers.files import WorkbookError


class CheckFailed(WorkbookError, AssertionError):
    """An exercise does not do what its text asks; `evidence` is what came back."""

    exercise = ""

    def __init__(self, message, evidence=None):
        super().__init__(message)
        self.evidence = evidence or of_words(message)

    def add(self, exercise, sentence):
        """Say which exercise failed, and add a sentence to the message."""
        self.exercise, self.args = exercise, (f"{self} {sentence}".strip(),)

    def _render_traceback_(self):
        lines = super()._render_traceback_()
        return lines + [f'For a hint: checks.hint("{self.exercise}")'] if self.exercise else lines


def compare(what, got, expected, tolerance=1e-4):
    """Raise CheckFailed unless `got` has the shape of `expected` and, nearly, its values."""
    expected = torch.as_tensor(expected).detach().double()
    expect(
        got is not None, f"{what}: expected numbers, got None. Does your function `return` them?"
    )
    try:
        values = torch.as_tensor(got).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{what}: expected numbers, got {type(got).__name__}.") from None
    evidence = of_values(what, values, expected)
    if values.shape != expected.shape:
        shapes = f"expected shape {tuple(expected.shape)}, got {tuple(values.shape)}"
        raise CheckFailed(f"{what}: {shapes}.", evidence)
    atol = tolerance * expected.abs().max().item()
    is_near = torch.isclose(values, expected, rtol=tolerance, atol=atol)
    if not is_near.all():
        raise CheckFailed(f"{what}: {_first_difference(values, expected, is_near)}.", evidence)


def _first_difference(values, expected, is_near):
    """Return what was expected and what came, where they differ first, with digits enough."""
    index = tuple((~is_near).nonzero()[0].tolist())
    said = _telling_apart(expected[index].item(), values[index].item())
    if values.ndim == 0:
        return said
    place = ", ".join(map(str, index))
    return f"{said} at index [{place}]; {(~is_near).sum()} of {values.numel()} values differ"


def _telling_apart(expected, got):
    """Return "expected a, got b" with five digits, or as many as it takes to tell them apart."""
    whole = all(float(value).is_integer() and abs(value) < 1e9 for value in (expected, got))
    if whole:
        return f"expected {expected:.0f}, got {got:.0f}"
    digits = next((n for n in range(5, 17) if f"{expected:.{n}g}" != f"{got:.{n}g}"), 17)
    return f"expected {expected:.{digits}g}, got {got:.{digits}g}"


def expect(condition, message, about=(), step=0.25):
    """Raise CheckFailed unless a condition holds; `about` and `step` as in `evidence.of_words`."""
    if not condition:
        raise CheckFailed(message, of_words(message, about, step))


def pair(name, result, of_what):
    """Return a result that is a pair; raise CheckFailed for any other."""
    is_pair = isinstance(result, tuple | list) and len(result) == 2
    expect(is_pair, f"{name}: return two things, {of_what}.")
    return result


def tensor(name, result):
    """Return a tensor of a result; NumPy's arrays count too."""
    result = torch.as_tensor(result) if isinstance(result, np.ndarray) else result
    kind = type(result).__name__
    expect(isinstance(result, torch.Tensor), f"{name}: expected a tensor, got {kind}.")
    return result


def passed(name):
    """Print the one line of a check that holds."""
    print(f"{name}: right")
