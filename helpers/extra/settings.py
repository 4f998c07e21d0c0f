"""settings -> network: what a run of a study may vary."""

from dataclasses import asdict, dataclass, fields

import torch
from torch import nn

from helpers.augmentation import Augmentation
from helpers.data import CLASS_NAMES
from helpers.training import TrainConfig

NUM_CLASSES = len(CLASS_NAMES)


@dataclass(frozen=True)
class Settings:
    """What a run varies. The defaults are SimpleNet and its recipe, for 10 epochs."""

    learning_rate: float = 4e-3  # peak of the one-cycle schedule
    batch_size: int = 32  # images
    num_epochs: int = 10  # passes over the training images
    weight_decay: float = 0.5  # share of a weight lost per step, in units of the learning rate
    label_smoothing: float = 0.2  # share of the target spread evenly over all classes
    dropout: float = 0.0  # share of activations zeroed before each linear layer
    augmentation: float = 0.0  # strength of flips, crops, brightness and contrast; 0: none
    kernel_size: int = 5  # pixels, height and width of every kernel
    depth: int = 2  # convolutions
    width: int = 10  # channels of the first convolution; each further one has twice as many

    def build(self, seed=0):
        """Return the untrained network that the settings and the seed describe."""
        torch.manual_seed(seed)
        return SimpleNetVariant(NUM_CLASSES, self.kernel_size, self.depth, self.width, self.dropout)

    def augment(self):
        """Return the Augmentation of this strength, None for 0."""
        return Augmentation().scaled(self.augmentation) if self.augmentation else None

    def train_config(self, seed=0):
        """Return the TrainConfig of these settings."""
        own = asdict(self)
        shared = {f.name: own[f.name] for f in fields(TrainConfig) if f.name in own}
        return TrainConfig(**shared, seed=seed)


SIMPLE_NET = Settings()


class SimpleNetVariant(nn.Module):
    """SimpleNet with other sizes, for images (B, 1, 64, 64); the defaults are SimpleNet itself.

    `kernel_size` in pixels; `depth` convolutions, of `width` channels and twice as many each time.
    The first two are pooled by 3; further ones keep height and width. `dropout` is the rate before
    each linear layer.
    """

    def __init__(self, num_classes=15, kernel_size=5, depth=2, width=10, dropout=0.0):
        super().__init__()
        channels = [1, *(width * 2**block for block in range(depth))]
        blocks = []
        for block in range(depth):
            is_pooled = block < 2
            padding = 0 if is_pooled else "same"
            sizes = channels[block], channels[block + 1], kernel_size
            blocks.append(nn.Conv2d(*sizes, padding=padding))
            blocks += [nn.MaxPool2d(3), nn.ReLU()] if is_pooled else [nn.ReLU()]
        self.conv_layers = nn.Sequential(*blocks, nn.Flatten())
        num_features = self.conv_layers(torch.zeros(1, 1, 64, 64)).shape[1]
        layers = [nn.Linear(num_features, 100), nn.ReLU(), nn.Linear(100, num_classes)]
        if dropout:
            layers = [nn.Dropout(dropout), *layers[:2], nn.Dropout(dropout), layers[2]]
        self.fc_layers = nn.Sequential(*layers)

    def forward(self, images):
        """Return the logits (B, num_classes) of images (B, 1, 64, 64)."""
        return self.fc_layers(self.conv_layers(images))
