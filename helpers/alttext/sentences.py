"""numbers -> words: what a curve, a distribution or a matrix shows."""

import numpy as np

SHARE_APART = 0.1  # of what two curves span together; nearer ones count as close
SHARE_OF_TURN = 0.1  # of what a curve spans: a peak or valley this far from its ends is told


def say(value):
    """Return a number as a person would read it out: three digits, thousands with commas."""
    value = float(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return f"{0.0 if abs(value) < 1e-12 else value:.3g}".replace("-", "−")


def percent(value):
    """Return a share as a percentage."""
    return f"{100 * float(value):.0f}%"


def listed(parts, last="and"):
    """Return "a, b and c"."""
    *first, end = map(str, parts)
    return f"{', '.join(first)} {last} {end}" if first else end


def sentence(text):
    """Return a text with a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def course(xs, ys, say_x=say, say_y=say, is_log=False):
    """Return how a curve runs: "rises from 0.2 to its highest, 0.6, at 9, and ends at 0.5".

    With `is_log`, heights are compared as a log scale shows them.
    """
    xs, ys = (np.asarray(values, dtype=float) for values in (xs, ys))
    is_finite = np.isfinite(ys)
    if not is_finite.any():
        return "has no finite value"
    xs, ys = xs[is_finite], ys[is_finite]
    heights = np.log(ys) if is_log and (ys > 0).all() else ys
    first, last, low, high = ys[0], ys[-1], ys.min(), ys.max()
    ends = "" if is_finite.all() else ", where its finite values end"
    if len(ys) == 1:
        return f"is {say_y(first)} at {say_x(xs[0])}"
    if say_y(low) == say_y(high) or high - low <= 0.01 * max(abs(low), abs(high)):
        return f"stays near {say_y(ys.mean())}{ends}"
    turn = SHARE_OF_TURN * np.ptp(heights)
    at_ends = heights[[0, -1]]
    peak, valley = heights.max() - at_ends.max(), at_ends.min() - heights.min()
    if max(peak, valley) > turn:
        verb, word, at = (
            ("rises", "highest", ys.argmax()) if peak > valley else ("falls", "lowest", ys.argmin())
        )
        extreme = f"its {word}, {say_y(ys[at])}, at {say_x(xs[at])}"
        return f"{verb} from {say_y(first)} to {extreme}, and ends at {say_y(last)}{ends}"
    verb = "rises" if last > first else "falls"
    steps = np.abs(np.diff(heights))
    if len(ys) > 3 and steps.max() > 0.9 * np.ptp(heights):
        verb, ends = (
            verb.replace("rises", "jumps").replace("falls", "drops"),
            (f" at {say_x(xs[steps.argmax() : steps.argmax() + 2].mean())}{ends}"),
        )
    return f"{verb} from {say_y(first)} to {say_y(last)}{ends}"


def parting(xs, ones, others, x_name="x"):
    """Return where two curves over the same x part, or that they stay together or apart."""
    ones, others = np.asarray(ones, dtype=float), np.asarray(others, dtype=float)
    together = np.concatenate([ones, others])
    if not np.isfinite(together).all():
        return ""
    apart = np.abs(ones - others) > SHARE_APART * (together.max() - together.min())
    if not apart.any():
        return "they stay close together"
    if apart.all():
        return "they are apart throughout"
    if not apart[-1]:
        return "they end close together"
    return f"they part after {x_name} {say(xs[np.flatnonzero(~apart)[-1]])}"


def spread(edges, heights):
    """Return where the values of a histogram lie: `edges` (n + 1,), `heights` (n,)."""
    edges, heights = np.asarray(edges, dtype=float), np.asarray(heights, dtype=float)
    middles, shares = (edges[1:] + edges[:-1]) / 2, heights * np.diff(edges)
    full = np.flatnonzero(shares)
    if not len(full):
        return "no values"
    summed = np.cumsum(shares) / shares.sum()
    quarter, three_quarters = (middles[np.searchsorted(summed, q)] for q in (0.25, 0.75))
    return (
        f"values from {say(edges[full[0]])} to {say(edges[full[-1] + 1])}, half of them between "
        f"{say(quarter)} and {say(three_quarters)}, most often near {say(middles[heights.argmax()])}"
    )


def confusion(matrix, names, num_told=3):
    """Return what a square matrix shows: its diagonal, and its largest entries beside it.

    Rows: true class, columns: predicted. Shares (floats) are told in percent.
    """
    matrix = np.asarray(matrix)
    tell = percent if matrix.max() <= 1 else say
    diagonal = np.diag(matrix)
    worst, best = diagonal.argmin(), diagonal.argmax()
    beside = np.where(np.eye(len(matrix), dtype=bool), -1, matrix)
    largest = [np.unravel_index(i, matrix.shape) for i in np.argsort(-beside, None)[:num_told]]
    mistakes = [f"{names[i]} taken for {names[j]} ({tell(matrix[i, j])})" for i, j in largest]
    return (
        f"a matrix of {len(matrix)} true classes (rows) by {len(matrix)} predicted ones; the "
        f"diagonal is {tell(diagonal.mean())} on average, from {tell(diagonal[worst])} "
        f"({names[worst]}) to {tell(diagonal[best])} ({names[best]}); "
        f"most often confused: {listed(mistakes)}"
    )
