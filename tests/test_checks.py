"""Every check: the workbook's own solution passes, plausible wrong answers raise.

The error says what was expected and what it got.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from helpers.exercises.cells import import_of_checks, name_of, read_notebooks
from helpers.exercises.checks.tools import CheckFailed
from helpers.grader.mistakes.table import all_mistakes

NOTEBOOKS = read_notebooks()
HOMES = {  # exercise: the stem of its notebook
    name_of(cell): stem
    for stem, notebook in NOTEBOOKS.items()
    for cell in notebook.cells
    if "exercise" in cell.metadata.get("tags", [])
}
SOURCES = {
    name_of(cell): cell.source
    for notebook in NOTEBOOKS.values()
    for cell in notebook.cells
    if "exercise" in cell.metadata.get("tags", [])
}


def check(name, function):
    """Call the check of an exercise, as its notebook does."""
    scope = {}
    exec(import_of_checks(HOMES[name]), scope)
    getattr(scope["checks"], f"check_{name}")(function)


def _run(source, name):
    scope = {"np": np, "torch": torch, "nn": nn, "F": F, "Image": Image, "v2": v2}
    exec(source, scope)
    return scope[name]


@pytest.mark.parametrize("name", SOURCES)
def test_the_workbooks_solution_passes_with_one_fixed_line(name, capsys):
    check(name, _run(SOURCES[name], name))
    assert capsys.readouterr().out == f"{name}: right\n"


@pytest.mark.parametrize("name", SOURCES)
def test_an_answer_of_none_is_refused_in_a_sentence(name):
    with pytest.raises(CheckFailed, match="expected|return"):
        check(name, lambda *args, **kwargs: None)


MISTAKES = all_mistakes()


def wrong_source(mistake):
    """Return the source of an exercise with a mistake made in the workbook's solution."""
    return mistake.source(SOURCES[mistake.exercise])


def test_a_description_says_what_a_mistake_does_and_asks_without_telling():
    for mistake in MISTAKES:
        does, ask = mistake.does, mistake.ask
        assert not does.endswith(".") and ask[-1] in "?.", does
        assert len(does) < 100 and len(ask) < 170, does
        assert len(mistake.right) < 8 or mistake.right.strip() not in does + ask, does


def test_a_mean_of_batch_accuracies_is_refused():
    def accuracy(model, batches):
        model.eval()
        return float(
            np.mean([(model(b.images).argmax(1) == b.labels).float().mean() for b in batches])
        )

    with pytest.raises(CheckFailed, match="expected 0.478.*got"):
        check("accuracy", accuracy)


def test_a_sum_of_squares_that_reads_the_batches_twice_is_refused():
    def two_passes(batches):
        values = np.concatenate(list(batches))
        return values.mean(), np.concatenate(list(batches)).std()

    with pytest.raises(CheckFailed, match="raised ValueError.*nothing is left"):
        check("running_mean_and_std", two_passes)
