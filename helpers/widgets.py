"""sliders -> figure: a figure that is redrawn when a slider moves."""

import html
import io

import ipywidgets
import matplotlib.pyplot as plt
from IPython import get_ipython
from ipywidgets import Layout


class Panel(ipywidgets.VBox):
    """Widgets below each other; on the web or in a PDF, one sentence stands for them."""

    def __repr__(self):
        return "(a panel with sliders: run this cell in JupyterLab to move them)"


def status_line():
    """Return a line of HTML whose changes a screen reader tells."""
    line = ipywidgets.HTML()
    line.add_class("workbook-status")  # see helpers/alttext/names.js
    return line


def hidden_words():
    """Return the place of the alternative text of the picture before it: an Image has none."""
    words = ipywidgets.HTML(layout=Layout(display="none"))
    words.add_class("workbook-alt")  # see helpers/alttext/names.js
    return words


def live_figure(draw, **sliders):
    """Return a panel: sliders, and the figure of `draw(**their values)`, redrawn when one moves.

    `draw` returns an Axes (or an array of them). The picture is a widget, not a cell's output, so
    it does not flicker and nbval can run the cell.
    """
    picture = ipywidgets.Image(format="png", layout=Layout(max_width="100%", width="620px"))

    words = hidden_words()

    def redraw(_=None):
        axes = draw(**{name: slider.value for name, slider in sliders.items()})
        words.value = in_words(axes)  # before `to_png`, which closes the figure
        picture.value = to_png(axes)

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    redraw()
    return Panel([*sliders.values(), picture, words])


def in_words(axes):
    """Return as HTML what the kernel says of the figure of an Axes (or of an array of them)."""
    shell = get_ipython()
    bundle = shell.display_formatter.format(figure_of(axes), {"text/plain"})[0] if shell else {}
    return html.escape(bundle.get("text/plain", "a figure"))


def figure_of(axes):
    """Return the figure of an Axes, or of an array of them."""
    return (axes.flat[0] if hasattr(axes, "flat") else axes).figure


def to_png(axes, dpi=160):
    """Return the figure of an Axes (or of an array of them) as the bytes of a PNG, and close it."""
    figure = figure_of(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    plt.close(figure)
    return buffer.getvalue()


def slider(label, value, low, high, step=None, log=False):
    """Return a labelled slider; with `log`, `low` and `high` are powers of ten."""
    options = {
        "description": label,
        "style": {"description_width": "initial"},
        "layout": Layout(width="620px"),
        "continuous_update": False,
    }
    if log:
        kind, step, options["readout_format"] = ipywidgets.FloatLogSlider, step or 0.05, ".2g"
    elif isinstance(value, int):
        kind, step = ipywidgets.IntSlider, step or 1
    else:
        kind, step, options["readout_format"] = ipywidgets.FloatSlider, step or 0.05, ".2f"
    return kind(value, min=low, max=high, step=step, **options)
