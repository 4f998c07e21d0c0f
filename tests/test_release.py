"""Student copies hold no solution, and a student's work survives a new release.

`workbook check` counts fairly.
"""

import shutil
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.exercises import points
from helpers.exercises.carry_over import carry_over
from helpers.exercises.cells import PROMPT, imports_in, read_notebooks, unanswered
from helpers.exercises.points import Exercise, run_exercises
from helpers.files import MAKERS, NOTEBOOKS, TEACHERS, WorkbookError
from helpers.grader import release as course
from helpers.grader.release import find_leaks, release, secrets_of, student_copy, without_solution

SOLUTION = """def double(x):
    '''Return twice x.'''
    # BEGIN SOLUTION
    the_very_secret_answer = x + x
    return the_very_secret_answer
    # END SOLUTION"""
CHECK = "assert double(4) == 8, 'expected 8'\nprint('double: right')"
ANSWER = "Because the model answer says so, in a sentence that is long enough."


def exercise_cell(source):
    return new_code_cell(source, metadata={"tags": ["exercise"], "exercise": "double", "points": 5})


def make_notebook(solution=SOLUTION, check=CHECK, answer=ANSWER, extra=()):
    outputs = [new_output("stream", name="stdout", text="double: right\n")]
    return new_notebook(
        cells=[
            new_markdown_cell("# Part 1"),
            new_code_cell(
                "import math\nprint('training ...')",
                outputs=[new_output("stream", text="training ...")],
            ),
            exercise_cell(solution),
            new_code_cell(
                check, outputs=outputs, metadata={"tags": ["check"], "exercise": "double"}
            ),
            new_code_cell(
                "assert double(-3) == -6  # never seen by anybody", metadata={"tags": ["hidden"]}
            ),
            new_markdown_cell(answer, metadata={"tags": ["report", "answer"], "question": "why"}),
            *extra,
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


@pytest.fixture
def masters_pass(monkeypatch):
    """Take the masters' own checks, which have a test of their own, for passed."""
    monkeypatch.setattr(course, "run_exercises", lambda notebooks: [])


@pytest.fixture
def masters(tmp_path):
    folder = tmp_path / "masters"
    folder.mkdir()
    nbformat.write(make_notebook(), folder / "part1_double.ipynb")
    return folder


def test_a_solution_becomes_a_stub_at_its_indentation():
    assert without_solution(SOLUTION, "double").endswith(
        f"x.'''\n    {course.STUB}\"double: not solved yet\")"
    )
    assert "secret" not in without_solution(SOLUTION, "double")


def test_the_release_holds_what_students_need_and_no_secret(masters, masters_pass, tmp_path):
    folder, rubric = release(tmp_path / "out", masters)
    copy = nbformat.read(folder / "notebooks" / "part1_double.ipynb", as_version=4)
    nbformat.validate(copy)
    sources = [cell.source for cell in copy.cells]
    assert (
        sources[-1] == PROMPT
        and CHECK in sources
        and not any("never seen" in source for source in sources)
    )
    check = copy.cells[sources.index(CHECK)]
    assert check.metadata.editable is False and not any(cell.get("outputs") for cell in copy.cells)
    helpers = folder / "helpers"
    assert (helpers / "exercises" / "checks" / "part1.py").exists()
    assert not (helpers / TEACHERS).exists() and not (helpers / MAKERS).exists()
    assert rubric.values.tolist() == [["part1_double", "double", 5, ""]]
    with zipfile.ZipFile(tmp_path / "out" / "scene-workbook.zip") as archive:
        names = archive.namelist()
        assert (
            "scene-workbook/notebooks/part1_double.ipynb" in names
            and "scene-workbook/README.md" in names
        )
        assert not any({TEACHERS, "__pycache__"} & set(name.split("/")) for name in names)


def test_a_folder_that_is_there_is_not_written_over(masters, tmp_path):
    (tmp_path / "out" / "scene-workbook").mkdir(parents=True)
    with pytest.raises(WorkbookError, match="is there already"):
        release(tmp_path / "out", masters)


def test_a_master_that_fails_its_check_is_not_released(masters, tmp_path):
    nbformat.write(
        make_notebook(SOLUTION.replace("x + x", "x * x")), masters / "part1_double.ipynb"
    )
    with pytest.raises(WorkbookError, match="double .*expected 8"):
        release(tmp_path / "out", masters)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "leak",
    [
        new_code_cell("1", outputs=[new_output("stream", text="the_very_secret_answer = x + x")]),
        new_markdown_cell(f"By the way: {ANSWER}"),
        new_markdown_cell("x", metadata={"note": "the_very_secret_answer  =  x+x"}),
        new_code_cell("# assert double(-3) == -6  # never seen by anybody"),
        new_markdown_cell("x", attachments={"the_very_secret_answer = x + x": {"image/png": ""}}),
    ],
    ids=["output", "model-answer", "metadata", "hidden-check", "attachment"],
)
def test_whatever_would_leak_is_found_in_text_outputs_and_metadata(leak, masters, tmp_path):
    notebooks = read_notebooks(masters)
    folder = tmp_path / "copy"
    folder.mkdir()
    copy = student_copy(notebooks["part1_double"])
    nbformat.write(copy, folder / "clean.ipynb")
    assert find_leaks(notebooks, folder) == []
    copy.cells.append(leak)
    nbformat.write(copy, folder / "leaking.ipynb")
    assert find_leaks(notebooks, folder)


@pytest.mark.parametrize(
    "name", ["helpers/hints.py", "helpers/extra/hints.py", "helpers/a/b/hints", "data/hints.pt"]
)
def test_a_secret_in_any_file_of_a_copy_is_refused(
    name, masters, masters_pass, tmp_path, monkeypatch
):
    root = tmp_path / "workbook"
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("x = 1\n")
    monkeypatch.setattr(course, "ROOT", root)
    monkeypatch.setattr(course, "COPIED", ["helpers", "data"])
    release(tmp_path / "before", masters)
    (root / name).write_text("def hint(x):\n    the_very_secret_answer = x + x\n")
    with pytest.raises(WorkbookError, match=f"a line of the solution of double in {name}"):
        release(tmp_path / "out", masters)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [TEACHERS, f"extra/{TEACHERS}"])
def test_what_stands_among_the_teachers_tools_is_not_copied(
    place, masters, masters_pass, tmp_path, monkeypatch
):
    path = tmp_path / "workbook" / "helpers" / place / "hidden.py"
    path.parent.mkdir(parents=True)
    path.write_text("the_very_secret_answer = x + x\n")
    monkeypatch.setattr(course, "ROOT", tmp_path / "workbook")
    folder, _ = release(tmp_path / "out", masters)
    assert (folder / "notebooks").exists() and not list(folder.rglob("hidden.py"))


def test_the_workbooks_own_secrets_are_many_and_none_is_public():
    secrets = list(secrets_of(read_notebooks(NOTEBOOKS)))
    assert (
        sum("solution" in what for what, _ in secrets) >= 15
        and sum("answer" in what for what, _ in secrets) >= 15
    )


def test_a_students_work_moves_to_a_newer_release(masters, masters_pass, tmp_path):
    folder, _ = release(tmp_path / "out", masters)
    mine = make_notebook("def double(x):\n    return 2 * x", answer="My own words.")
    mine.cells[3].source = "print('double: right')  # the old check"
    nbformat.write(mine, folder / "notebooks" / "part1_double.ipynb")
    newer = make_notebook(check=CHECK + "  # new", extra=[new_markdown_cell("new text")])
    newer.cells.append(new_markdown_cell(ANSWER, metadata={"tags": ["answer"], "question": "how"}))
    nbformat.write(newer, masters / "part1_double.ipynb")
    changes = carry_over(
        folder, {stem: student_copy(nb) for stem, nb in read_notebooks(masters).items()}
    )
    copy = nbformat.read(folder / "notebooks" / "part1_double.ipynb", as_version=4)
    sources = [cell.source for cell in copy.cells]
    assert (
        "def double(x):\n    return 2 * x" in sources
        and "My own words." in sources
        and "new text" in sources
    )
    assert CHECK + "  # new" in sources and not any("old check" in source for source in sources)
    assert (
        "part1_double: answer how is new." in changes
        and (folder / "before" / "part1_double.ipynb").exists()
    )


# --- workbook check -------------------------------------------------------------------------------


WORK = {  # name: (what a student wrote, points, what is said)
    "right": ("def double(x):\n    return 2 * x", 5, "right"),
    "wrong": ("def double(x):\n    return x", 0, "AssertionError: expected 8"),
    "stub": (f"def double(x):\n    {course.STUB}'double: not solved yet')", 0, "not solved yet"),
    "syntax": ("def double(x) return", 0, "SyntaxError"),
    "noise": (
        "import warnings\ndef double(x):\n    print('noise')\n    warnings.warn('x')\n    return 2 * x",
        5,
        "right",
    ),
    "endless": ("def double(x):\n    while True: pass", 0, "stopped after 2 seconds"),
    "deadly": ("import os\ndef double(x):\n    os.kill(os.getpid(), 9)", 0, "the kernel died"),
    "after": ("def double(x):\n    return x + x", 5, "right"),
}


@pytest.fixture(scope="module", autouse=True)
def no_library_is_imported():
    """The made-up checks here need none, and each new kernel would wait for torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "import_of_checks", lambda stem: "")
        yield


@pytest.fixture(scope="module")
def outcomes(no_library_is_imported):
    """Run every kind of work in one go, as exercises of one notebook."""
    cells = []
    for name, (source, *_) in WORK.items():
        metadata = {"exercise": name, "points": 5}
        check = CHECK.replace("double: right", f"{name}: right")
        cells.append(new_code_cell(source, metadata=metadata | {"tags": ["exercise"]}))
        cells.append(new_code_cell(check, metadata=metadata | {"tags": ["check"]}))
    found = run_exercises({"part1_x": new_notebook(cells=cells)}, seconds=2)
    return {outcome.exercise.name: outcome for outcome in found}


@pytest.mark.parametrize("name", WORK)
def test_each_kind_of_work_gets_its_points_and_a_reason_and_costs_itself_alone(name, outcomes):
    _, points, message = WORK[name]
    assert outcomes[name].points == points and message in outcomes[name].message


def test_a_missing_check_cell_gives_no_points():
    (outcome,) = run_exercises({"part1_x": new_notebook(cells=[exercise_cell(SOLUTION)])})
    assert outcome.points == 0 and isinstance(outcome.exercise, Exercise)


def test_only_imports_of_other_cells_run():
    source = "import os\nx = train()\nfrom a import b as c\nif x: import d"
    assert imports_in(source) == ["import os", "from a import b as c"]
    assert imports_in("%matplotlib inline\nimport math") == ["import math"]
    assert imports_in("from __future__ import annotations") == imports_in("x = (") == []


def test_questions_without_an_answer_are_listed():
    assert unanswered({"part1_x": make_notebook(answer=PROMPT)}) == ["part1_x: why"]


def test_a_damaged_notebook_is_named(masters):
    (masters / "part2_x.ipynb").write_text("{")
    with pytest.raises(WorkbookError, match="part2_x.ipynb cannot be read"):
        read_notebooks(masters)
    shutil.rmtree(masters)
    with pytest.raises(WorkbookError, match="no notebooks"):
        read_notebooks(masters)
