"""numbers of a class -> drawings in SVG that take the page's colours, light or dark."""

import io
import re

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

# Colours that stand for the page's own, which CSS gives; matplotlib needs some of its own.
PAGE_COLOURS = {"#010101": "currentColor", "#020202": "var(--bar)", "#030303": "var(--line)"}
TEXT, BAR, LINE = PAGE_COLOURS
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's font
    "svg.hashsalt": "class",  # the same numbers give the same file
    "font.size": 11,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": LINE,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plot_totals(totals, mean, ax):
    """Draw how many students have which total; return the ax."""
    edges = np.histogram_bin_edges(totals, bins=min(20, max(5, len(totals) // 8)))
    ax.hist(totals, bins=edges, color=BAR, rwidth=0.92)
    ax.axvline(mean, color=TEXT, linestyle="--", linewidth=1)
    ax.annotate(
        f"mean {mean:.1f}",
        (mean, 1),
        (-4, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
    )
    ax.set(xlabel="total (points)", ylabel="students")
    ax.yaxis.get_major_locator().set_params(integer=True)
    return ax


def plot_rates(names, rates, ax):
    """Draw a bar per exercise, the share of students who passed (0..1); return the ax."""
    places = np.arange(len(names))
    ax.barh(places, np.asarray(rates) * 100, color=BAR, height=0.72)
    for place, rate in zip(places, rates):
        ax.text(rate * 100 + 1, place, f"{rate:.0%}", va="center", fontsize=10)
    ax.set(xlabel="students who passed (%)", xlim=(0, 108), xticks=range(0, 101, 20))
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    return ax


def draw(plot, size, name, title, description):
    """Return the inline SVG of what `plot(ax)` draws, with a title and a text alternative."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        plot(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return inline(file.getvalue(), name, title, description)


def inline(svg, name, title, description):
    """Return a file of SVG as part of a page: ids of its own, the page's colours, alternative text.

    `title` and `description` are HTML already.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, of_page in PAGE_COLOURS.items():
        svg = svg.replace(colour, of_page)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    head = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-description" '
        f'style="max-width: 100%; height: auto" '
    )
    texts = f'<title id="{name}-title">{title}</title><desc id="{name}-description">{description}</desc>'
    svg = svg.replace("<svg ", head, 1)
    end = svg.index(">") + 1
    return svg[:end] + texts + svg[end:]
