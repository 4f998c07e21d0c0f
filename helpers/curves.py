"""history or path -> figure: how training went."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from helpers.plots import QUIET_COLOR, TRAIN_COLOR, VAL_COLOR, new_axes


def plot_loss(history, ax=None, **line):
    """Draw training and validation loss against the epoch."""
    return _plot_curves(history, "loss", "cross-entropy (nats per image)", ax, **line)


def plot_accuracy(history, ax=None, **line):
    """Draw training and validation accuracy against the epoch."""
    ax = _plot_curves(history, "accuracy", "accuracy", ax, **line)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


def _plot_curves(history, quantity, ylabel, ax, **line):
    ax = ax or new_axes(5, 3.2)
    epochs = [row["epoch"] for row in history]
    every = max(1, len(history) // 20)  # more markers would hide the dashes
    for part, label, color, dash in (
        ("train", "training", TRAIN_COLOR, "o-"),
        ("val", "validation", VAL_COLOR, "s--"),
    ):
        values = [row[f"{part}_{quantity}"] for row in history]
        look = {"color": color, "markersize": 4, "label": label, "markevery": every}
        ax.plot(epochs, values, dash, **(look | line))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="epoch", ylabel=ylabel, title=quantity.capitalize())
    ax.legend()
    return ax


def plot_history(history):
    """Draw loss and accuracy side by side; return the two Axes."""
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    return [plot_loss(history, axes[0]), plot_accuracy(history, axes[1])]


def plot_descent(path, function, ax=None, title=""):
    """Draw steps of gradient descent: `path` holds w at every step, `function` maps w to loss."""
    ax = ax or new_axes(5, 3.2)
    path = np.asarray(path, dtype=float)
    reach = 12.0
    grid = np.linspace(5 - reach, 5 + reach, 300)
    ax.plot(grid, function(grid), color=QUIET_COLOR, label="_the loss")
    inside = path[np.abs(path - 5) <= reach]
    steps = {"marker": "o", "markersize": 4, "linewidth": 1, "label": "_the steps shown"}
    ax.plot(inside, function(inside), color=VAL_COLOR, **steps)
    ax.plot(path[:1], function(path[:1]), "o", color=TRAIN_COLOR, markersize=8, label="_the start")
    ax.set(xlabel="w", ylabel="loss", title=title, xlim=(5 - reach, 5 + reach), ylim=(-12, 150))
    return ax
