"""exercise -> raise or one line: the checks of Part 5, on training."""

import copy
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from helpers.data import Split, batches
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.part1 import _uneven_images
from helpers.exercises.checks.tools import compare, expect, pair, passed, tensor
from helpers.exercises.hints import hint as hint
from helpers.models import SimpleNetDropout
from helpers.training import TrainConfig, make_scheduler, train_epoch


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


@knows_mistakes("train_one_epoch")
def check_train_one_epoch(function):
    """Compare two epochs, in batches of 10, 10 and 3, with the workbook's own loop."""
    split = _small_split()
    torch.manual_seed(7)
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, 15)).eval()
    ours, theirs = copy.deepcopy(network), copy.deepcopy(network)
    config = TrainConfig(batch_size=10, schedule="constant")
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.5) for model in (ours, theirs)]
    scheduler = make_scheduler(optimizers[0], config, num_batches=3)
    seen, gradients = [], []
    theirs[2].register_forward_hook(lambda layer, inputs, output: seen.append(output))
    theirs[2].weight.register_hook(lambda gradient: gradients.append(gradient))
    for epoch in ("first", "second"):
        expected = train_epoch(ours, split, optimizers[0], scheduler, config, None, None)
        result = function(theirs.eval(), batches(split, batch_size=10), optimizers[1])
        reason = (
            "expected 3 batches to reach the network, got none. `batches` can be read only once."
        )
        expect(seen, f"train_one_epoch: {reason}")
        has_learned = not torch.equal(theirs[1].running_mean, network[1].running_mean)
        reason = "expected the network in train(); its batch norm was in eval()."
        expect(has_learned, f"train_one_epoch: {reason}")
        expect(gradients, "train_one_epoch: expected gradients of each batch, got none.")
        compare(f"the mean loss per image of the {epoch} epoch", result, expected)
        compare(f"the weights after the {epoch} epoch", theirs[2].weight, ours[2].weight)
    passed("train_one_epoch")


@knows_mistakes("ImageFiles")
def check_ImageFiles(class_):
    """Compare with what was written into files, of which one is in colour and one missing."""
    images = _uneven_images()[:4, 0, :, :5]  # (4, 6, 5)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(5)]
        for path, image, mode in zip(paths, images, ("L", "RGB", "L", "L")):
            Image.fromarray(image.numpy()).convert(mode).save(path)
        try:
            files = class_(paths, [3, 0, 2, 14, 1])
        except OSError:
            reason = "expected each file to be read when it is asked for, got a read before that."
            expect(False, f"ImageFiles: {reason}")
        is_dataset = isinstance(files, torch.utils.data.Dataset)
        expect(is_dataset, f"ImageFiles: expected a Dataset, got {type(files).__name__}.")
        compare("the length of 5 files", len(files), 5)
        for number, label in ((2, 2), (1, 0), (0, 3), (3, 14)):
            image, got = pair("ImageFiles, an item", files[number], "an image and its label")
            file = f"file {number}{', which is in colour' * (number == 1)}"
            image = tensor(f"the image of {file}", image)
            compare(f"the image of {file}", image, images[number][None] / 255)
            expect(image.dtype == torch.float32, f"expected torch.float32, got {image.dtype}.")
            compare(f"the label of {file}", got, label)
    passed("ImageFiles")
