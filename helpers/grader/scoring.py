"""exercise sources -> scores: a grading notebook per submission, and nbval's results."""

import ast
import json
from dataclasses import dataclass, field, replace

import nbformat

from helpers.exercises.cells import import_of_checks, imports_of
from helpers.exercises.points import find_exercises
from helpers.grader import hidden, judging, probes
from helpers.grader.criteria import criteria_of, refuse_odd_criteria
from helpers.grader.sandbox import LIMITS, TIME_IS_UP, Limits
from helpers.grader.syntax import names_bound

# A notebook does not see what another defined. (%reset collects garbage, too, and takes most of a
# second.)
RESET = """for name in [name for name in globals() if name[0] != "_" and name not in ("In", "Out", "get_ipython")]:
    del globals()[name]"""
# What every exercise may use, whether its notebook imports it or not.
LIBRARIES = """import math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn"""
# Phases: the second knows hidden inputs, so what a student's code says there is never shown.
SHOWN, UNSHOWN = 1, 2


@dataclass(frozen=True)
class Plan:
    """What a class is graded by: exercises and solutions, the secret, the limits, the sandbox."""

    exercises: list  # of Exercise, with the master's solution as source
    imports: dict  # {notebook: import statements of the master}
    secret: str
    limits: Limits = LIMITS
    sandbox: str = "bubblewrap"
    own: dict = field(default_factory=dict)  # {submission: its Exercises}, where it has a variant


@dataclass(frozen=True)
class Score:
    """What one exercise of one submission got."""

    exercise: str
    points: float  # got
    possible: int
    message: str  # for the student; no hidden value stands in it
    mistake: str = ""  # a known one: what the function does
    criteria: tuple = ()  # of Criterion; () where the exercise has none


def make_plan(notebooks, secret, limits=LIMITS, sandbox="bubblewrap"):
    """Return the Plan of master notebooks {stem: notebook}."""
    imports = {stem: f"{LIBRARIES}\n{imports_of(notebook)}" for stem, notebook in notebooks.items()}
    exercises = find_exercises(notebooks)
    for exercise in exercises:
        refuse_odd_criteria(exercise, hidden.kinds_of(exercise.name))
    return Plan(exercises, imports, secret, limits, sandbox)


def plan_for(plan, name):
    """Return the Plan of one submission, whose exercises may have numbers of their own."""
    return replace(plan, exercises=plan.own.get(name, plan.exercises), own={})


def names_given(notebooks):
    """Return the names that the masters' imports bind, but for those of the helpers."""
    lines = {line for n in notebooks.values() for line in imports_of(n).splitlines()}
    lines |= set(LIBRARIES.splitlines())
    nodes = [ast.parse(line).body[0] for line in lines if "helpers" not in line]
    return set().union(*(names_bound(node) for node in nodes))


def solution(exercise, imports):
    """Return the master's function of an exercise, as the masters say it. Trusted code."""
    scope = {}
    exec(imports + "\n" + exercise.source, scope)
    return scope[exercise.name]


# --- sources -> grading notebook ------------------------------------------------------------------


def grading_notebook(plan, sources, context, digest):
    """Return the notebook that nbval runs: checks, the student's sources, and drawn inputs.

    The inputs are drawn for this submission. `sources` is {exercise: source}, `context` {exercise:
    what it uses of the student's other cells}. All visible checks come first: what a student prints
    there is shown to them, and hidden inputs are not yet in the process.
    """
    exercises = [e for e in plan.exercises if e.name in sources]
    cells = []
    for exercise in exercises:
        checks = import_of_checks(exercise.notebook)
        seeded = f"import probes\n{checks}\nprobes.seed_everything()\n{exercise.check}"
        cells += source_cells(exercise, plan, sources, context, SHOWN)
        cells += [
            cell(seeded, exercise.name, "visible", SHOWN, {"line": f"{exercise.name}: right\n"})
        ]
    for exercise in exercises:
        cells += source_cells(exercise, plan, sources, context, UNSHOWN)
        cells += hidden_cells(exercise, plan, digest)
    return nbformat.v4.new_notebook(cells=cells)


def cell(source, exercise, part, phase, expected=None, kind=""):
    """Return a cell that says what it is.

    nbval compares outputs only of cells that look as if they had run.
    """
    grading = {"exercise": exercise, "part": part, "phase": phase, "kind": kind}
    metadata = {"grading": grading, "expected": expected or {}}
    return nbformat.v4.new_code_cell(source, metadata=metadata, execution_count=1)


def source_cells(exercise, plan, sources, context, phase):
    """Return the cells of imports and of the student's source.

    A notebook's first exercise begins anew.
    """
    notebook = [
        e.name for e in plan.exercises if e.notebook == exercise.notebook and e.name in sources
    ]
    first = [RESET] if exercise.name == notebook[0] else []
    used = map(guarded, context.get(exercise.name, []))
    wanted = [*first, plan.imports[exercise.notebook], *used]
    return [
        cell("\n".join(wanted), exercise.name, "imports", phase),
        cell(sources[exercise.name], exercise.name, "source", phase),
    ]


def guarded(statement):
    """Return a student's statement so that one which fails costs nothing but itself."""
    return f"try:\n    exec({statement!r}, globals())\nexcept Exception:\n    pass"


def hidden_cells(exercise, plan, digest):
    """Yield a cell for each drawn input, with what the master's solution says of it."""
    if exercise.name not in hidden.DRAWS:
        return
    generator = hidden.generator_for(plan.secret, digest, exercise.name)
    function = solution(exercise, plan.imports[exercise.notebook])
    for kind, inputs in hidden.draw(exercise.name, generator):
        is_random = exercise.name in judging.VERIFY
        values = (
            None
            if is_random
            else json.loads(json.dumps(probes.values_of(exercise.name, function, inputs)))
        )
        source = f"import probes\nprobes.show_values({exercise.name!r}, {exercise.name}, {json.dumps(inputs)!r})"
        is_twice = probes.RUNS.get(exercise.name, probes.twice) in probes.TWO_CALLS
        expected = {"inputs": inputs, "values": values, "is_twice": is_twice}
        yield cell(source, exercise.name, "hidden", UNSHOWN, expected, kind)


# --- results of cells -> scores -------------------------------------------------------------------


def scores_of(notebook, lines, plan):
    """Return the Score of every exercise.

    All points need every cell of it to run and be right, a criterion's those that belong to it.
    """
    wanted = [cell.metadata["grading"] for cell in notebook.cells]
    scores = []
    for exercise in plan.exercises:
        cells = [grading for grading in wanted if grading["exercise"] == exercise.name]
        mine = [line for line in lines if line["exercise"] == exercise.name]
        is_whole = len(mine) == len(cells) > 0
        is_right = is_whole and all(line["passed"] for line in mine if line["part"] != "imports")
        criteria = criteria_of(exercise, kinds_of(cells), mine, is_right)
        points = exercise.points if is_right else sum(c.points for c in criteria)
        message = message_of(exercise, mine, is_right)
        scores.append(Score(exercise.name, points, exercise.points, message, criteria=criteria))
    return scores


def kinds_of(cells):
    """Return the kinds of hidden input of an exercise's cells."""
    return [grading["kind"] for grading in cells if grading["part"] == "hidden"]


def message_of(exercise, lines, is_right):
    """Return a sentence for the student.

    It is what a visible check said, and of hidden ones only the kinds that failed.
    """
    if is_right:
        return "right"
    failed = [line for line in lines if not line["passed"] and line["part"] != "imports"]
    said = [clean(line["message"]) for line in failed if line["phase"] == SHOWN]
    if said:
        return (
            "not solved yet"
            if said[0].startswith("NotImplementedError")
            else said[0].removeprefix("CheckFailed: ")
        )
    kinds = dict.fromkeys(
        line["kind"] for line in failed if line["kind"] and line["message"] != TIME_IS_UP
    )
    if kinds:
        return f"The visible check holds, and a hidden one fails, with: {', '.join(kinds)}."
    return (
        "It was not graded to the end: the time was up."
        if lines
        else "It is not in the submission."
    )


def clean(text):
    """Return text that any file can hold and any screen show."""
    return "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode())
