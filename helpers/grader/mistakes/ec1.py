"""Mistakes in EC1: the standard error, alone and of paired differences."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_error = partial(Mistake, "standard_error")
_paired = partial(Mistake, "paired_comparison")

MISTAKES = [
    _error(
        "ddof=1",
        "ddof=0",
        "divides the sum of squares by n",
        "By what do you divide when the mean was computed from the same values?",
    ),
    _error(
        "len(values) ** 0.5",
        "len(values)",
        "divides by the number of runs, not by its root",
        "How much less than a single run does a mean of four runs scatter?",
    ),
    _error(
        " / len(values) ** 0.5",
        "",
        "returns the standard deviation of a single run",
        "Should your number become smaller with more runs?",
    ),
    _error(
        "values.std(ddof=1)",
        "values.var(ddof=1)",
        "starts from the variance",
        "In which unit is a variance?",
    ),
    _error(
        "len(values) ** 0.5",
        "(len(values) - 1) ** 0.5",
        "takes 1 off the number of runs twice",
        "Where does the 1 belong that is taken off?",
    ),
    _paired(
        "len(differences) ** 0.5",
        "len(differences)",
        "divides by the number of pairs, not by its root",
        "How much less does a mean of four scatter than a single difference?",
    ),
    _paired(
        "/ len(differences) ** 0.5",
        "/ (len(differences) - 1) ** 0.5",
        "takes n - 1 twice, in the deviation and under the root",
        "The mean was taken from the same numbers. In which of the two places does that cost one?",
    ),
    _paired(
        "differences.std(ddof=1) / len(differences) ** 0.5",
        "(np.var(first, ddof=1) / len(first) + np.var(second, ddof=1) / len(second)) ** 0.5",
        "treats the runs as if they had different seeds",
        "What cancels if you compare run with run first?",
    ),
    _paired(
        "differences.mean()",
        "-differences.mean()",
        "subtracts the first from the second",
        "Which of the two should be better if your number is positive?",
    ),
    _paired(
        "ddof=1",
        "ddof=0",
        "divides the sum of squares by n",
        "By what do you divide when the mean was computed from the same values?",
    ),
    _paired(
        " / len(differences) ** 0.5",
        "",
        "returns the standard deviation of the differences",
        "Should your number become smaller with more seeds?",
    ),
    _paired(
        "np.asarray(first, dtype=float) - np.asarray(second, dtype=float)",
        "abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float))",
        "drops the sign of each difference",
        "What should the mean be if each wins as often as the other?",
    ),
    _paired(
        "np.asarray(first, dtype=float) - np.asarray(second, dtype=float)",
        "np.sort(first) - np.sort(second)",
        "sorts the runs, so that pairs are torn apart",
        "Which run belongs to which?",
    ),
]
