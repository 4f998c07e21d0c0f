"""two ways -> one ratio: the workbook against the usual way, measured in one run."""

import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from tqdm.auto import tqdm

from helpers.alexnet import LAST_LAYER, fit_head, freeze, make_alexnet
from helpers.data import load_folder, prepare
from helpers.files import WorkbookError
from helpers.models import SimpleNet
from helpers.sources.photographs import find_folder
from helpers.sources.weights import find_weights
from helpers.training import TrainConfig, fit


def run_benchmark(name):
    """Run the benchmark of this name and print its table."""
    if name not in BENCHMARKS:
        raise WorkbookError(
            f'There is no benchmark "{name}". Choose one of {", ".join(BENCHMARKS)}, grading, '
            "tests, start and widgets."
        )
    BENCHMARKS[name]()


def bench_epoch(rounds=3):
    """Compare files decoded by PIL with cached tensors, for SimpleNet.

    Times one epoch, then the accuracy on both splits.
    """
    folder = _train_and_test_folder()
    print(
        f"SimpleNet on the CPU, {torch.get_num_threads()} threads: one epoch, then accuracy on both splits"
    )
    train, val = prepare(load_folder(folder))
    config = TrainConfig(num_epochs=1, batch_size=64, learning_rate=1e-3, device="cpu")
    ways = {
        "PIL, ImageFolder, DataLoader": lambda: _usual_epoch(folder, num_workers=0),
        "the same with 2 worker processes": lambda: _usual_epoch(folder, num_workers=2),
        "the workbook: decoded once, cached": lambda: fit(SimpleNet(), train, val, config),
    }
    _compare(ways, rounds)


def _usual_epoch(folder, num_workers):
    """Train and evaluate as the course does: files are decoded whenever they are needed.

    They are resized each time, too.
    """
    steps = [
        v2.Grayscale(),
        v2.Resize((64, 64)),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
    ]
    transform = v2.Compose([*steps, v2.Normalize([0.455], [0.235])])
    options = {"batch_size": 64, "num_workers": num_workers}
    train = DataLoader(ImageFolder(folder / "train", transform), shuffle=True, **options)
    val = DataLoader(ImageFolder(folder / "test", transform), **options)
    model = SimpleNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for images, labels in train:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return [_usual_accuracy(model, loader) for loader in (train, val)]


def _usual_accuracy(model, loader):
    model.eval()
    with torch.inference_mode():
        return sum(
            (model(images).argmax(1) == labels).sum().item() for images, labels in loader
        ) / len(loader.dataset)


def _compare(ways, rounds):
    """Time each way `rounds` times, in turn; print medians, spreads and ratios.

    Taking turns puts all ways under the same load.
    """
    times = {name: [] for name in ways}
    for _ in tqdm(range(rounds), unit="round", leave=False):
        for name, work in ways.items():
            times[name].append(_seconds(work))
    first = np.median(next(iter(times.values())))
    for name, seconds in times.items():
        low, middle, high = np.min(seconds), np.median(seconds), np.max(seconds)
        print(f"{name:<36} {middle:7.2f} s  ({low:.2f} to {high:.2f})  {first / middle:5.1f} x")


def bench_alexnet(num_epochs=5):
    """Compare epochs of AlexNet's last layer: through the whole network, and on cached features.

    The usual way decodes and passes training and validation images through the whole network in
    every epoch; one epoch is measured and taken `num_epochs` times. Ours is measured whole, cold
    (decoding and features included) and warm.
    """
    folder = _train_and_test_folder()
    print(
        f"AlexNet on the CPU, {torch.get_num_threads()} threads: {num_epochs} epochs of the last layer"
    )
    weights = find_weights()
    config = replace(LAST_LAYER, num_epochs=num_epochs, device="cpu")
    with _empty_cache():
        ours = {
            f"the workbook, {state}": _seconds(_our_epochs, folder, weights, config)
            for state in ("cold", "warm")
        }
    usual = num_epochs * _seconds(_usual_alexnet_epoch, folder, freeze(make_alexnet(weights)))
    label = f"decode and whole network, 1 epoch x {num_epochs}"
    for name, seconds in {label: usual, **ours}.items():
        print(f"{name:<42} {seconds:7.1f} s  {usual / seconds:6.1f} x")
    print(
        "cold: files decoded, features computed, head trained; warm: images and features read from the cache"
    )


def _our_epochs(folder, weights, config):
    scenes = load_folder(folder, weights.input_px)
    return fit_head(freeze(make_alexnet(weights)), scenes.train, scenes.val, config)


def _usual_alexnet_epoch(folder, model):
    """Train the last layer for an epoch as the course does, then evaluate on validation images.

    One thread decodes, and every image goes through the whole network in float32. Training accuracy
    comes from the training pass itself.
    """
    steps = [
        v2.Grayscale(),
        v2.Resize((model.input_px, model.input_px)),
        v2.RandomHorizontalFlip(),
        v2.PILToTensor(),
    ]
    train = DataLoader(
        ImageFolder(folder / "train", v2.Compose(steps)), shuffle=True, batch_size=64
    )
    plain = v2.Compose([step for step in steps if not isinstance(step, v2.RandomHorizontalFlip)])
    val = DataLoader(ImageFolder(folder / "test", plain), batch_size=64)
    optimizer = torch.optim.AdamW(model.classifier[6].parameters(), lr=1e-3)
    model.train()
    for images, labels in tqdm(train, desc="whole network", leave=False):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return _usual_accuracy(model, val)


def _seconds(work, *arguments):
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


@contextmanager
def _empty_cache():
    """Let the workbook cache into an empty folder for a while."""
    before = os.environ.get("WORKBOOK_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBOOK_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("WORKBOOK_CACHE")
            if before is not None:
                os.environ["WORKBOOK_CACHE"] = before


def _train_and_test_folder():
    folder = find_folder()
    if folder is None or not (folder / "train").is_dir():
        raise WorkbookError(
            "This benchmark decodes photographs. Set SCENES_DIR to a folder with train and test."
        )
    return folder


BENCHMARKS = {"epoch": bench_epoch, "alexnet": bench_alexnet}
