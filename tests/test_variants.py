"""Numbers of one's own: the solution passes its variant, and fails another; the task stays as hard."""

import csv
import io
import itertools
import zipfile

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_grading import needs_bubblewrap
from torch import nn
from typer.testing import CliRunner

from helpers.commands.cli import app
from helpers.exercises.cells import import_of_checks, key_of, name_of, read_notebooks, tags_of
from helpers.exercises.checks.tools import CheckFailed
from helpers.exercises.points import find_exercises
from helpers.files import WorkbookError
from helpers.grader import hidden, judging, probes, variants
from helpers.grader.grading import grade
from helpers.grader.release import student_copy
from helpers.grader.variant_copies import release_variants, students_of
from helpers.grader.variants import (
    CHANGES,
    PARAMETERS,
    QUESTIONS,
    numbers_for,
    remark,
    says,
    wanted_in,
    with_numbers,
)

SECRET = "the secret of the variants"
VARIED = ("build_deeper_net", "gradient_descent", "affine_parameters", "quantise")
# What decides whether two variants of an exercise are the same.
NUMBERS = {
    "build_deeper_net": ("first", "second", "third", "hidden", "middle", "last"),
    "gradient_descent": ("twice",),
    "affine_parameters": ("top",),
    "quantise": ("top",),
}
MASTERS = read_notebooks()


def names(number):
    return [f"student {i}" for i in range(number)]


def exercises_of(numbers):
    own = MASTERS | with_numbers(MASTERS, numbers)
    return {e.name: e for e in find_exercises(own) if e.name in VARIED}


def function_of(exercise):
    scope = {"np": np, "torch": torch, "nn": nn, "F": F}
    exec(exercise.source, scope)
    return scope[exercise.name]


def passes(exercise, function):
    """Return whether a function passes the visible check of an Exercise."""
    scope = {exercise.name: function}
    exec(import_of_checks(exercise.notebook), scope)
    try:
        exec(exercise.check, scope)
    except CheckFailed:
        return False
    return True


def is_right(exercise, function, seed="0"):
    """Return whether a function gives what the solution of an Exercise gives, for hidden inputs."""
    generator = hidden.generator_for(SECRET, seed, exercise.name)
    solution = function_of(exercise)
    return all(
        judging.is_right(
            exercise.name,
            inputs,
            probes.values_of(exercise.name, solution, inputs),
            probes.values_of(exercise.name, function, inputs),
        )
        for _, inputs in hidden.draw(exercise.name, generator)
    )


def try_variants(number):
    """Try so many variants, each against the next one; return how many pairs differ, by exercise."""
    numbers = [numbers_for(SECRET, name) for name in names(number)]
    every, num_different = [exercises_of(n) for n in numbers], dict.fromkeys(VARIED, 0)
    for i, (own, own_numbers) in enumerate(zip(every, numbers)):
        other, other_numbers = every[i - 1], numbers[i - 1]
        for name in VARIED:
            assert passes(own[name], function_of(own[name]))
            assert is_right(own[name], function_of(own[name]), str(i))
            copied = function_of(other[name])
            if any(own_numbers[key] != other_numbers[key] for key in NUMBERS[name]):
                num_different[name] += 1
                assert not is_right(own[name], copied, str(i)), (own_numbers, other_numbers)
                is_like = (
                    name == "build_deeper_net" and own_numbers["count"] == other_numbers["count"]
                )
                assert is_like or not passes(own[name], copied), (own_numbers, other_numbers)
    return num_different


def test_variants_pass_their_own_checks_and_no_neighbours(capsys):
    different = try_variants(12)
    assert min(different.values()) >= 9


@pytest.mark.slow
def test_1000_variants_pass_their_own_checks_and_no_neighbours(capsys):
    different = try_variants(1000)
    with capsys.disabled():
        print(f"\nneighbours with other numbers, of 1,000: {different}")
    assert min(different.values()) >= 900


def test_a_thousand_variants_are_as_hard_as_the_master():
    for name in names(1000):
        numbers = numbers_for(SECRET, name)
        assert PARAMETERS[0] <= numbers["count"] <= PARAMETERS[1]
        assert numbers["size_three"] in (5, 6) and 200 <= numbers["top"] <= 254
        assert 2 <= float(numbers["lowest"]) <= 9.5 and numbers["lowest"] != "5"
    master = {e.name: function_of(e) for e in find_exercises(MASTERS) if e.name in VARIED}
    kinds = [type(layer) for layer in master["build_deeper_net"]()]
    for name in names(20):
        network = function_of(exercises_of(numbers_for(SECRET, name))["build_deeper_net"])()
        assert [type(layer) for layer in network] == kinds
        count = sum(p.numel() for p in network.parameters())
        assert count == numbers_for(SECRET, name)["count"]


def test_numbers_come_from_secret_and_name_alone():
    assert numbers_for(SECRET, "ada") == numbers_for(SECRET, "ada")
    assert numbers_for(SECRET, "ada") != numbers_for(SECRET, "ben")
    assert numbers_for(SECRET, "ada") != numbers_for("another secret", "ada")


def test_no_number_of_the_master_is_left_where_a_variant_has_its_own():
    numbers = numbers_for(SECRET, "ada")
    cells = {c.id: c.source for n in with_numbers(MASTERS, numbers).values() for c in n.cells}
    for cell, changes in CHANGES.items():
        assert "«" not in cells[cell]
        for old, new in changes:
            assert old == variants.filled(new, numbers) or old not in cells[cell]
    text = "\n".join(cells.values())
    assert "10w" not in text and "60,303" not in text


def test_the_cell_on_the_receptive_field_agrees_with_the_summary(capsys):
    for name in names(6):
        numbers = numbers_for(SECRET, name)
        cells = {c.id: c.source for n in with_numbers(MASTERS, numbers).values() for c in n.cells}
        exec(cells["part2-29"], {})
        assert capsys.readouterr().out.endswith(f"the deeper net {numbers['field']}\n")


def test_a_master_that_changed_is_refused_by_its_cell():
    master = nbformat.from_dict(MASTERS["part4_optimizer"])
    (cell,) = [c for c in master.cells if c.id == "part4-02"]
    cell.source = cell.source.replace("10w", "12w")
    with pytest.raises(WorkbookError, match="part4-02 does not hold"):
        with_numbers({"part4_optimizer": master}, numbers_for(SECRET, "ada"))


# --- questions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_holds_its_own_numbers_and_not_a_neighbours(question):
    numbers = [numbers_for(SECRET, name) for name in names(40)]
    for own, other in itertools.pairwise(numbers):
        answer = variants.filled(QUESTIONS[question].answer, own)
        assert "not given" not in remark(question, answer, own)
        if wanted_in(question, own) != wanted_in(question, other):
            assert "not given" in remark(question, answer, other)


def test_a_number_is_found_with_a_comma_and_with_more_digits():
    assert says("it costs 0,99 nats", "0.99") and says("0.9943", "0.99") and says("~ 0.99.", "0.99")
    assert not says("0.98 or 10.99", "0.99") and says("LivingRooms", "living room")


# --- release and grading ---------------------------------------------------------------------------


def test_each_student_of_a_roster_gets_a_zip_without_solutions(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("Student,folder\nAda,ada\nBen,ben\nBo,ben\n")
    zips = release_variants(tmp_path / "out", students_of(roster), SECRET)
    assert [path.name for path in zips] == ["ada.zip", "ben.zip"]
    texts = []
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            found = archive.namelist()
            texts.append("".join(archive.read(name).decode() for name in found))
    assert "scene-workbook/notebooks/part4_optimizer.ipynb" in found and len(found) == 6
    for name, text in zip(("ada", "ben"), texts):
        numbers = numbers_for(SECRET, name)
        assert f"w^2 - {numbers['twice']}w + {numbers['square']}" in text
        assert f"minimum={numbers['lowest']}" in text and "BEGIN SOLUTION" not in text
        assert f"{numbers['count_said']} parameters" in text


def test_the_command_wants_a_secret_before_it_releases_anything(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("folder\nada\n")
    done = CliRunner().invoke(app, ["release", str(tmp_path / "out"), "--variants", str(roster)])
    assert isinstance(done.exception, WorkbookError) and "--secret" in str(done.exception)
    assert not (tmp_path / "out").exists()


def solved(numbers, whose=None):
    """Return {stem: notebook}: a student's copy with solutions, those of another if `whose`."""
    own, solutions = with_numbers(MASTERS, numbers), with_numbers(MASTERS, whose or numbers)
    cells = {key_of(c): c.source for n in solutions.values() for c in n.cells if key_of(c)}
    copies = {stem: student_copy(master) for stem, master in own.items()}
    for copy in copies.values():
        for cell in copy.cells:
            if key_of(cell) in cells and tags_of(cell) & {"exercise", "answer"}:
                cell.source = cells[key_of(cell)]
                assert name_of(cell) is not None
    return copies


@pytest.mark.slow
@needs_bubblewrap
def test_who_copies_a_neighbours_numbers_gets_nothing_for_them(tmp_path):
    ada, ben = (numbers_for(SECRET, name) for name in ("ada", "ben"))
    for name, notebooks in {"ada": solved(ada), "ben_2026-05-01": solved(ben, ada)}.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        for stem, notebook in notebooks.items():
            nbformat.write(notebook, tmp_path / "in" / name / f"{stem}.ipynb")
    (tmp_path / "course.toml").write_text("variants = true\n")
    with pytest.raises(WorkbookError, match="--secret"):
        grade(tmp_path / "in", tmp_path / "out", jobs=1)
    one, two = grade(tmp_path / "in", tmp_path / "out", jobs=1, secret=SECRET)
    points = {g.name: {s.exercise: s.points for s in g.scores} for g in (one, two)}
    assert all(points["ada"][name] > 0 for name in VARIED)
    assert not any(points["ben"][name] for name in VARIED)
    assert points["ben"]["sgd_step"] == points["ada"]["sgd_step"] > 0
    text = (tmp_path / "out" / "answers" / "which-loss.csv").read_text()
    rows = {row["submission"]: row["variant"] for row in csv.DictReader(io.StringIO(text))}
    assert rows == {"ada": f"{ada['cost']} given", "ben": f"{ben['cost']} not given"}
