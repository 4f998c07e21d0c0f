"""A guess is committed before the answer is shown, and kept; where nobody guesses, nothing waits."""

import ast
import json
import os
import signal
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.exercises.cells import PROMPT, read_notebooks
from helpers.files import ROOT, WorkbookError
from helpers.grader.release import COPIED
from helpers.predictions import controls, guess, pictures, store, surprises
from helpers.predictions.questions import Question, distance, in_words
from helpers.report.progress_page import rows_of

NOTEBOOKS = read_notebooks()
ASKING = {"number", "bars", "curve", "order", "pick"}
ANSWERING = {"reveal", "look_back"}
TRUE_ORDER = ["a", "b", "c"]


def calls_in(source, names):
    """Return the first argument of each call of `guess.<name>` in a source."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func.value) == "guess"
        and call.func.attr in names
    ]


def sources():
    """Return the sources of the cells that ask or answer, in order."""
    cells = [cell for notebook in NOTEBOOKS.values() for cell in notebook.cells]
    return [c.source for c in cells if c.cell_type == "code" and "guess." in c.source]


def ids(names):
    """Return the ids that the notebooks ask or answer, in order."""
    return [id for source in sources() for id in calls_in(source, names)]


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    """Keep each test's guesses apart, and forget what waits."""
    monkeypatch.setattr(store, "FILE", tmp_path / "my_predictions.json")
    for memory in (guess._asked, guess._controls, guess._tables, guess._open, guess._waiting):
        memory.clear()
    return tmp_path / "my_predictions.json"


class Place:
    """A place in a notebook that is filled later."""

    def __init__(self, shown):
        self.shown = [shown]

    def update(self, shown, **_):
        self.shown.append(shown)


@pytest.fixture
def live(monkeypatch):
    """Let somebody sit at the notebook; return the list of what is displayed."""
    shown = []

    def show(thing, display_id=None, **_):
        shown.append(Place(thing))
        return shown[-1] if display_id else None

    monkeypatch.setattr(guess, "is_live", lambda: True)
    monkeypatch.setattr(guess.plt, "show", lambda: None)
    monkeypatch.setattr(guess, "display", show)
    monkeypatch.setattr("helpers.predictions.held.display", show)
    return shown


def texts(shown):
    """Return the texts that stand in the places now."""
    return [p.shown[-1].get("text/plain") if isinstance(p.shown[-1], dict) else "" for p in shown]


def commit(id, value, confidence="middle"):
    """Commit a number as a student does, by its control."""
    control = guess._controls[id]
    control.input.children[0].value, control.sure.value = str(value), confidence
    control.show.click()


# --- the notebooks --------------------------------------------------------------------------------


def test_every_predict_is_followed_by_a_control():
    count = 0
    for stem, notebook in NOTEBOOKS.items():
        for cell, following in zip(notebook.cells, notebook.cells[1:]):
            if cell.cell_type == "markdown" and "**Predict" in cell.source:
                assert calls_in(following.source, ASKING), f"{stem}, {cell.id}: no control"
                count += 1
    assert count >= 30


def test_every_question_has_an_id_of_its_own_and_an_answer():
    asked = ids(ASKING)
    assert len(asked) == len(set(asked)) > 35
    assert set(asked) == set(ids(ANSWERING))
    for stem, notebook in NOTEBOOKS.items():
        own = [c.source for c in notebook.cells if c.cell_type == "code" and "guess." in c.source]
        for id in (id for source in own for id in calls_in(source, ASKING)):
            assert id.split("-")[0] == stem.split("_")[0]


def test_a_question_stands_before_its_answer():
    asked = set()
    for source in sources():
        assert set(calls_in(source, ANSWERING)) <= asked
        asked |= set(calls_in(source, ASKING))


def test_the_reading_below_an_answer_is_folded():
    for stem, notebook in NOTEBOOKS.items():
        is_answered = False
        for cell in notebook.cells:
            if cell.cell_type == "code":
                is_answered |= bool("guess." in cell.source and calls_in(cell.source, {"reveal"}))
            else:
                assert not (is_answered and cell.source.startswith("**Reading**")), (
                    f"{stem}, {cell.id}"
                )
                is_answered = False
            if cell.cell_type == "markdown" and "<details>" in cell.source:
                assert cell.source.count("</details>") == 1 and "</summary>\n\n" in cell.source


def test_each_part_ends_with_its_predictions():
    for stem, notebook in NOTEBOOKS.items():
        part = stem.split("_")[0]
        source = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
        wanted = "guess.surprised()" if part == "conclusion" else f'guess.yours("{part}")'
        assert wanted in source


# --- asking and answering -------------------------------------------------------------------------


def test_without_anybody_the_question_is_text_and_the_answer_is_shown_at_once(capsys):
    guess.number("part5-x", "How many?", low=0, high=9)
    with guess.reveal("part5-x", 3):
        print("three")
    out = capsys.readouterr().out
    assert out.endswith("three\n") and store.load() == {}
    assert not guess._controls


def test_nothing_is_shown_before_a_commit_and_then_all_of_it(live, capsys):
    guess.number("part5-x", "How many?", high=9)
    with guess.reveal("part5-x", 3):
        print("three")
        seen = 3
    assert seen == 3, "the block runs at once"
    assert "three" not in texts(live) and "three" not in capsys.readouterr().out
    commit("part5-x", 4)
    said = texts(live)
    assert "three" in said
    assert "Your guess: 4 (confidence: middle). It is 3: a surprise." in said


def test_a_guess_out_of_range_or_without_confidence_is_not_committed(live):
    guess.number("part5-x", "How many?", high=9)
    commit("part5-x", 12)
    assert guess._controls["part5-x"].status.value == "Type a number from 0 to 9."
    commit("part5-x", 3, None)
    assert guess._controls["part5-x"].status.value == "Say how sure you are."
    assert store.load() == {}


def test_one_may_skip_from_either_place(live):
    guess.number("part5-x", "How many?")
    with guess.reveal("part5-x", 3):
        print("three")
    guess._waiting[0].notice.children[0].children[1].click()
    assert "three" in texts(live)
    assert "guess" not in store.load()["part5-x"]
    guess.number("part5-y", "How many?")
    guess._controls["part5-y"].skip.click()
    assert "Skipped" in guess._controls["part5-y"].children[0].value


def test_a_block_of_two_questions_waits_for_both(live):
    guess.number("part5-x", "How many?", high=9)
    guess.number("part5-y", "How many others?", high=9)
    with guess.reveal("part5-x", 3), guess.reveal("part5-y", lambda: 5):
        print("three and five")
    commit("part5-x", 3)
    assert "three and five" not in texts(live)
    commit("part5-y", 5, "high")
    said = texts(live)
    assert "three and five" in said
    assert sum(" right." in text for text in said if text) == 2


def test_an_error_in_the_block_comes_through_and_leaves_nothing_open(live):
    guess.number("part5-x", "How many?")
    with pytest.raises(ZeroDivisionError), guess.reveal("part5-x", 3):
        print(1 / 0)
    assert not guess._open and not guess._waiting


def test_a_committed_guess_is_shown_when_the_cells_run_again_and_cannot_change(live, capsys):
    guess.number("part5-x", "How many?", high=9)
    commit("part5-x", 4)
    guess.number("part5-x", "How many?", high=9)
    control = guess._controls["part5-x"]
    assert "Committed:</b> 4 (confidence: middle)" in control.children[0].value
    store.commit(Question("part5-x", "number", "How many?"), 9.0, "high")
    assert store.load()["part5-x"]["guess"] == 4
    with guess.reveal("part5-x", 3):
        print("three")
    assert capsys.readouterr().out == "three\n"
    assert "It is 3" in texts(live)[-1]


def test_the_closing_table_follows(live):
    guess.yours("part5")
    assert texts(live) == ["You have committed no prediction in this part."]
    guess.number("part5-x", "How many?", high=9)
    commit("part5-x", 4)
    assert "How many?" in texts(live)[0]


@pytest.mark.parametrize(
    ("question", "said", "truth"),
    [
        (Question("part5-x", "bars", "", ("a", "b"), low=-10, high=10), [0, 1], [-5, 3]),
        (Question("part5-x", "curve", "", ("epoch 1", "epoch 2")), [0.1, 0.9], [0.2, 0.5]),
        (Question("part5-x", "order", "", ("a", "b", "c")), ["a", "c", "b"], TRUE_ORDER),
    ],
)
def test_the_truth_is_drawn_over_the_guess(question, said, truth):
    record = store.commit(question, said, "low")
    data = pictures.bundle(store.settle(question.id, truth))
    assert data["text/plain"].startswith("Your guess:") and len(data["image/png"]) > 1000
    ax = pictures.DRAWINGS[question.kind](question, record["guess"], truth)
    assert {"bars": 1, "curve": 2, "order": 3}[question.kind] == len(ax.lines)
    if question.kind == "curve":
        assert [list(line.get_ydata()) for line in ax.lines] == [truth, said]


# --- kept -----------------------------------------------------------------------------------------


def test_a_guess_survives_kill_9(tmp_path):
    code = (
        "import sys, time, pathlib; from helpers.predictions import store\n"
        "from helpers.predictions.questions import Question\n"
        f"store.FILE = pathlib.Path({str(tmp_path / 'kept.json')!r})\n"
        "store.commit(Question('part5-x', 'number', 'How many?'), 4.0, 'low')\n"
        "print('committed', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "committed\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((tmp_path / "kept.json").read_text())["part5-x"]["guess"] == 4


def test_a_damaged_file_counts_as_empty(own_file):
    own_file.write_text("{")
    assert store.load() == {}
    store.skip("part5-x")
    assert list(store.load()) == ["part5-x"]


def test_an_older_copys_guesses_are_taken_over_and_this_copys_count(tmp_path, own_file):
    old, own = (Question(f"part5-{name}", "number", "How many?") for name in "ab")
    store.commit(old, 1.0, "low")
    store.commit(own, 1.0, "low")
    (tmp_path / "older" / "data").mkdir(parents=True)
    own_file.rename(tmp_path / "older" / "data" / own_file.name)
    store.commit(own, 2.0, "low")
    store.take_over(tmp_path / "older")
    assert {id: record["guess"] for id, record in store.load().items()} == {
        "part5-a": 1,
        "part5-b": 2,
    }


def test_the_index_counts_what_is_done():
    check = {"tags": ["check"], "exercise": "double"}
    right = new_output("stream", text="double: right\n")
    cells = [
        new_markdown_cell("# Part 9 · Dogs\n\n*Who barks?*\n\nText."),
        new_code_cell('guess.number("part9-a", "?")\nguess.pick(\n    "part9-b", "?", [])'),
        new_code_cell("check(double)", metadata=check, outputs=[right]),
        new_code_cell("check(double)", metadata=check),
        new_markdown_cell(PROMPT, metadata={"tags": ["answer"]}),
    ]
    rows = rows_of({"part9_dogs": new_notebook(cells=cells)}, {"part9-a": {}, "part9-b": {}})
    link = "[Part 9 · Dogs](part9_dogs.ipynb)"
    assert rows == [(link, "Who barks?", "1 of 2", "2 of 2 ✓", "0 of 1")]


def test_guesses_are_neither_in_git_nor_in_releases():
    name = "data/my_predictions.json"
    assert name in (ROOT / ".gitignore").read_text().splitlines()
    assert name not in COPIED and "data" not in COPIED


# --- how far off ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "said", "truth", "off"),
    [
        (Question("x", "number", "", high=10), 4.0, 5.0, 0.1),
        (Question("x", "number", "", low=1, high=1e4, log=True), 10.0, 1000.0, 0.5),
        (Question("x", "number", "", high=1), 0.0, 7.0, 1.0),
        (Question("x", "bars", "", ("a", "b"), low=-10, high=10), [0.0, 10.0], [5.0, 5.0], 0.25),
        (Question("x", "order", "", ("a", "b", "c")), ["c", "b", "a"], TRUE_ORDER, 1.0),
        (Question("x", "order", "", ("a", "b", "c")), ["b", "a", "c"], TRUE_ORDER, 1 / 3),
        (Question("x", "picks", "", ("a", "b")), ["a"], ["b"], 1.0),
        (Question("x", "picks", "", ("a", "b", "c"), count=2), ["a", "b"], ["b", "c"], 0.5),
    ],
)
def test_distance(question, said, truth, off):
    assert distance(question, said, truth) == pytest.approx(off)
    assert distance(question, truth, truth) == 0 or truth == 7.0


def test_a_truth_of_another_form_is_not_compared():
    order = Question("part5-x", "order", "", ("a", "b"))
    store.commit(order, ["b", "a"], "low")
    assert store.settle("part5-x", ["a", "c"]) is None
    assert store.settle("part5-x", ["b", "a"])["distance"] == 0


def test_answers_in_words():
    assert in_words(Question("x", "number", "", unit="ms"), 12.345) == "12.3 ms"
    assert in_words(Question("x", "number", ""), 61455.0) == "61,455"
    assert in_words(Question("x", "order", ""), ["b", "a"]) == "b > a"
    assert in_words(Question("x", "bars", "", ("a", "b")), [0.5, 1]) == "a 0.5, b 1"


def test_items_are_put_in_order_by_their_buttons():
    box, read = controls.order_input(Question("x", "order", "", ("a", "b", "c")))
    box.children[0].children[1].click()
    assert read() == ["b", "a", "c"]
    box.children[2].children[0].click()
    assert read() == ["b", "c", "a"]
    assert box.children[0].children[0].disabled and box.children[2].children[1].disabled


def test_a_pair_is_two_different_ones():
    lists, read = controls.pick_input(Question("x", "picks", "", ("a", "b"), count=2))
    with pytest.raises(WorkbookError):
        read()
    for one, value in zip(lists.children, "ab"):
        one.value = value
    assert read() == ["a", "b"]
    lists.children[1].value = "a"
    with pytest.raises(WorkbookError):
        read()


# --- surprises ------------------------------------------------------------------------------------


def settle(name, said, truth, confidence):
    question = Question(f"part5-{name}", "number", f"How many {name}?", high=10)
    store.commit(question, said, confidence)
    store.settle(question.id, truth)


def test_surprises_are_those_furthest_off_first_and_confidence_is_judged():
    assert surprises.verdict({}) == ""
    settle("cats", 1.0, 9.0, "low")
    settle("dogs", 5.0, 5.5, "high")
    settle("cows", 2.0, 6.0, "middle")
    records = store.load()
    assert list(surprises.furthest(records)["question"]) == ["How many cats?", "How many cows?"]
    shares = surprises.by_confidence(records)
    assert shares.to_numpy().tolist() == [
        ["high", 1, "100%"],
        ["middle", 1, "0%"],
        ["low", 1, "0%"],
    ]
    assert "your confidence was right" in surprises.verdict(records)
    settle("pigs", 9.0, 1.0, "high")
    settle("hens", 9.0, 9.0, "low")
    assert "no more often" in surprises.verdict(store.load())


def test_a_question_in_html_is_text():
    settle("<b>cats</b>", 1.0, 9.0, "low")
    assert "<b>cats" not in surprises.told(store.load())["text/html"]
