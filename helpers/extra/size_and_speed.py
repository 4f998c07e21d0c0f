"""models -> table: size, latency, accuracy, agreement."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from helpers.extra.measure import cpu_name
from helpers.files import WorkbookError, atomic_write, profile
from helpers.progress import ask_before, progress
from helpers.training import predict

MAX_LOST = 0.05  # accuracy that a compressed network may lose before it counts as broken


def save_state(model, path):
    """Write a model's numbers, 8 bits or more, to a file; return its size in MB (10^6 bytes)."""
    with atomic_write(path) as temporary:
        torch.save(model.state_dict(), temporary)
    return Path(path).stat().st_size / 1e6


def compare(models, split, are_versions=True):
    """Return a table of models {name: model}, the first of which the others are compared with.

    Columns: MB (of the file as saved), ms at batch 1 and 32 (median, half the range of the middle
    half), accuracy on the Split, agreement (share of images with the first model's answer). Where
    they are versions of one network, raises WorkbookError for a model that has lost more than five
    points of accuracy: it is broken, and its speed means nothing. In a notebook, asks before more
    than two minutes of it.
    """
    ask_before(seconds_to_compare(models, split), f"Comparing {len(models)} networks")
    times = {batch: latencies(models, split.images[:batch]) for batch in (1, 32)}
    rows, first = [], None
    for name, model in progress(models.items(), desc="Comparing", unit="model"):
        answers = predict(model, split.images, batch_size=32).argmax(dim=1)
        accuracy = (answers == split.labels).float().mean().item()
        first = first or Baseline(name, answers, accuracy)
        if are_versions:
            first.refuse_worse(name, accuracy)
        agreement = (answers == first.answers).float().mean().item()
        row = {"model": name, "MB": file_size_mb(model)}
        for batch, latency in ((batch, times[batch][name]) for batch in times):
            row |= {f"ms, batch {batch}": latency.median_ms, f"± {batch}": latency.spread_ms}
        rows.append(row | {"accuracy": accuracy, "agreement": agreement})
    return pd.DataFrame(rows)


def seconds_to_compare(models, split):
    """Return about how long `compare` takes if all models are as slow as the first."""
    first = next(iter(models.values()))
    start = time.perf_counter()
    predict(first, split.images[:32], batch_size=32)
    per_batch = time.perf_counter() - start
    return (
        per_batch * len(models) * (len(split) / 32 + 30)
    )  # 30: latencies; one image takes a while


@dataclass(frozen=True)
class Baseline:
    """What the first model answers, with which the others are compared."""

    name: str
    answers: torch.Tensor  # (N,)
    accuracy: float

    def refuse_worse(self, name, accuracy):
        """Raise WorkbookError for a model that is clearly worse."""
        if accuracy < self.accuracy - MAX_LOST:
            raise WorkbookError(
                f'"{name}" has an accuracy of {accuracy:.3f}, "{self.name}" {self.accuracy:.3f}. Something went '
                "wrong, most likely its calibration. Calibrate with training images as the model takes them."
            )


@dataclass(frozen=True)
class Latency:
    """The time that a model takes for some images."""

    median_ms: float
    spread_ms: float  # half the range of the middle half


def file_size_mb(model):
    """Return the size of the file that `save_state` would write, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        return save_state(model, Path(folder) / "model.pt")


@torch.inference_mode()
def latencies(models, images):
    """Return {name: Latency} of the models for these images.

    The models take turns, so that a busy moment of the machine does not hit one of them alone.
    """
    rounds, calls = (9, 10 if len(images) == 1 else 2) if profile() == "full" else (2, 1)
    times = {name: [] for name in models}
    for model in models.values():
        for _ in range(rounds // 3):
            model.eval()(images)  # warm-up
    for _ in range(rounds):
        for name, model in models.items():
            for _ in range(calls):
                start = time.perf_counter()
                model(images)
                times[name].append(1000 * (time.perf_counter() - start))
    return {
        name: Latency(statistics.median(values), spread(values)) for name, values in times.items()
    }


def spread(values):
    """Return half the range of the middle half of values."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def processor():
    """Return the CPU's name, its number of threads, and whether it has VNNI.

    VNNI instructions multiply and add 8-bit numbers at once.
    """
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", bool)()
    return (
        f"{cpu_name()}, {torch.get_num_threads()} threads, {'with' if has_vnni else 'without'} VNNI"
    )
