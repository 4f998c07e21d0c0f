"""layers -> the same at evaluation, in half the time on a CPU: oneDNN's own layout of images."""

from contextlib import contextmanager
from copy import copy
from itertools import takewhile

import torch
from torch import nn

AS_THEY_ARE = {nn.Conv2d: {"padding_mode": "zeros"}, nn.MaxPool2d: {"dilation": 1}, nn.ReLU: {}}


@contextmanager
def in_blocks(layers, images):
    """Let a Sequential's first convolutions, poolings and ReLUs keep their channels in blocks.

    Otherwise each of them works on channels that fill no vector of the processor. Results in
    float32 are the same; under autocast, they are bfloat16's.
    """
    is_cpu = images.device.type == "cpu" and torch.backends.mkldnn.is_available()
    if not (is_cpu and isinstance(layers, nn.Sequential) and can_be_blocked(layers[0])):
        yield
        return
    is_bfloat16 = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if is_bfloat16 else torch.float32
    steps = [blocked(layer, dtype) for layer in takewhile(can_be_blocked, layers)]

    def forward(images):
        hidden = images.to_mkldnn(dtype)
        for step in steps:
            hidden = step(hidden)
        return layers[len(steps) :](hidden.to_dense(torch.float32))

    layers.forward = forward
    try:
        yield
    finally:
        del layers.forward


def can_be_blocked(layer):
    """Return whether oneDNN has this layer, with these settings."""
    settings = AS_THEY_ARE.get(type(layer))
    return settings is not None and all(getattr(layer, key) == settings[key] for key in settings)


def blocked(layer, dtype):
    """Return a copy of a layer, its weights in blocks."""
    layer = copy(layer)
    layer._parameters = {
        name: value if value is None else nn.Parameter(value.detach().to_mkldnn(dtype))
        for name, value in layer._parameters.items()
    }
    return layer
