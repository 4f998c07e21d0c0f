"""recipe -> trained networks: one from the cache, or one for each seed."""

from dataclasses import asdict, replace

import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.files import atomic_write, cache_folder, digest
from helpers.recipes import train_by_recipe
from helpers.sources.cache import fingerprint
from helpers.training import for_profile

TRAINED_VERSION = 1  # raise it when training changes: networks in the cache are then trained anew


def trained(name, scenes, seed=0):
    """Return the network trained by its recipe on these Scenes; what was trained before comes from
    the cache.

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
    """Write what has been trained, batch norm's statistics too; what is frozen comes from the
    borrowed weights.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with atomic_write(path) as temporary:
        torch.save(trained | dict(model.named_buffers()), temporary)
