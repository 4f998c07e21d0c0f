"""an Axes -> clauses: what each kind of thing drawn in it shows."""

import re

import numpy as np
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.contour import ContourSet
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, PercentFormatter

from helpers.alttext.sentences import confusion, course, listed, parting, percent, say, spread

FEW_NAMES, MANY_LINES, MANY_NAMES, MANY_BARS = 5, 6, 10, 20  # more of them are told together
AUTOMATIC = re.compile(r"_(child|container|nolegend)|$")  # labels that Matplotlib gives
STYLES = {"--": "dashed", ":": "dotted", "-.": "dash-dotted"}


def plain(text):
    r"""Return a label without line breaks and TeX: "$\beta_1$" becomes "beta_1"."""
    return re.sub(r"[$\\{}]", "", " ".join(str(text).split()))


def title_of(ax):
    """Return the title of an Axes, wherever it stands."""
    return plain(next(filter(None, (ax.get_title(loc) for loc in ("left", "center", "right"))), ""))


def name_of(artist, default=""):
    """Return an artist's label; one that begins with "_" is for readers of this text alone.

    A line without one has the name of the line of its colour in another Axes of the figure.
    """
    label = str(artist.get_label() or "")
    if not AUTOMATIC.match(label):
        return plain(label.lstrip("_"))
    if isinstance(artist, Line2D) and artist.figure:
        for line in (
            line for ax in artist.figure.axes if ax is not artist.axes for line in ax.lines
        ):
            named = not AUTOMATIC.match(str(line.get_label()))
            if named and line.get_color() == artist.get_color():
                return plain(line.get_label().lstrip("_"))
    return default


def quoted(name):
    """Return a name in quotation marks, if it could be read as part of the sentence around it."""
    return f"“{name}”" if re.search(r"[,;:]|\d \w", name) else name


class Reader:
    """Reads one Axes: its names, and a clause for each thing drawn in it."""

    def __init__(self, ax):
        self.ax = ax
        self.used_texts = []
        self.categories = {which: _categories(getattr(ax, f"{which}axis")) for which in "xy"}

    def clauses(self):
        """Return all clauses, in the order: matrices, bars, bars of error, lines, points, rest."""
        kinds = (self.matrices, self.bars, self.errorbars, self.lines, self.points, self.rest)
        return [clause for kind in kinds for clause in kind()]

    def axes_named(self):
        """Return "accuracy against epoch", with what is a log scale."""
        names = [plain(self.ax.get_ylabel()), plain(self.ax.get_xlabel())]
        scales = (self.ax.get_yscale(), self.ax.get_xscale())
        names = [
            f"{name} (log scale)" if name and scale == "log" and "log" not in name else name
            for name, scale in zip(names, scales)
        ]
        return " against ".join(filter(None, names))

    def say(self, which):
        """Return the function that tells a value of the x or y axis."""
        names = self.categories[which]
        if names:
            return lambda value: names.get(round(float(value), 6), say(value))
        formatter = getattr(self.ax, f"{which}axis").get_major_formatter()
        return percent if isinstance(formatter, PercentFormatter) else say

    def matrices(self):
        """Tell a heat map."""
        for mesh in self.ax.collections:
            if isinstance(mesh, QuadMesh):
                values = np.asarray(mesh.get_array())
                values = (
                    values
                    if values.ndim == 2
                    else values.reshape(mesh._coordinates.shape[0] - 1, -1)
                )
                self.used_texts += list(self.ax.texts)
                names = [plain(label.get_text()) for label in self.ax.get_yticklabels()]
                if values.shape[0] == values.shape[1] == len(names):
                    yield confusion(values, names)
                else:
                    yield f"a table of colours for values from {say(values.min())} to {say(values.max())}"

    def bars(self):
        """Tell bars one by one, or a histogram as a distribution."""
        for container in self.ax.containers:
            if not isinstance(container, BarContainer) or not container.patches:
                continue
            upright = container.orientation == "vertical"
            boxes = [patch.get_bbox() for patch in container.patches]
            starts, sizes, values = (
                [getattr(box, side) for box in boxes]
                for side in (("x0", "width", "height") if upright else ("y0", "height", "width"))
            )
            if len(boxes) > MANY_BARS and not self.categories["x" if upright else "y"]:
                yield spread([*starts, starts[-1] + sizes[-1]], values)
                continue
            tell = self.say("x" if upright else "y")
            told = self._labels_on(container) or [
                self.say("y" if upright else "x")(v) for v in values
            ]
            places = [quoted(tell(start + size / 2)) for start, size in zip(starts, sizes)]
            named = f"{name_of(container)} bars".strip()
            if len(boxes) <= MANY_NAMES:
                yield f"{named} of " + ", ".join(f"{p}: {t}" for p, t in zip(places, told))
                continue
            low, high = np.argmin(values), np.argmax(values)
            ends = f"from {told[low]} ({places[low]}) to {told[high]} ({places[high]})"
            yield f"{len(boxes)} {named}, {ends if told[low] != told[high] else 'each ' + told[0]}"

    def _labels_on(self, container):
        """Return the texts that `bar_label` put on bars, if it did."""
        texts = [t for t in self.ax.texts if hasattr(t, "xyann") and t not in self.used_texts]
        if len(texts) < len(container.patches):
            return []
        texts = texts[: len(container.patches)]
        self.used_texts += texts
        return [plain(text.get_text()) for text in texts]

    def errorbars(self):
        """Tell means with their spread."""
        singles = []
        for container in self.ax.containers:
            if not isinstance(container, ErrorbarContainer):
                continue
            xs, ys = container.lines[0].get_data()
            segments = [s for lines in container.lines[2] for s in lines.get_segments()]
            halves = [np.abs(np.diff(s, axis=0)).max() / 2 for s in segments] or [0] * len(xs)
            along_y = not container.has_xerr
            names, values = (xs, ys) if along_y else (ys, xs)
            tell_name, tell = self.say("x" if along_y else "y"), self.say("y" if along_y else "x")
            told = [
                f"{quoted(tell_name(n))}: {tell(v)}" + (f" ± {tell(h)}" if h else "")
                for n, v, h in zip(names, values, halves)
            ]
            if len(told) == 1 and not name_of(container):
                singles += told
            elif len(told) <= FEW_NAMES:
                yield f"{name_of(container) or 'points'} ({', '.join(told)})"
            else:
                low, high = told[np.argmin(values)], told[np.argmax(values)]
                yield f"{name_of(container) or 'points'} ({len(told)}; least, {low}; most, {high})"
        if singles:
            yield ", ".join(singles)

    def lines(self):
        """Tell curves, and where two of them part; lines that mark a value; paths."""
        of_errors = {
            line
            for container in self.ax.containers
            if isinstance(container, ErrorbarContainer)
            for line in (container.lines[0], *container.lines[1])
        }
        shown = [line for line in self.ax.lines if line not in of_errors and len(line.get_xdata())]
        marks = [line for line in shown if line.get_transform() != self.ax.transData]
        curves = [line for line in shown if line not in marks]
        unnamed = [line for line in curves if not name_of(line)]
        if len(unnamed) > MANY_LINES or (len(unnamed) > 2 and not self.categories["y"]):
            curves = [line for line in curves if line not in unnamed]
            yield self._together(unnamed)
        told = [self._curve(line) for line in curves]
        yield from told
        if len(told) == 2 and (text := self._parting(*curves)):
            yield text
        for line in marks:
            is_level = len(set(line.get_ydata())) == 1
            value = (
                self.say("y")(line.get_ydata()[0])
                if is_level
                else self.say("x")(line.get_xdata()[0])
            )
            style = STYLES.get(line.get_linestyle(), "straight")
            yield f"a {style} {'level' if is_level else 'upright'} line at {value}{_in_brackets(line)}"

    def _curve(self, line):
        """Return the clause for one line: a curve over x, a path, or dots beside a name."""
        xs, ys = (np.asarray(values, dtype=float) for values in line.get_data(orig=False))
        is_level, tell = len(set(ys)) == 1, self.say("x")
        on_a_map = any(isinstance(drawn, ContourSet) for drawn in self.ax.collections)
        if self.categories["y"] and is_level:  # one row of dots
            what = f"{len(xs)} points from {tell(xs.min())} to {tell(xs.max())}"
            return f"{self.say('y')(ys[0])}: {what}, on average {tell(xs.mean())}"
        if len(xs) > 1 and (on_a_map or (np.diff(xs) < 0).any()):
            ends = [f"({say(xs[i])}, {say(ys[i])})" for i in (0, -1)]
            return f"{name_of(line, 'a path')} of {len(xs)} points from {ends[0]} to {ends[1]}"
        if len(xs) == 1:
            return f"{name_of(line, 'a point')} at ({say(xs[0])}, {say(ys[0])})"
        style = STYLES.get(line.get_linestyle()) if line.get_marker() in ("", "None") else ""
        style = f" ({style})" if style else ""
        name = quoted(name_of(line, "the curve"))
        is_log = self.ax.get_yscale() == "log"
        return f"{name}{style} {course(xs, ys, self.say('x'), self.say('y'), is_log)}"

    def _parting(self, one, other):
        same_x = np.array_equal(one.get_xdata(), other.get_xdata())
        names = {name_of(one), name_of(other)}
        if not same_x or len(one.get_xdata()) < 3 or "" in names:
            return ""
        x_name = plain(self.ax.get_xlabel()) or "x"
        return parting(one.get_xdata(), one.get_ydata(), other.get_ydata(), x_name)

    def _together(self, lines):
        starts, ends = ([line.get_ydata()[i] for line in lines] for i in (0, -1))
        tell = self.say("y")
        between = lambda values: f"between {tell(min(values))} and {tell(max(values))}"
        return f"{len(lines)} curves that begin {between(starts)} and end {between(ends)}"

    def points(self):
        """Tell clouds of points, with the names written among them."""
        clouds = [c for c in self.ax.collections if isinstance(c, PathCollection)]
        if not clouds:
            return
        number = sum(len(cloud.get_offsets()) for cloud in clouds)
        yield f"{number:,} points" + (f" in {len(clouds)} colours" if len(clouds) > 1 else "")
        names = [text for text in self.ax.texts if text not in self.used_texts]
        if len(names) == len(clouds) > 3:
            self.used_texts += names
            yield _neighbours(names)

    def rest(self):
        """Tell contours, bands, and texts that nothing else told."""
        for drawn in self.ax.collections:
            if isinstance(drawn, ContourSet):
                yield f"{len(drawn.levels)} contour lines, for {say(drawn.levels[0])} to {say(drawn.levels[-1])}"
        in_bars = {p for c in self.ax.containers if isinstance(c, BarContainer) for p in c.patches}
        for patch in self.ax.patches:
            if patch not in in_bars:
                box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
                yield f"a shaded band from {say(box.x0)} to {say(box.x1)}"
        texts = [plain(t.get_text()) for t in self.ax.texts if t not in self.used_texts]
        if any(texts):
            yield f"written in it: {listed(filter(None, texts))}"


def _categories(axis):
    """Return {place: name} of an axis whose ticks bear names, {} for an axis of numbers."""
    formatter, locator = axis.get_major_formatter(), axis.get_major_locator()
    if hasattr(formatter, "_units"):  # names given as values
        return {float(place): plain(name) for name, place in formatter._units.items()}
    if isinstance(formatter, FixedFormatter | FuncFormatter) and isinstance(locator, FixedLocator):
        names = formatter.format_ticks(locator.locs)
        return {round(float(at), 6): plain(name) for at, name in zip(locator.locs, names)}
    return {}


def _in_brackets(artist):
    return f" ({name_of(artist)})" if name_of(artist) else ""


def _neighbours(texts):
    """Return which names stand nearest to each other, and which at the four sides."""
    spots = np.array([text.get_position() for text in texts], dtype=float)
    names = [plain(text.get_text()) for text in texts]
    distances = np.linalg.norm(spots[:, None] - spots[None], axis=-1) + 1e9 * np.tri(len(spots))
    nearest = [np.unravel_index(i, distances.shape) for i in distances.argsort(None)[:3]]
    pairs = [f"{names[i]} beside {names[j]}" for i, j in nearest]
    ends = [names[i] for i in (spots[:, 0].argmin(), spots[:, 0].argmax())]
    sides = f"{ends[0]} lies furthest left, {ends[1]} furthest right"
    return f"their names are {listed(names)}; {sides}; nearest to each other: {listed(pairs)}"
