"""recipe -> trained network: shipped with the workbook, from the cache, or trained now."""

import os
import pickle
from dataclasses import asdict, replace

import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.files import DATA, atomic_write, cache_folder, digest, profile
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
    shipped, path = shipped_path(name, scenes.name, seed), weights_path(name, scenes, config)
    torch.manual_seed(seed)
    model = recipe.build()
    state = read_shipped(shipped, how_trained(name, config)) or read_cached(path)
    if state:
        model.load_state_dict(state, strict=False)
    else:
        model, _ = train_by_recipe(recipe, *recipe.prepare(scenes), config)
        state = what_was_learned(model)
        write(state, path)
    if os.environ.get("WORKBOOK_PUBLISH") and profile() == "full" and not shipped.exists():
        write({"how": how_trained(name, config), "state": state}, shipped)
    return model.eval()


def shipped_path(name, dataset, seed):
    """Return the path of a trained network that comes with the workbook.

    `workbook run --save` writes it.
    """
    return DATA / "trained" / dataset / f"{name}-seed{seed}.pt"


def how_trained(name, config):
    """Return what decides how a network is trained.

    A network that comes with the workbook is used only if this is the same.
    """
    return {
        "version": TRAINED_VERSION,
        "config": asdict(config),
        "augment": repr(ALL_RECIPES[name].augment),
    }


def read_shipped(path, how):
    """Return the weights of a shipped network, None if none was trained by this config."""
    content = read_cached(path)
    return content["state"] if content and content["how"] == how else None


def read_cached(path):
    """Return the content of a file of weights, None if it is absent or damaged."""
    try:
        return torch.load(path, weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None


def weights_path(name, scenes, config):
    """Return the cache file of a network trained on these Scenes by this config."""
    images, augment = fingerprint(scenes.train.images), repr(ALL_RECIPES[name].augment)
    key = digest([TRAINED_VERSION, name, asdict(config), augment, images, torch.__version__])
    return cache_folder() / "models" / f"{name}-{key}.pt"


def what_was_learned(model):
    """Return the trained parameters and batch norm's statistics, but no frozen layers."""
    learned = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    return learned | dict(model.named_buffers())


def write(content, path):
    """Write what torch can load again with `weights_only`."""
    with atomic_write(path) as temporary:
        torch.save(content, temporary)
