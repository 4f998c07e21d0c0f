"""Mistakes in Part 1: mean and standard deviation in one pass; pixels made standard."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_moments = partial(Mistake, "running_mean_and_std")
_standard = partial(Mistake, "standardise")

MISTAKES = [
    _moments(
        "(squares / n)",
        "(squares / (n - 1))",
        "divides the sum of squares by n - 1",
        "That estimates the spread of a population from a sample. Which of the two is asked for here?",
    ),
    _moments(
        " + delta**2 * n * len(batch) / total",
        "",
        "averages the spread inside the batches, and leaves out how far their means lie apart",
        "Take two batches, all 0 and all 1: what is the standard deviation of the four values 0, 0, "
        "1, 1, and what does your function say?",
    ),
    _moments(
        "",
        """def running_mean_and_std(batches):
    means, variances = [], []
    for batch in batches:
        means.append(batch.mean())
        variances.append(batch.var())
    return sum(means) / len(means), (sum(variances) / len(variances)) ** 0.5""",
        "takes the plain mean of the batches' means",
        "One of the batches here holds a single value. Should it count as much as 427 values?",
    ),
    _moments(
        "mean += delta * len(batch) / total",
        "mean += delta / 2",
        "moves the mean half way to the mean of each new batch",
        "After 800 values, how far should a batch of one value move it?",
    ),
    _moments(
        "(squares / n) ** 0.5",
        "squares / n",
        "returns the variance in place of the standard deviation",
        "Which unit has each, if the values are grey levels?",
    ),
    _moments(
        "return mean, (squares / n) ** 0.5",
        "return (squares / n) ** 0.5, mean",
        "returns the standard deviation first and the mean second",
        "In which order does the docstring name them?",
    ),
    _moments(
        "",
        """def running_mean_and_std(batches):
    n, total, squares = 0, 0.0, 0.0
    for batch in batches:
        n += len(batch)
        total += batch.sum()
        squares += (batch**2).sum()
    mean = total / n
    return mean, max(squares / n - mean**2, 0) ** 0.5""",
        "subtracts large numbers that are almost equal, and so loses the digits of their difference",
        "Around 10,000,000, how many of some 16 digits are left for squares that differ by less "
        "than 1? Which numbers could you square instead?",
        by=PLACE,
    ),
    _moments(
        "",
        """def running_mean_and_std(batches):
    n, mean, squares = 0, 0.0, 0.0
    for batch in batches:
        total = n + len(batch)
        mean += (batch.mean() - mean) * len(batch) / total
        squares += ((batch - mean) ** 2).sum()
        n = total
    return mean, (squares / n) ** 0.5""",
        "measures each batch around the mean as it is known at that moment",
        "The mean moves on afterwards. What has to be corrected in the squares of the batches before?",
    ),
    _moments(
        "",
        """def running_mean_and_std(batches):
    values = np.concatenate(list(batches))
    return values.mean(), np.concatenate(list(batches)).std()""",
        "reads the batches twice",
        "What is left in a generator that was read to its end?",
    ),
    _moments(
        "",
        """def running_mean_and_std(batches):
    n, mean, std = 0, 0.0, 0.0
    for batch in batches:
        total = n + len(batch)
        mean += (batch.mean() - mean) * len(batch) / total
        std += (batch.std() - std) * len(batch) / total
        n = total
    return mean, std""",
        "averages the batches' standard deviations",
        "Standard deviations do not add up. Which quantity does, over values that belong together?",
    ),
    _standard(
        "images.float() / 255",
        "images.float()",
        "leaves the grey levels between 0 and 255",
        "To which range do `mean` and `std` refer?",
    ),
    _standard(
        "/ std",
        "/ std**2",
        "divides by the variance",
        "Which quantity has the same unit as a grey level?",
    ),
    _standard(
        "images.float() / 255",
        "images.double() / 255",
        "computes in 64 bits",
        "What type do the weights of a network have? Where in your line does the type change?",
    ),
    _standard(
        "images.float() / 255 - mean",
        "(images.float() - mean) / 255",
        "subtracts the mean before the grey levels are brought between 0 and 1",
        "What is the mean of grey levels from 0 to 255, and what is `mean`?",
    ),
    _standard(
        "(images.float() / 255 - mean) / std",
        "images.float() / 255 - mean / std",
        "divides the mean alone by the standard deviation",
        "What does Python compute first, a division or a subtraction?",
    ),
    _standard(
        "255 - mean",
        "255 + mean",
        "adds the mean",
        "What should a pixel that is exactly as bright as the mean become?",
    ),
    _standard(
        "images.float() / 255 - mean",
        "(images - round(255 * mean)).float() / 255",
        "subtracts while the pixels are still unsigned bytes",
        "What is 3 - 5 in `uint8`? What should come first?",
    ),
    _standard(
        "images.float() / 255",
        "images // 255",
        "divides whole numbers, without a remainder",
        "What is 128 // 255?",
    ),
    _standard(
        "    # BEGIN SOLUTION\n",
        "    images /= 255\n",
        "divides the images that came in, in place",
        "They are bytes and cannot hold 0.5. Which operation gives a new tensor?",
    ),
]
