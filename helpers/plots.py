"""numbers -> figure: each function takes values and an optional Axes, and returns the Axes."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

# Chosen to differ for every kind of colour vision, and in luminance: in grey print too.
TRAIN_COLOR, VAL_COLOR, ACCENT_COLOR, QUIET_COLOR = "#12407f", "#c8440a", "#008fbf", "#8a8a8a"
# The looks of runs side by side.
COLORS = (QUIET_COLOR, ACCENT_COLOR, TRAIN_COLOR, VAL_COLOR, "#721c00", "#3f0c19")
DASHES, MARKERS = ("-", "--", "-.", ":", (0, (6, 2)), (0, (3, 1, 1, 1, 1, 1))), "osD^vX"


def set_style():
    """Set the look of the workbook's figures; call it once at the top of a notebook."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.style.use(Path(__file__).with_name("workbook.mplstyle"))
    # Lab draws no SVG in a notebook that it does not trust. "retina": twice the pixels.
    set_matplotlib_formats("retina")


def new_axes(width=7.0, height=3.6):
    """Return the Axes of a new figure, sizes in inches."""
    return plt.subplots(figsize=(width, height))[1]


def bare(ax):
    """Take ticks, labels and grid off an Axes that shows a picture; return it."""
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def describe(axes, text):
    """Set the alternative text of the figure of an Axes, or of an array of them; return them.

    It stands for what `helpers.alttext` else says of the figure from the data in it.
    """
    (axes.flat[0] if hasattr(axes, "flat") else axes).figure.set_label(text)
    return axes


def show_image(image, title="", ax=None, **options):
    """Draw one picture (H, W) or (1, H, W), dark to light as stored; `options` go to imshow."""
    ax = bare(ax or new_axes(2, 2))
    ax.imshow(np.asarray(image).squeeze(), **options)
    ax.set_title(title, fontsize="medium", fontweight="normal", loc="center", pad=3)
    return ax


def show_images(images, titles=None, num_columns=5, caption="", side=1.3, **options):
    """Draw pictures (N, 1, H, W) in a grid, each with its title; return the array of Axes."""
    num_rows = math.ceil(len(images) / num_columns)
    figsize = (side * num_columns, (side + 0.22 * bool(titles)) * num_rows + 0.3 * bool(caption))
    figure, axes = plt.subplots(num_rows, num_columns, figsize=figsize, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, title in zip(axes.flat, images, titles or [""] * len(images)):
        ax.set_axis_on()
        show_image(image, title, ax, **options)
    if caption:
        figure.suptitle(caption, fontsize="medium", x=0.01, ha="left")
    return axes


def show_classes(scenes, per_class=1, num_columns=5, seed=0):
    """Draw `per_class` random training pictures of every class; return the array of Axes."""
    generator = np.random.default_rng(seed)
    index, titles = [], []
    for label, name in enumerate(scenes.class_names):
        of_class = np.flatnonzero(scenes.train.labels.numpy() == label)
        index += list(generator.choice(of_class, per_class, replace=False))
        titles += [name] * per_class
    kind = "drawn by the computer" if scenes.name == "mini-scenes" else "photographs"
    caption, images = f"{scenes.name}: {kind}", scenes.train.images[index]
    return show_images(images, titles, num_columns, caption, vmin=0, vmax=255)


def plot_class_counts(scenes, ax=None):
    """Draw how many training and validation images each class has."""
    ax = ax or new_axes(7, 3.2)
    count = len(scenes.class_names)
    counts = [np.bincount(split.labels, minlength=count) for split in (scenes.train, scenes.val)]
    positions = np.arange(count)
    ax.bar(positions, counts[0], color=TRAIN_COLOR, label="training")
    ax.bar(positions, counts[1], bottom=counts[0], color=VAL_COLOR, label="validation")
    ax.set_xticks(positions, scenes.class_names, rotation=40, ha="right")
    ax.set(ylabel="images", title=f"Images of each class ({scenes.name})")
    ax.grid(axis="x", visible=False)
    ax.legend(ncols=2, loc="upper left", bbox_to_anchor=(0.55, 1.16))
    return ax


def plot_histogram(values, title="", xlabel="", ax=None, bins=64, color=TRAIN_COLOR):
    """Draw the distribution of values of any shape, with a line at their mean."""
    ax = ax or new_axes(4, 2.6)
    values = np.asarray(values).ravel()
    ax.hist(values, bins=bins, density=True, color=color, histtype="stepfilled")
    ax.axvline(values.mean(), color="black", linewidth=1, linestyle="--", label="_the mean")
    ax.set(title=title, xlabel=xlabel, ylabel="density")
    return ax


def plot_bars(labels, values, xlabel, title="", ax=None, value_format="{:.3g}", highlight=-1):
    """Draw one horizontal bar per label, with its value; bar number `highlight` stands out."""
    ax = ax or new_axes(7, 0.5 * len(labels) + 1)
    colors = [QUIET_COLOR] * len(labels)
    colors[highlight] = TRAIN_COLOR
    ax.barh(labels, values, color=colors, height=0.6)
    ax.bar_label(ax.containers[0], [value_format.format(v) for v in values], padding=4)
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=xlabel, title=title)
    return ax


def compare_histories(histories, key, ylabel, ax=None, title=""):
    """Draw one column of several histories, {label: history}, against the epoch."""
    ax = ax or new_axes(6, 3.2)
    for (label, history), color, dash, marker in zip(histories.items(), COLORS, DASHES, MARKERS):
        epochs, values = zip(*[(row["epoch"], row[key]) for row in history])
        look = {"color": color, "linestyle": dash, "marker": marker, "markersize": 4}
        ax.plot(epochs, values, label=label, **look)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="epoch", ylabel=ylabel, title=title)
    ax.legend()
    return ax
