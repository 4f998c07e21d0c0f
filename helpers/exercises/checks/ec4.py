"""exercise -> raise or one line: the checks of EC4, on distillation."""

import torch
import torch.nn.functional as F

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint


def _answers():
    generator = torch.Generator().manual_seed(4)
    return torch.randn(2, 9, 15, generator=generator) * 3


@knows_mistakes("distillation_loss")
def check_distillation_loss(function):
    """Compare with torch.nn.functional.kl_div, at several temperatures."""
    student, teacher = _answers()
    for temperature in (1.0, 2.0, 5.0):
        expected = temperature**2 * F.kl_div(
            (student / temperature).log_softmax(dim=1),
            (teacher / temperature).softmax(dim=1),
            reduction="batchmean",
        )
        what = f"the distillation loss at temperature {temperature:g}"
        compare(what, function(student, teacher, temperature), expected)
    same = torch.as_tensor(function(teacher, teacher, 2.0)).double()
    zero = f"the loss of a student that answers as its teacher: expected 0, got {same.mean():.5g}."
    expect(same.abs().max() < 1e-5, zero)
    sure = torch.as_tensor(function(100 * student, 100 * teacher, 1.0))
    expect(
        torch.isfinite(sure).all(),
        "the loss where answers are sure: expected a finite number, got inf or nan.",
    )
    passed("distillation_loss")


@knows_mistakes("agreement")
def check_agreement(function):
    """Compare with a count, image by image."""
    student, teacher = _answers()
    teacher[:4] = 2 * student[:4]  # other logits, the same answers
    same = sum(int(a.argmax() == b.argmax()) for a, b in zip(student, teacher))
    compare("the agreement", function(student, teacher), same / len(student))
    compare("the agreement with itself", function(student, student), 1.0)
    passed("agreement")
