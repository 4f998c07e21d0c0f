"""borrowed weights -> recipes: how each network made of AlexNet is trained."""

from dataclasses import replace

from helpers.alexnet import LAST_LAYER, LAST_TWO_LAYERS, fit_head, freeze, make_alexnet
from helpers.finetuning import CROPS, EVERYTHING, INPUT_PX, borrow_conv_layers, fit_everything
from helpers.recipes import Recipe
from helpers.sources.weights import find_weights


def as_they_are(scenes):
    """Return (train, val) as decoded: AlexNet normalises by the rule of its weights."""
    return scenes.train, scenes.val


def borrowed_alexnet():
    """Return AlexNet with borrowed weights, all frozen but a new last layer."""
    return freeze(make_alexnet(find_weights()), num_trainable=1)


def fit_last_two(model, train, val, config):
    """Train the last layer, then the last two linear layers by `config`; return the history of the second step."""
    fit_head(model, train, val, replace(LAST_LAYER, seed=config.seed))
    return fit_head(freeze(model, num_trainable=2), train, val, config)


ALEXNET = {"size": 224, "prepare": as_they_are}
ALEXNET_RECIPES = {
    "AlexNet-last-layer": Recipe(
        borrowed_alexnet,
        LAST_LAYER,
        {"num_epochs": (20, 40), "weight_decay": (0.05, 1.0), "label_smoothing": (0.0, 0.1)},
        fit=fit_head,
        **ALEXNET,
    ),
    "AlexNet-last-two": Recipe(
        borrowed_alexnet,
        LAST_TWO_LAYERS,
        {"num_epochs": (5, 10), "label_smoothing": (0.0, 0.1)},
        fit=fit_last_two,
        **ALEXNET,
    ),
    "AlexNet-everything": Recipe(
        lambda: borrow_conv_layers(find_weights()),
        EVERYTHING,
        {"learning_rate": (4e-4, 1e-3)},
        CROPS,
        INPUT_PX,
        as_they_are,
        fit_everything,
    ),
    "AlexNet-random": Recipe(lambda: freeze(make_alexnet(None)), LAST_LAYER, fit=fit_head, **ALEXNET),
}
