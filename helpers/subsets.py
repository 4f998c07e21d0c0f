"""split -> smaller split: fewer images, or smaller ones."""

import torch
import torch.nn.functional as F

from helpers.data import Split


def hold_out(split, per_class=20, seed=0):
    """Return (rest, held_out): `per_class` random images of every class, to choose settings on."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    labels = split.labels[order]
    is_held_out = torch.zeros(len(split), dtype=torch.bool)
    for label in labels.unique():
        is_held_out[order[labels == label][:per_class]] = True
    return split[~is_held_out], split[is_held_out]


def halve(split):
    """Return a Split of float images half as high and wide: each pixel is the mean of four."""
    return Split(F.avg_pool2d(split.images.float(), 2), split.labels)
