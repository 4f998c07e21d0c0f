"""function -> what it returned, of as many parts as it should have, or a sentence."""

import torch

from helpers.exercises.checks.tools import expect


def tuple_of(name, result, parts):
    """Return a result of as many things as `parts` names."""
    is_whole = isinstance(result, tuple | list) and len(result) == len(parts)
    expect(is_whole, f"{name}: return {len(parts)} things, {', '.join(parts)}.")
    return result


def by_hand(name, function, *inputs):
    """Return what a function says where autograd records nothing."""
    try:
        with torch.inference_mode():
            return function(*inputs)
    except RuntimeError as error:
        reason = "expected a formula of your own: autograd is switched off here."
        expect("grad" not in str(error) and "inference" not in str(error), f"{name}: {reason}")
        raise
