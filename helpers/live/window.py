"""picture -> window: a picture on which one moves a window, and what is computed for it."""

from pathlib import Path

import anywidget
import traitlets

from helpers.live.synced import synced
from helpers.widgets import Panel

HERE = Path(__file__).parent


def with_window(name):
    """Return the JavaScript of a panel: what all windows share, and its own."""
    return "\n".join((HERE / file).read_text() for file in ("window.js", name))


class MoveWindow(anywidget.AnyWidget):
    """A picture (1, H, W) and a square window on it, which one drags or moves by arrow keys.

    A panel says in `_find` what it computes for `place` and `side`, and in `_greet` what it sends
    to a new page. The picture never enters the widget's state, which is saved with the notebook.
    An error in `_find` is one red line, and dims the picture.
    """

    _css = HERE / "window.css"
    __repr__ = Panel.__repr__
    shape = synced(traitlets.List)  # height and width of the picture
    place = synced(traitlets.List, [0, 0])  # row and column of the window's upper left pixel
    side = synced(traitlets.Int, 3)  # of the window, in pixels
    error = synced(traitlets.Unicode, "")

    def __init__(self, image, watched, **traits):
        super().__init__(shape=list(image.shape[-2:]), **traits)
        self.image = image
        self._find()
        self.observe(self._draw, names=["place", "side", *watched])
        self.on_msg(lambda *_: self._greet())

    def corner(self):
        """Return row and column of the window, moved into the picture where it sticks out."""
        return [min(max(0, at), size - self.side) for at, size in zip(self.place, self.shape)]

    def _draw(self, _):
        try:
            self._find()
            self.error = ""
        except Exception as problem:  # of a student's function: anything
            self.error = f"{type(problem).__name__}: {problem}"
