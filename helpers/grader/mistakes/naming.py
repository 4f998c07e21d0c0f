"""results of a submission -> the same, with the mistakes named. The trusted side.

A visible check names a mistake itself. Where it holds, or knows none, what came back on hidden
inputs is compared with what each mistake gives on the same inputs.
"""

import json
import warnings
from dataclasses import replace

import numpy as np

from helpers.grader import judging, probes
from helpers.grader.mistakes.table import all_mistakes, function_of

# Between results of the same mistake in other code; mistakes may differ by less than right answers.
ROUNDING = 2e-5


def name_mistakes(scores, notebook, lines, plan):
    """Return the Scores of a grading notebook and its lines, mistakes named."""
    return [
        score if score.points == score.possible else name_mistake(score, notebook, lines, plan)
        for score in scores
    ]


def name_mistake(score, notebook, lines, plan):
    """Return a failed Score with the mistake that was made, as it is where none is found."""
    mistakes = [m for m in all_mistakes() if m.exercise == score.exercise]
    for mistake in mistakes:
        if mistake.sentence in score.message:
            return replace(score, mistake=mistake.does)
    found = {m.sentence: m for m in mistakes if gives(m, notebook, lines, plan)}
    if len(found) != 1:
        return score
    ((sentence, mistake),) = found.items()
    return replace(score, message=f"{score.message} {sentence}", mistake=mistake.does)


def gives(mistake, notebook, lines, plan):
    """Return whether a mistake gives, on all hidden inputs, what came from the submission."""
    name = mistake.exercise
    cells = [cell for cell in notebook.cells if is_hidden(cell.metadata["grading"], name)]
    results = [line for line in lines if is_hidden(line, name)]
    if name in judging.VERIFY or len(cells) != len(results):
        return False
    if all(line["passed"] for line in results):
        return False
    (exercise,) = (e for e in plan.exercises if e.name == name)
    function = function_of(mistake, exercise, plan)
    return all(
        agrees(name, function, cell.metadata["expected"], line)
        for cell, line in zip(cells, results)
    )


def is_hidden(grading, name):
    """Return whether a cell or a line is one of hidden inputs of an exercise."""
    return (grading["exercise"], grading["part"]) == (name, "hidden")


def agrees(name, function, expected, line):
    """Return whether a function gives for a hidden cell's inputs what its line says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = probes.values_of(name, function, expected["inputs"])
        values = json.loads(json.dumps(values))
    except Exception as error:  # a mistake may raise anything
        return line["message"].startswith(f"{type(error).__name__}: {error}"[:300])
    if line["passed"] or line.get("shown") is None:
        is_right = judging.is_right(name, expected["inputs"], expected["values"], values)
        return line["passed"] and is_right
    return is_same(values, line["shown"])


def is_same(a, b):
    """Return whether two values, as JSON, agree in shape, type and numbers; inf is inf here."""
    if isinstance(a, list) and not all(isinstance(part, (int, float)) for part in a):
        is_long = isinstance(b, list) and len(a) == len(b)
        return is_long and all(is_same(*parts) for parts in zip(a, b))
    try:
        x, y = judging.array(a), judging.array(b)
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError):
        return a == b
    if x.shape != y.shape:
        return False
    size = np.abs(x[np.isfinite(x)]).max(initial=0)
    return bool(np.allclose(x, y, rtol=ROUNDING, atol=ROUNDING * size, equal_nan=True))
