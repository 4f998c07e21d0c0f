"""Mistakes in EC3: the confusion matrix, and a temperature that is fitted."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_count = partial(Mistake, "confusion_matrix")
_temperature = partial(Mistake, "fit_temperature")

MISTAKES = [
    _count(
        "labels * num_classes + predictions",
        "predictions * num_classes + labels",
        "has rows for predicted classes",
        "In which row belongs a street that is taken for a highway?",
    ),
    _count(
        "counts.view(num_classes, num_classes)",
        "counts",
        "returns the counts in one long row",
        "How many rows and columns has the matrix?",
    ),
    _count(
        "",
        """def confusion_matrix(labels, predictions, num_classes):
    counts = torch.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    counts = counts.view(num_classes, num_classes)
    return counts / counts.sum(dim=1, keepdim=True)""",
        "returns shares of each row in place of counts",
        "The exercise asks how many. Shares are a later step: what do they hide?",
    ),
    _count(
        ", minlength=num_classes**2",
        "",
        "counts only up to the largest cell that occurs",
        "How many cells must there be, also where nothing falls into the last ones?",
    ),
    _count(
        "    cells",
        "    num_classes = int(max(labels.max(), predictions.max())) + 1\n    cells",
        "takes the number of classes from the data",
        "What if a class does not occur in a batch?",
    ),
    _count(
        "",
        """def confusion_matrix(labels, predictions, num_classes):
    right = labels[labels == predictions]
    return torch.diag(torch.bincount(right, minlength=num_classes))""",
        "counts right answers only",
        "What stands beside the diagonal?",
    ),
    _count(
        "",
        """def confusion_matrix(labels, predictions, num_classes):
    counts = torch.zeros(num_classes, num_classes)
    counts[labels, predictions] += 1
    return counts""",
        "counts a pair once, however often it occurs",
        "If the same place stands twice in an index, how often does `+= 1` reach it?",
    ),
    _count(
        "labels * num_classes + predictions",
        "labels + num_classes * labels",
        "ignores the predictions",
        "Which number should a cell in row 2, column 3 get?",
    ),
    _temperature(
        "logits / t",
        "logits * t",
        "multiplies by the temperature",
        "Does a high temperature make a network more sure, or less?",
    ),
    _temperature(
        ".argmin()",
        ".argmax()",
        "takes the largest loss",
        "Which loss do you look for?",
    ),
    _temperature(
        "temperatures[torch.stack(losses).argmin()].item()",
        "torch.stack(losses).min().item()",
        "returns the smallest loss in place of its temperature",
        "What was found, and where was it found?",
    ),
    _temperature(
        "-1, 1, 401",
        "-1, 1, 7",
        "tries so few temperatures that the best one lies between two of them",
        "How far apart are two temperatures that you try?",
    ),
    _temperature(
        "-1, 1, 401",
        "0, 1, 401",
        "tries no temperature below 1",
        "What does a network need that is not sure enough?",
    ),
    _temperature(
        "F.cross_entropy(logits / t, labels)",
        "((logits / t).argmax(dim=1) != labels).double().mean()",
        "counts wrong answers in place of taking the loss",
        "Does a temperature change any answer?",
    ),
    _temperature(
        "F.cross_entropy(logits / t, labels)",
        "F.cross_entropy((logits / t).softmax(dim=1), labels)",
        "applies the softmax twice",
        "What does the library's cross-entropy do with what it is given?",
    ),
]
