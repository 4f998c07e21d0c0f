"""exercise -> raise or one line: the checks of Part 2, on convolutions."""

import torch
from torch import nn

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.kinds import is_whole
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint
from helpers.models import num_parameters


@knows_mistakes("output_size")
def check_output_size(function):
    """Compare with what torch's convolution and pooling give."""
    for size, kernel_size, stride, padding in (
        (64, 5, 1, 0),
        (60, 3, 3, 0),
        (16, 3, 3, 0),
        (32, 5, 1, 2),
        (224, 11, 4, 2),
        (7, 3, 2, 1),
        (18, 3, 4, 0),
    ):
        layer = nn.Conv2d(1, 1, kernel_size, stride, padding)
        expected = layer(torch.zeros(1, 1, size, size)).shape[-1]
        case = f"size {size}, kernel {kernel_size}, stride {stride}, padding {padding}"
        result = function(size, kernel_size, stride, padding)
        expect(
            is_whole(result),
            f"output_size for {case}: expected an int, got {type(result).__name__}.",
        )
        compare(f"output_size for {case}", result, expected)
    compare("output_size with its defaults, for size 64 and kernel 5", function(64, 5), 60)
    passed("output_size")


@knows_mistakes("num_conv_parameters")
def check_num_conv_parameters(function):
    """Compare with the parameters of torch's convolution."""
    for in_channels, out_channels, kernel_size in ((10, 20, 5), (1, 10, 5), (3, 64, 11)):
        expected = num_parameters(nn.Conv2d(in_channels, out_channels, kernel_size))
        case = f"{in_channels} -> {out_channels} channels, kernel {kernel_size}"
        compare(
            f"num_conv_parameters for {case}",
            function(in_channels, out_channels, kernel_size),
            expected,
        )
    passed("num_conv_parameters")


@knows_mistakes("build_deeper_net")
def check_build_deeper_net(function, expected_parameters=60_303):
    """Check the layers, the output's shape and the number of parameters."""
    network = function()
    expect(
        isinstance(network, nn.Module),
        f"build_deeper_net: expected an nn.Module, got {type(network).__name__}.",
    )
    num_relus = sum(isinstance(layer, nn.ReLU) for layer in network.modules())
    expect(num_relus == 4, f"build_deeper_net: expected 4 ReLU layers, got {num_relus}.")
    num_convs = sum(isinstance(layer, nn.Conv2d) for layer in network.modules())
    expect(num_convs == 3, f"build_deeper_net: expected 3 convolutions, got {num_convs}.")
    num_pools = sum(isinstance(layer, nn.MaxPool2d) for layer in network.modules())
    expect(num_pools == 3, f"build_deeper_net: expected 3 max poolings, got {num_pools}.")
    compare(
        "the parameters of the network", num_parameters(network), expected_parameters, tolerance=0
    )
    output = network(torch.randn(4, 1, 64, 64))
    compare("the shape of its output for 4 images", output.shape, (4, 15))
    is_softmax = any(bool((sums - 1).abs().max() < 1e-4) for sums in _sums(output))
    expect(not is_softmax, "build_deeper_net: expected logits, got probabilities.")
    passed("build_deeper_net")


def _sums(output):
    """Return what the outputs of each image sum to, as they are and if they were logarithms."""
    return output.sum(dim=1), output.exp().sum(dim=1)
