"""option -> value: what several commands take."""

import shutil
import sys
import textwrap
from typing import Annotated

import typer

from helpers.files import WorkbookError, profile

Network = Annotated[str, typer.Argument(help="SimpleNet, SimpleNetDropout, ...")]


def read_seeds(text):
    """Return the seeds that --seeds names: "3", or a range such as "0-4"."""
    first, dash, last = text.partition("-")
    if first.isdigit() and (last if dash else first).isdigit() and int(first) <= int(last or first):
        return range(int(first), int(last or first) + 1)
    raise WorkbookError(f'--seeds is "{text}"; name one seed, such as 3, or a range, such as 0-4.')


def wrapped(text):
    """Return text as a terminal can show it: no line is broken within a word."""
    if not sys.stderr.isatty():
        return text
    width = shutil.get_terminal_size().columns
    words = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(textwrap.fill(line, width, **words) for line in text.splitlines())


def refuse_quick(command):
    """Raise WorkbookError in the quick profile, for a command that keeps its results."""
    if profile() == "quick":
        raise WorkbookError(
            f"`workbook {command}` keeps its results, so it wants all images: unset WORKBOOK_PROFILE."
        )
