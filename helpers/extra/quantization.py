"""model -> int8 model: weights and activations in 8 bits, what it costs and what it keeps."""

import copy
import logging
import warnings
from functools import partial

import torch
from torch import nn
from torch.ao import quantization as ao

from helpers.alexnet import AlexNetScenes, prepare_grey
from helpers.extra.settings import SimpleNetVariant
from helpers.files import WorkbookError
from helpers.models import SimpleNet, SimpleNetDropout


class Int8Network(nn.Module):
    """A network whose layers compute with 8-bit integers.

    Images go in, float32 logits (B, num_classes) come out.
    """

    def __init__(self, prepare, layers):
        super().__init__()
        self.prepare = prepare  # images -> the float32 input of the first layer
        self.quant, self.layers, self.dequant = ao.QuantStub(), layers, ao.DeQuantStub()

    def forward(self, images):
        """Return the logits of images, as the network does that this one was made of."""
        return self.dequant(self.layers(self.quant(self.prepare(images))))


@torch.no_grad()
def quantize(model, calibration_images):
    """Return an int8 copy of SimpleNet, SimpleNetDropout or AlexNet for the CPU.

    The model stays as it is. `calibration_images` (N, C, H, W), as the model takes them, must be
    training images: they decide the range of every activation. Post-training static quantization:
    Jacob et al. (2018), "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference"; torch.ao.quantization.
    """
    network = Int8Network(*input_rule_and_layers(copy.deepcopy(model).cpu().eval()))
    # A convolution or linear layer is rounded together with the ReLU after it: once, not twice.
    fuse(network)
    # Activations: a histogram decides the range. Weights: a scale for each output channel.
    network.qconfig = ao.get_default_qconfig("x86")
    observed = quietly(ao.prepare, network)
    for batch in calibration_images.split(32):
        observed(batch)  # observers note the range of what passes
    return quietly(ao.convert, observed)


def input_rule_and_layers(model):
    """Return (rule that prepares the input, all layers of the network in one Sequential)."""
    if isinstance(model, SimpleNet | SimpleNetDropout | SimpleNetVariant):
        return as_it_is, in_sequence([model.conv_layers, model.fc_layers])
    if isinstance(model, AlexNetScenes):
        # One rule means three equal channels, of which one is enough until the end.
        num_rules = len(set(zip(model.mean, model.std)))
        mean, std = (values[:1] if num_rules == 1 else values for values in (model.mean, model.std))
        rule = partial(prepare_grey, input_px=model.input_px, mean=mean, std=std)
        return rule, in_sequence(
            [ThreeChannels(), model.features, model.avgpool, nn.Flatten(), model.classifier]
        )
    raise WorkbookError(
        f"quantize knows SimpleNet, SimpleNetDropout and AlexNet, not {type(model).__name__}. Give it one of these."
    )


class ThreeChannels(nn.Module):
    """Grey (B, 1, H, W) -> (B, 3, H, W), three times the same.

    After the rounding to int8, this takes a quarter of the memory.
    """

    def forward(self, images):
        """Return the images with three channels, also those that have them already."""
        return images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def as_it_is(images):
    """Return normalised images unchanged, in channels-last layout."""
    return images.contiguous(memory_format=torch.channels_last)


def in_sequence(parts):
    """Return all layers of nested Sequentials in one, without dropout.

    Each ReLU comes before the pooling that it followed.
    """
    layers = []
    for part in parts:
        layers += list(part) if isinstance(part, nn.Sequential) else [part]
    layers = [layer for layer in layers if not isinstance(layer, nn.Dropout)]
    for i in range(1, len(layers)):
        # The result is the same in either order.
        if isinstance(layers[i], nn.ReLU) and isinstance(layers[i - 1], nn.MaxPool2d):
            layers[i - 1], layers[i] = nn.ReLU(), layers[i - 1]
    return nn.Sequential(*layers)


def fuse(network):
    """Join each convolution or linear layer with the ReLU after it, in place."""
    layers = list(network.layers)
    pairs = [
        [f"layers.{i}", f"layers.{i + 1}"]
        for i in range(len(layers) - 1)
        if isinstance(layers[i], nn.Conv2d | nn.Linear) and isinstance(layers[i + 1], nn.ReLU)
    ]
    quietly(ao.fuse_modules, network, pairs, inplace=True)


def quietly(function, *arguments, **options):
    """Call a function without torch's announcements.

    They say that torch.ao will move to torchao, and that there is no CUDA.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            return function(*arguments, **options)
        finally:
            logging.disable(logging.NOTSET)
