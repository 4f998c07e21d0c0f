"""prediction -> answer: what a notebook calls before and after the cell that answers.

Where nobody can answer (`workbook run`, nbval, exports), the question is a line of text and the
answer is shown at once.
"""

import html
from contextlib import contextmanager

import matplotlib.pyplot as plt
from IPython.display import display
from IPython.utils.capture import capture_output

from helpers.predictions import pictures, store, surprises
from helpers.predictions.controls import Control
from helpers.predictions.held import Held
from helpers.predictions.questions import Question, form_of, in_words
from helpers.progress import kernel

_asked, _controls = {}, {}  # {id: Question}, {id: the control that is shown}
_waiting = []  # answers, as Held
_tables = {}  # {which: a function that shows it again}
_open = {}  # {id: truth} of the block that runs and is not shown yet


def is_live():
    """Return whether somebody can answer: a kernel whose client answers `input`, too."""
    return bool(getattr(kernel(), "_allow_stdin", False))


# --- before: the question -------------------------------------------------------------------------


def number(id, text, low=0.0, high=1.0, unit="", log=False, near=0.1):
    """Ask for a number; with `log` a guess is near by its factor. `near`: a share of the range."""
    ask(Question(id, "number", text, (), low, high, unit, log, near=near))


def bars(id, text, options, low=0.0, high=1.0, unit="", near=0.1):
    """Ask for a number for each option, by sliders."""
    ask(Question(id, "bars", text, tuple(options), low, high, unit, near=near))


def curve(id, text, at, low=0.0, high=1.0, near=0.1):
    """Ask for a curve: a number at each place of the horizontal axis, such as "epoch 1"."""
    ask(Question(id, "curve", text, tuple(at), low, high, near=near))


def order(id, text, options):
    """Ask for the order of the options; one pair of neighbours the wrong way round is near."""
    pairs = len(options) * (len(options) - 1) // 2
    ask(Question(id, "order", text, tuple(options), near=1 / pairs))


def pick(id, text, options, count=1):
    """Ask for one of the options, or `count` of them; 0: any number. One wrong of many is near."""
    near = 0.0 if count == 1 else 1 / (count or len(options))
    ask(Question(id, "picks", text, tuple(options), count=count, near=near))


def ask(question):
    """Show a question, and its control if somebody can answer; a committed guess stays."""
    if not is_live():
        text = f"**Prediction.** {question.text} *({form_of(question)})*"
        return display({"text/markdown": text, "text/plain": text}, raw=True)
    display({"text/markdown": f"**{question.text}**", "text/plain": question.text}, raw=True)
    _asked[question.id] = question
    _controls[question.id] = control = Control(question, _commit, _skip)
    if record := store.load().get(question.id):
        control.settle(state_of(record))
    display(control)


def _commit(question, guess, confidence):
    store.commit(question, guess, confidence)
    _settle(question.id)


def _skip(id):
    store.skip(id, _asked.get(id))
    _settle(id)


def _settle(id):
    """Close the control of a question that is committed or skipped; show what waited for it."""
    records = store.load()
    if id in _controls:
        _controls[id].settle(state_of(records[id]))
    for held in [held for held in _waiting if records.keys() >= held.truths.keys()]:
        _waiting.remove(held)
        held.show()
    for show_again in _tables.values():
        show_again()


def state_of(record):
    """Return what a control says instead of its widgets, as HTML."""
    if "guess" not in record:
        return "<i>Skipped. The answer comes below.</i>"
    guess = html.escape(in_words(store.question_of(record), record["guess"]))
    return (
        f"<b>Committed:</b> {guess} (confidence: {record['confidence']}). The answer comes below."
    )


# --- after: the answer ----------------------------------------------------------------------------


@contextmanager
def reveal(id, truth=None):
    """Show what the block displays, and the guess beside the truth, once there is a guess.

    Until one is committed or skipped, its outputs wait; the block itself runs at once. `truth` is
    the answer, in the form of the guess, or a function that returns it after the block has run.
    None adds nothing below the block, as where a second cell shows more of the same answer.
    """
    if not is_live():
        yield
        return
    if _open:  # a block of two questions, of which the first waits
        _open[id] = truth
        yield
    elif id in store.load():
        yield
        plt.show()  # otherwise figures come at the end of the cell, below the guess
        show_comparison(id, truth)
    else:
        _open[id] = truth
        try:
            with capture_output() as captured:
                yield
                plt.show()
            truths = dict(_open)
        finally:
            _open.clear()
        _waiting.append(Held(captured, truths, comparison, _skip))


def look_back(id, truth):
    """Show a guess of an earlier notebook beside the truth; nothing where there is none."""
    if is_live():
        show_comparison(id, truth)


def show_comparison(id, truth):
    """Display the guess beside the truth, where there are both."""
    if data := comparison(id, truth):
        display(data, raw=True, metadata=pictures.METADATA)


def comparison(id, truth):
    """Return what shows the guess beside the truth as a MIME bundle, None where one is missing."""
    record = store.settle(id, truth() if callable(truth) else truth)
    return pictures.bundle(record) if record else None


# --- at the end -----------------------------------------------------------------------------------


def yours(part):
    """Show the predictions of one part ("part5"): question, guess, confidence, truth."""
    is_own = lambda id: id.split("-")[0] == part
    _show(lambda records: surprises.told({i: r for i, r in records.items() if is_own(i)}))


def surprised():
    """Show where the guesses were furthest off, and whether their confidence was right."""
    _show(surprises.told_surprises)


def _show(tell):
    """Display `tell(records)`, a MIME bundle, and again whenever a guess is committed."""
    place = display(tell(store.load()), raw=True, display_id=True)
    _tables[tell.__qualname__] = lambda: place.update(tell(store.load()), raw=True)
