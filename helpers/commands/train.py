"""recipe + seeds -> data/my_runs: what `workbook train` runs and keeps."""

import json
import os
import time
from dataclasses import asdict, replace

import torch

from helpers.alexnet import fit_head, predict_by_features
from helpers.alexnet_recipes import ALL_RECIPES, fit_last_two
from helpers.extra.measure import latency_ms, machine, size_mb
from helpers.extra.trained import how_trained, weights_path
from helpers.files import atomic_write
from helpers.kept import what_was_learned, write
from helpers.models import num_parameters
from helpers.progress import progress
from helpers.recipes import train_by_recipe
from helpers.results import result_path
from helpers.training import autocast, predict
from helpers.tried import load_tried


def run_seeds(name, scenes, seeds=range(5)):
    """Train the recipe on all training images, once per seed; return what `save_result` takes."""
    recipe = ALL_RECIPES[name]
    train, val = recipe.prepare(scenes)
    is_new = ~is_duplicate(scenes)
    runs = []
    for seed in progress(seeds, desc=name, unit="seed"):
        start = time.perf_counter()
        config = replace(recipe.config, seed=seed)
        model, history = train_by_recipe(recipe, train, val, config)
        seconds = time.perf_counter() - start
        if seed == 0:
            # EC3 looks at this network.
            path = weights_path(name, scenes, how_trained(name, config, model))
            write(what_was_learned(model), path)
        images = val.images.to(next(model.parameters()).device)
        by_features = recipe.fit in (fit_head, fit_last_two)
        with autocast(config.device):  # as `fit` evaluates
            logits = predict_by_features(model, images) if by_features else predict(model, images)
        is_right = logits.argmax(dim=1).cpu() == val.labels
        runs.append(
            {
                "seed": seed,
                "train_accuracy": history[-1]["train_accuracy"],
                "val_accuracy": history[-1]["val_accuracy"],
                "val_accuracy_without_duplicates": is_right[is_new].float().mean().item(),
                "seconds": seconds,
                "history": history,
            }
        )
    return {
        "model": name,
        "dataset": scenes.name,
        "num_train": len(train),
        "num_val": len(val),
        "num_duplicates": int((~is_new).sum()),
        "num_parameters": num_parameters(model),
        "size_mb": size_mb(model),
        "latency_ms": latency_ms(model, images[:1]),
        "num_settings_tried": len(load_tried(scenes.name, name)),
        "config": asdict(recipe.config) | {"augment": repr(recipe.augment), "seed": list(seeds)},
        "machine": machine(recipe.config),
        "runs": runs,
    }


def is_duplicate(scenes):
    """Return which validation images are, pixel by pixel, also training images: (N_val,) bool."""
    seen = {image.numpy().tobytes() for image in scenes.train.images}
    return torch.tensor([image.numpy().tobytes() in seen for image in scenes.val.images])


def save_result(result):
    """Write a result to data/my_runs/<dataset>/<model>.json and return all that the file holds.

    Earlier runs of other seeds are kept if they had the same recipe; runs of another recipe are
    replaced. Where WORKBOOK_PUBLISH is set, the file is the one in data/results that comes with the
    workbook.
    """
    is_shipped = bool(os.environ.get("WORKBOOK_PUBLISH"))
    path = result_path(result["dataset"], result["model"], is_shipped)
    old = json.loads(path.read_text()) if path.exists() else None
    new_seeds = result["config"]["seed"]
    if (
        old
        and old["config"] | {"seed": new_seeds} == result["config"]
        and old["num_train"] == result["num_train"]
    ):
        kept = [run for run in old["runs"] if run["seed"] not in new_seeds]
        result["runs"] = sorted(kept + result["runs"], key=lambda run: run["seed"])
        result["config"]["seed"] = [run["seed"] for run in result["runs"]]
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    return result
