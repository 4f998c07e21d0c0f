"""sliders -> figure: a figure that is redrawn when a slider moves."""

import html
import io

import ipywidgets
import matplotlib.pyplot as plt
from IPython import get_ipython
from ipywidgets import Layout
from matplotlib.backends.backend_agg import FigureCanvasAgg


class Panel(ipywidgets.VBox):
    """Widgets below each other; on the web or in a PDF, one sentence stands for them."""

    stand_in = "a panel with sliders: run this cell in JupyterLab to move them"

    def __repr__(self):
        return f"({self.stand_in})"


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
    """Return a panel: sliders, and the figure of `draw(**their values)`, redrawn while one moves.

    `draw` returns an Axes (or an array of them). The picture is a widget, not a cell's output, so
    it does not flicker and nbval can run the cell. When `draw` raises later, the panel says so in
    one red line, and the picture, which is no longer true, is dimmed.
    """
    picture = ipywidgets.Image(format="png", layout=Layout(max_width="100%", width="620px"))
    error, words = ipywidgets.HTML(), hidden_words()

    def redraw(_=None):
        axes = draw(**{name: slider.value for name, slider in sliders.items()})
        if not any(ax.images for ax in figure_of(axes).axes):
            picture.add_class("workbook-chart")  # see helpers/alttext/names.js
        words.value = in_words(axes)  # before `to_png`, which closes the figure
        picture.value = to_png(axes)

    def redraw_or_say(_):
        open_before = plt.get_fignums()
        try:
            redraw()
            error.value = ""
            picture.remove_class("not-true")
        except Exception as problem:  # of a student's function: anything
            error.value = ERROR.format(html.escape(f"{type(problem).__name__}: {problem}"))
            picture.add_class("not-true")
            for number in set(plt.get_fignums()) - set(open_before):  # half drawn
                plt.close(number)

    for slider in sliders.values():  # Lab sends the newest value only, once the last one is drawn
        slider.observe(redraw_or_say, names="value")
    redraw()
    return Panel([*sliders.values(), error, picture, words])


ERROR = """<style>.not-true {{opacity: .3}}</style>
<div role="alert" style="color: var(--jp-error-color1, #b3261e)">{}</div>"""


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
    figure.set_dpi(dpi)
    buffer = io.BytesIO()
    # savefig would draw twice, and compress for longer than it draws: one waits with the mouse.
    FigureCanvasAgg(figure).print_png(buffer, pil_kwargs={"compress_level": 1})
    plt.close(figure)
    return buffer.getvalue()


def slider(label, value, low, high, step=None, log=False):
    """Return a labelled slider; with `log`, `low` and `high` are powers of ten."""
    options = {
        "description": label,
        "style": {"description_width": "initial"},
        "layout": Layout(width="620px", max_width="100%"),
    }
    if log:
        kind, step, options["readout_format"] = ipywidgets.FloatLogSlider, step or 0.05, ".2g"
    elif isinstance(value, int):
        kind, step = ipywidgets.IntSlider, step or 1
    else:
        kind, step, options["readout_format"] = ipywidgets.FloatSlider, step or 0.05, ".2f"
    return kind(value, min=low, max=high, step=step, **options)
