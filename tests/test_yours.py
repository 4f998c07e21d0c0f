"""Where an exercise is solved, the notebook goes on with the student's function; else without it."""

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from other_solutions import RIGHT
from torch import nn

from helpers.alexnet import freeze, make_alexnet
from helpers.data import Split
from helpers.exercises.cells import import_of_checks, imports_of, read_notebooks
from helpers.exercises.checks import part7
from helpers.exercises.yours import solved
from helpers.sources.weights import find_weights

NOTEBOOKS = read_notebooks()
CELLS = {  # notebook: the cells that go on with what its exercises gave
    "part5_train_simple_net": "part5-10b-guess own-5-loops part5-10c own-5-beside",
    "part6_augmentation": "own-6-run",
    "part7_dropout": "part7-08 part7-10b-guess part7-10c own-7-layer own-7-run",
    "part8_alexnet": "part8-03 part8-11a part8-12",
    "ec2_quantization": "ec2-14bx own-ec2-run",
}
USED = {
    "part5_train_simple_net": ["train_one_epoch", "accuracy", "accumulated_step"],
    "part6_augmentation": ["random_flip", "random_light"],
    "part7_dropout": ["dropout", "SmallNetDropout"],
    "part8_alexnet": ["prepare_for_fine_tuning"],
    "ec2_quantization": ["quantise", "dequantise"],
}


class SmallAlexNet(nn.Module):
    """A network in AlexNet's form that is quick to round."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 16, 11), nn.ReLU(), nn.Conv2d(16, 4, 5))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(4 * 50 * 50, 15))

    def forward(self, images):
        return self.classifier(self.features(images.expand(-1, 3, -1, -1)))


def scope_of(stem, functions):
    """Return the names that a notebook has before these cells, with few images and weights."""
    generator = torch.Generator().manual_seed(0)
    split = Split(torch.randn(45, 1, 64, 64, generator=generator), torch.arange(45) % 15)
    scope = {"train": split, "val": split, "model": SmallAlexNet()}
    exec(f"{imports_of(NOTEBOOKS[stem])}\n{import_of_checks(stem)}", scope)
    return scope | functions


def go_on(stem, functions, capsys):
    """Run the cells that go on with these functions; return (scope, lines, calls by the cells)."""
    calls = Counter()

    def counted(name):
        def function(*args, **kwargs):
            calls[name] += 1
            return functions[name](*args, **kwargs)

        return function

    def solved_uncounted(check, function):
        is_right = solved(check, function)
        calls[check.__name__.removeprefix("check_")] = 0
        return is_right

    scope = scope_of(stem, {name: counted(name) for name in functions})
    scope["solved"] = solved_uncounted
    cells = {cell.id: cell.source for cell in NOTEBOOKS[stem].cells}
    capsys.readouterr()
    for cell_id in CELLS[stem].split():
        exec(cells[cell_id], scope)
    return scope, capsys.readouterr().out, calls


def write(name, source, scope):
    """Return the function, or class, that the source of an exercise defines."""
    exec(source, scope)
    return scope[name]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """Keep no predictions and no figures."""
    monkeypatch.setattr("helpers.predictions.store.FILE", tmp_path / "predictions.json")
    yield
    plt.close("all")


def right(stem, number):
    """Return another right solution of each exercise that a notebook goes on with."""
    scope = {"np": np, "torch": torch, "nn": nn, "F": torch.nn.functional}
    return {
        name: write(name, RIGHT[name][number % len(RIGHT[name])], scope.copy())
        for name in USED[stem]
    }


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("stem", CELLS)
def test_another_right_solution_is_used_and_a_line_says_so(stem, number, capsys):
    scope, out, calls = go_on(stem, right(stem, number), capsys)
    for name in USED[stem]:
        assert f"This cell runs your {name}.\n" in out
        assert calls[name] > 0, f"{name} was not called"
    assert "ready-made" not in out


@pytest.mark.parametrize("stem", CELLS)
def test_without_solutions_the_notebook_goes_on_and_says_so(stem, capsys):
    def open_exercise(name):
        def function(*args, **kwargs):
            raise NotImplementedError(f"{name}: not solved yet")

        return function

    _, out, calls = go_on(stem, {name: open_exercise(name) for name in USED[stem]}, capsys)
    for name in USED[stem]:
        # Without `dequantise`, nothing can be done with codes.
        is_asked = name != "quantise"
        line = f"{name} is not solved yet: this cell runs a ready-made one."
        assert (line in out.splitlines()) == is_asked
        assert not calls[name]
    assert "This cell runs your" not in out


@pytest.mark.parametrize("stem", CELLS)
def test_one_wrong_solution_costs_only_itself(stem, capsys):
    first, *others = USED[stem]
    functions = right(stem, 0) | {first: lambda *args, **kwargs: None}
    _, out, calls = go_on(stem, functions, capsys)
    assert f"Your {first} fails its check: this cell runs a ready-made one.\n" in out
    assert not calls[first]
    for name in others:
        assert f"This cell runs your {name}.\n" in out


@pytest.mark.parametrize("stem", CELLS)
def test_no_stored_output_did_without_a_solution(stem):
    cells = [cell for cell in NOTEBOOKS[stem].cells if cell.cell_type == "code"]
    texts = [output.get("text", "") for cell in cells for output in cell.outputs]
    assert not any("ready-made" in text for text in texts)


# --- what the cells compute -----------------------------------------------------------------------


def test_the_students_step_and_loop_train_as_the_workbooks_loop(capsys):
    stem = "part5_train_simple_net"
    histories = go_on(stem, right(stem, 1), capsys)[0]["histories"]
    ways = [[row["loss"] for row in history] for history in histories.values()]
    assert len(ways) == 3
    torch.testing.assert_close(ways[1:], 2 * ways[:1], rtol=1e-3, atol=0)


def test_alexnet_starts_the_same_by_the_students_function_as_by_the_workbooks(capsys):
    model = go_on("part8_alexnet", right("part8_alexnet", 1), capsys)[0]["model"]
    torch.manual_seed(0)
    ready = freeze(make_alexnet(find_weights()))
    for (name, ours), theirs in zip(model.named_parameters(), ready.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
        assert ours.requires_grad == theirs.requires_grad, name


def test_the_students_rounding_is_pytorchs(capsys):
    stem, values = "ec2_quantization", torch.randn(5, 7)
    own = go_on(stem, right(stem, 0), capsys)[0]["with_bits"]
    ready = go_on(stem, dict.fromkeys(USED[stem], lambda *_: None), capsys)[0]["with_bits"]
    for bits in (8, 3):
        torch.testing.assert_close(own(values, bits), ready(values, bits))


def test_the_students_dropout_lets_gradients_through(capsys):
    layer = go_on("part7_dropout", right("part7_dropout", 1), capsys)[0]["DropoutLayer"](0.5)
    values = torch.ones(1000, requires_grad=True)
    layer(values).sum().backward()
    assert set(values.grad.tolist()) == {0.0, 2.0}
    assert torch.equal(layer.eval()(values), values)


# --- solved ---------------------------------------------------------------------------------------


def test_a_check_on_the_way_leaves_the_draws_of_the_notebook_and_prints_nothing_else(capsys):
    def dropout(values, p, training):
        print("a line of the student's")
        return torch.nn.functional.dropout(values, p, training)

    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    assert solved(part7.check_dropout, dropout)
    assert torch.equal(torch.rand(4), expected)
    assert capsys.readouterr().out == "This cell runs your dropout.\n"


@pytest.mark.parametrize("error", [NameError, ValueError, RuntimeError])
def test_a_function_that_raises_fails_its_check(error, capsys):
    def dropout(values, p, training):
        raise error("no")

    assert not solved(part7.check_dropout, dropout)
    assert capsys.readouterr().out.startswith("Your dropout fails its check")


def test_an_interrupt_of_a_check_stops_the_cell():
    def dropout(values, p, training):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solved(part7.check_dropout, dropout)
