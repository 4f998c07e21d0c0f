"""runs and predictions -> figure: as in `plots`, values and Axes in, Axes out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from helpers.plots import (
    ACCENT_COLOR,
    COLORS,
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

    ax = ax or new_axes(5.6, 4.6)
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
        "annot_kws": {"size": 6},
        "square": True,
        "cbar": cbar,
    }
    sns.heatmap(matrix, xticklabels=class_names, yticklabels=class_names, ax=ax, **options)
    ax.tick_params(labelsize=7, length=0)
    ax.set(xlabel="predicted", ylabel="true", title=title)
    return ax


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
    ax = ax or new_axes(4.6, 4.2)
    ax.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="--", label="as sure as right")
    for (label, table), color in zip(tables.items(), COLORS[1:]):
        table = table[table["share"] >= 1 / 300]
        ax.plot(table["confidence"], table["accuracy"], marker="o", color=color, label=label)
    ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    ax.legend()
    return ax


def plot_study(table, x, ax=None, title="", line=None):
    """Draw the accuracies of a study's table against the column `x`.

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
    colors = iter(COLORS[1:] if line else (TRAIN_COLOR, ACCENT_COLOR, VAL_COLOR))
    for value, rows in groups:
        for part in parts:
            positions = rows[x].map({v: i for i, v in enumerate(table[x].unique())})
            label = f"{line.replace('_', ' ')} {value:g}" if line else names[part]
            options = {"label": label, "marker": "o", "capsize": 3, "color": next(colors)}
            # A line between two names would mean nothing.
            options["linestyle"] = "-" if is_number else "none"
            ax.errorbar(positions, rows[part], yerr=rows[f"{part}_std"].fillna(0), **options)
    values = table[x].unique()
    ax.set_xticks(range(len(values)), [f"{v:g}" if is_number else v for v in values])
    ax.tick_params(axis="x", labelsize="medium" if is_number else 7)  # names need room
    ax.set(xlabel=x.replace("_", " "), ylabel="accuracy", title=title)
    ax.legend()
    return ax
