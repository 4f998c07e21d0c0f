"""choices -> run -> figure: sliders that redraw a figure, and a panel that trains. Wiring only: what runs and what is
drawn is tested without them."""

import io

import ipywidgets
import matplotlib.pyplot as plt
from ipywidgets import Layout


class Panel(ipywidgets.VBox):
    """Widgets below each other; where no widget can be shown, on the web or in a PDF, one sentence stands for them."""

    def __repr__(self):
        return "(a panel with sliders: run this cell in JupyterLab to move them)"


def live_figure(draw, **sliders):
    """Return a panel: the sliders, and below them the figure that `draw(**their values)` makes, drawn anew on a move.

    `draw` returns an Axes (or an array of them). The picture is a widget of its own, not a cell's output, so that it
    does not flicker and nbval can run the cell.
    """
    picture = ipywidgets.Image(format="png", layout=Layout(max_width="100%", width="620px"))

    def redraw(_=None):
        picture.value = to_png(draw(**{name: slider.value for name, slider in sliders.items()}))

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    redraw()
    return Panel([*sliders.values(), picture])


def to_png(axes, dpi=160):
    """Return the figure of an Axes (or of an array of them) as the bytes of a PNG, and close it."""
    figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
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
        return ipywidgets.FloatLogSlider(value, min=low, max=high, step=step or 0.05, readout_format=".2g", **options)
    if isinstance(value, int):
        return ipywidgets.IntSlider(value, min=low, max=high, step=step or 1, **options)
    return ipywidgets.FloatSlider(value, min=low, max=high, step=step or 0.05, readout_format=".2f", **options)
