"""batch -> logits: SimpleNet and SimpleNetDropout, the course's small networks, and what a network costs."""

import statistics
import time

import torch
from torch import nn


class SimpleNet(nn.Module):
    """Two convolutions and two linear layers: images (B, 1, 64, 64) -> logits (B, num_classes); 56,895 parameters.

    Source: the course's Part 2 (a graduate computer-vision project), after LeNet-5 (LeCun et al., 1998).
    """

    def __init__(self, num_classes=15):
        super().__init__()
        self.conv_layers = nn.Sequential(
            nn.Conv2d(1, 10, kernel_size=5),  # (B, 10, 60, 60)
            nn.MaxPool2d(3),  # (B, 10, 20, 20)
            nn.ReLU(),  # after pooling: the same result as before it, for a ninth of the work
            nn.Conv2d(10, 20, kernel_size=5),  # (B, 20, 16, 16)
            nn.MaxPool2d(3),  # (B, 20, 5, 5)
            nn.ReLU(),
        )
        self.fc_layers = nn.Sequential(
            nn.Flatten(),  # (B, 500)
            nn.Linear(500, 100),
            nn.ReLU(),
            nn.Linear(100, num_classes),
        )

    def forward(self, images):
        """Return the logits (B, num_classes) of images (B, 1, 64, 64)."""
        return self.fc_layers(self.conv_layers(images))


class SimpleNetDropout(nn.Module):
    """SimpleNet with dropout before each linear layer: the same shapes and the same 56,895 parameters.

    `rate` is the share of activations set to zero in training. Source: Srivastava et al. (2014); the course's Part 7.
    """

    def __init__(self, num_classes=15, rate=0.5):
        super().__init__()
        plain = SimpleNet(num_classes)
        flatten, hidden, relu, output = plain.fc_layers
        self.conv_layers = plain.conv_layers
        self.fc_layers = nn.Sequential(flatten, nn.Dropout(rate), hidden, relu, nn.Dropout(rate), output)

    def forward(self, images):
        """Return the logits (B, num_classes) of images (B, 1, 64, 64)."""
        return self.fc_layers(self.conv_layers(images))


class SimpleNetVariant(nn.Module):
    """SimpleNet with other sizes: images (B, 1, 64, 64) -> logits (B, num_classes); the defaults are SimpleNet itself.

    `kernel_size` in pixels; `depth` convolutions, of `width` channels and twice as many each time. The first two are
    pooled by 3; further ones keep height and width. `dropout` is the rate before each linear layer.
    """

    def __init__(self, num_classes=15, kernel_size=5, depth=2, width=10, dropout=0.0):
        super().__init__()
        channels = [1, *(width * 2**block for block in range(depth))]
        blocks = []
        for block in range(depth):
            is_pooled = block < 2
            padding = 0 if is_pooled else "same"
            blocks.append(nn.Conv2d(channels[block], channels[block + 1], kernel_size, padding=padding))
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


def num_parameters(model, trainable_only=False):
    """Return how many numbers a model learns, or those of them that are not frozen."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def size_mb(model):
    """Return the size of the parameters and buffers of a model in memory, in MB (10^6 bytes)."""
    state = model.state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in state) / 1e6


@torch.inference_mode()
def latency_ms(model, images, repeats=30):
    """Return the median time that the model needs for these images (B, C, H, W), in ms, after a warm-up."""
    model.eval()
    times = []
    for _ in range(repeats + 5):
        start = time.perf_counter()
        model(images).sum().item()  # .item() waits for a GPU to finish
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[5:])
