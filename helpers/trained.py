"""recipe -> trained networks: one from the cache, or one for each seed."""

import time
from dataclasses import asdict, replace

import torch

from helpers.alexnet_recipes import ALEXNET_RECIPES
from helpers.files import WorkbookError, atomic_write, cache_folder, digest
from helpers.measure import latency_ms, machine, size_mb
from helpers.models import num_parameters
from helpers.progress import progress
from helpers.recipes import RECIPES, train_by_recipe
from helpers.results import load_tried
from helpers.sources.cache import fingerprint
from helpers.training import for_profile, predict

ALL_RECIPES = RECIPES | ALEXNET_RECIPES
TRAINED_VERSION = 1  # raise it when training changes: networks in the cache are then trained anew


def find_recipe(name):
    """Return the Recipe of a network by its name, in any case."""
    by_name = {known.lower(): known for known in ALL_RECIPES}
    if name.lower() not in by_name:
        raise WorkbookError(f'There is no recipe "{name}". Choose one of {", ".join(ALL_RECIPES)}.')
    return by_name[name.lower()]


def trained(name, scenes, seed=0):
    """Return the network trained by its recipe on these Scenes; what was trained before comes from the cache.

    In the profile "quick", a few epochs.
    """
    recipe = ALL_RECIPES[name]
    config = for_profile(replace(recipe.config, seed=seed))
    path = weights_path(name, scenes, config)
    torch.manual_seed(seed)
    model = recipe.build()
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True), strict=False)
    else:
        model, _ = train_by_recipe(recipe, *recipe.prepare(scenes), config)
        keep_weights(model, path)
    return model.eval()


def weights_path(name, scenes, config):
    """Return where the weights of a network, trained on these Scenes by this config, are kept."""
    images, augment = fingerprint(scenes.train.images), repr(ALL_RECIPES[name].augment)
    key = digest([TRAINED_VERSION, name, asdict(config), augment, images, torch.__version__])
    return cache_folder() / "models" / f"{name}-{key}.pt"


def keep_weights(model, path):
    """Write what has been trained, batch norm's statistics too; what is frozen comes from the borrowed weights."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with atomic_write(path) as temporary:
        torch.save(trained | dict(model.named_buffers()), temporary)


def run_seeds(name, scenes, seeds=range(5)):
    """Train the recipe once a seed on all training images; return the result as `save_result` writes it."""
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
            keep_weights(model, weights_path(name, scenes, config))  # EC3 looks at this one
        images = val.images.to(next(model.parameters()).device)
        is_right = predict(model, images).argmax(dim=1).cpu() == val.labels
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
