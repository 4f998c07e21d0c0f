"""runs and predictions -> figure: as in `plots`, values and Axes in, Axes out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.plots import (
    ACCENT_COLOR,
    COLORS,
    DASHES,
    MARKERS,
    TRAIN_COLOR,
    VAL_COLOR,
    new_axes,
    plot_bars,
    show_image,
)


def plot_confusion(matrix, class_names, ax=None, title="", cbar=False):
    """Draw a confusion matrix of counts or shares, with its numbers.

    Rows: true class, columns: predicted.
    """
    import seaborn as sns  # here, as it takes a second

    ax = ax or new_axes(8.4, 5.4)
    matrix = np.asarray(matrix)
    is_share = matrix.dtype.kind == "f"
    labels = np.where(
        matrix == 0,
        "",
        np.char.mod("%.0f" if is_share else "%d", 100 * matrix if is_share else matrix),
    )
    options = {
        "cmap": "Blues",
        "annot": labels,
        "fmt": "",
        "annot_kws": {"size": "medium"},
        "cbar": cbar,
    }
    sns.heatmap(matrix, xticklabels=class_names, yticklabels=class_names, ax=ax, **options)
    ax.tick_params(length=0)
    ax.tick_params("x", labelrotation=40)
    plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return ax


def show_heat(axes, maps):
    """Lay maps (N, H, W) of 0..1 over the pictures of N Axes, with one scale; return the Axes."""
    for ax, heat in zip(axes.flat, maps):
        seen = ax.imshow(np.asarray(heat), cmap="inferno", alpha=0.5, vmin=0, vmax=1)
    ax.figure.colorbar(seen, ax=axes, label="support for the answer", fraction=0.04)
    return axes


def show_answer(image, probabilities, class_names, num_shown=5):
    """Draw one picture (1, H, W) beside its most probable classes; return the two Axes.

    Each class comes with its probability.
    """
    _, axes = plt.subplots(1, 2, figsize=(7, 2.8), width_ratios=(1, 1.5))
    show_image(image, "as the network sees it", axes[0])
    best = np.argsort(-np.asarray(probabilities))[:num_shown]
    plot_bars(
        [class_names[i] for i in best],
        [float(probabilities[i]) for i in best],
        "probability",
        ax=axes[1],
        highlight=0,
    )
    axes[1].set_xlim(0, 1.15)
    return axes


def plot_reliability(tables, ax=None):
    """Draw accuracy against confidence, and the diagonal where the two are equal.

    `tables` is {label: table of `analysis.reliability`}. Bins with less than one image in 300 say
    nothing, and are left out.
    """
    ax = ax or new_axes(6, 4.6)
    ax.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="--", label="as sure as right")
    for (label, table), color, marker in zip(tables.items(), COLORS[1:], MARKERS):
        table = table[table["share"] >= 1 / 300]
        ax.plot(table["confidence"], table["accuracy"], marker=marker, color=color, label=label)
    ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    ax.legend()
    return ax


def plot_study(table, x, ax=None, title="", line=None):
    """Draw the accuracies of a study's table against the column `x`; names stand on the left.

    Dots are means over seeds, bars one standard deviation. With `line`, the name of a column, there
    is one line of validation accuracy for each of its values; else one each for training, held-out
    and validation accuracy.
    """
    ax = ax or new_axes(6, 3.4)
    is_number = pd.api.types.is_numeric_dtype(table[x])
    groups = table.groupby(line) if line else [(None, table)]
    parts = ["val_accuracy"] if line else ["train_accuracy", "held_out_accuracy", "val_accuracy"]
    names = {
        "train_accuracy": "training",
        "held_out_accuracy": "held out",
        "val_accuracy": "validation",
    }
    looks = zip(COLORS[1:] if line else (TRAIN_COLOR, ACCENT_COLOR, VAL_COLOR), MARKERS, DASHES)
    for value, rows in groups:
        for part in parts:
            positions = rows[x].map({v: i for i, v in enumerate(table[x].unique())})
            means, spreads = rows[part], rows[f"{part}_std"].fillna(0)
            label = f"{line.replace('_', ' ')} {value:g}" if line else names[part]
            look = dict(zip(("color", "marker", "linestyle"), next(looks)))
            look |= {"label": label, "capsize": 3}
            if is_number:
                ax.errorbar(positions, means, yerr=spreads, **look)
            else:  # a line between two names would mean nothing
                ax.errorbar(means, positions, xerr=spreads, **(look | {"linestyle": "none"}))
    values, what = table[x].unique(), x.replace("_", " ")
    if is_number:
        ax.set_xticks(range(len(values)), [f"{v:g}" for v in values])
        ax.set(xlabel=what, ylabel="accuracy", title=title)
        ax.legend()
    else:
        ax.set_yticks(range(len(values)), [" ".join(v.split()) for v in values])
        ax.invert_yaxis()
        ax.set(xlabel="accuracy", title=title)
        ax.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    return ax
