"""scene -> features -> logits: EfficientNet-Lite0, a network of 2019, with borrowed weights.

Where AlexNet's convolutions mix places and channels at once, these do one after the other, which
takes far fewer weights. `encode` and `fit_head` of `helpers.alexnet` train its last layer, too.
"""

import torch
from torch import nn

from helpers.alexnet import prepare_grey
from helpers.training import TrainConfig

# Of each stage: blocks, kernel's side, stride of the first block, expansion, channels at its end.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
NUM_FEATURES = 1280

# Chosen by `workbook tune`: five-fold cross-validation within the training images.
LAST_LAYER = TrainConfig(num_epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=1.0)


class Depthwise(nn.Conv2d):
    """A convolution with one kernel per channel; in float32 while it is trained.

    Its gradients take a CPU several times as long in bfloat16.
    """

    def forward(self, values):
        """Return (B, channels, H / stride, W / stride) for (B, channels, H, W)."""
        if self.training:
            values = values.float()
        with torch.autocast(values.device.type, enabled=values.dtype != torch.float32):
            return super().forward(values)


def conv_norm(in_channels, out_channels, kernel_px=1, stride=1, groups=1):
    """Return layers: a convolution that keeps height and width (or halves them), and batch norm.

    At stride 2, TensorFlow pads one pixel less at the top and on the left; so do its weights.
    """
    padding = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    kind = Depthwise if groups > 1 else nn.Conv2d
    same = {"padding": (kernel_px - stride) // 2, "groups": groups, "bias": False}
    layer = kind(in_channels, out_channels, kernel_px, stride, **same)
    return [*padding, layer, nn.BatchNorm2d(out_channels, eps=1e-3)]


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, depthwise k x k, 1 x 1 to few channels; the input is added.

    Narrow at both ends and wide between: a residual block the other way round. No ReLU6 follows the
    last convolution: it would lose too much where channels are few. Source: MobileNetV2 (Sandler et
    al., 2018).
    """

    def __init__(self, in_channels, out_channels, kernel_px=3, stride=1, expansion=6):
        super().__init__()
        wide = expansion * in_channels
        widen = [*conv_norm(in_channels, wide), nn.ReLU6(inplace=True)] if expansion > 1 else []
        depthwise = conv_norm(wide, wide, kernel_px, stride, groups=wide)  # a kernel per channel
        project = conv_norm(wide, out_channels)
        self.layers = nn.Sequential(*widen, *depthwise, nn.ReLU6(inplace=True), *project)
        self.has_skip = stride == 1 and in_channels == out_channels

    def forward(self, inputs):
        """Return (B, out_channels, H / stride, W / stride) for (B, in_channels, H, W)."""
        outputs = self.layers(inputs)
        return inputs + outputs if self.has_skip else outputs


class EfficientNetScenes(nn.Module):
    """EfficientNet-Lite0: grey uint8 images (B, 1, H, W) -> logits (B, num_classes).

    Sources: Tan & Le (2019), "EfficientNet"; its Lite variant, without squeeze-and-excitation and
    with ReLU6, of the TensorFlow TPU models. Their network takes three channels. With a grey image
    they are equal, so one channel and the sum of the three kernels give the same.
    """

    layers = {"pool": 0}  # frozen features end before the classifier: see `encode`

    def __init__(self, num_classes=15, input_px=224, mean=127 / 255, std=128 / 255):
        super().__init__()
        self.input_px, self.mean, self.std = input_px, (mean,), (std,)
        blocks, channels = [], 32
        for num_blocks, kernel_px, stride, expansion, out_channels in STAGES:
            for i in range(num_blocks):
                first_stride = stride if i == 0 else 1
                block = InvertedResidual(channels, out_channels, kernel_px, first_stride, expansion)
                blocks.append(block)
                channels = out_channels
        stem = [*conv_norm(1, 32, kernel_px=3, stride=2), nn.ReLU6(inplace=True)]
        head = [*conv_norm(channels, NUM_FEATURES), nn.ReLU6(inplace=True)]
        self.features = nn.Sequential(*stem, *blocks, *head)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(NUM_FEATURES, num_classes))

    def prepare(self, images):
        """Return grey images as the network's input (B, 1, input_px, input_px), on its device."""
        images = images.to(self.classifier[-1].weight.device)
        return prepare_grey(images, self.input_px, self.mean, self.std)

    def forward(self, images):
        """Return the logits (B, num_classes) of grey images (B, 1, H, W) uint8."""
        values = self.features(self.prepare(images))  # (B, 1280, H / 32, W / 32)
        return self.classifier(self.avgpool(values).flatten(1))


def make_efficientnet(weights=None, num_classes=15):
    """Return EfficientNetScenes with a new last layer; all random without `weights`.

    `weights` is a state dict by this network's names, with any number of classes.
    """
    model = EfficientNetScenes(num_classes)
    if weights:
        kept = {name: p for name, p in weights.items() if not name.startswith("classifier.")}
        model.load_state_dict(model.state_dict() | kept)
    return model.to(memory_format=torch.channels_last)
