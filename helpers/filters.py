"""network -> figure: its kernels and feature maps."""

import numpy as np

from helpers.plots import show_images


def show_filters(weights, num_columns=10, caption=""):
    """Draw convolution kernels (num_filters, 1, k, k), red above zero, blue below."""
    weights = np.asarray(weights.detach())
    limit = np.abs(weights).max()
    titles = [str(i) for i in range(len(weights))]
    side = min(0.8, 8 / num_columns)  # inches: a row is never wider than a notebook
    return show_images(
        weights, titles, num_columns, caption, side=side, cmap="RdBu_r", vmin=-limit, vmax=limit
    )


def show_feature_maps(maps, num_columns=5, caption=""):
    """Draw the feature maps (C, H, W) of one picture, each in its own range; return the Axes."""
    maps = np.asarray(maps.detach())[:, None]
    return show_images(
        maps, [str(i) for i in range(len(maps))], num_columns, caption, side=1.1, cmap="magma"
    )
