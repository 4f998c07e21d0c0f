"""exercise -> raise or one line: the checks of EC3, on the confusion matrix."""

import numpy as np
import torch
import torch.nn.functional as F

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint


@knows_mistakes("confusion_matrix")
def check_confusion_matrix(function):
    """Compare the counts (rows: true class, columns: predicted) with scikit-learn's."""
    from sklearn.metrics import confusion_matrix  # here, as it takes a second

    generator = torch.Generator().manual_seed(5)
    labels, predictions = torch.randint(0, 4, (2, 60), generator=generator)
    for num_classes in (4, 6):  # classes that do not occur have a row and a column too
        expected = confusion_matrix(labels, predictions, labels=range(num_classes))
        got = function(labels, predictions, num_classes)
        try:
            is_transposed = np.array_equal(np.asarray(got), expected.T)
        except (TypeError, ValueError, RuntimeError):
            is_transposed = False
        expect(
            not is_transposed,
            "confusion matrix: expected rows for true classes, got rows for predicted ones.",
        )
        compare(f"confusion matrix of {num_classes} classes", got, expected, tolerance=0)
    passed("confusion_matrix")


@knows_mistakes("fit_temperature")
def check_fit_temperature(function):
    """Compare where the best temperature has a formula, and elsewhere with its neighbours."""
    cases = (8.0, 80), (1.0, 90), (2.0, 10)
    got = [_fitted(function, *_answers(*case)) for case in cases]
    for (sure, num_right), temperature in zip(cases, got):
        expected = sure / np.log(14 * num_right / (100 - num_right))
        case = f"where each answer has logit {sure:g} and {num_right}% are right"
        found = f"expected {expected:.4g}, got {temperature:.4g}"
        is_near = abs(np.log(temperature / expected)) < 0.02
        expect(is_near, f"the temperature {case}: {found}.", about=np.log(got).tolist(), step=0.05)
    generator = torch.Generator().manual_seed(12)
    logits = 3 * torch.randn(400, 15, generator=generator)
    labels = torch.multinomial((logits / 2).softmax(dim=1), 1, generator=generator)[:, 0]
    temperature = _fitted(function, logits, labels)
    here, *beside = [
        F.cross_entropy(logits / (factor * temperature), labels) for factor in (1, 0.93, 1.07)
    ]
    reason = f"expected the smallest cross-entropy; beside {temperature:.3g} it is smaller."
    expect(here <= min(beside), f"fit_temperature: {reason}")
    passed("fit_temperature")


def _answers(sure, num_right):
    """Return 100 answers of logit `sure`, all 14 others 0, and labels: `num_right` are right."""
    logits = torch.zeros(100, 15, dtype=torch.float64)
    logits[:, 4] = sure
    return logits, torch.where(torch.arange(100) < num_right, 4, 9)


def _fitted(function, logits, labels):
    """Return the temperature that a function fits, a number above 0."""
    got = function(logits, labels)
    expect(got is not None, "fit_temperature: expected a number, got None. Do you `return` it?")
    expect(float(got) > 0, f"fit_temperature: expected a number above 0, got {float(got):.4g}.")
    return float(got)
