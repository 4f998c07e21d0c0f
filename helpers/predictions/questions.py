"""question, guess, truth -> how far off, and in words."""

import math
from dataclasses import dataclass
from itertools import combinations

CONFIDENCES = ("low", "middle", "high")


@dataclass(frozen=True)
class Question:
    """One question, and the form of its answer.

    A "number" is a float from `low` to `high`; "bars" and a "curve" are a list of them, one for
    each of the `options`; an "order" is a list of all options; "picks" are a list of `count`
    of them, or of any number where `count` is 0.
    """

    id: str  # "part5-accuracy": the notebook, and a name
    kind: str
    text: str
    options: tuple = ()
    low: float = 0.0  # in units of `unit`
    high: float = 1.0
    unit: str = ""
    log: bool = False  # whether factors count, not differences
    count: int = 1
    near: float = 0.1  # the largest distance that is still near


def plain(question, value):
    """Return a guess or a truth as JSON can keep it: a float, floats, or names."""
    if question.kind == "number":
        return float(value)
    if question.kind in ("bars", "curve"):
        return [float(v) for v in value]
    names = [value] if isinstance(value, str) else [str(v) for v in value]
    return names if question.kind == "order" else sorted(names)


def fits(question, truth):
    """Return whether a truth answers a question: one that was asked otherwise before may not."""
    if question.kind == "order":
        return set(truth) == set(question.options)
    return question.kind in ("number", "picks") or len(truth) == len(question.options)


def distance(question, guess, truth):
    """Return how far a guess is from the truth, from 0 (right) to 1.

    Of numbers, the mean difference as a share of the range; of an order, the share of pairs that
    stand the wrong way round; of picks, the share that the two do not have in common.
    """
    if question.kind == "number":
        guess, truth = [guess], [truth]
    if question.kind == "order":
        pairs = list(combinations(truth, 2))
        return sum(guess.index(a) > guess.index(b) for a, b in pairs) / max(1, len(pairs))
    if question.kind == "picks":
        return len(set(guess) ^ set(truth)) / max(1, len(guess) + len(truth))
    off = [abs(_place(question, g) - _place(question, t)) for g, t in zip(guess, truth)]
    return min(1.0, sum(off) / len(off))


def _place(question, value):
    """Return where a number stands between `low` (0) and `high` (1)."""
    low, high = question.low, question.high
    if question.log:
        low, high, value = (math.log(max(v, 1e-12)) for v in (low, high, value))
    return (value - low) / (high - low)


def in_words(question, value):
    """Return a guess or a truth in words, with its unit."""
    unit = f" {question.unit}" if question.unit else ""
    if question.kind == "number":
        return number(value) + unit
    if question.kind == "bars":
        return ", ".join(f"{o} {number(v)}{unit}" for o, v in zip(question.options, value))
    if question.kind == "curve":
        return ", ".join(f"{number(v)} at {o}" for o, v in zip(question.options, value))
    return (" > " if question.kind == "order" else ", ").join(value) or "none"


def number(value):
    """Return a number with three digits, or with thousands marked."""
    return f"{value:,.0f}" if 1000 <= abs(value) < math.inf else f"{value:.3g}"


def form_of(question):
    """Return what an answer looks like, in words: "a number from 0 to 1"."""
    if question.kind in ("number", "bars", "curve"):
        of_each = {"number": "", "bars": " for each of ", "curve": " at "}[question.kind]
        span = f"from {number(question.low)} to {number(question.high)}"
        unit = f" {question.unit}" if question.unit else ""
        return f"a number {span}{unit}{of_each}{', '.join(question.options)}"
    how = "put in order" if question.kind == "order" else "choose"
    if question.kind == "picks" and question.count > 1:
        how = f"choose {question.count} of"
    return f"{how}: {' · '.join(question.options)}"
