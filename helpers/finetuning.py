"""AlexNet's borrowed conv layers + scenes -> a network of which every layer has learned about scenes.

The two big linear layers, 55 of AlexNet's 57 million parameters, stay behind: one linear layer reads what the conv
layers say. Batch norm (Ioffe & Szegedy, 2015), with which the weights were made and which had become a part of the
convolutions, is put back behind each, and stays.
"""

from dataclasses import replace

import torch
from torch import nn

from helpers.alexnet import autocast, fit_head, freeze, make_alexnet
from helpers.crops import CROPS
from helpers.training import Options, TrainConfig, fit

# Chosen on 40 held-out training images a class; data/README.md has what was tried.
LINEAR_LAYER = TrainConfig(num_epochs=20, batch_size=64, learning_rate=1e-3, weight_decay=0.05)
EVERYTHING = TrainConfig(num_epochs=30, batch_size=64, learning_rate=4e-4, weight_decay=0.3, label_smoothing=0.1)
INPUT_PX = 256  # of whole images; things in a crop of 192 are as large as in an image of 256 or more


class BothWays(nn.Module):
    """A network that in eval() answers with the mean of its logits for an image and for its mirror image."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Return the logits (B, num_classes) of grey images (B, 1, H, W)."""
        with autocast(images.device):
            logits = self.network(images)
            if not self.training:
                logits = (logits + self.network(images.flip(-1))) / 2
        return logits.float()


def borrow_conv_layers(weights, num_classes=15):
    """Return BothWays(network): AlexNet's conv layers with these Weights and batch norm, one new linear layer."""
    network = make_alexnet(weights)
    network.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(256 * 6 * 6, num_classes))
    network.features = with_batch_norm(network.features)
    network.input_px = INPUT_PX
    return BothWays(network)


def with_batch_norm(features):
    """Return the layers with batch norm behind each convolution that, so far, changes nothing."""
    layers = []
    for layer in features:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*layers)


@torch.no_grad()
def set_batch_norm(network, images):
    """Give batch norm the mean and variance of grey images (N, 1, H, W), so that in eval() still nothing changes."""
    values = network.prepare(images)
    for layer in network.features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean, layer.running_var = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))
            layer.weight.copy_((layer.running_var + layer.eps).sqrt())
            layer.bias.copy_(layer.running_mean)
        values = layer(values)


def fit_everything(model, train, val, config=EVERYTHING, augment=CROPS):
    """Train the linear layer of BothWays(network), then every layer, in place; return the second history.

    `train` and `val` are Splits of grey uint8 images. The linear layer goes first, for a random one would send random
    gradients through all others. Measured every tenth epoch.
    """
    fit_head(freeze(model.network), train, val, replace(LINEAR_LAYER, seed=config.seed, device=config.device))
    model.network.requires_grad_(True)
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.seed))[:512]
    set_batch_norm(model.network, train.images[chosen])
    return fit(model, train, val, config, augment, Options(evaluate_every=10))
