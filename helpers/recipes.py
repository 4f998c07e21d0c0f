"""recipe -> network + history: how the two small networks are trained."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from helpers.augmentation import Augmentation
from helpers.data import compute_mean_and_std, normalise, prepare
from helpers.models import SimpleNet, SimpleNetDropout
from helpers.subsets import halve
from helpers.training import Options, TrainConfig, fit


@dataclass(frozen=True)
class Recipe:
    """A network, how it is trained, and the settings that were tried to find that out."""

    build: Callable  # () -> model
    config: TrainConfig  # the choice; data/results/ has what was tried on held-out images
    grid: dict = field(default_factory=dict)  # {setting: values} that `workbook tune` tries
    augment: Callable | None = None
    size: int = 64  # pixels, height and width of the images
    prepare: Callable = prepare  # Scenes -> (train, val) Splits
    fit: Callable = fit  # (model, train, val, config) -> history


def mean_and_std_at_half(split):
    """Return mean and std (in 0..1) of a Split's uint8 images, half as high and wide."""
    return compute_mean_and_std(halve(split).images.round().to(torch.uint8))


def large_to_learn_from(scenes):
    """Return (train, val) of Scenes, normalised: training images at full size, others at half."""
    mean, std = mean_and_std_at_half(scenes.train)
    return normalise(scenes.train, mean, std), normalise(halve(scenes.val), mean, std)


def fit_on_crops(model, train, val, config, augment):
    """Train on crops of `train`, made by `augment`; evaluate on whole images of half the size."""
    return fit(model, train, val, config, augment, Options(evaluate_on=halve(train)))


RECIPES = {
    "SimpleNet": Recipe(
        build=SimpleNet,
        config=TrainConfig(
            num_epochs=12, batch_size=32, learning_rate=4e-3, weight_decay=0.5, label_smoothing=0.2
        ),
        grid={
            "batch_size": (32, 128),
            "weight_decay": (0.05, 0.5, 2.0),
            "label_smoothing": (0.0, 0.1, 0.2),
        },
    ),
    "SimpleNetDropout": Recipe(
        build=partial(SimpleNetDropout, rate=0.1),
        config=TrainConfig(
            num_epochs=120, batch_size=64, learning_rate=4e-3, weight_decay=0.5, label_smoothing=0.1
        ),
        grid={"dropout_rate": (0.1, 0.3), "augmentation": (0.5, 1.0), "num_epochs": (60, 120)},
        augment=Augmentation(output_px=64),
        size=128,
        prepare=large_to_learn_from,
        fit=fit_on_crops,
    ),
}


def train_by_recipe(recipe, train, val, config):
    """Build the network from the config's seed and train it; return (model, history)."""
    torch.manual_seed(config.seed)
    model = recipe.build()
    options = {"augment": recipe.augment} if recipe.augment else {}
    return model, recipe.fit(model, train, val, config, **options)
