"""frozen features + folds -> table: which settings of a last layer do best within training images.

The features of frozen layers do not depend on the fold, so they are computed once for all settings.
"""

import itertools
from dataclasses import replace

import torch
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from helpers.alexnet import Head, encode, last_frozen_layer
from helpers.alexnet_recipes import ALL_RECIPES, borrowed_efficientnet
from helpers.data import Split
from helpers.maker.tune import SETTINGS, best_first
from helpers.progress import progress
from helpers.training import Options, fit

NEAR = 0.95  # cosine of two images' features from which they count as near-duplicates


def pairs_within(images, labels, seeds, num_folds=5):
    """Return [(seed, kept, left out)] of grey uint8 images (N, 1, H, W): folds for each seed.

    Folds are stratified, with near-duplicates in one fold; each seed draws others.
    """
    groups = near_duplicates(encode(borrowed_efficientnet(), images)[:, 0].float())
    return [(seed, *pair) for seed in seeds for pair in folds(labels, groups, num_folds, seed)]


def try_last_layers(name, scenes, pairs):
    """Train every setting of the grid of a recipe whose `fit` is `fit_head`, for each fold.

    `pairs` are (seed, kept, left out). Returns a table with one row per setting, mean and std over
    folds of the accuracy on the fold that was left out, the best first. Validation images are not
    used.
    """
    recipe = ALL_RECIPES[name]
    model, (train, _) = recipe.build(), recipe.prepare(scenes)
    layer = last_frozen_layer(model)
    features = encode(model, train.images, layer, mirrored=True)  # (N, 2, D)
    split, rows = Split(features, train.labels), []
    settings = [dict(zip(recipe.grid, v)) for v in itertools.product(*recipe.grid.values())]
    for setting in progress(settings, desc=f"Settings of {name}", unit="setting"):
        for seed, kept, left_out in pairs:
            config = replace(recipe.config, seed=seed, **setting)
            torch.manual_seed(seed)
            model.classifier[-1].reset_parameters()
            head = Head(*model.classifier[model.layers[layer] :])
            options = Options(evaluate_every=config.num_epochs)
            history = fit(head, split[kept], split[left_out], config, options=options)
            shown = {key: getattr(config, key) for key in SETTINGS}
            rows.append(shown | {"accuracy": history[-1]["val_accuracy"]})
    return best_first(rows, "accuracy")


def folds(labels, groups, num_folds, seed):
    """Yield (kept, left out), positions of images, for each fold; no group is divided."""
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    for kept, left_out in splitter.split(groups, labels.numpy(), groups):
        yield torch.from_numpy(kept), torch.from_numpy(left_out)


def near_duplicates(features):
    """Return a number for each image (N,), the same for images whose features (N, D) are alike."""
    directions = torch.nn.functional.normalize(features, dim=1)
    _, groups = connected_components((directions @ directions.T > NEAR).numpy())
    return groups
