"""failed check -> keys: what came back, rounded so that the same mistake always gives the same.

Differently written code rounds differently, so every number falls into a cell of two grids, which
are half a step apart: numbers that differ by less than half a step share a cell of one of them.
"""

import itertools
import re
from dataclasses import dataclass

import torch

DIGITS = 1e-4  # the step of the grids, relative to the largest value


@dataclass(frozen=True)
class Evidence:
    """What a failed check saw: three ways to say it, each a tuple of keys, of which one must match."""

    result: tuple  # what came back, exactly
    kind: tuple = ()  # the shape, the type of an exception, whether nan or inf came
    place: tuple = ()  # which statement of the check failed


def of_values(what, values, expected):
    """Return the Evidence of tensors of float64 that differ."""
    shape, is_nan, is_inf = tuple(values.shape), values.isnan().any(), values.isinf().any()
    numbers, scale = _projections(values.flatten(), expected)
    keys = [repr((what, shape, scale, cells)) for cells in _cells(numbers, DIGITS)]
    kind = (what, shape != expected.shape and shape, bool(is_nan), bool(is_inf))
    return Evidence(tuple(keys), (repr(kind),) if any(kind[1:]) else (), (repr(what),))


def of_words(message, about=(), step=0.25):
    """Return the Evidence of a sentence; `about` are its numbers, where they are left to chance.

    Those count as the same if they differ by less than half a step.
    """
    place = re.sub(r"-?\d+(\.\d+)?", "…", message)
    keys = [repr((place, cells)) for cells in _cells(about, step)] if about else [repr(message)]
    return Evidence(tuple(keys), (), (repr(place),))


def of_error(error):
    """Return the Evidence of an exception that a student's function raised."""
    kind = type(error).__name__
    return Evidence((repr((kind, str(error))),), (repr(kind),))


def _projections(values, expected):
    """Return (two weighted sums of values (N,), the power of two that they are relative to)."""
    finite = torch.cat([values[values.isfinite()], expected.flatten()])
    largest = finite.abs().max().item() if len(finite) else 0.0
    scale = torch.frexp(torch.tensor(largest or 1.0, dtype=torch.float64)).exponent.item()
    parts = torch.nan_to_num(values / 2.0**scale, nan=3.0, posinf=5.0, neginf=-7.0)
    if len(parts) <= 1:
        return parts.tolist(), scale
    places = torch.arange(len(parts), dtype=torch.float64)
    weights = torch.stack([(1 + places * way).sin() for way in (1.3, 2.9)]) / len(parts) ** 0.5
    return (weights @ parts).tolist(), scale


def _cells(numbers, step):
    """Yield, for every choice of a grid per number, the cells in which the numbers lie."""
    for offsets in itertools.product((0.0, 0.5), repeat=len(numbers)):
        yield tuple(
            (o, int(n // step if not o else (n / step + o) // 1)) for n, o in zip(numbers, offsets)
        )
