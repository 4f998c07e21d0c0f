"""A check that fails names the mistake, however the code is written, and no other mistake."""

import base64
import contextlib
import json
import re
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nbformat.v4 import new_notebook
from other_mistakes import OTHER
from other_solutions import RIGHT
from test_checks import SOURCES

from helpers.data import Split, batches, load_folder, load_mini_scenes, load_scenes
from helpers.exercises.cells import read_notebooks
from helpers.exercises.checks import diagnosis, evidence, tools
from helpers.files import WorkbookError
from helpers.grader.grading import Graded
from helpers.grader.judging import VERIFY, has_right_numbers, is_right
from helpers.grader.mistakes import table
from helpers.grader.mistakes.naming import name_mistakes
from helpers.grader.probes import values_of
from helpers.grader.release import secrets_of, squeezed, write_copies
from helpers.grader.scoring import Score, hidden_cells, make_plan, solution
from helpers.grader.tables import write_mistakes
from helpers.training import TrainConfig

NOTEBOOKS = read_notebooks()
PLAN = make_plan(NOTEBOOKS, "")
EXERCISES = {exercise.name: exercise for exercise in PLAN.exercises}
MISTAKES = table.all_mistakes()
FEWEST = 5  # mistakes of an exercise


def said_of(name, source):
    """Return what the check of an exercise says of a function, "" where it passes."""
    exercise = EXERCISES[name]
    function = solution(replace(exercise, source=source), PLAN.imports[exercise.notebook])
    return str(table.failure(exercise, function) or "")


def other_source(name, does):
    """Return the source of a mistake in another right solution."""
    made = OTHER[name][does]
    if isinstance(made, str):
        return made
    right, wrong = made
    return next(source for source in RIGHT[name] if right in source).replace(right, wrong)


def verdicts():
    """Return {(exercise, does): ["right", "none" or "wrong" in the solution, and in another one]}.

    The check refuses every mistake in a sentence.
    """
    sentences = {(m.exercise, m.sentence) for m in MISTAKES}
    found = {}
    for mistake in MISTAKES:
        sources = [mistake.source(SOURCES[mistake.exercise])]
        sources += [other_source(mistake.exercise, mistake.does)]
        for source in sources:
            said = said_of(mistake.exercise, source)
            assert re.search("expected|return|raised|changed", said), (mistake.does, said)
            named = {s for name, s in sentences if name == mistake.exercise and s in said}
            verdict = "none" if not named else "wrong"
            if named == {mistake.sentence}:
                verdict = "right"
            found.setdefault((mistake.exercise, mistake.does), []).append(verdict)
    return found


def test_mistakes_in_two_kinds_of_solutions_are_named_rightly(capsys):
    found = verdicts()
    with capsys.disabled():
        print(f"\n{'exercise':24}{'mistake':92}solution other")
        for (name, does), said in found.items():
            print(f"{name:24}{does:92}{said[0]:9}{said[-1]}")
        print(Counter(verdict for said in found.values() for verdict in said))
    counts = Counter(verdict for said in found.values() for verdict in said)
    assert counts["wrong"] == 0
    assert counts["right"] >= 0.95 * counts.total()
    assert {name for name, n in Counter(n for n, _ in found).items() if n < FEWEST} == set()
    assert {name for name, _ in found} == set(SOURCES)


def test_every_mistake_is_made_in_another_solution_too():
    for name, mistakes in OTHER.items():
        assert set(mistakes) == {m.does for m in MISTAKES if m.exercise == name}


def test_the_shipped_table_is_up_to_date():
    """Digests may differ where another processor rounds otherwise; what they lead to may not."""
    assert len(diagnosis.load_table()["sentences"]) == len({m.sentence for m in MISTAKES})


# --- grading --------------------------------------------------------------------------------------


def answered(name, source):
    """Return (notebook, lines) of a function on hidden inputs, run in the place of the sandbox."""
    exercise = EXERCISES[name]
    notebook = new_notebook(cells=list(hidden_cells(exercise, PLAN, "digest")))
    function = solution(replace(exercise, source=source), PLAN.imports[exercise.notebook])
    return notebook, [answer_to(cell, function) for cell in notebook.cells]


def answer_to(cell, function):
    """Return the line on a cell of hidden inputs."""
    name, expected = cell.metadata["grading"]["exercise"], cell.metadata["expected"]
    line = cell.metadata["grading"] | {"passed": False, "message": "", "shown": None}
    inputs, values = expected["inputs"], expected["values"]
    try:
        line["shown"] = json.loads(json.dumps(values_of(name, function, inputs)))
    except Exception as error:
        return line | {"message": f"{type(error).__name__}: {error}"}
    line["passed"] = is_right(name, inputs, values, line["shown"])
    numbers = values is not None and has_right_numbers(values, line["shown"], expected["is_twice"])
    return line | {"numbers": line["passed"] or numbers}


def graded(name, source, says="The visible check holds, and a hidden one fails."):
    """Return the Score of a function on hidden inputs, its mistake named."""
    notebook, lines = answered(name, source)
    (score,) = name_mistakes([Score(name, 0, 5, says)], notebook, lines, PLAN)
    return score


def test_mistakes_are_named_by_what_hidden_inputs_give_and_none_wrongly():
    found = Counter()
    for mistake in MISTAKES[::3]:
        if mistake.exercise not in VERIFY:
            score = graded(mistake.exercise, other_source(mistake.exercise, mistake.does))
            found["right" if score.mistake == mistake.does else score.mistake and "wrong"] += 1
            assert (mistake.sentence in score.message) == (score.mistake == mistake.does)
    assert found["wrong"] == 0
    assert found["right"] > 0.85 * found.total()  # the others differ from ours on other inputs


def test_a_mistake_that_a_visible_check_has_named_is_counted():
    mistake = MISTAKES[0]
    score = graded(mistake.exercise, SOURCES[mistake.exercise], f"Wrong. {mistake.sentence}")
    assert score.mistake == mistake.does
    assert score.message == f"Wrong. {mistake.sentence}"


def test_an_unknown_mistake_and_a_right_answer_on_hidden_inputs_get_no_name():
    assert graded("agreement", "def agreement(a, b):\n    return 0.123").mistake == ""
    assert graded("agreement", SOURCES["agreement"]).mistake == ""


def test_mistakes_are_counted_in_a_table_that_a_spreadsheet_reads(tmp_path):
    scores = [[Score("b", 0, 1, "", "y")], [Score("b", 0, 1, "", "x"), Score("a", 0, 1, "", "z")]]
    scores += [[Score("b", 0, 1, "", "x")], [Score("b", 1, 1, "right")]]
    write_mistakes(tmp_path / "m.csv", [Graded("n", "", s, "ok", (), 0.0) for s in scores])
    rows = (tmp_path / "m.csv").read_text().splitlines()
    assert rows == ["exercise,mistake,students", "b,x,2", "b,y,1", "a,z,1"]


# --- what students get ----------------------------------------------------------------------------


def test_a_student_copy_holds_no_mistake_and_no_sentence(tmp_path):
    write_copies(NOTEBOOKS, tmp_path)
    secret = {squeezed(text) for m in MISTAKES for text in (m.does, m.ask)}
    secret |= {squeezed(text) for _, text in secrets_of(NOTEBOOKS)}
    lines = [line.strip() for m in MISTAKES for line in m.wrong.splitlines()]
    secret |= {squeezed(line) for line in lines if len(line) > 40 and line[:3] != "def"}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix not in (".pt", ".ttf"):
            text = squeezed(everything_in(path))
            assert [s for s in secret if s in text] == [], path


def everything_in(path):
    """Return the text of a file, and all that base64 and zlib make of its parts."""
    data = path.read_bytes()
    texts = [data]
    for part in re.findall(rb"[A-Za-z0-9+/]{40,}={0,2}", data[:10_000_000]):
        with contextlib.suppress(ValueError):
            texts.append(base64.b64decode(part + b"=" * (-len(part) % 4)))
    for text in list(texts):
        with contextlib.suppress(zlib.error):
            texts.append(zlib.decompress(text))
    return b"\n".join(texts).decode(errors="ignore")


def test_a_sentence_can_be_read_only_with_what_the_mistake_gives():
    mistake = MISTAKES[0]
    wrong = mistake.source(SOURCES[mistake.exercise])
    assert mistake.sentence in said_of(mistake.exercise, wrong)
    (number, key) = next(iter(diagnosis.load_table()["marks"].values()))
    with pytest.raises(UnicodeDecodeError):
        diagnosis.decrypt(diagnosis.load_table()["sentences"][number], bytes.fromhex(key))


def test_a_check_works_without_the_table(monkeypatch, tmp_path):
    monkeypatch.setattr(diagnosis, "TABLE", tmp_path / "none.json")
    diagnosis.load_table.cache_clear()
    mistake = MISTAKES[0]
    said = said_of(mistake.exercise, mistake.source(SOURCES[mistake.exercise]))
    diagnosis.load_table.cache_clear()
    assert "expected" in said and mistake.sentence not in said


# --- evidence -------------------------------------------------------------------------------------


def shares_a_key(first, second, expected=(1.0, 2.0, 3.0)):
    values = [torch.tensor(v).double() for v in (first, second, expected)]
    a, b = (set(evidence.of_values("x", v, values[2]).result) for v in values[:2])
    return bool(a & b)


@pytest.mark.parametrize("number", range(20))
def test_rounding_makes_no_difference_and_another_result_does(number):
    generator = torch.Generator().manual_seed(number)
    values = torch.randn(3, generator=generator) * 10 ** (number % 7)
    assert shares_a_key(values.tolist(), (values * (1 + 2e-6)).tolist())
    assert not shares_a_key(values.tolist(), (values * 1.01).tolist())
    assert not shares_a_key(values.tolist(), values.flip(0).tolist())


def test_infinite_values_of_another_place_are_another_result():
    inf = float("inf")
    assert shares_a_key([inf, 1.0, 2.0], [inf, 1.0, 2.0])
    assert not shares_a_key([inf, 1.0, 2.0], [1.0, inf, 2.0])


# --- messages -------------------------------------------------------------------------------------


def test_the_first_value_that_differs_is_shown_with_digits_enough():
    with pytest.raises(tools.CheckFailed) as failed:
        codes = np.array([0.0, 8.0, 10.0, 3.0])
        tools.compare("codes", codes + [0.0, 0.0, 4e-7, 0.0], codes, tolerance=1e-9)
    assert str(failed.value) == (
        "codes: expected 10, got 10.0000004 at index [2]; 1 of 4 values differ."
    )
    with pytest.raises(tools.CheckFailed, match="expected 60303, got 256914[.]"):
        tools.compare("parameters", 256914, 60303)


def failing(function, name="double"):
    """Return what a check says of a function that raises."""

    @diagnosis.knows_mistakes(name)
    def check(function):
        function()

    with pytest.raises(tools.CheckFailed) as failed:
        check(function)
    return failed.value


def test_an_exception_is_told_with_its_line_and_kept_as_the_cause():
    def double():
        return torch.nn.Linear(512, 15)(torch.zeros(4, 800))

    failed = failing(double)
    assert "double raised RuntimeError in line" in str(failed)
    assert "(`return torch.nn.Linear(512, 15)(torch.zeros(4, 800))`)" in str(failed)
    assert "A linear layer for 512 inputs got rows of 800 numbers." in str(failed)
    assert isinstance(failed.__cause__, RuntimeError)


def test_an_exception_in_a_method_of_a_class_is_told_with_its_line():
    class Files:
        def __init__(self):
            self.paths = sorted(None)

    failed = failing(Files, "Files")
    assert "Files raised TypeError in line" in str(failed)
    assert "(`self.paths = sorted(None)`)" in str(failed)


def uses_too_early():
    early += 1  # noqa: F821, F841


one_by_one = (n for n in ())
RAISED = {
    "A convolution for 1 channels got 3": lambda: torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 3, 9, 9)),
    "dimension 1 has 15 and 7 entries": lambda: torch.zeros(7, 15) - torch.zeros(7),
    "shapes (7,15) and (7,) were combined": lambda: np.zeros((7, 15)) - np.zeros(7),
    "`max(dim=...)` returns a pair": lambda: torch.zeros(2) - torch.zeros(2, 2).max(dim=1),
    "nothing is left": lambda: np.concatenate(list(iter(()))),
    "the second time, nothing": lambda: 1 / len(list(iter(()))),
    "Count while you go.": lambda: len(one_by_one),
    "the batches are already there": lambda: one_by_one(3),
    "take them with `for`": lambda: one_by_one[0],
    "columns in A (3) as rows in B (4)": lambda: torch.zeros(4, 3) @ torch.zeros(4, 3),
    "columns in A (2) as rows in B (5)": lambda: torch.mm(torch.zeros(4, 2), torch.zeros(5, 3)),
    "for 3 inputs got rows of 2": lambda: F.linear(torch.zeros(4, 2), torch.zeros(5, 3)),
    "Does a function before it end with `return`?": lambda: None.shape,
    "A mean needs floats": lambda: torch.tensor([True, False]).mean(),
    "Gradients are followed": lambda: torch.nn.Linear(1, 1).weight.numpy(),
    "The numbers do not fill the shape": lambda: torch.zeros(22).view(6, 6),
    "Nothing has defined `not_there`": lambda: not_there,  # noqa: F821
    "`early` is used before it gets a value": uses_too_early,
    "fewer axes": lambda: torch.zeros(3).sum(dim=1),
}


@pytest.mark.parametrize("sentence", RAISED)
def test_what_libraries_raise_is_explained(sentence):
    assert sentence in str(failing(RAISED[sentence]))


def test_a_stub_is_left_to_the_session():
    @diagnosis.knows_mistakes("double")
    def check(function):
        function()

    def stub():
        raise NotImplementedError("double: not solved yet")

    with pytest.raises(NotImplementedError):
        check(stub)


REFUSED = {
    "size is 10000; it can be a whole number from 8 to 512.": lambda: load_scenes(size=10000),
    "size is 0; ": lambda: load_scenes(size=0),
    "size is -64; ": lambda: load_folder("somewhere", size=-64),
    "size is 64.5; ": lambda: load_mini_scenes(size=64.5),
    "size is '64'; ": lambda: load_mini_scenes(size="64"),
    "size is True; ": lambda: load_mini_scenes(size=True),
    "num_train is 0; ": lambda: load_mini_scenes(16, num_train=0),
    "batch_size is 0; ": lambda: list(batches(Split(torch.zeros(3), torch.zeros(3)), 0)),
    "num_epochs is -1; ": lambda: TrainConfig(num_epochs=-1),
    "batch_size is 1.5; ": lambda: TrainConfig(batch_size=1.5),
    "learning_rate is -0.1; it can be a number": lambda: TrainConfig(learning_rate=-0.1),
    "learning_rate is nan; ": lambda: TrainConfig(learning_rate=float("nan")),
}


@pytest.mark.parametrize("message", REFUSED)
def test_an_argument_that_makes_no_sense_is_refused_by_name(message):
    with pytest.raises(WorkbookError, match=re.escape(message)):
        REFUSED[message]()


def test_numbers_of_numpy_and_torch_are_numbers_too():
    assert TrainConfig(num_epochs=np.int64(3), batch_size=torch.tensor(4)).batch_size == 4
    assert TrainConfig(learning_rate=np.float64(0.1)).learning_rate == 0.1
    assert TrainConfig(learning_rate=1).learning_rate == 1
