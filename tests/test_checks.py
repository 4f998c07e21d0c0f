"""Every check: the workbook's own solution passes, plausible wrong answers raise.

The error says what was expected and what it got.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.exercises.cells import import_of_checks, name_of, read_notebooks
from helpers.exercises.checks.tools import CheckFailed

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
    scope = {"np": np, "torch": torch, "nn": nn, "F": F}
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


# Plausible mistakes: (exercise, what the solution says, what a student might say in its place, what
# the check says).
MISTAKES = [
    ("distillation_loss", "temperature**2 * ", "", "temperature 2"),
    ("distillation_loss", "teacher_logits / temperature", "teacher_logits", "temperature 2"),
    ("distillation_loss", "student_logits / temperature", "student_logits", "temperature 2"),
    ("distillation_loss", ".sum(dim=1).mean()", ".mean()", "temperature 1"),
    ("distillation_loss", "(teacher - student)", "-student", "expected"),
    ("distillation_loss", "teacher.exp()", "student.exp()", "temperature 1"),
    ("agreement", ".mean()", ".sum()", "the agreement"),
    (
        "agreement",
        "first_logits.argmax(dim=1) == second_logits.argmax(dim=1)",
        "(first_logits - second_logits).abs().amax(dim=1) < 0.01",
        "the agreement",
    ),
    ("affine_parameters", "min(low, 0.0), max(high, 0.0)", "low, high", "0 itself"),
    ("affine_parameters", "/ 255", "/ 256", "scale"),
    ("affine_parameters", "round(-low / scale)", "round(low / scale)", "zero point"),
    ("quantise", ".clamp(0, 255)", "", "codes"),
    ("quantise", ".round()", "", "codes"),
    ("quantise", "+ zero_point", "", "codes"),
    ("dequantise", ".float() - zero_point", " - zero_point", "values"),
    ("dequantise", "- zero_point", "", "values"),
    (
        "confusion_matrix",
        "labels * num_classes + predictions",
        "predictions * num_classes + labels",
        "rows for true",
    ),
    ("confusion_matrix", "return counts.view(num_classes, num_classes)", "return counts", "shape"),
    ("running_mean_and_std", "(squares / n)", "(squares / (n - 1))", "standard deviation"),
    ("running_mean_and_std", " + delta**2 * n * len(batch) / total", "", "standard deviation"),
    (
        "running_mean_and_std",
        "mean += delta * len(batch) / total",
        "mean += delta / 2",
        "mean over",
    ),
    ("standardise", "images.float() / 255", "images.float()", "standardised"),
    ("standardise", "/ std", "/ std**2", "standardised"),
    ("standardise", "images.float() / 255", "images.double() / 255", "float32"),
    ("output_size", "2 * padding", "padding", "output_size"),
    ("output_size", "// stride", "/ stride", "expected an int"),
    ("num_conv_parameters", " + 1)", ")", "num_conv_parameters"),
    ("num_conv_parameters", "kernel_size**2 + 1", "kernel_size + 1", "num_conv_parameters"),
    ("build_deeper_net", "nn.Conv2d(16, 32, 3)", "nn.Conv2d(16, 32, 3, bias=False)", "60303"),
    ("build_deeper_net", "nn.Linear(64, 15)", "nn.Linear(64, 16)", "parameters"),
    ("log_sum_exp", "logits.amax(dim=1, keepdim=True)", "logits[:, :1] * 0", "near"),
    (
        "log_sum_exp",
        "logits.amax(dim=1, keepdim=True)",
        "logits.max().expand(len(logits), 1)",
        "far apart",
    ),
    ("log_sum_exp", "sum(dim=1)", "mean(dim=1)", "logits"),
    ("cross_entropy", "- true_logits", "+ true_logits", "mean"),
    ("cross_entropy", "losses.sum()", "losses.mean()", "sum"),
    ("cross_entropy", "torch.logsumexp(logits, dim=1)", "logits.exp().sum(dim=1).log()", "10,000"),
    ("gradient_descent", "(2 * path[-1] - 10)", "(2 * path[-1] + 10)", "path"),
    ("gradient_descent", "return path", "return path[1:]", "shape"),
    ("sgd_step", " + weight_decay * weight", "", "weight decay 0.1"),
    (
        "sgd_step",
        "return weight - learning_rate * velocity",
        "return weight.sub_(learning_rate * velocity)",
        "changed",
    ),
    (
        "accumulated_step",
        "(num_chunks), labels.chunk(num_chunks)",
        "(1), labels.chunk(1)",
        "at a time",
    ),
    ("build_deeper_net", ", nn.ReLU()", "", "4 ReLU"),
    (
        "sgd_step",
        "momentum * velocity + gradient",
        "momentum * velocity + (1 - momentum) * gradient",
        "momentum 0.9",
    ),
    ("accumulated_step", "optimizer.zero_grad()\n    ", "", "weights"),
    ("accumulated_step", 'reduction="sum") / len(labels)', ") / num_chunks", "in 4 chunks"),
    ("accuracy", "model.eval()\n    ", "", "dropout off"),
    ("accuracy", "num_images += len(batch.labels)", "num_images += 10", "accuracy"),
    (
        "random_flip",
        "torch.rand(len(images)) < p",
        "torch.rand(1).expand(len(images)) < p",
        "one for all",
    ),
    ("random_flip", "images.flip(3)", "images.flip(2)", "left to right"),
    ("random_light", "len(images), 1, 1, 1) - 1)\n    b", "1, 1, 1, 1) - 1)\n    b", "one for all"),
    ("random_light", "a * images + b", "a * (images + b)", "what is added"),
    ("dropout", " / (1 - p)", "", "keeps"),
    ("dropout", ">= p", "< p", "zero"),
    ("dropout", "if not training:", "if training:", "dropout"),
    ("prepare_for_fine_tuning", "model.requires_grad_(False)\n    ", "", "trainable parameters"),
    (
        "prepare_for_fine_tuning",
        "return model",
        "return model.requires_grad_(False)",
        "trainable parameters",
    ),
    ("prepare_for_fine_tuning", "num_classes)\n    return", "15)\n    return", "4 classes"),
]


@pytest.mark.parametrize(("name", "right", "wrong", "message"), MISTAKES)
def test_a_plausible_mistake_is_refused(name, right, wrong, message):
    assert right in SOURCES[name], "the mistake must be made in the solution as it stands"
    with pytest.raises(CheckFailed, match=message):
        check(name, _run(SOURCES[name].replace(right, wrong), name))


def test_every_exercise_has_two_plausible_mistakes():
    assert {
        name for name in SOURCES if sum(name == mistake[0] for mistake in MISTAKES) < 2
    } == set()


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
