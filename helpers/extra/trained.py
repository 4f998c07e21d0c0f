"""recipe -> trained network: shipped with the workbook, from the cache, or trained now."""

import os
from dataclasses import asdict, replace

import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.files import DATA, cache_folder, digest, profile
from helpers.kept import read, what_was_learned, write
from helpers.recipes import train_by_recipe
from helpers.sources.cache import fingerprint
from helpers.training import for_profile

TRAINED_VERSION = 1  # raise it when training changes: cached networks are then trained again


def trained(name, scenes, seed=0):
    """Return the network trained by its recipe on these Scenes.

    It comes with the workbook or from the cache, or is trained now. In the profile "quick", it is
    trained for a few epochs.
    """
    recipe = ALL_RECIPES[name]
    config = for_profile(replace(recipe.config, seed=seed))
    torch.manual_seed(seed)
    model = recipe.build()
    how, shipped = how_trained(name, config, model), shipped_path(name, scenes.name, seed)
    if state := read_shipped(shipped, how) or read(weights_path(name, scenes, how)):
        model.load_state_dict(state, strict=False)
    else:
        model, _ = train_by_recipe(recipe, *recipe.prepare(scenes), config)
        state = what_was_learned(model)
        write(state, weights_path(name, scenes, how))
    if os.environ.get("WORKBOOK_PUBLISH") and profile() == "full" and not shipped.exists():
        write({"how": how, "state": state}, shipped)
    return model.eval()


def shipped_path(name, dataset, seed):
    """Return the path of a trained network that comes with the workbook.

    `workbook run --save` writes it.
    """
    return DATA / "trained" / dataset / f"{name}-seed{seed}.pt"


def how_trained(name, config, model):
    """Return what decides how a network is trained, its frozen layers included.

    A network that comes with the workbook is used only if this is the same. Of frozen layers, the
    largest are left out: they are products, whose last digits differ between processors.
    """
    frozen = [p for p in model.parameters() if not p.requires_grad and p.numel() < 10**6]
    return {
        "version": TRAINED_VERSION,
        "config": asdict(config),
        "augment": repr(ALL_RECIPES[name].augment),
        "frozen": fingerprint(*frozen),
    }


def read_shipped(path, how):
    """Return the weights of a shipped network, None if it was trained in another way."""
    content = read(path)
    return content["state"] if content and content["how"] == how else None


def weights_path(name, scenes, how):
    """Return the cache file of a network trained on these Scenes in this way."""
    key = digest([name, how, fingerprint(scenes.train.images), torch.__version__])
    return cache_folder() / "models" / f"{name}-{key}.pt"
