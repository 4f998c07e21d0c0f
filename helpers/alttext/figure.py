"""a figure -> its alternative text: a few sentences made from the data in it."""

from itertools import groupby

import numpy as np

from helpers.alttext.axes import Reader, plain, title_of
from helpers.alttext.sentences import listed, say, sentence

COUNTS = ("no", "one", "two", "three", "four", "five", "six")
# How a colour map runs, for the reader who does not see it.
MAPS = {
    "RdBu_r": "blue below zero, red above",
    "magma": "dark to bright",
    "inferno": "dark to bright",
}
MANY_TITLES = 30  # of pictures; of more, each is told once


def describe(figure):
    """Return the alternative text of a figure: who draws it may set it by `set_label`.

    A label of the figure stands for all of it, a label of an Axes for that Axes.
    """
    if figure.get_label():
        return str(figure.get_label())
    shown = [ax for ax in figure.axes if ax.axison and not _is_colorbar(ax)]
    heading = plain(figure.get_suptitle())
    told = [sentence(heading)] if heading else []
    pictures = [ax for ax in shown if ax.images]
    if pictures and len(pictures) > 1:
        told.append(sentence(tell_pictures(pictures)))
        shown = [ax for ax in shown if ax not in pictures]
    if len(shown) > 1:
        told.append(sentence(f"{_count(len(shown))} plots side by side"))
    told += [tell_axes(ax, _place(number, len(shown))) for number, ax in enumerate(shown)]
    return " ".join(filter(None, told)) or "An empty figure."


def tell_axes(ax, place=""):
    """Return the sentences for one Axes: place, title, what its axes mean, and what it shows."""
    if ax.get_label():
        return sentence(f"{place}{ax.get_label()}")
    reader = Reader(ax)
    title = f"“{title_of(ax)}”" if title_of(ax) else ""
    if ax.images:
        return sentence(f"{place}a picture{', ' * bool(title)}{title}, {_picture(ax)}")
    clauses, named = "; ".join(reader.clauses()), reader.axes_named()
    head = ", ".join(filter(None, (title, named)))
    return sentence(f"{place}{head or 'a plot'}: {clauses or 'nothing is drawn'}")


def tell_pictures(axes):
    """Return a clause for a grid of pictures: how many, their titles, and their values."""
    titles = [title_of(ax) for ax in axes]
    columns = len({round(ax.get_position().x0, 3) for ax in axes})
    rows = -(-len(axes) // columns)
    grid = f"{_count(len(axes))} pictures in {_count(rows)} row{'s' * (rows > 1)}"
    if all(title.isdigit() for title in titles):
        grid += f", numbered {titles[0]} to {titles[-1]}"
    elif any(titles):
        runs = [(title, len(list(group))) for title, group in groupby(titles) if title]
        told = [f"{title} ({times} times)" if times > 1 else title for title, times in runs]
        if len(told) > MANY_TITLES:
            told = list(dict.fromkeys(title for title, _ in runs))
        grid += f": {', '.join(told)}"
    maps = {ax.images[-1].get_cmap().name for ax in axes} & MAPS.keys()
    return "; ".join([grid, *(_values(axes, name) for name in sorted(maps))])


def _values(axes, name):
    """Return what the colours of pictures say: their range, and the most active, or warm, ones."""
    arrays = [np.asarray(ax.images[-1].get_array(), dtype=float) for ax in axes]
    low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
    text = f"values from {say(low)} to {say(high)}, {MAPS[name]}"
    if len(axes[0].images) > 1:  # a map of warmth over a picture
        warm = [f"{title_of(ax) or i} {_where(a)}" for i, (ax, a) in enumerate(zip(axes, arrays))]
        return f"{text}; the warmest spot: {', '.join(warm)}"
    if low >= 0:
        order = np.argsort([-a.mean() for a in arrays])[:3]
        return f"{text}; the brightest on average: {listed(title_of(axes[i]) or i for i in order)}"
    return text


def _picture(ax):
    """Return the size of a picture and where its light is."""
    array = np.asarray(ax.images[-1].get_array(), dtype=float)
    height, width = array.shape[:2]
    halves = array[: height // 2].mean(), array[height // 2 :].mean()
    lighter = "upper" if halves[0] > halves[1] else "lower"
    return f"{width} by {height} pixels, lighter in its {lighter} half"


def _where(array):
    """Return in which ninth of a picture its highest value lies, "nowhere" in an even one."""
    if np.ptp(array) < 1e-6:
        return "nowhere"
    row, column = np.unravel_index(array.argmax(), array.shape)
    up = ("upper", "middle", "lower")[3 * row // array.shape[0]]
    across = ("left", "centre", "right")[3 * column // array.shape[1]]
    return "centre" if (up, across) == ("middle", "centre") else f"{up} {across}"


def _is_colorbar(ax):
    return ax.get_label() == "<colorbar>"


def _count(number):
    return COUNTS[number] if number < len(COUNTS) else str(number)


def _place(number, total):
    if total < 2:
        return ""
    names = {2: ("left", "right"), 3: ("left", "middle", "right")}.get(total)
    return f"{names[number].capitalize() if names else f'Plot {number + 1}'}: "
