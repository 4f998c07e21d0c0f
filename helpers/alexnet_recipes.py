"""borrowed weights -> recipes: how the networks made of AlexNet and EfficientNet are trained."""

from dataclasses import replace
from functools import partial

from helpers.alexnet import LAST_LAYER, LAST_TWO_LAYERS, fit_head, freeze, make_alexnet
from helpers.crops import CROPS, Crops
from helpers.distilling import fit_distilled, for_teacher_and_student
from helpers.efficientnet import LAST_LAYER as EFFICIENTNET_LAST_LAYER
from helpers.efficientnet import make_efficientnet
from helpers.files import WorkbookError
from helpers.finetuning import (
    EVERYTHING,
    INPUT_PX,
    BothWays,
    borrow_conv_layers,
    fit_efficientnet,
    fit_everything,
    fit_from_scratch,
)
from helpers.recipes import RECIPES, Recipe
from helpers.sources.efficientnet_weights import load_efficientnet
from helpers.sources.pictures import borrowed_images
from helpers.sources.weights import find_weights
from helpers.training import TrainConfig


def as_they_are(scenes):
    """Return (train, val) as decoded: AlexNet normalises by the rule of its weights."""
    return scenes.train, scenes.val


def borrowed_alexnet():
    """Return AlexNet with borrowed weights, all frozen but a new last layer."""
    return freeze(make_alexnet(find_weights()), num_trainable=1)


def borrowed_efficientnet():
    """Return EfficientNet-Lite0 with ImageNet's weights, all frozen but a new last layer."""
    return freeze(make_efficientnet(load_efficientnet()[0]))


def fit_last_two(model, train, val, config):
    """Train the last layer, then the last two by `config`; return the second history."""
    fit_head(model, train, val, replace(LAST_LAYER, seed=config.seed))
    return fit_head(freeze(model, num_trainable=2), train, val, config)


ALEXNET_RECIPES = {
    "AlexNet-last-layer": Recipe(
        build=borrowed_alexnet,
        config=LAST_LAYER,
        grid={
            "num_epochs": (20, 40),
            "weight_decay": (0.05, 1.0),
            "label_smoothing": (0.0, 0.1),
        },
        size=224,
        prepare=as_they_are,
        fit=fit_head,
    ),
    "AlexNet-last-two": Recipe(
        build=borrowed_alexnet,
        config=LAST_TWO_LAYERS,
        grid={"num_epochs": (5, 10), "label_smoothing": (0.0, 0.1)},
        size=224,
        prepare=as_they_are,
        fit=fit_last_two,
    ),
    "AlexNet-everything": Recipe(
        build=lambda: borrow_conv_layers(find_weights()),
        config=EVERYTHING,
        grid={"learning_rate": (4e-4, 1e-3)},
        augment=CROPS,
        size=INPUT_PX,
        prepare=as_they_are,
        fit=fit_everything,
    ),
    "AlexNet-from-scratch": Recipe(
        build=lambda: borrow_conv_layers(None),
        config=replace(EVERYTHING, learning_rate=1e-3),
        grid={"learning_rate": (1e-3, 3e-3)},
        augment=CROPS,
        size=INPUT_PX,
        prepare=as_they_are,
        fit=fit_from_scratch,
    ),
    "AlexNet-random": Recipe(
        build=lambda: freeze(make_alexnet(None)),
        config=LAST_LAYER,
        size=224,
        prepare=as_they_are,
        fit=fit_head,
    ),
}
EFFICIENTNET_RECIPES = {
    "EfficientNet-last-layer": Recipe(
        build=borrowed_efficientnet,
        config=EFFICIENTNET_LAST_LAYER,
        grid={
            "learning_rate": (1e-3, 3e-3),
            "weight_decay": (0.05, 1.0),
            "label_smoothing": (0.0, 0.1),
        },
        size=224,
        prepare=as_they_are,
        fit=fit_head,
    ),
    "EfficientNet-everything": Recipe(
        build=lambda: BothWays(borrowed_efficientnet()),
        config=TrainConfig(
            num_epochs=8, batch_size=64, learning_rate=1e-3, weight_decay=0.05, label_smoothing=0.1
        ),
        grid={"learning_rate": (3e-4, 1e-3)},
        augment=Crops(sides_px=(96, 128, 160), min_area=0.25),
        size=224,
        prepare=as_they_are,
        fit=fit_efficientnet,
    ),
}
BY_LABELS = RECIPES["SimpleNetDropout"]
TAUGHT = replace(
    BY_LABELS,
    config=replace(BY_LABELS.config, weight_decay=0.1, label_smoothing=0.0),
    prepare=for_teacher_and_student,
    fit=partial(fit_distilled, teacher=borrowed_efficientnet),
)
DISTILLED_RECIPES = {
    "SimpleNetDropout-distilled": TAUGHT,
    "SimpleNetDropout-distilled-borrowed": replace(
        TAUGHT,
        config=replace(TAUGHT.config, num_epochs=180),
        fit=partial(TAUGHT.fit, borrowed=borrowed_images),
    ),
}
ALL_RECIPES = RECIPES | ALEXNET_RECIPES | EFFICIENTNET_RECIPES | DISTILLED_RECIPES


def find_recipe(name):
    """Return the Recipe of a network by its name, in any case."""
    by_name = {known.lower(): known for known in ALL_RECIPES}
    if name.lower() not in by_name:
        raise WorkbookError(f'There is no recipe "{name}". Choose one of {", ".join(ALL_RECIPES)}.')
    return by_name[name.lower()]
