"""exercise -> raise or one line: the checks of EC1, on differences and luck."""

from helpers.exercises.checks.calls import tuple_of
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, passed
from helpers.exercises.hints import hint as hint

FIRST = [0.553, 0.571, 0.562, 0.584, 0.566]
SECOND = [0.541, 0.566, 0.548, 0.569, 0.557]


@knows_mistakes("standard_error")
def check_standard_error(function):
    """Compare with scipy.stats.sem."""
    from scipy import stats  # here, as it takes a second

    for values in (FIRST, [3.0, 5.0], [10, 20, 40]):
        compare(f"the standard error of {values}", function(values), stats.sem(values))
    passed("standard_error")


@knows_mistakes("paired_comparison")
def check_paired_comparison(function):
    """Compare with scipy.stats.ttest_rel, whose t is the mean difference by its standard error."""
    from scipy import stats

    for first, second in ((FIRST, SECOND), ([1.0, 5.0], [4.0, 2.5]), ([3, 8, 4], [5, 1, 1])):
        test = stats.ttest_rel(first, second)
        low, high = test.confidence_interval()
        parts = "the mean difference", "its standard error"
        got = tuple_of("paired_comparison", function(first, second), parts)
        for part, value, expected in zip(
            parts, got, ((low + high) / 2, (low + high) / 2 / test.statistic)
        ):
            compare(f"{part} of {first} and {second}", value, expected)
    passed("paired_comparison")
