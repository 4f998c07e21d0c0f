"""AlexNet with borrowed weights + scenes -> AlexNet of which every layer has learned about scenes."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from helpers.alexnet import LAST_LAYER, autocast, fit_head, freeze, make_alexnet
from helpers.pretraining import Stage, random_crops
from helpers.training import TrainConfig, fit

# Chosen on 20 held-out training images a class; data/README.md has what was tried.
EVERYTHING = TrainConfig(num_epochs=6, batch_size=64, learning_rate=3e-5, weight_decay=0.05, label_smoothing=0.1)


@dataclass(frozen=True)
class Crops:
    """A random box of each grey image, mirrored or not, with a contrast and a brightness of its own."""

    crop_px: int = 224  # side of what comes out
    min_area: float = 0.4  # of the smallest box, as a share of the image
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


def borrow_everything(weights):
    """Return BothWays(AlexNet) with these Weights and a new last layer, nothing frozen."""
    return BothWays(make_alexnet(weights))


def fit_everything(model, train, val, config=EVERYTHING, augment=CROPS, checkpoint=None):
    """Train the last layer of BothWays(AlexNet), then every layer, in place; return the history of the second step.

    `train` and `val` are Splits of grey uint8 images. The small steps of the config keep what was borrowed; the last
    layer goes first, for a random one would send random gradients through all others. Measured every other epoch.
    Batch norm, with which the weights were made, is part of the convolutions and not put back.
    """
    fit_head(freeze(model.network), train, val, replace(LAST_LAYER, seed=config.seed, device=config.device))
    model.network.requires_grad_(True)
    return fit(model, train, val, config, augment, checkpoint, measure_every=2)
