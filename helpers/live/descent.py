"""step -> path: a picture of a loss on which one drags the start of gradient descent."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from helpers.live.synced import synced
from helpers.widgets import Panel

HERE = Path(__file__).parent
REACH = 1e6  # coordinates beyond it are as good as infinite, and no browser can draw them


class DragStart(anywidget.AnyWidget):
    """A picture of a loss; drag the start, and move learning rate and momentum.

    `path_of(start, rate, momentum)` returns the path (N, 2), from the start on, in the picture's
    coordinates; it is called while one drags. The tail of the ball is as many steps long as the
    velocity remembers: 1 / (1 - momentum). `lines` is the picture: arrays (N, 2). An error of
    `path_of` is one red line, and dims the path.
    """

    _esm, _css = HERE / "descent.js", HERE / "descent.css"
    __repr__ = Panel.__repr__
    stand_in = "a picture of the loss: run this cell in JupyterLab to drag the start"
    start = synced(traitlets.List)  # [x, y]
    rate = synced(traitlets.Float, 0.03)
    momentum = synced(traitlets.Float, 0.0)
    path = synced(traitlets.List)
    lines = synced(traitlets.List)
    minimum = synced(traitlets.List)
    limits = synced(traitlets.List)  # x from, x to, y from, y to
    rates = synced(traitlets.List, [-3.0, -0.5])  # of the slider, powers of ten
    labels = synced(traitlets.List, ["weight 1", "weight 2"])
    error = synced(traitlets.Unicode, "")
    ends = synced(traitlets.Unicode, "")

    def __init__(self, path_of, lines, start, **traits):
        super().__init__(start=list(start), lines=[rounded(line) for line in lines], **traits)
        self.path_of = path_of
        self.observe(self._draw, names=["start", "rate", "momentum"])
        self._find()

    def _find(self):
        start = tuple(map(float, self.start))  # a browser writes 2.0 as 2
        path = np.asarray(self.path_of(start, self.rate, self.momentum), dtype=float)
        away = np.linalg.norm(path[-1] - np.asarray(self.minimum, dtype=float))
        with self.hold_sync():
            self.path, self.error = rounded(path), ""
            end = f"ends {away:.2g} away from the minimum" if away < REACH else "runs away"
            self.ends = f"{len(path) - 1} steps: {end}"

    def _draw(self, _):
        try:
            self._find()
        except Exception as problem:  # of a student's function: anything
            self.error = f"{type(problem).__name__}: {problem}"


def rounded(points):
    """Return points (N, 2) as lists of five digits, cut where they run away."""
    points = np.nan_to_num(np.asarray(points, dtype=float), nan=REACH).clip(-REACH, REACH)
    return [[float(f"{x:.5g}"), float(f"{y:.5g}")] for x, y in points]


def on_ravine(path_of, steepness, start=(-9.0, 2.0), **traits):
    """Return DragStart on the loss (a x^2 + b y^2) / 2, for steepness (a, b)."""
    a, b = (float(s) for s in steepness)
    turn = np.linspace(0, 2 * np.pi, 121)
    levels = np.geomspace(0.5, 160, 9)
    lines = [
        np.stack([np.cos(turn) * (2 * c / a) ** 0.5, np.sin(turn) * (2 * c / b) ** 0.5], axis=1)
        for c in levels
    ]
    labels = ["weight 1 (flat)", "weight 2 (steep)"]
    view = {"minimum": [0.0, 0.0], "limits": [-12.0, 6.0, -3.0, 3.0], "labels": labels}
    return DragStart(path_of, lines, start, **view | traits)


def on_curve(path_of, function, start=-4.0, reach=12.0, minimum=5.0, **traits):
    """Return DragStart on a curve: `path_of(start, rate, momentum)` returns w at every step."""
    on_it = lambda path: [(w, function(w)) for w in map(float, path)]
    grid = np.linspace(minimum - reach, minimum + reach, 121)
    view = {
        "minimum": [minimum, function(minimum)],
        "limits": [grid[0], grid[-1], -12.0, 150.0],
        "labels": ["w", "loss"],
        "rates": [-2.5, 0.1],
    }
    return DragStart(
        lambda start, *more: on_it(path_of(start[0], *more)),
        [on_it(grid)],
        [start, function(start)],
        **view | traits,
    )
