"""two ways -> one ratio: the workbook against the usual way, measured in one run."""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from helpers.data import load_folder, prepare
from helpers.files import WorkbookError
from helpers.models import SimpleNet
from helpers.sources import find_folder
from helpers.training import TrainConfig, fit


def run_benchmark(name):
    """Run the benchmark of this name and print its table."""
    if name not in BENCHMARKS:
        raise WorkbookError(f'There is no benchmark "{name}". Choose one of {", ".join(BENCHMARKS)}.')
    BENCHMARKS[name]()


def bench_epoch(rounds=3):
    """Compare one epoch of SimpleNet with its evaluation: decoding files with PIL, and cached tensors."""
    folder = find_folder()
    if folder is None or not (folder / "train").is_dir():
        raise WorkbookError("This benchmark decodes photographs. Set SCENES_DIR to a folder with train and test.")
    print(f"SimpleNet, one epoch with evaluation, batches of 64, {torch.get_num_threads()} threads, {rounds} rounds")
    train, val = prepare(load_folder(folder))
    config = TrainConfig(num_epochs=1, device="cpu")
    times = {"PIL, ImageFolder, DataLoader (2 workers)": [], "the workbook: cached tensors": []}
    for _ in range(rounds):  # in turn, so that both meet the same weather
        for seconds, epoch in zip(times.values(), (lambda: _usual_epoch(folder), lambda: fit(SimpleNet(), train, val, config))):
            start = time.perf_counter()
            epoch()
            seconds.append(time.perf_counter() - start)
    _print_times(times)


def _usual_epoch(folder):
    """Train and evaluate once as the course does: every file is opened, decoded and resized in every epoch."""
    mean_and_std = [0.455], [0.235]
    steps = [v2.Grayscale(), v2.Resize((64, 64)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(*mean_and_std)]
    datasets = [ImageFolder(folder / part, v2.Compose(steps)) for part in ("train", "test")]
    loaders = [DataLoader(data, batch_size=64, shuffle=i == 0, num_workers=2) for i, data in enumerate(datasets)]
    model = SimpleNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for images, labels in loaders[0]:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    with torch.inference_mode():
        return sum((model(images).argmax(1) == labels).sum().item() for images, labels in loaders[1])


def _print_times(times):
    """Print the median of each way, its spread, and how many times faster than the first it is."""
    first = np.median(next(iter(times.values())))
    for name, seconds in times.items():
        low, middle, high = np.min(seconds), np.median(seconds), np.max(seconds)
        print(f"{name:<42} {middle:8.2f} s  ({low:.2f} to {high:.2f})  {first / middle:6.1f} times as fast")


BENCHMARKS = {"epoch": bench_epoch}
