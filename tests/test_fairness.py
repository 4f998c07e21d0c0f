"""Honest work gets its points, however it is written and wherever it stands; near misses do not."""

import ast
import json
import zipfile

import nbformat
import pytest
import test_grading
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from other_solutions import RIGHT, WRONG
from test_checks import SOURCES, _run, check
from test_grading import copy_with, failed_kinds, needs_bubblewrap, write

from helpers.exercises.cells import read_notebooks
from helpers.exercises.checks.tools import CheckFailed
from helpers.grader import grading, running, scoring, submissions, syntax

RIGHT_CASES = [(name, source) for name, all_of in RIGHT.items() for source in all_of]
WRONG_CASES = [(name, source) for name, all_of in WRONG.items() for source in all_of]


def numbered(cases):
    return [f"{name}-{number}" for number, (name, _) in enumerate(cases)]


# --- other solutions ---------------------------------------------------------------------------


def test_every_exercise_has_a_second_right_solution():
    assert set(RIGHT) == set(SOURCES)


@pytest.mark.parametrize(("name", "source"), RIGHT_CASES, ids=numbered(RIGHT_CASES))
def test_a_right_solution_by_another_route_is_right(name, source, capsys):
    check(name, _run(source, name))
    assert capsys.readouterr().out == f"{name}: right\n"
    assert [failed_kinds(name, _run(source, name), str(seed)) for seed in range(3)] == [[]] * 3


@pytest.mark.parametrize(("name", "source"), WRONG_CASES, ids=numbered(WRONG_CASES))
def test_a_wrong_solution_fails_on_hidden_inputs_whatever_is_drawn(name, source):
    assert all(failed_kinds(name, _run(source, name), str(seed)) for seed in range(4))


@pytest.mark.parametrize("name", WRONG)
def test_the_visible_check_refuses_what_hidden_inputs_refuse(name):
    for source in WRONG[name]:
        with pytest.raises((CheckFailed, TypeError)):
            check(name, _run(source, name))


@pytest.mark.slow
@needs_bubblewrap
def test_the_second_solutions_get_all_points_in_the_sandbox():
    masters = read_notebooks()
    plan = scoring.make_plan(masters, test_grading.SECRET)
    for number in (0, -1):
        sources = {name: all_of[number] for name, all_of in RIGHT.items()}
        notebook = scoring.grading_notebook(plan, sources, {}, "digest")
        lines = running.run_notebook(notebook, plan.sandbox, plan.limits)[0]
        scores = scoring.scores_of(notebook, lines, plan)
        assert {s.exercise: s.message for s in scores if s.points < s.possible} == {}


# --- shapes of notebooks -----------------------------------------------------------------------

TAGGED = {"tags": ["exercise"], "exercise": "double"}
WITH_HELPER = "def double(x):\n    return twofold(x)"
HELPER = "def twofold(x):\n    return FACTOR * x\n"


def with_cells(*sources, at=0, **solutions):
    """Return a copy of the notebook with cells of one's own at a place."""
    copy = copy_with(**{"double": WITH_HELPER, **solutions})
    copy.cells[at:at] = [new_code_cell(source) for source in sources]
    return copy


def only(*cells):
    """Return a notebook of (source, metadata)."""
    return new_notebook(cells=[new_code_cell(source, metadata=meta) for source, meta in cells])


def stub_then(source):
    """Return a copy whose stub is still there, and a cell of one's own below it."""
    copy = copy_with()
    copy.cells.insert(1, new_code_cell(source))
    return copy


def of_version_3():
    """Return the bytes of a notebook of nbformat 3."""
    cell = {"cell_type": "code", "input": "def double(x):\n    return x + x", "metadata": {}}
    sheet = {"cells": [cell | {"language": "python", "outputs": []}], "metadata": {}}
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [sheet]})


def of_source_lines():
    """Return the bytes of a notebook whose sources are lists of lines, with a BOM."""
    lines = ["def double(x):\n", "    return x + x"]
    cell = {"cell_type": "code", "source": lines, "metadata": {}, "outputs": []}
    return "\ufeff" + json.dumps({"nbformat": 4, "nbformat_minor": 2, "cells": [cell]})


PLAIN = "def double(x):\n    return x + x"
SHAPES = {
    "a helper and a constant in cells above": with_cells("FACTOR = 2", HELPER),
    "a helper and a constant in one cell above": with_cells(f"FACTOR = 4 // 2\n{HELPER}"),
    "a helper in a cell below": with_cells(f"FACTOR = 2\n{HELPER}", at=4),
    "a constant from a library": with_cells("import math\nFACTOR = math.sqrt(4)", HELPER),
    "a constant of a tuple": with_cells("ONE, FACTOR = 1, 2", HELPER),
    "a constant made by a function": with_cells("def f():\n    return 2", "FACTOR = f()", HELPER),
    "a constant by condition": with_cells(
        "if True:\n    FACTOR = 2\nelse:\n    FACTOR = 3", HELPER
    ),
    "a lambda for a helper": with_cells("FACTOR = 2\ntwofold = lambda x: FACTOR * x"),
    "a class for a helper": with_cells(
        "class Twofold:\n    def __call__(self, x):\n        return 2 * x",
        "twofold = Twofold()",
    ),
    "a cell with magics": with_cells(
        "%matplotlib inline\nFACTOR = 2\n!ls\nlist?", f"%%time\n{HELPER}"
    ),
    "an import under a name of one's own": with_cells(
        "import operator as op\nfrom math import *",
        double="def double(x):\n    return op.mul(floor(2.5), x)",
    ),
    "training beside it, which is not run": with_cells(
        "from helpers.training import fit\nmodel = fit(0)\nFACTOR = 2\nraise SystemExit", HELPER
    ),
    "the solution in a new cell below the stub": stub_then(PLAIN),
    "a new cell below the stub, with tries": stub_then(f"{PLAIN}\nprint(double(undefined))"),
    "a function split in its middle": only(
        ('def double(x):\n    """Twice."""', TAGGED), ("    y = x + x\n    return y", TAGGED)
    ),
    "a function split after its first line": only(
        ("def double(x):", TAGGED), ("    return x + x", {})
    ),
    "a helper and the function, both tagged": only(
        (f"FACTOR = 2\n{HELPER}", TAGGED), (WITH_HELPER, TAGGED)
    ),
    "the function, and a try tagged like it": only((PLAIN, TAGGED), ("double(3)", TAGGED)),
    "an assignment in the place of def": only(("double = lambda x: 2 * x", TAGGED)),
    "a decorated function": with_cells("import functools", double=f"@functools.cache\n{PLAIN}"),
    "a leftover raise below the solution": copy_with(
        double=f"{PLAIN}\n    raise NotImplementedError"
    ),
    "a table filled by a loop in its cell": copy_with(
        double="T = []\nfor i in range(9):\n    T.append(2 * i)\ndef double(x):\n    return T[x]"
    ),
    "a stub above its solution in one cell": copy_with(
        double=f"def double(x):\n    raise NotImplementedError\n\n{PLAIN}"
    ),
    "a builtin's name, taken below": with_cells(
        "round = 3", at=4, double="def double(x):\n    return round(2 * x)"
    ),
    "another exercise for a helper": copy_with(
        double="def double(x):\n    return twice(x)", twice="def twice(x):\n    return x + x"
    ),
}
TEXTS = {"nbformat 3": of_version_3(), "lines and a BOM": of_source_lines()}


def solve(found):
    """Return what the function of a Submission says of 3, with all that was taken for it."""
    scope = {}
    for statement in found.context["double"]:
        exec(statement, scope)
    exec(found.sources["double"], scope)
    return scope["double"](3)


def read(path):
    return submissions.read_submission("ada", path, test_grading.MASTERS)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_honest_notebook_of_any_shape_is_read_whole(shape, tmp_path):
    write(tmp_path / "ada" / "part1_x.ipynb", SHAPES[shape])
    assert solve(read(tmp_path / "ada")) == 6


@pytest.mark.parametrize("shape", TEXTS)
def test_a_notebook_of_another_format_is_read_whole(shape, tmp_path):
    (tmp_path / "ada.ipynb").write_text(TEXTS[shape], encoding="utf-8")
    assert solve(read(tmp_path / "ada.ipynb")) == 6


def test_what_was_trained_and_what_the_exercise_does_not_use_stays_out(tmp_path):
    costly = "from helpers.training import fit\nFACTOR = fit(3)\nopened = open('x')\nUNUSED = 7"
    write(tmp_path / "ada" / "part1_x.ipynb", with_cells(costly, HELPER))
    taken = "\n".join(read(tmp_path / "ada").context["double"])
    assert "def twofold" in taken
    assert not any(word in taken for word in ("fit(3)", "open", "UNUSED"))


@pytest.mark.parametrize("old", ["old", "scene-workbook (copy)", "notebooks_backup", "release"])
def test_an_old_copy_beside_the_notebooks_costs_nothing(old, tmp_path):
    write(tmp_path / "ada" / "notebooks" / "part1_x.ipynb", copy_with(double=PLAIN))
    write(tmp_path / "ada" / old / "part1_x.ipynb", copy_with())
    write(
        tmp_path / "ada" / old / "deep" / "part1_x.ipynb", copy_with(double="def double(x):\n    1")
    )
    assert solve(read(tmp_path / "ada")) == 6


def test_a_value_that_has_the_name_of_an_exercise_is_no_solution(tmp_path):
    copy = copy_with()
    copy.cells += [new_code_cell("double = 3"), new_code_cell("twice = lambda x: 2 * x")]
    write(tmp_path / "ada" / "part1_x.ipynb", copy)
    found = read(tmp_path / "ada").sources
    assert "NotImplementedError" in found["double"] and "lambda" in found["twice"]


def test_photographs_and_other_files_are_passed_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as archive:
        for number in range(4485):
            archive.writestr(f"data/15-scene/Coast/image_{number:04d}.jpg", b"")
        archive.writestr("notebooks/part1_x.ipynb", nbformat.writes(copy_with(double=PLAIN)))
    assert solve(read(tmp_path / "ada.zip")) == 6
    (tmp_path / "folder" / "bin").mkdir(parents=True)
    (tmp_path / "folder" / "bin" / "python").symlink_to("/usr/bin/env")
    write(tmp_path / "folder" / "part1_x.ipynb", copy_with(double=PLAIN))
    assert solve(read(tmp_path / "folder")) == 6


def test_an_answer_stays_beside_a_prompt_that_was_copied(tmp_path):
    copy = copy_with(double=PLAIN)
    copy.cells[-1].source = "Because."
    copy.cells.append(
        new_markdown_cell(copy_with().cells[-1].source, metadata=copy.cells[-1].metadata)
    )
    write(tmp_path / "ada" / "part1_x.ipynb", copy)
    assert read(tmp_path / "ada").answers == {"why": "Because."}


CLASS = """class double:
    def __init__(self, x):
        super().__init__()
        {first}

    def __call__(self):
        {second}"""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("self.x = x", "return 2 * self.x", False),
        ('raise NotImplementedError("double: not solved yet")', "return 2 * self.x", True),
        ("self.x = x", 'raise NotImplementedError("double: not solved yet")', True),
    ],
)
def test_a_class_is_solved_when_all_of_its_methods_are(first, second, expected):
    (node,) = ast.parse(CLASS.format(first=first, second=second)).body
    assert syntax.is_stub(node) == expected


def test_a_class_in_a_new_cell_below_its_stub_counts(tmp_path):
    whole = CLASS.format(first="self.x = x", second="return 2 * self.x")
    write(tmp_path / "ada" / "part1_x.ipynb", stub_then(whole))
    assert "2 * self.x" in read(tmp_path / "ada").sources["double"]


@pytest.mark.slow
@needs_bubblewrap
def test_shapes_get_their_points_in_the_sandbox_too(tmp_path, monkeypatch):
    monkeypatch.setitem(
        grading.hidden.DRAWS, "double", lambda g: [("numbers", int(g.integers(5, 9)))]
    )
    monkeypatch.setitem(grading.hidden.DRAWS, "twice", lambda g: [("numbers", g.uniform(1, 2))])
    write(tmp_path / "masters" / "part1_x.ipynb", test_grading.MASTERS["part1_x"])
    for name, shape in list(SHAPES.items())[::4]:
        write(tmp_path / "class" / name / "part1_x.ipynb", shape)
    graded = grading.grade(tmp_path / "class", tmp_path / "out", tmp_path / "masters", jobs=2)
    messages = {g.name: g.scores[0].message for g in graded if g.scores[0].points == 0}
    assert messages == {}
