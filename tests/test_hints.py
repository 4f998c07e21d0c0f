"""Two hints for each exercise: the first, then the second; they hold no solution."""

import pytest
from test_checks import HOMES, SOURCES, check
from typer.testing import CliRunner

from helpers.commands import cli
from helpers.exercises import hints
from helpers.exercises.cells import import_of_checks, read_notebooks
from helpers.exercises.checks.tools import CheckFailed
from helpers.files import WorkbookError
from helpers.grader.release import secrets_of, squeezed


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))


def said(capsys, exercise):
    hints.hint(exercise)
    return capsys.readouterr().out


def test_every_exercise_has_two_hints():
    assert {name: len(texts) for name, texts in hints.load_hints().items()} == dict.fromkeys(
        SOURCES, 2
    )
    for first, second in hints.load_hints().values():
        assert 60 < len(first) < 500 and 60 < len(second) < 500


def test_a_hint_holds_no_line_of_a_solution():
    secret = {squeezed(text) for what, text in secrets_of(read_notebooks()) if "solution" in what}
    assert len(secret) > 30
    for texts in hints.load_hints().values():
        assert [s for s in secret if s in squeezed(" ".join(texts))] == []


def test_the_first_hint_comes_first_then_the_second_then_both(capsys):
    first, second = hints.load_hints()["dropout"]
    assert said(capsys, "dropout") == f"Hint 1 of 2: {first}\n"
    assert hints.in_words("dropout") == ", 1 hint read"
    assert said(capsys, "dropout") == f"Hint 2 of 2: {second}\n"
    assert said(capsys, "dropout") == f"Hint 1 of 2: {first}\nHint 2 of 2: {second}\n"
    assert hints.in_words("dropout") == ", 2 hints read" and hints.in_words("quantise") == ""


def test_a_damaged_memory_is_begun_anew_and_an_unknown_name_is_refused(capsys, tmp_path):
    (tmp_path / "hints.json").write_text('["dropout"]')
    assert said(capsys, "dropout").startswith("Hint 1 of 2")
    with pytest.raises(WorkbookError, match='no hint on "drop out"'):
        hints.hint("drop out")


def test_a_hint_is_given_where_nothing_can_be_kept(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "file"))
    assert said(capsys, "dropout").startswith("Hint 1 of 2")


@pytest.mark.parametrize("name", SOURCES)
def test_each_notebooks_checks_give_hints_and_point_to_them(name, capsys):
    scope = {}
    exec(import_of_checks(HOMES[name]), scope)
    scope["checks"].hint(name)
    assert capsys.readouterr().out.startswith("Hint 1")
    with pytest.raises(CheckFailed) as failed:
        check(name, lambda *args, **kwargs: None)
    assert failed.value._render_traceback_()[-1] == f'For a hint: checks.hint("{name}")'


def test_workbook_check_shows_the_hints_that_were_read(monkeypatch):
    from helpers.exercises import points

    exercise = points.Exercise("dropout", "part7_dropout", 10, "", "")
    outcome = points.Outcome(exercise, True, "right")
    monkeypatch.setattr(points, "run_exercises", lambda notebooks: [outcome])
    hints.hint("dropout")
    lines = CliRunner().invoke(cli.app, ["check"]).output.splitlines()
    assert lines[0].split(maxsplit=3)[3] == "right, 1 hint read" and lines[1] == "10 of 10 points."
