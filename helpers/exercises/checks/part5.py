"""exercise -> raise or one line: the checks of Part 5, on training."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from helpers.data import Split, batches
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.part1 import _uneven_images
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint
from helpers.models import SimpleNetDropout


def _small_network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 15))


def _small_split():
    images = _uneven_images().float() / 255
    return Split(images, torch.arange(23) % 15)


@knows_mistakes("accumulated_step")
def check_accumulated_step(function):
    """Compare with one step on the whole batch: same loss and weights, however it is cut."""
    split, network = _small_split(), _small_network()
    for num_chunks in (1, 4, 5):
        whole, cut = copy.deepcopy(network), copy.deepcopy(network)
        optimizers = [torch.optim.SGD(model.parameters(), lr=2.0) for model in (whole, cut)]
        sizes = []
        cut.register_forward_hook(
            lambda model, inputs, output, sizes=sizes: sizes.append(len(output))
        )
        for _ in range(2):  # twice: gradients of the first step must not leak into the second
            loss = F.cross_entropy(whole(split.images), split.labels)
            optimizers[0].zero_grad()
            loss.backward()
            optimizers[0].step()
            result = function(cut, split.images, split.labels, optimizers[1], num_chunks)
        case = f"23 images in {num_chunks} chunk{'s' * (num_chunks > 1)}"
        compare(f"the loss of {case}", result, loss)
        most = -(-23 // num_chunks)
        expect(
            max(sizes) <= most,
            f"{case}: expected at most {most} images at a time, got {max(sizes)}.",
        )
        compare(f"the weights after two steps on {case}", cut[1].weight, whole[1].weight)
    passed("accumulated_step")


@knows_mistakes("accuracy")
def check_accuracy(function):
    """Compare with the accuracy over all images, in batches of 10, 10 and 3, dropout off."""
    torch.manual_seed(6)
    split = Split(torch.randn(23, 1, 64, 64), torch.arange(23) % 15)
    network = SimpleNetDropout(rate=0.9).eval()
    with torch.inference_mode():
        answers = network(split.images).argmax(dim=1)
    wrong_first = torch.arange(23) < 12  # the two large batches hold all the mistakes
    split = Split(split.images, torch.where(wrong_first, (answers + 1) % 15, answers))
    network.train()
    modes = []
    network.register_forward_hook(lambda model, inputs, output: modes.append(model.training))
    result = function(network, batches(split, batch_size=10))
    reason = "expected a network with dropout off, got one in training."
    expect(not any(modes), f"accuracy: {reason}")
    compare("the accuracy over batches of 10, 10 and 3 images, dropout off", result, 11 / 23)
    passed("accuracy")
