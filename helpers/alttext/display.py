"""figure -> a notebook's output: the picture as HTML with its alternative text.

Neither JupyterLab nor nbconvert's usual template shows a text that stands in the metadata of a
picture, but both show HTML. So the picture is stored once, in an <img> that carries it.
"""

import html
import os
import re
from pathlib import Path

from IPython.display import Javascript, display

from helpers.alttext.figure import describe

IMG = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,([A-Za-z0-9+/=\s]*)"([^>]*)>')


NAMES = Path(__file__).with_name("names.js")


def load_ipython_extension(shell):
    """Let a kernel show every figure with its alternative text, and name the parts of its panels."""
    speak(shell)
    if not os.environ.get("WORKBOOK_PUBLISH"):  # stored notebooks need no script
        display(Javascript(NAMES.read_text()))


def speak(shell):
    """Let a kernel show every figure of Matplotlib with its alternative text."""
    from matplotlib.figure import Figure

    formatters = shell.display_formatter.formatters
    to_png = formatters["image/png"].pop(Figure, None)
    if to_png is None:  # it is done already
        return
    formatters["text/html"].for_type(Figure, lambda figure: to_html(figure, to_png))
    formatters["text/plain"].for_type(
        Figure, lambda figure, printer, _: printer.text(describe_safely(figure))
    )


def to_html(figure, to_png):
    """Return an <img> of a figure; None for an empty one."""
    shown = to_png(figure)
    if shown is None:
        return None
    content, size = shown if isinstance(shown, tuple) else (shown, {})
    is_chart = not any(ax.images for ax in figure.axes)
    return img(describe_safely(figure), content, size.get("width"), size.get("height"), is_chart)


def img(alt, content, width=None, height=None, is_chart=False):
    """Return an <img> of a PNG in base64, no wider than where it stands.

    A chart, which holds no picture, may be shown light on dark (names.js).
    """
    size = f' width="{width}" height="{height}"' if width and height else ""
    style = ' style="max-width: 100%; height: auto"'
    style += ' class="workbook-chart"' if is_chart else ""
    source = "".join(content.split())
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}"{size}{style}>'


def find_img(text):
    """Return (alternative text, PNG in base64) of what `img` wrote; None in other HTML."""
    found = IMG.fullmatch(text.strip())
    return found and (html.unescape(found.group(1)), found.group(2))


def replace_png(text, content):
    """Return the HTML of `img` with another PNG."""
    return IMG.sub(lambda m: m.group().replace(m.group(2), content.strip(), 1), text, count=1)


def describe_safely(figure):
    """Return a figure's text, or "" where none can be made: the report then names its cell."""
    try:
        return describe(figure)
    except Exception:  # whatever a student draws must be shown
        return ""
