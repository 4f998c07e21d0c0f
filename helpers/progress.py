"""work -> progress bar, and a question before work of more than two minutes."""

import time

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm
from tqdm.notebook import tqdm_notebook

from helpers.files import WorkbookError

ASK_OVER_S = 120  # seconds that a cell may take without a question


class Stopped(WorkbookError):
    """The user has stopped the work, or has not let it start."""


def progress(*arguments, **options):
    """Return a tqdm bar that is gone when the work ends; the arguments are tqdm's."""
    bar = tqdm if kernel() is None else NotebookBar
    return bar(*arguments, **{"leave": False} | options)


def kernel():
    """Return the Jupyter kernel that runs this code, None in a terminal."""
    return getattr(get_ipython(), "kernel", None)


class NotebookBar(tqdm_notebook):
    """tqdm's bar for notebooks; its output is emptied when it closes, so none is saved."""

    def __init__(self, *arguments, **options):
        self.view = None
        super().__init__(*arguments, display=False, **options)

    def display(self, msg=None, pos=None, close=False, bar_style=None, check_delay=True):
        """Redraw the bar; show it first if it is not shown yet."""
        if check_delay and not close and self.view is None:
            self.view, self.displayed = display(self.container, display_id=True), True
        super().display(msg, pos, close, bar_style, check_delay)

    def close(self):
        """Take the bar away, in the saved notebook too."""
        super().close()
        if self.view is not None:
            self.view.update({"text/plain": ""}, raw=True)
            self.view = None


class _Cell:
    """The notebook cell that runs: when it began, and whether its user has agreed to wait."""

    start_s = time.monotonic()
    has_agreed = False


def cell_begins(_info=None):
    """Note that a cell begins; `session.begin` lets IPython call this."""
    _Cell.start_s, _Cell.has_agreed = time.monotonic(), False


def agree():
    """Note that the user has agreed to wait for what this cell does."""
    _Cell.has_agreed = True


def ask_before(seconds, what):
    """Ask, once per cell, before more than two minutes of work; may raise Stopped."""
    total_s = time.monotonic() - _Cell.start_s + seconds
    if kernel() is None or _Cell.has_agreed or total_s < ASK_OVER_S:
        return
    question = f"{what} will take about {in_words(seconds)} here. Press Enter to go on, or type n: "
    try:
        answer = input(question)
    except NotImplementedError:  # nobody can answer: `workbook run`, nbval
        return
    if answer.strip().lower().startswith("n"):
        raise Stopped("not started. Run this cell again when you have the time.")
    agree()


def in_words(seconds):
    """Return "40 s", or "11 min" from 100 seconds on."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
