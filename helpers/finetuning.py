"""AlexNet with borrowed weights + scenes -> AlexNet of which every layer has learned about scenes.

Batch norm (Ioffe & Szegedy, 2015) lets all layers learn at once. AlexNet has none, so it is put in behind each
convolution, set so that at first nothing changes, and in the end it is multiplied into the convolutions again: what
comes out is torchvision's AlexNet as before.
"""

from dataclasses import dataclass

import torch
from torch import nn

from helpers.alexnet import autocast, make_alexnet
from helpers.pretraining import Stage, fold, random_crops
from helpers.training import TrainConfig, fit

EVERYTHING = TrainConfig(num_epochs=12, batch_size=64, learning_rate=3e-4, weight_decay=0.05, label_smoothing=0.1)


@dataclass(frozen=True)
class Crops:
    """A random box of each grey image, mirrored or not, its brightness and contrast changed: (B, 1, px, px)."""

    crop_px: int = 176
    min_area: float = 0.35  # of the smallest box, as a share of the image
    contrast: float = 0.3  # largest relative change
    brightness: float = 50.0  # largest shift, in grey levels of 0 to 255

    def __call__(self, images):
        """Return uint8 images (B, 1, H, W) as float32 crops (B, 1, crop_px, crop_px) in 0..255."""
        crops = random_crops(images.float(), Stage(1, self.crop_px, self.min_area))
        change = 2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1
        middle = crops.mean(dim=(1, 2, 3), keepdim=True)
        return (crops - middle) * (1 + self.contrast * change[0]) + middle + self.brightness * change[1]


CROPS = Crops()


@torch.no_grad()
def insert_batch_norm(model, images):
    """Put batch norm behind each convolution (in place); in eval() the network says the same as before.

    Its mean and variance are those of what the convolution says of `images` (N, 1, H, W) uint8, its scale and shift
    undo them.
    """
    values, layers = model.prepare(images), []
    for layer in model.features:
        layers.append(layer)
        values = layer(values)
        if isinstance(layer, nn.Conv2d):
            norm = nn.BatchNorm2d(layer.out_channels)
            norm.running_mean, norm.running_var = values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(norm.running_mean)
            layers.append(norm)
    model.features = nn.Sequential(*layers)


@torch.no_grad()
def fold_batch_norm(model):
    """Multiply each batch norm into the convolution before it (in place): torchvision's layers again."""
    layers = []
    for layer in model.features:
        if isinstance(layer, nn.BatchNorm2d):
            weight, bias = fold(layers[-1], layer)
            layers[-1].weight.copy_(weight)
            layers[-1].bias.copy_(bias)
        else:
            layers.append(layer)
    model.features = nn.Sequential(*layers)


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
    """Train every layer of BothWays(AlexNet), in place, with batch norm while it learns; return the history of `fit`.

    `train` and `val` are Splits of grey uint8 images. Accuracies are measured every fourth epoch and after the last.
    """
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.seed))[:512]
    insert_batch_norm(model.network, train.images[chosen])
    history = fit(model, train, val, config, augment, checkpoint, measure_every=4)
    fold_batch_norm(model.network)
    return history
