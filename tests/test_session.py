"""A kernel says what is not solved in one line, times its cells, and asks before long work."""

import types

import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import progress
from helpers.commands import times
from helpers.commands.run import not_solved
from helpers.exercises import session
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.progress import Stopped, ask_before, in_words

STUB = 'def double(x):\n    raise NotImplementedError("double: not solved yet")'


@pytest.fixture
def shell(monkeypatch):
    """Return an IPython shell with a notebook begun and the exercise `double` not solved."""
    shell = InteractiveShell()
    monkeypatch.setattr(
        shell, "_showtraceback", lambda kind, error, lines: print("\n".join(lines)), raising=False
    )
    session._Open(shell).install()
    shell.run_cell(STUB)
    return shell


def test_a_cell_that_needs_an_unsolved_exercise_says_so_and_the_next_one_runs(shell, capsys):
    assert shell.run_cell("before, four = 1, double(2)").success
    assert capsys.readouterr().out == "double: not solved yet\n"
    assert shell.run_cell("print(2 + 2)").success and capsys.readouterr().out == "4\n"


def test_a_name_that_such_a_cell_would_have_set_says_so_too(shell, capsys):
    shell.run_cell("four = double(2)")
    assert shell.run_cell("eight = 2 * four").success and shell.run_cell("print(eight)").success
    assert capsys.readouterr().out == 3 * "double: not solved yet\n"
    shell.run_cell("four = 4")
    assert shell.run_cell("print(2 * four)").success and capsys.readouterr().out == "8\n"


@pytest.mark.parametrize("source", ["unknown", "raise NotImplementedError('other')", "1 / 0"])
def test_other_errors_stay_errors(shell, capsys, source):
    shell.run_cell("four = double(2)")
    assert not shell.run_cell(source).success
    assert "Error" in capsys.readouterr().out


def test_where_checks_are_strict_an_unsolved_one_fails_in_one_line(shell, capsys, monkeypatch):
    monkeypatch.setenv("WORKBOOK_STRICT", "1")
    shell.user_ns["check"] = types.FunctionType(
        compile("def check(f): f(1)", "checks.py", "exec").co_consts[0],
        {"__name__": "helpers.exercises.checks.part1"},
    )
    assert not shell.run_cell("check(double)").success
    assert capsys.readouterr().out == "double: not solved yet\n"
    assert shell.run_cell("double(1)").success, "a cell that is no check goes on"


def test_code_below_the_line_that_raises_is_told(shell, capsys):
    shell.run_cell(f"{STUB}\n    return 2 * x")
    assert shell.run_cell("double(2)").success
    assert capsys.readouterr().out == f"double: not solved yet\n{session.BELOW_RAISE}\n"


def test_a_missing_name_in_a_check_is_one_sentence_or_an_unsolved_exercise(
    shell, capsys, monkeypatch
):
    monkeypatch.delenv("WORKBOOK_STRICT", raising=False)
    shell.user_ns["check"] = knows_mistakes("triple")(lambda function: function(2))
    shell.run_cell("def triple(x): return x + four")
    assert not shell.run_cell("check(triple)").success
    said = capsys.readouterr().out
    assert "triple raised NameError in line 1" in said and "Traceback" not in said
    shell.run_cell("four = double(2)")
    assert shell.run_cell("check(triple)").success
    assert capsys.readouterr().out == 2 * "double: not solved yet\n"


def test_an_interrupt_is_one_sentence_and_stops(shell, capsys):
    assert not shell.run_cell("raise KeyboardInterrupt").success
    assert capsys.readouterr().out == f"{session.STOPPED}\n"


def test_a_notebook_can_begin_twice(shell, capsys):
    session._Open(shell).install()
    assert shell.run_cell("double(2)").success
    assert capsys.readouterr().out == "double: not solved yet\n"


def test_a_run_lists_what_is_not_solved_once():
    cell = new_code_cell()
    cell.outputs = [
        {"output_type": "stream", "name": "stdout", "text": "x\ndouble: not solved yet\n"}
    ]
    assert not_solved(new_notebook(cells=[cell, cell | {"id": "other"}])) == ["double"]


# --- how long -------------------------------------------------------------------------------------


def timed_cell(begin, end):
    stamps = {
        "iopub.execute_input": f"2026-01-01T00:{begin}Z",
        "shell.execute_reply": f"2026-01-01T00:{end}Z",
    }
    return new_code_cell(metadata={"execution": stamps})


NOTEBOOK = new_notebook(
    cells=[
        timed_cell("00:00.000000", "00:01.500000"),
        new_markdown_cell("## 3 · All of them\n\ntext"),
        timed_cell("00:02.000000", "01:00.250000"),
    ]
)


def test_times_are_summed_and_the_longest_cell_is_named_by_its_section():
    assert times.measure(NOTEBOOK) == {
        "seconds": 59.8,
        "longest_s": 58.2,
        "longest": "3 · All of them",
    }


def test_times_are_told_for_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    for module in (session, times):
        monkeypatch.setattr(module, "TIMES", tmp_path / "times.json")
    monkeypatch.setattr(session, "find_folder", lambda: "photographs")
    monkeypatch.setattr(times, "step_ms", lambda: 20.0)
    assert session.time_needed("part5") == "How long these cells take was not measured yet."
    times.keep_times("part5", NOTEBOOK)
    monkeypatch.setattr(session, "step_ms", lambda: 60.0)  # a machine a third as fast
    assert session.time_needed("part5") == (
        "All cells take about 3 min here, the longest 3 min (3 · All of them)."
    )


def test_a_plan_tells_what_was_measured_for_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "TIMES", tmp_path / "times.json")
    (tmp_path / "times.json").write_text('{"part5": {"seconds": 30, "step_ms": 10}}')
    monkeypatch.setattr(times, "speed_here", lambda: 20.0)
    assert times.plan(["part5", "part9"]) == {"part5": 60}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (660, "11 min")]
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.fixture
def answers(monkeypatch):
    """Sit in a notebook and give these answers."""
    given, asked = [], []
    monkeypatch.setattr(progress, "kernel", lambda: "a kernel")
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or given.pop(0))
    progress.cell_begins()
    return given, asked


def test_long_work_is_asked_for_once_per_cell(answers):
    given, asked = answers
    given += ["", "n"]
    ask_before(60, "Short work")
    assert not asked
    ask_before(300, "Long work")
    ask_before(300, "More of it")
    assert asked == ["Long work will take about 5 min here. Press Enter to go on, or type n: "]
    progress.cell_begins()
    with pytest.raises(Stopped, match="not started"):
        ask_before(300, "Work of the next cell")


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch):
    ask_before(1e6, "In a terminal")

    def no_stdin(question):
        raise NotImplementedError

    monkeypatch.setattr(progress, "kernel", lambda: "a kernel")
    monkeypatch.setattr("builtins.input", no_stdin)
    ask_before(1e6, "In nbval")
