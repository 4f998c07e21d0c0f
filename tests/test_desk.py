"""The reading desk: what a key does, and that every mark is in the file at once."""

import contextlib
import csv
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from made_up_class import make_class, paraphrased
from test_browser import (
    CHROMIUM,
    ERROR,
    PATIENCE_MS,
    _wait_for_address,
    page,
    plain_page,
    screenshot,
)
from typer.testing import CliRunner

from helpers.commands.cli import app
from helpers.exercises.cells import read_notebooks
from helpers.files import WorkbookError
from helpers.grader.answer_files import Answer, alike_in_order, read_answers
from helpers.grader.desk import Desk
from helpers.grader.rubrics import read_rubric, tick
from helpers.grader.tables import questions_of, read_marks, write_answers

__all__ = ["page", "plain_page"]  # fixtures
TEXTS = {
    "ada": "The loss falls because the gradient points uphill and we go down.",
    "ben": "=Kernels share weights, so a picture may move.",
    "cy": "We go down, since the gradient points uphill: so the loss falls.",
    "dee": "",
    "eve": "Kernels share their weights, and so a picture can move.",
}
RUBRIC = "most 4\n2 names the gradient\n1 says why\n-1 no number"


@pytest.fixture
def graded(tmp_path):
    """A graded folder with the answers TEXTS to one question, and two to another."""
    write_answers(tmp_path, "why", {name: {"why": text} for name, text in TEXTS.items()}, {})
    write_answers(tmp_path, "zoo", {"ada": {"zoo": "A bear."}, "ben": {"zoo": "A lion."}}, {})
    return tmp_path


@pytest.fixture
def desk(graded):
    return Desk(graded)


def press(desk, *keys):
    for key in keys:
        desk.do("press", key)


def marks(graded, question="why"):
    """Return {name: (points, comment)} as grading reads them."""
    given = read_marks(graded, [question])[question]
    return {name: mark[:2] for name, mark in given.items() if any(mark[:2])}


def test_a_digit_is_in_the_file_at_once_and_enter_goes_on(graded, desk):
    first, second = desk.names[:2]
    press(desk, "3")
    assert marks(graded) == {first: ("3", "")}
    press(desk, "Enter", "0", ".")
    assert marks(graded) == {first: ("3", ""), second: ("0.5", "")}
    assert desk.view()["read"] == 2 and desk.view()["given"] == 4  # dee answered nothing


def test_enter_leads_past_what_is_read_and_back_to_what_was_left_out(desk):
    press(desk, "Enter", "1", "Enter", "2", "Enter", "3", "Enter")
    assert desk.place == 0 and not desk.current.is_read
    press(desk, "4", "Enter")
    assert desk.said == "All 4 answers to this question are read."


def test_more_points_than_the_most_are_refused_and_two_digits_make_one_number(graded, desk):
    press(desk, "6")
    assert desk.said == "An answer gets 5 points at most." and marks(graded) == {}
    desk.do("rubric", "most 12")
    press(desk, "1", "2")
    assert desk.current.points == "12"
    press(desk, "Backspace", "9", "9")
    assert desk.current.points == "9"
    press(desk, "ArrowRight", "1", "ArrowRight", "2")
    assert [desk.answers[name].points for name in desk.names[:3]] == ["9", "1", "2"]


def test_alike_answers_are_next_to_each_other(desk):
    order = desk.names
    assert abs(order.index("ada") - order.index("cy")) == 1
    assert abs(order.index("ben") - order.index("eve")) == 1


def test_every_paraphrase_stands_beside_its_source():
    masters = read_notebooks()
    students = make_class(masters, 40, seed=3, num_copies=0)
    question = questions_of(masters)[0]
    texts = {s.name: s.answers[question] for s in students if question in s.answers}
    victims = list(texts)[:3]
    texts |= {f"{v} again": paraphrased(texts[v], np.random.default_rng(1)) for v in victims}
    names = [a.name for a in alike_in_order([Answer(n, t) for n, t in texts.items()])]
    assert all(abs(names.index(v) - names.index(f"{v} again")) <= 2 for v in victims)


def test_names_are_not_in_the_view_until_they_are_asked_for(desk):
    assert not any(name in str(desk.view()["answers"]) for name in ("ada", "ben", "cy", "eve"))
    press(desk, "n")
    assert [card["label"] for card in desk.view()["answers"]] == desk.names[:3]


def test_a_line_of_the_rubric_gives_its_points_and_its_words(graded, desk):
    desk.do("rubric", RUBRIC)
    press(desk, "s", "a")
    assert marks(graded) == {desk.current.name: ("3", "names the gradient; says why")}
    assert desk.view()["answers"][0]["ticked"] == [True, True, False]
    press(desk, "a", "d")
    assert marks(graded) == {desk.current.name: ("0", "says why; no number")}
    press(desk, "s", "d")
    assert marks(graded) == {}
    assert Desk(graded).rubric == read_rubric(RUBRIC)


def test_a_comment_stays_beside_the_lines_of_the_rubric(desk):
    desk.do("rubric", RUBRIC)
    desk.do("comment", "Well seen")
    press(desk, "a")
    assert (desk.current.points, desk.current.comment) == ("2", "names the gradient; Well seen")


@pytest.mark.parametrize("line", ["names the trap", "2", "1 a; b", "1 same\n2 same", "most many"])
def test_a_rubric_that_says_nothing_clear_is_refused_and_the_old_one_stays(desk, line):
    desk.do("rubric", RUBRIC)
    desk.do("rubric", line)
    assert "The rubric has the line" in desk.said and desk.rubric == read_rubric(RUBRIC)


def test_points_of_ticked_lines_stay_between_zero_and_the_most():
    rubric = read_rubric("most 2\n2 a\n1 b\n-3 c")
    assert tick(rubric, 1, "a") == ("2", "a; b") and tick(rubric, 2, "a") == ("0", "a; c")


def test_comments_used_before_are_offered_most_used_first(desk):
    desk.do("rubric", RUBRIC)
    for text in ("why?", "too short", "too short"):
        desk.do("comment", text)
        press(desk, "a", "ArrowRight")
    assert desk.view()["comments"] == ["too short", "why?"]


def test_a_comment_that_was_typed_over_another_keeps_both(desk):
    desk.do("comment", "first")
    desk.do("comment", "second", "")  # the reader had seen none
    assert desk.current.comment == "first; second"
    desk.do("comment", "third", "first; second")
    assert desk.current.comment == "third"


def test_undo_takes_back_one_mark_after_the_other_wherever_it_was(graded, desk):
    press(desk, "3", "Enter", "2", "PageDown", "1")
    press(desk, "u")
    assert desk.question == "zoo" and marks(graded, "zoo") == {}
    press(desk, "u")
    assert desk.question == "why" and marks(graded) == {desk.names[0]: ("3", "")}
    press(desk, "u", "u")
    assert marks(graded) == {} and desk.said == "There is nothing to undo."


def test_what_another_program_wrote_stays_and_is_not_undone(graded, desk):
    press(desk, "1")
    other = Desk(graded)
    assert other.current.name != desk.current.name, "it begins where the first one is"
    press(other, "2")
    press(desk, "ArrowRight", "ArrowRight", "3")
    assert sorted(points for points, _ in marks(graded).values()) == ["1", "2", "3"]
    press(other, "ArrowLeft", "5")
    press(desk, "u", "u")
    assert desk.said.startswith("This answer got other marks")
    assert sorted(points for points, _ in marks(graded).values()) == ["2", "5"]


def test_a_mark_for_an_answer_that_changed_meanwhile_is_not_written(graded, desk):
    name = desk.current.name
    texts = TEXTS | {name: "Something else entirely."}
    write_answers(graded, "why", {n: {"why": text} for n, text in texts.items()}, {})
    press(desk, "3")
    assert "changed since it was opened" in desk.said and marks(graded) == {}
    assert desk.answers[name].text == "Something else entirely."


def test_a_file_that_cannot_be_read_any_more_is_one_sentence(graded, desk):
    desk.path.write_text("name,text\nada,x\n")
    press(desk, "3")
    assert desk.said.startswith("Not saved.") and "lost its columns" in desk.said


def test_formulas_stay_harmless_and_texts_whole(graded, desk):
    press(desk, "End", "1", "Home", "2")
    with (graded / "answers" / "why.csv").open(newline="") as file:
        rows = {row["submission"]: row["answer"] for row in csv.DictReader(file)}
    assert rows == TEXTS | {"ben": f"'{TEXTS['ben']}"}
    assert read_answers(desk.path)["ben"].text == TEXTS["ben"]


def test_the_command_writes_a_notebook_and_needs_answers(graded, tmp_path_factory):
    pytest.importorskip("anywidget")
    done = CliRunner().invoke(app, ["desk", str(graded), "--no-open"])
    assert done.exit_code == 0 and (graded / "desk.ipynb").exists(), done.output
    with pytest.raises(WorkbookError, match="holds no answers to read"):
        Desk(tmp_path_factory.mktemp("empty"))


# --- in Lab ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(graded, settings):
    """Serve the desk of a folder as the command does; yield (address, process)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = [sys.executable, "-c", "from helpers.commands.cli import main; main()"]
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command = [*run, "desk", str(graded), *options, "--IdentityProvider.token=test"]
    environment = os.environ | {
        f"JUPYTERLAB_{what.upper()}_DIR": str(settings / what)
        for what in ("settings", "workspaces")
    }
    log = (settings / f"{port}.log").open("w+")
    process = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)
    try:
        yield _wait_for_address(log, process, where="doc"), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def open_desk(page, address):
    """Open the desk's notebook and run its cell by the keyboard; the desk then has the keys."""
    page.goto(address, wait_until="commit")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']:visible").wait_for()
    cell, card = page.locator(".jp-Notebook .jp-CodeCell").first, page.locator(".desk-card")
    deadline = time.time() + PATIENCE_MS / 1000
    while cell.locator(".jp-InputPrompt").inner_text().strip() == "[ ]:" and time.time() < deadline:
        # On a busy machine Lab asks for a kernel, or forgets the keys, as long as there is none.
        if (accept := page.locator(".jp-Dialog .jp-mod-accept")).count():
            accept.click()
        cell.click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(4000)
    card.first.wait_for()
    assert page.locator(ERROR).count() == 0


def wait_for(page, num_read):
    page.locator(".desk-top strong", has_text=re.compile(f"^{num_read} of 100 read$")).wait_for()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_100_answers_are_read_by_keyboard_with_lab_killed_in_the_middle(page, tmp_path):
    pytest.importorskip("anywidget")
    masters = read_notebooks()
    graded, question = tmp_path / "graded", questions_of(masters)[0]
    students = [s for s in make_class(masters, 140, seed=2, num_copies=4) if question in s.answers]
    answers = {student.name: student.answers for student in students[:100]}
    write_answers(graded, question, answers, {})
    order = Desk(graded).names
    page.set_viewport_size({"width": 1200, "height": 1000})
    with served(graded, tmp_path) as (address, process):
        open_desk(page, address)
        page.keyboard.press("r")
        page.keyboard.type(RUBRIC)
        page.keyboard.press("Control+Enter")
        page.locator(".desk-rubric", has_text="names the gradient").wait_for()
        for number in range(45):
            page.keyboard.type("a" if number % 9 == 0 else str(number % 5))
            page.keyboard.press("Enter")
        wait_for(page, 45)
        page.keyboard.press("c")
        page.keyboard.type("too short")
        page.keyboard.press("Enter")
        page.keyboard.press("3")
        page.keyboard.press("Enter")
        wait_for(page, 46)
        page.keyboard.press("c")
        page.keyboard.press("ArrowDown")
        screenshot(page, "desk_comment")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.locator(".desk-card[aria-current=true] .desk-comment", has_text="too short").wait_for()
        page.keyboard.press("2")
        wait_for(page, 47)
        screenshot(page, "desk_light")
        page.keyboard.type("\n4\n1\n")  # on the way when Lab is killed
        os.killpg(process.pid, signal.SIGKILL)
        page.keyboard.press("4")
        page.locator(".desk-alarm", has_text="are not saved").wait_for()
        screenshot(page, "desk_killed")
    given = marks(graded, question)
    expected = ["2" if i % 9 == 0 else str(i % 5) for i in range(45)]
    assert [given[name][0] for name in order[:47]] == [*expected, "3", "2"]
    assert [given[name][1] for name in order[45:47]] == ["too short", "too short"]
    assert 47 <= len(given) <= 49, "what was typed after the last answer may be lost, no more"
    themes = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    themes.mkdir(parents=True, exist_ok=True)
    (themes / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    with served(graded, tmp_path) as (address, process):
        open_desk(page, address)
        wait_for(page, len(given))
        left = 100 - len(given)
        for number in range(left):
            page.keyboard.press(str(number % 4))
            page.keyboard.press("Enter")
        wait_for(page, 100)
        page.locator(".desk-said", has_text="All 100 answers").wait_for()
        page.keyboard.press("u")
        wait_for(page, 99)
        page.keyboard.press("4")
        page.keyboard.press("n")
        page.locator(".desk-label", has_text=order[-1]).wait_for()
        screenshot(page, "desk_done")
    again = marks(graded, question)
    assert len(again) == 100 and given.items() <= again.items()
