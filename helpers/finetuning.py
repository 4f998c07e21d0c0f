"""borrowed weights + scenes -> a network whose layers are all trained on scenes.

AlexNet's two big linear layers, with 55 of its 57 million parameters, are left out: one linear
layer reads the conv features. Its batch norm (Ioffe & Szegedy, 2015), used in pretraining and folded
into the convolutions since, is put back after each of them.
"""

from dataclasses import replace

import torch
from torch import nn

from helpers.alexnet import fit_head, freeze, make_alexnet
from helpers.crops import CROPS
from helpers.training import Options, TrainConfig, autocast, choose_device, evaluate, fit

# Chosen on 40 held-out training images per class; data/README.md has what was tried.
LINEAR_LAYER = TrainConfig(num_epochs=20, batch_size=64, learning_rate=1e-3, weight_decay=0.05)
EVERYTHING = TrainConfig(
    num_epochs=30, batch_size=64, learning_rate=4e-4, weight_decay=0.3, label_smoothing=0.1
)
INPUT_PX = 256  # of whole images; objects in crops of 192 look as large as in images of 256 or more


class BothWays(nn.Module):
    """A network whose logits in eval() are the mean over an image and its mirror image."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Return the logits (B, num_classes) of grey images (B, 1, H, W)."""
        logits = self.network(images)
        return logits if self.training else (logits + self.network(images.flip(-1))) / 2


def borrow_conv_layers(weights, num_classes=15):
    """Return BothWays(network): borrowed conv layers with batch norm, and one new linear layer."""
    network = make_alexnet(weights)
    network.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(256 * 6 * 6, num_classes))
    network.features = with_batch_norm(network.features)
    network.input_px = INPUT_PX
    return BothWays(network)


def with_batch_norm(features):
    """Return the layers with batch norm after each convolution; at first it changes nothing."""
    layers = []
    for layer in features:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*layers)


@torch.no_grad()
def set_batch_norm(network, images):
    """Set batch norm's statistics by grey images (N, 1, H, W); at evaluation nothing changes."""
    values = network.prepare(images)
    for layer in network.features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean, layer.running_var = values.mean((0, 2, 3)), values.var((0, 2, 3))
            layer.weight.copy_((layer.running_var + layer.eps).sqrt())
            layer.bias.copy_(layer.running_mean)
        values = layer(values)


def fit_linear_layer(model, train, val, config):
    """Train the linear layer of BothWays(network) alone, in place; then nothing is frozen.

    It goes first: a random one would spoil the other layers by its gradients.
    """
    first = replace(LINEAR_LAYER, seed=config.seed, device=config.device)
    fit_head(freeze(model.network), train, val, first)
    model.network.requires_grad_(True)


def fit_everything(model, train, val, config=EVERYTHING, augment=CROPS):
    """Train the linear layer of BothWays(AlexNet), then every layer, in place.

    Returns the second history: validation accuracy before its first epoch, all after every tenth.
    `train` and `val` are Splits of grey uint8 images.
    """
    fit_linear_layer(model, train, val, config)
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.seed))[:512]
    set_batch_norm(model.network, train.images[chosen])
    device = choose_device(config.device)
    with autocast(device):
        _, accuracy = evaluate(model.to(device), val.to(device))
    history = fit(model, train, val, config, augment, Options(evaluate_every=10))
    return [{"epoch": 0, "val_accuracy": accuracy}, *history]


def fit_from_scratch(model, train, val, config, augment):
    """Train every layer of BothWays(network) at once, in place; return the history.

    For random weights: no layer is better than another, so none goes first.
    """
    return fit(model, train, val, config, augment, Options(evaluate_every=10))


def fit_efficientnet(model, train, val, config, augment):
    """Train the linear layer of BothWays(EfficientNet), then every layer, as `fit_everything`.

    Batch norm is the network's own: it goes on from ImageNet's statistics.
    """
    fit_linear_layer(model, train, val, config)
    return fit(model, train, val, config, augment, Options(evaluate_every=10))
