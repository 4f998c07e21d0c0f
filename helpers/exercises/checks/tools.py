"""exercise -> raise or one line: the checks of the notebooks' exercises.

Each check calls the student's function on small inputs and compares the result with the library's.
It raises CheckFailed, with what was expected and what came, or prints one fixed line.
"""

import numpy as np
import torch

from helpers.files import WorkbookError


class CheckFailed(WorkbookError, AssertionError):
    """An exercise does not do what its text asks."""


def compare(what, got, expected, tolerance=1e-4):
    """Raise CheckFailed unless `got` has the shape of `expected` and, nearly, its values."""
    expected = torch.as_tensor(expected).detach().double()
    try:
        values = torch.as_tensor(got).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{what}: expected numbers, got {type(got).__name__}.") from None
    if values.shape != expected.shape:
        shapes = f"expected shape {tuple(expected.shape)}, got {tuple(values.shape)}"
        raise CheckFailed(f"{what}: {shapes}.")
    atol = tolerance * expected.abs().max().item()
    if not torch.allclose(values, expected, rtol=tolerance, atol=atol):
        raise CheckFailed(f"{what}: expected {_brief(expected)}, got {_brief(values)}.")


def _brief(values):
    numbers = [f"{v:.5g}" for v in values.flatten().tolist()]
    dots = ", ..." if len(numbers) > 4 else ""
    return numbers[0] if values.ndim == 0 else f"[{', '.join(numbers[:4])}{dots}]"


def expect(condition, message):
    if not condition:
        raise CheckFailed(message)


def pair(name, result, of_what):
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
    print(f"{name}: right")
