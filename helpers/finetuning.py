"""AlexNet with borrowed conv layers + scenes -> AlexNet of which every layer has learned about scenes.

Two things help all layers to learn at once, and both are undone in the end, so that what comes out is torchvision's
AlexNet: batch norm (Ioffe & Szegedy, 2015) behind each layer but the last, and the two big linear layers as products
of two thin ones, made anew. Behind a convolution batch norm is set so that at first nothing changes.
"""

from dataclasses import dataclass

import torch
from torch import nn

from helpers.alexnet import autocast, make_alexnet
from helpers.pretraining import Stage, factorised, fold, random_crops
from helpers.small_weights import FACTORISED_LAYERS
from helpers.training import TrainConfig, fit

# Chosen on 20 held-out training images a class; data/README.md has what was tried.
EVERYTHING = TrainConfig(
    num_epochs=16, batch_size=64, learning_rate=0.02, weight_decay=5e-4, optimizer="sgd", label_smoothing=0.1
)
RANK = 112  # width between the two thin matrices of a big linear layer


@dataclass(frozen=True)
class Crops:
    """A random box of each grey image, mirrored or not, with a contrast and a brightness of its own."""

    crop_px: int = 176  # side of what comes out
    min_area: float = 0.3  # of the smallest box, as a share of the image
    contrast: float = 0.3  # largest relative change
    brightness: float = 50.0  # largest shift, in grey levels of 0 to 255

    def __call__(self, images):
        """Return uint8 images (B, 1, H, W) as float32 crops (B, 1, crop_px, crop_px), of 0..255 and a little beyond."""
        crops = random_crops(images.float(), Stage(1, self.crop_px, self.min_area))
        change = 2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1
        return 128 + (crops - 128) * (1 + self.contrast * change[0]) + self.brightness * change[1]


CROPS = Crops()


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


def fit_everything(model, train, val, config=EVERYTHING, augment=CROPS, checkpoint=None):
    """Train every layer of BothWays(AlexNet), in place; return the history, a row every fourth epoch and the last.

    `train` and `val` are Splits of grey uint8 images. AlexNet's own dropout is on while it learns.
    """
    network = model.network.requires_grad_(True)
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.seed))[:512]
    insert_batch_norm(network, train.images[chosen])
    renew_linear_layers(network)
    history = fit(model, train, val, config, augment, checkpoint, measure_every=4)
    undo(network)
    return history


@torch.no_grad()
def insert_batch_norm(network, images):
    """Put batch norm behind each convolution (in place); in eval() the network says the same as before.

    Its mean and variance are those of what the convolution says of `images` (N, 1, H, W) uint8; its scale and shift
    undo them.
    """
    values, layers = network.prepare(images), []
    for layer in network.features:
        layers.append(layer)
        values = layer(values)
        if isinstance(layer, nn.Conv2d):
            norm = nn.BatchNorm2d(layer.out_channels).to(values.device)
            norm.running_mean, norm.running_var = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(norm.running_mean)
            layers.append(norm)
    network.features = nn.Sequential(*layers)


def renew_linear_layers(network):
    """Replace the two big linear layers (in place) by new ones: two thin matrices each, and batch norm."""
    for index in FACTORISED_LAYERS:
        network.classifier[index] = factorised(network.classifier[index], RANK)


@torch.no_grad()
def undo(network):
    """Multiply thin matrices and batch norm out (in place): torchvision's layers, that say the same in eval()."""
    layers = []
    for layer in network.features:
        if isinstance(layer, nn.BatchNorm2d):
            weight, bias = fold(layers[-1], layer)
            layers[-1].weight.copy_(weight)
            layers[-1].bias.copy_(bias)
        else:
            layers.append(layer)
    network.features = nn.Sequential(*layers)
    for index in FACTORISED_LAYERS:
        down, up, norm = network.classifier[index]
        whole = nn.Linear(down.in_features, up.out_features).to(up.weight.device)
        whole.weight.copy_(up.weight @ down.weight)
        whole.bias.zero_()
        weight, bias = fold(whole, norm)
        whole.weight.copy_(weight)
        whole.bias.copy_(bias)
        network.classifier[index] = whole


def borrow_everything(weights):
    """Return BothWays(AlexNet) with these Weights and a new last layer, nothing frozen."""
    return BothWays(make_alexnet(weights))
