"""Part of an exercise's points for part of the work: criteria, from hidden inputs to all tables."""

import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from other_solutions import RIGHT
from test_diagnosis import EXERCISES, MISTAKES, NOTEBOOKS, SOURCES, answered, said_of
from test_grading import CHEATS, POISON, needs_bubblewrap, plan_of, rows_of, scores

from helpers.exercises.points import Exercise
from helpers.files import WorkbookError
from helpers.grader import criteria
from helpers.grader.class_data import read_class
from helpers.grader.criteria import criteria_of, refuse_odd_criteria
from helpers.grader.grading import Graded, keep, read_graded, result_path, write_course
from helpers.grader.judging import has_right_numbers
from helpers.grader.policy import Policy, with_points
from helpers.grader.release import rubric
from helpers.grader.running import run_notebook
from helpers.grader.sandbox import Limits
from helpers.grader.scoring import Score, grading_notebook, make_plan, scores_of
from helpers.grader.tables import write_tables

DOUBLE = Exercise("double", "part1_x", 5, "", "", (("small", 2), ("large", 2), ("shape", 1)))
KINDS = ["ordinary", "odd", "far", "far"]


def line(kind, numbers=True):
    return {"part": "hidden", "kind": kind, "numbers": numbers}


def got(lines, is_right=False):
    """Return the points of the made-up exercise's criteria."""
    return [c.points for c in criteria_of(DOUBLE, KINDS, lines, is_right)]


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    monkeypatch.setitem(criteria.KINDS, "double", {"large": ("far",)})


# --- which criteria hold --------------------------------------------------------------------------


def test_a_criterion_needs_all_of_its_inputs_and_the_last_one_everything():
    lines = [line(kind) for kind in KINDS]
    assert got(lines) == [2, 2, 0]
    assert got(lines, is_right=True) == [2, 2, 1]
    assert got([*lines[:3], line("far", False)]) == [2, 0, 0]
    assert got(lines[:3]) == [2, 0, 0], "an input that was not run is not right"
    assert got([]) == [0, 0, 0]


def test_nothing_counts_without_the_first_criterion():
    lines = [line("ordinary"), line("odd", False), line("far"), line("far")]
    assert got(lines) == [0, 0, 0]
    verdicts = [c.verdict for c in criteria_of(DOUBLE, KINDS, lines, False)]
    assert verdicts == ["wrong", "counts only with: small", "counts only with all others"]


def test_a_visible_line_is_no_hidden_input():
    assert got([line(kind) | {"part": "visible"} for kind in KINDS]) == [0, 0, 0]


def test_numbers_count_whatever_their_shape_and_an_input_that_changes_costs_the_second_call_only():
    expected = {"shape": [2], "values": [1.0, 2.0]}
    row = {"shape": [1, 2], "values": [1.0, 2.0]}
    assert has_right_numbers([expected, expected], [row, None], is_twice=True)
    assert not has_right_numbers([expected, expected], [None, row], is_twice=True)
    assert not has_right_numbers([expected, expected], [row, None], is_twice=False)
    turned = {"shape": [2], "values": [2.0, 1.0]}
    assert not has_right_numbers([expected, expected], [turned, turned], is_twice=True)
    for odd in (None, [], {"values": []}, "nan", [[["x"]]]):
        assert not has_right_numbers([expected, expected], odd, is_twice=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"points": 6}, "do not add up to its 6 points"),
        ({"criteria": (("small", 3), ("shape", 2))}, "no criterion 'large'"),
        ({"criteria": (("small", 1), ("large", 2), ("x", 1), ("y", 1))}, "belongs to 'x'"),
    ],
)
def test_criteria_that_do_not_fit_are_refused(change, said):
    refuse_odd_criteria(DOUBLE, KINDS)
    with pytest.raises(WorkbookError, match=said):
        refuse_odd_criteria(replace(DOUBLE, **change), KINDS)


# --- the workbook's exercises ---------------------------------------------------------------------


def judged(name, source):
    """Return (points, whether numbers are right in another shape or type) of a function."""
    exercise = EXERCISES[name]
    notebook, lines = answered(name, source)
    is_right = not said_of(name, source) and all(line["passed"] for line in lines)
    kinds = [cell.metadata["grading"]["kind"] for cell in notebook.cells]
    found = criteria_of(exercise, kinds, lines, is_right)
    points = sum(c.points for c in found) if found else exercise.points * is_right
    return points, any(line.get("numbers") and not line["passed"] for line in lines)


def test_no_mistake_gets_all_points_and_wrong_numbers_get_most_of_them_only_where_named():
    found, shares = {}, []
    for mistake in MISTAKES:
        points, is_slip = judged(mistake.exercise, mistake.source(SOURCES[mistake.exercise]))
        share = points / EXERCISES[mistake.exercise].points
        shares.append(share)
        if share > 0.5 and not is_slip:
            found[mistake.exercise, mistake.does] = share
    assert max(shares) <= 0.8 and sum(share > 0 for share in shares) > 40
    assert found == {
        ("cross_entropy", "returns the mean whatever `reduction` says"): 0.7,
        ("output_size", "has no defaults for stride and padding"): 0.8,
        ("get_data_augmentation_transforms", "leaves pictures in colour as they are"): 0.6,
        ("SmallNetDropout", "always has 15 outputs"): 0.6,
        ("prepare_for_fine_tuning", "always builds a layer for 15 classes"): 0.6,
        ("batch_norm", "adds eps outside the root"): 0.7,
        ("batch_norm", "leaves out eps"): 0.7,
        ("distillation_loss", "takes the logarithm of a softmax"): 0.7,
    }


@pytest.mark.parametrize("name", [e.name for e in EXERCISES.values() if e.criteria])
def test_another_right_solution_gets_every_criterion(name):
    assert judged(name, RIGHT[name][0]) == (EXERCISES[name].points, False)


def test_the_table_of_exercises(capsys):
    table = rubric(NOTEBOOKS)
    lines = {name: by_hand(source) for name, source in SOURCES.items()}
    mistakes = Counter(mistake.exercise for mistake in MISTAKES)
    table.insert(2, "lines", table["exercise"].map(lines))
    table["mistakes"] = table["exercise"].map(mistakes)
    with capsys.disabled():
        print(f"\n{table.to_string(index=False)}")
    assert len(table) >= 30 and table["points"].sum() == 260
    assert table["lines"].between(1, 10).all() and table["mistakes"].min() >= 5
    assert (table["criteria"] != "").sum() >= 12


def by_hand(source):
    """Return how many lines a student writes, without comments."""
    own = re.findall(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", source, re.DOTALL)
    lines = [line.strip() for line in "".join(own).splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


@pytest.mark.slow
@needs_bubblewrap
def test_the_sandbox_gives_a_part_for_a_part_and_all_for_all():
    naive = "def log_sum_exp(logits):\n    return logits.exp().sum(dim=1).log()"
    wide = SOURCES["standardise"].replace("images.float()", "images.double()")
    taken = SOURCES["sgd_step"].replace("    # END SOLUTION", "").replace("return ", "result = ")
    taken += "    weight.copy_(result[0])\n    return result"
    stub = "def quantise(*given):\n    raise NotImplementedError"
    sources = {"log_sum_exp": naive, "standardise": wide, "sgd_step": taken, "quantise": stub}
    sources |= {"cross_entropy": SOURCES["cross_entropy"]}
    plan = make_plan(NOTEBOOKS, "a secret of the tests", Limits(seconds=600, exercise_seconds=60))
    notebook = grading_notebook(plan, sources, {}, "digest")
    lines, why, _ = run_notebook(notebook, plan.sandbox, plan.limits)
    found = scores_of(notebook, lines, plan)
    assert {s.exercise: s.points for s in found if s.points} == {
        "log_sum_exp": 2,
        "standardise": 4,
        "sgd_step": 8,
        "cross_entropy": 10,
    }, (why, [s.message for s in found if s.exercise in sources])


@pytest.mark.slow
@needs_bubblewrap
def test_a_cheat_gets_no_criterion_and_half_a_function_gets_half(monkeypatch):
    half = {"half": "def half(x):\n    return 2 * x if x < 50 else 0"}
    honest = {"honest": "def honest(x):\n    return x + x"}
    cheats = {n: CHEATS[n].format(name=n) for n in ("forged_line", "frames", "not_a_number")}
    for sources in (half | cheats | honest, {n: t.format(name=n) for n, t in POISON.items()}):
        plan = plan_of(sources, monkeypatch)
        parts = ("small", 2), ("large", 2), ("shape", 1)
        for name in sources:
            monkeypatch.setitem(criteria.KINDS, name, {"large": ("large numbers",)})
        exercises = [replace(e, points=5, criteria=parts) for e in plan.exercises]
        found = scores(replace(plan, exercises=exercises), sources)
        points = {name: score.points for name, score in found.items()}
        assert points == {name: {"half": 2, "honest": 5}.get(name, 0) for name in sources}, found


# --- tables and pages -----------------------------------------------------------------------------


def partly(name="ada"):
    """Return the Graded of a student with 4 of 5 points in one exercise, and 5 of 5 in another."""
    parts = criteria_of(DOUBLE, KINDS, [line(kind) for kind in KINDS], False)
    scores = [Score("double", 4, 5, "expected 8", criteria=parts), Score("twice", 5, 5, "right")]
    return Graded(name, "", scores, "ok", (), 0.5)


def write(out, graded):
    keep(result_path(out, graded.name), graded)
    write_tables(out, [graded], {"double": 5, "twice": 5}, {}, {})


def test_tables_feedback_and_gradescope_show_every_criterion(tmp_path):
    write(tmp_path, partly())
    (row,) = rows_of(tmp_path / "grades.csv")
    assert (row["double"], row["twice"], row["total"]) == ("4", "5", "9")
    rows = [list(row.values())[1:] for row in rows_of(tmp_path / "criteria.csv")]
    assert rows == [
        ["double", "small", "2", "2"],
        ["double", "large", "2", "2"],
        ["double", "shape", "0", "1"],
        ["twice", "all of it", "5", "5"],
    ]
    page = (tmp_path / "feedback" / "ada.html").read_text()
    assert "<li>shape: 0 / 1, wrong</li>" in page and "<li>small: 2 / 2, right</li>" in page
    said = json.loads((tmp_path / "gradescope" / "ada" / "results.json").read_text())
    tests = [(t["name"], t["score"], t["max_score"], t["output"]) for t in said["tests"]]
    assert said["score"] == sum(score for _, score, *_ in tests) == 9
    assert tests == [
        ("double: small", 2, 2, "expected 8"),
        ("double: large", 2, 2, "right"),
        ("double: shape", 0, 1, "wrong"),
        ("twice", 5, 5, "right"),
    ]


def test_what_is_kept_comes_back_with_its_criteria(tmp_path):
    keep(tmp_path / "ada.json", partly())
    assert read_graded(tmp_path / "ada.json").scores == partly().scores


def test_a_result_of_an_older_version_has_no_criteria(tmp_path):
    keep(tmp_path / "ada.json", partly())
    text = json.loads((tmp_path / "ada.json").read_text())
    for score in text["scores"]:
        del score["criteria"]
    (tmp_path / "ada.json").write_text(json.dumps(text))
    assert [s.criteria for s in read_graded(tmp_path / "ada.json").scores] == [(), ()]


@pytest.mark.parametrize(
    ("possible", "points", "parts"),
    [
        (8, 6.4, [3.2, 3.2, 1.6]),
        (10, 8, [4, 4, 2]),
        (1.01, 0.81, [0.4, 0.41, 0.2]),
        (0, 0, [0] * 3),
    ],
)
def test_other_points_in_course_toml_are_split_in_proportion_to_the_cent(possible, points, parts):
    (score, _) = with_points(Policy(points={"double": possible}), partly().scores)
    assert (score.points, score.possible) == (points, possible)
    assert [c.possible for c in score.criteria] == parts
    assert round(sum(c.possible for c in score.criteria), 2) == possible


def test_all_criteria_right_are_all_points_whatever_they_are():
    parts = criteria_of(DOUBLE, KINDS, [line(kind) for kind in KINDS], True)
    whole = Score("double", 5, 5, "right", criteria=parts)
    for possible in (1, 3, 7, 9.99):
        (score,) = with_points(Policy(points={"double": possible}), [whole])
        assert score.points == possible


def test_a_student_who_lets_a_check_say_right_gets_nothing_for_it():
    forged = Score("double", 0, 5, "right")
    assert [s.points for s in with_points(Policy(points={"double": 8}), [forged])] == [0]


def test_the_class_page_counts_criteria_and_the_points_of_course_toml(tmp_path):
    graded = partly()
    write(
        tmp_path, replace(graded, scores=with_points(Policy(points={"double": 8}), graded.scores))
    )
    keep(result_path(tmp_path, "ada"), graded)  # as grading does, with the master's points
    write_course(tmp_path, {"double": 8, "twice": 5}, None)
    course = read_class(tmp_path)
    passed = dict(zip(course.criteria["criterion"], course.criteria["passed"]))
    assert passed == {"small": 1, "large": 1, "shape": 0}
    exercises = course.exercises.set_index("exercise")
    assert list(exercises["passed"]) == [0, 1] and list(exercises["possible"]) == [8, 5]
    assert exercises["mean"]["double"] == 6.4
