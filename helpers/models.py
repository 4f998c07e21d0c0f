"""batch -> logits: SimpleNet and SimpleNetDropout, the course's small networks."""

from torch import nn


class SimpleNet(nn.Module):
    """Two convolutions and two linear layers, 56,895 parameters, for images of 64 x 64 pixels.

    Source: the Part 2 of a graduate computer-vision course, after LeNet-5 (LeCun et al., 1998).
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
    """SimpleNet with dropout before each linear layer: the same shapes and parameters.

    `rate` is the share of activations set to zero in training. Source: Srivastava et al. (2014);
    the course's Part 7.
    """

    def __init__(self, num_classes=15, rate=0.5):
        super().__init__()
        plain = SimpleNet(num_classes)
        flatten, hidden, relu, output = plain.fc_layers
        self.conv_layers = plain.conv_layers
        dropout = nn.Dropout(rate)
        self.fc_layers = nn.Sequential(flatten, dropout, hidden, relu, nn.Dropout(rate), output)

    def forward(self, images):
        """Return the logits (B, num_classes) of images (B, 1, 64, 64)."""
        return self.fc_layers(self.conv_layers(images))


def num_parameters(model, trainable_only=False):
    """Return how many numbers a model learns, or those of them that are not frozen."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)
