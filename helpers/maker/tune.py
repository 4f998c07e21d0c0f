"""recipe + grid -> table: which settings do best on training images that are left out."""

import itertools
from dataclasses import fields, replace
from functools import partial

import joblib
import pandas as pd
import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.data import Scenes
from helpers.files import atomic_write
from helpers.models import SimpleNetDropout
from helpers.progress import progress
from helpers.recipes import train_by_recipe
from helpers.training import TrainConfig
from helpers.tried import load_tried, tried_path

# The settings that grids may vary.
SETTINGS = ("num_epochs", "batch_size", "learning_rate", "weight_decay", "label_smoothing")


def vary(recipe, settings):
    """Return a recipe with other settings.

    These are fields of its config, `dropout_rate`, and `augmentation` (its strength).
    """
    names = {f.name for f in fields(TrainConfig)}
    recipe = replace(
        recipe, config=replace(recipe.config, **{k: v for k, v in settings.items() if k in names})
    )
    if "dropout_rate" in settings:
        recipe = replace(recipe, build=partial(SimpleNetDropout, rate=settings["dropout_rate"]))
    if "augmentation" in settings:
        recipe = replace(recipe, augment=recipe.augment.scaled(settings["augmentation"]))
    return recipe


def try_settings(name, scenes, pairs, jobs=-1):
    """Train every setting of the recipe's grid; return a table with one row per setting.

    `pairs` are (seed, kept, left out), positions among the training images: each setting is trained
    on what is kept and evaluated on what is left out. Rows have mean and std over pairs, the best
    first. Validation images are not used.
    """
    recipe = ALL_RECIPES[name]
    settings = [
        dict(zip(recipe.grid, values)) for values in itertools.product(*recipe.grid.values())
    ]

    def measure(setting, seed, kept, left_out):
        torch.set_num_threads(1)
        parts = Scenes(scenes.name, scenes.train[kept], scenes.train[left_out])
        varied = vary(recipe, setting | {"seed": seed})
        _, history = train_by_recipe(varied, *recipe.prepare(parts), varied.config)
        shown = {key: getattr(varied.config, key) for key in SETTINGS} | setting
        return shown | {"accuracy": history[-1]["val_accuracy"]}

    tasks = [joblib.delayed(measure)(setting, *pair) for setting in settings for pair in pairs]
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    rows = progress(parallel(tasks), total=len(tasks), desc=f"Settings of {name}", unit="run")
    return best_first(list(rows), "accuracy")


def best_first(rows, key):
    """Return a table of the mean, std and count of `key` for each setting, the best first."""
    rows = pd.DataFrame(rows)
    table = rows.groupby([column for column in rows if column != key])[key]
    table = table.agg(["mean", "std", "count"]).sort_values("mean", ascending=False)
    return table.round(4).reset_index()


def save_tried(dataset, name, table):
    """Add a table of `try_settings` to what was tried before.

    A setting tried again replaces its old row.
    """
    table = pd.concat([table, load_tried(dataset, name)])
    table = table.drop_duplicates(
        [column for column in table if column not in ("mean", "std", "count")]
    )
    with atomic_write(tried_path(dataset, name)) as temporary:
        table.sort_values("mean", ascending=False).to_csv(temporary, index=False)
