"""exercise -> raise or one line: the checks of Part 7, on dropout."""

import torch
from torch import nn

from helpers.exercises.checks.calls import inputs_of_layers
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed, tensor
from helpers.exercises.hints import hint as hint
from helpers.models import num_parameters


@knows_mistakes("dropout")
def check_dropout(function):
    """Check what is zeroed, what the rest is multiplied by, and that evaluation changes nothing."""
    torch.manual_seed(9)
    values = torch.randn(200, 50) + 3
    before = values.clone()
    for p in (0.2, 0.5):
        result = tensor("dropout", function(values, p, training=True))
        compare("the shape after dropout", result.shape, values.shape)
        expect(torch.equal(values, before), "dropout: the values that went in were changed.")
        kept = result != 0
        rows_differ = (kept != kept[0]).any() or kept.all() or not kept.any()
        expect(rows_differ, "dropout: expected a draw for each value, got the same for each row.")
        share = 1 - kept.float().mean().item()
        expect(
            abs(share - p) < 0.03,
            f"dropout with p={p}: expected about {p} of the values zero, got {share:.2f}.",
            about=[share],
            step=0.1,
        )
        factor = (result[kept] / values[kept]).median()
        compare(f"the factor of the values that dropout with p={p} keeps", factor, 1 / (1 - p))
        compare(f"the values that dropout with p={p} keeps", result[kept], values[kept] / (1 - p))
        reason = "the second call dropped the same values; expected new draws in each call."
        again = tensor("dropout", function(values, p, training=True))
        expect(not torch.equal(again, result), f"dropout: {reason}")
    result = tensor("dropout", function(values, 0.5, training=False))
    reason = "dropout with training=False: expected every value to stay, got some zeros."
    expect((result != 0).all(), reason)
    compare("dropout with training=False", result, values)
    expect(torch.equal(values, before), "dropout: the values that went in were changed.")
    passed("dropout")


@knows_mistakes("SmallNetDropout")
def check_SmallNetDropout(class_, expected_parameters=53_871):
    """Check parameters, what each layer gets at evaluation, and, in training, what is dropped."""
    network = class_()
    kind = type(network).__name__
    expect(isinstance(network, nn.Module), f"SmallNetDropout: expected an nn.Module, got {kind}.")
    torch.manual_seed(10)
    images = torch.randn(4, 1, 64, 64)
    compare("its logits' shape for 4 images", network.eval()(images).shape, (4, 15))
    compare("its logits' shape with 6 classes", class_(num_classes=6)(images).shape, (4, 6))
    compare("its number of parameters", num_parameters(network), expected_parameters, tolerance=0)
    names = "convolution 1", "convolution 2", "linear layer 1", "linear layer 2"
    got = inputs_of_layers(network, images)
    compare("the number of its layers with weights", len(got), len(names))
    shapes = (4, 1, 64, 64), (4, 8, 30, 30), (4, 16 * 9 * 9), (4, 40)
    for name, values, shape in zip(names, got, shapes):
        compare(f"the shape of the input of {name}", values.shape, shape)
        behind_relu = name == names[0] or values.min() >= 0
        expect(behind_relu, f"the input of {name}: expected no negative numbers behind a ReLU.")
    for rate in (1.0, 0.0):
        answers = class_(rate=rate).train()(images)
        expect(
            (answers != 0).any(), f"SmallNetDropout: expected logits at rate {rate:g}, got zeros."
        )
    _check_dropped(class_, images)
    passed("SmallNetDropout")


def _check_dropped(class_, images):
    """Check what the linear layers get in training: as at evaluation at rate 0, nothing at rate 1."""
    where = "the first linear layer", "the last linear layer"
    none = class_(rate=0.0)
    inputs = [inputs_of_layers(none.train(mode), images)[2:] for mode in (True, False)]
    for name, training, evaluation in zip(where, *inputs):
        reason = "in training at rate 0: expected what comes at evaluation, got other numbers."
        expect(torch.equal(training, evaluation), f"the input of {name} {reason}")
    for name, values in zip(where, inputs_of_layers(class_(rate=1.0).train(), images)[2:]):
        found = f"got {(values == 0).float().mean():.0%}"
        reason = f"in training at rate 1: expected all of its numbers 0, {found}."
        expect((values == 0).all(), f"the input of {name} {reason}")
