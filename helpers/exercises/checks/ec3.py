"""exercise -> raise or one line: the checks of EC3, on the confusion matrix."""

import numpy as np
import torch

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
