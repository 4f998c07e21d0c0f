"""Alternative texts: a figure says what it shows, from its own data, wherever it is shown."""

import base64
import io
import re
from functools import partial
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import retina_figure
from matplotlib import rc_params_from_file
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from PIL import Image
from stored_figures import figures_in, silent_cells

from helpers import curves, plots
from helpers.alttext.display import find_img, speak
from helpers.alttext.figure import describe
from helpers.alttext.sentences import confusion, course, parting, say, spread
from helpers.commands.pictures import shrink_pictures
from helpers.commands.run import Client, all_notebooks
from helpers.exercises.points import QUIET_KERNEL
from helpers.extra import figures
from helpers.files import NOTEBOOKS, ROOT
from helpers.report.typesetting import TEMPLATE


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture
def formatter():
    """Return a kernel's display formatter, as Matplotlib's inline backend and we set it up."""
    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, partial(retina_figure, base64=True))
    speak(SimpleNamespace(display_formatter=formatter))
    return formatter


TRAIN, VAL = [0.22, 0.45, 0.63, 0.75, 0.84], [0.21, 0.44, 0.5, 0.55, 0.58]
HISTORY = [
    {"epoch": e, "train_loss": 2 - t, "val_loss": 2 - v, "train_accuracy": t, "val_accuracy": v}
    for e, (t, v) in enumerate(zip(TRAIN, VAL), start=1)
]


def test_curves_say_where_they_begin_and_end_and_where_they_part():
    text = describe(curves.plot_accuracy(HISTORY).figure)
    assert text == (
        "“Accuracy”, accuracy against epoch: training rises from 22% to 84%; "
        "validation rises from 21% to 58%; they part after epoch 2."
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4], "rises from 1 to 4"),
        ([4, 2, 1], "falls from 4 to 1"),
        ([1, 5, 2], "rises from 1 to its highest, 5, at 1, and ends at 2"),
        ([4, 0, 3], "falls from 4 to its lowest, 0, at 1, and ends at 3"),
        ([2.7, 2.7, 2.7], "stays near 2.7"),
        ([1, 1, 1, 0, 0], "drops from 1 to 0 at 2.5"),
        ([1, 2, np.nan], "rises from 1 to 2, where its finite values end"),
    ],
)
def test_a_course_is_told_by_its_ends_and_its_turn(values, expected):
    assert course(range(len(values)), values) == expected


def test_on_a_log_scale_a_valley_is_as_deep_as_it_looks():
    errors = [4e-4, 1e-11, 8e-3]
    valley = "falls from 0.0004 to its lowest, 1e−11, at 1, and ends at 0.008"
    assert course(range(3), errors, is_log=True) == valley
    assert course(range(3), errors) == "rises from 0.0004 to 0.008"
    ax = plots.new_axes()
    ax.semilogy(range(3), errors, label="error")
    assert valley in describe(ax.figure)


def test_two_curves_part_stay_together_or_are_apart():
    xs = np.arange(4)
    assert parting(xs, [0, 1, 2, 3], [0, 1, 1, 1], "step") == "they part after step 1"
    assert parting(xs, [0, 1, 2, 3], [0, 1, 2, 3.1]) == "they stay close together"
    assert parting(xs, [0, 1, 2, 3], [3, 4, 5, 6]) == "they are apart throughout"
    assert parting(xs, [0, 1, 2, 3], [2, 1, 2, 3]) == "they end close together"


def test_numbers_are_told_as_one_reads_them():
    assert [say(x) for x in (56895, -0.25, 0.123456, 0)] == ["56,895", "−0.25", "0.123", "0"]


def test_a_distribution_is_told_by_its_range_and_its_middle_half():
    values = np.repeat([0.5, 1.5, 2.5, 3.5], [1, 4, 4, 1])
    heights, edges = np.histogram(values, bins=4, range=(0, 4))
    expected = "values from 0 to 4, half of them between 1.5 and 2.5, most often near 1.5"
    assert spread(edges, heights) == expected
    assert "the mean" in describe(plots.plot_histogram(values).figure)


def test_a_confusion_matrix_names_its_worst_class_and_its_largest_mistakes():
    counts = np.array([[8, 2, 0], [1, 9, 0], [3, 0, 7]])
    text = confusion(counts / 10, ["coast", "forest", "street"], 2)
    assert "80% on average, from 70% (street) to 90% (forest)" in text
    assert "street taken for coast (30%) and coast taken for forest (20%)" in text
    figure = figures.plot_confusion(counts / 10, ["coast", "forest", "street"]).figure
    assert "street taken for coast (30%)" in describe(figure)


def test_bars_pictures_and_dots_are_told_with_their_names():
    bars = plots.plot_bars(["linear", "SimpleNet, small"], [0.25, 0.5], "accuracy")
    assert "bars of linear: 0.25, “SimpleNet, small”: 0.5" in describe(bars.figure)
    pictures = plots.show_images(torch.rand(4, 1, 8, 8), ["coast", "forest", "forest", "street"], 2)
    assert "Four pictures in two rows: coast, forest (2 times), street" in describe(
        pictures[0, 0].figure
    )
    dots = plots.new_axes()
    dots.plot([0.5, 0.7], [0, 0], "o")
    dots.set_yticks([0], ["student"])
    assert "student: 2 points from 0.5 to 0.7, on average 0.6" in describe(dots.figure)


def test_a_curve_without_a_legend_is_named_after_its_colour_in_the_other_plot():
    _, axes = plt.subplots(1, 2)
    axes[0].plot([0, 1], color="red", label="with momentum")
    axes[1].plot([1, 0], color="red")
    assert "Right: a plot: with momentum falls from 1 to 0" in describe(axes[1].figure)


def test_a_map_of_warmth_over_a_picture_is_told_by_its_warmest_spot():
    axes = plots.show_images(torch.rand(2, 1, 9, 9), ["coast", "street"], 2)
    warm = np.zeros((9, 9))
    warm[1, 7] = 1
    for ax, values in zip(axes.flat, (warm, np.zeros((9, 9)))):
        ax.imshow(values, cmap="inferno", alpha=0.5)
    text = describe(axes[0, 0].figure)
    assert "the warmest spot: coast upper right, street nowhere" in text


def test_who_draws_a_figure_may_write_its_text():
    axes = plots.show_images(torch.rand(2, 1, 8, 8))
    assert plots.describe(axes, "A street, and its mirror image.") is axes
    assert describe(axes[0, 0].figure) == "A street, and its mirror image."


def test_a_kernel_shows_the_picture_once_with_its_text(formatter):
    data, _ = formatter.format(curves.plot_accuracy(HISTORY).figure)
    alt, content = find_img(data["text/html"])
    assert alt == data["text/plain"] and "they part after epoch 2" in alt
    assert set(data) == {"text/html", "text/plain"}
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.width > 400


def test_a_chart_may_be_shown_light_on_dark_but_a_picture_may_not(formatter):
    chart, _ = formatter.format(curves.plot_accuracy(HISTORY).figure)
    pictures, _ = formatter.format(plots.show_images(torch.rand(2, 1, 8, 8))[0, 0].figure)
    assert 'class="workbook-chart"' in chart["text/html"]
    assert "workbook-chart" not in pictures["text/html"] and find_img(pictures["text/html"])


def test_a_figure_of_which_nothing_can_be_told_is_shown_all_the_same(formatter, monkeypatch):
    monkeypatch.setattr("helpers.alttext.display.describe", lambda figure: 1 / 0)
    alt, content = find_img(formatter.format(plots.new_axes().figure)[0]["text/html"])
    assert alt == "" and content


def test_nbconvert_and_a_saved_notebook_keep_the_text(formatter):
    data, _ = formatter.format(curves.plot_accuracy(HISTORY).figure)
    output = nbformat.v4.new_output("display_data", data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    before = len(data["text/html"])
    shrink_pictures(notebook)
    small = notebook.cells[0].outputs[0].data["text/html"]
    assert len(small) < before and find_img(small)[0] == data["text/plain"]
    assert f'alt="{data["text/plain"]}"' in HTMLExporter().from_notebook_node(notebook)[0]


def test_the_figures_of_a_notebook_that_runs_have_texts(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROFILE", "quick")
    path = NOTEBOOKS / "part3_loss.ipynb"
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    options = {"kernel_name": "python3", "extra_arguments": QUIET_KERNEL}
    Client(notebook, timeout=120, resources=resources, **options).execute()
    html = [
        o.get("data", {}).get("text/html", "") for c in notebook.cells for o in c.get("outputs", [])
    ]
    texts = [find_img(text)[0] for text in html if "<img" in text]
    assert len(texts) >= 3 and all(texts)
    assert "cross-entropy falls from 6 to 0.00248" in texts[0]
    assert any("sum rises from" in text for text in texts)


def contrast(one, other):
    """Return the contrast of two colours by WCAG 2: 1 (none) to 21 (black on white)."""
    rgb = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ (0.2126, 0.7152, 0.0722))
    return (high + 0.05) / (low + 0.05)


def test_the_palette_stands_out_from_white_and_tells_training_from_validation_in_grey():
    style = rc_params_from_file(ROOT / "helpers" / "workbook.mplstyle", use_default_template=False)
    # Lab's dark theme does not reach the figures: they bring their own ground.
    assert style["savefig.facecolor"] == "white"
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    for color in (plots.TRAIN_COLOR, plots.VAL_COLOR):
        assert contrast(color, "white") >= 4.5
    for color in (*plots.COLORS, *style["axes.prop_cycle"].by_key()["color"]):
        assert contrast(color, "white") >= 3  # WCAG 1.4.11: graphics
    for key in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color"):
        assert contrast(style[key], "white") >= 4.5
    assert contrast(plots.TRAIN_COLOR, plots.VAL_COLOR) >= 2


def test_lines_side_by_side_differ_by_more_than_colour():
    history = curves.plot_accuracy(HISTORY)
    runs = plots.compare_histories({str(i): HISTORY for i in range(6)}, "val_loss", "loss")
    for ax in (history, runs):
        looks = [(str(line.get_linestyle()), line.get_marker()) for line in ax.lines]
        assert len({dash for dash, _ in looks}) > 1 and len(set(looks)) == len(looks)
    assert len(plots.COLORS) == len(plots.DASHES) == len(plots.MARKERS)


def test_the_text_of_figures_is_nine_points_on_paper():
    style = rc_params_from_file(ROOT / "helpers" / "workbook.mplstyle", use_default_template=False)
    template = TEMPLATE.read_text()
    share = float(re.search(r"#let on-paper = ([\d.]+)%", template).group(1)) / 100
    sizes = [value for key, value in style.items() if re.search(r"\.(label)?size$|fontsize$", key)]
    numbers = [size for size in sizes if isinstance(size, float)]
    assert len(numbers) >= 5 and min(n for n in numbers if n > 6.5) * share >= 9
    widest = 8.6 * 72 * share  # points: figures are up to 8.6 inches wide
    assert widest <= 595 - 2 * float(re.search(r"x: ([\d.]+)cm", template).group(1)) * 28.35
    confusion_matrix = figures.plot_confusion(np.eye(3), ["a", "b", "c"])
    shown = [*confusion_matrix.texts, *confusion_matrix.get_xticklabels()]
    assert min(text.get_fontsize() for text in shown) * 0.9 >= 9


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_every_stored_figure_has_an_alternative_text(path):
    assert silent_cells([path]) == []
    for cell, text in figures_in(path):
        assert text != cell.metadata.get("caption") and len(text) > 20, cell.id
        assert len(text) < 1500, cell.id
