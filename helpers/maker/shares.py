"""recipes + fewer training images -> table: how the accuracy grows with the share of the images.

Each row trains one network by its recipe on a share of every class and evaluates it on all
validation images. Shares of one draw are nested: what is in a tenth is in a quarter, too.
"""

from dataclasses import replace

import joblib
import pandas as pd
import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.data import Scenes, load_scenes
from helpers.files import RESULTS, atomic_write
from helpers.progress import progress
from helpers.recipes import train_by_recipe

NETWORKS = (
    "SimpleNet",
    "EfficientNet-last-layer",
    "AlexNet-last-layer",
    "AlexNet-everything",
    "AlexNet-from-scratch",
)
SHARES = (0.1, 0.25, 0.5, 1.0)
MOST_PATIENCE = 2  # at most so many times the recipe's epochs, where there are fewer images


def shares_path(dataset):
    """Return where the table of a data set lies."""
    return RESULTS / dataset / "share-of-images.csv"


def take_share(split, share, seed):
    """Return `share` of the images of every class of a Split, at least one of each."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    labels = split.labels[order]
    chosen = [
        order[labels == label][: max(1, round(share * (labels == label).sum().item()))]
        for label in labels.unique()
    ]
    return split[torch.cat(chosen).sort().values]


def patient(config, share):
    """Return the config with more epochs for a small share, so that there are steps enough."""
    return replace(config, num_epochs=round(config.num_epochs * min(1 / share, MOST_PATIENCE)))


def measure_share(name, share, draw):
    """Train a network on a share of the images; return a row of the table."""
    recipe = ALL_RECIPES[name]
    scenes = load_scenes(recipe.size)
    fewer = Scenes(scenes.name, take_share(scenes.train, share, draw), scenes.val)
    config = patient(replace(recipe.config, seed=draw), share)
    _, history = train_by_recipe(recipe, *recipe.prepare(fewer), config)
    return {
        "network": name,
        "share": share,
        "draw": draw,
        "num_images": len(fewer.train),
        "num_epochs": config.num_epochs,
        "val_accuracy": round(history[-1]["val_accuracy"], 4),
    }


def measure_shares(dataset, networks=NETWORKS, draws=(0, 1, 2), jobs=-1):
    """Measure what the table of a data set still lacks; each row is kept as soon as it is there."""
    path = shares_path(dataset)
    table = pd.read_csv(path) if path.exists() else pd.DataFrame()
    known = set() if table.empty else set(zip(table["network"], table["share"], table["draw"]))
    missing = [
        task
        for task in ((n, s, d) for n in networks for s in SHARES for d in draws)
        if task not in known
    ]

    def measure(*task):
        torch.set_num_threads(1)
        return measure_share(*task)

    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    rows = parallel(joblib.delayed(measure)(*task) for task in missing)
    for row in progress(rows, total=len(missing), desc="Shares of the images", unit="run"):
        table = pd.concat([table, pd.DataFrame([row])])
        table = table.sort_values(["network", "share", "draw"])
        with atomic_write(path) as temporary:
            table.to_csv(temporary, index=False)
    return table
