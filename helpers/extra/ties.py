"""accuracies -> best and ties: which differences could be luck."""

import math


def standard_error(accuracy, num_images):
    """Return the standard error of an accuracy measured on so many images: that of a proportion."""
    return (accuracy * (1 - accuracy) / num_images) ** 0.5


def ties_with_best(accuracies, spreads):
    """Return (index of the highest accuracy, indices of those that cannot be told from it).

    Two are a tie if they differ by at most sqrt(a^2 + b^2) of their spreads. NaN never wins nor
    ties.
    """
    known = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    if not known:
        return None, []
    best = max(known, key=lambda i: accuracies[i])
    close = lambda i: accuracies[best] - accuracies[i] <= math.hypot(spreads[best], spreads[i])
    return best, [i for i in known if i != best and close(i)]
