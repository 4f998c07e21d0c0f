"""models -> table: size, latency, accuracy, agreement."""

import statistics
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from helpers.alexnet import AlexNetScenes
from helpers.extra.measure import cpu_name
from helpers.extra.quantization import quantize, quietly
from helpers.files import WorkbookError, atomic_write, profile
from helpers.progress import progress
from helpers.training import predict

MAX_LOST = 0.05  # accuracy that a compressed network may lose before it counts as broken


def save_state(model, path):
    """Write a model's numbers, 8 bits or more, to a file; return its size in MB (10^6 bytes)."""
    with atomic_write(path) as temporary:
        torch.save(model.state_dict(), temporary)
    return Path(path).stat().st_size / 1e6


def load_quantized(path, like):
    """Return the int8 network that `save_state` wrote; `like` is a model of the same layers, its numbers do not matter.

    Raises WorkbookError for a file that is absent, damaged or of another network.
    """
    example = torch.zeros(1, 1, 64, 64, dtype=torch.uint8 if isinstance(like, AlexNetScenes) else torch.float32)
    network = quantize(like, example)
    try:
        network.load_state_dict(quietly(torch.load, path, weights_only=True))
    except Exception as error:  # a damaged file can raise anything
        raise WorkbookError(
            f"{path} does not hold an int8 {type(like).__name__}: it is absent, damaged or of another network. "
            "Write it again with save_state(quantize(model, images), path)."
        ) from error
    return network


def compare(models, split):
    """Return a table of models {name: model}, the first of which the others are compared with.

    Columns: MB (of the file as saved), ms at batch 1 and 32 (median, half the range of the middle half), accuracy on
    the Split, agreement (share of images with the first model's answer). Raises WorkbookError for a model that has
    lost more than five points of accuracy: it is broken, and its speed means nothing.
    """
    rounds = 9 if profile() == "full" else 2
    times = {batch: latencies(models, split.images[:batch], rounds) for batch in (1, 32)}
    rows, baseline = [], None
    for name, model in progress(models.items(), desc="Comparing", unit="model"):
        answers = predict(model, split.images, batch_size=32).argmax(dim=1)
        accuracy = (answers == split.labels).float().mean().item()
        baseline = baseline or (name, answers, accuracy)
        if accuracy < baseline[2] - MAX_LOST:
            raise WorkbookError(
                f'"{name}" has an accuracy of {accuracy:.3f}, "{baseline[0]}" {baseline[2]:.3f}: something went '
                "wrong, most likely its calibration. Calibrate with training images as the model takes them."
            )
        agreement = (answers == baseline[1]).float().mean().item()
        rows.append({"model": name, "MB": file_size_mb(model), "accuracy": accuracy, "agreement": agreement})
    for row in rows:
        for batch, of_models in times.items():
            row[f"ms, batch {batch}"], row[f"± {batch}"] = of_models[row["model"]]
    columns = ["model", "MB", "ms, batch 1", "± 1", "ms, batch 32", "± 32", "accuracy", "agreement"]
    return pd.DataFrame(rows)[columns]


def file_size_mb(model):
    """Return the size of the file that `save_state` would write, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        return save_state(model, Path(folder) / "model.pt")


@torch.inference_mode()
def latencies(models, images, rounds=9):
    """Return {name: (median, half of the middle half's range)} of the time for these images, in ms.

    The models take turns, so that a busy moment of the machine does not hit one of them alone.
    """
    times = {name: [] for name in models}
    for model in models.values():
        for _ in range(3):
            model.eval()(images)  # warm-up
    for _ in range(rounds):
        for name, model in models.items():
            for _ in range(max(3, 30 // len(images))):
                start = time.perf_counter()
                model(images)
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: (statistics.median(values), spread(values)) for name, values in times.items()}


def spread(values):
    """Return half the range of the middle half of values."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def processor():
    """Return the CPU's name, and whether it has VNNI: instructions that multiply and add 8-bit numbers at once."""
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", bool)()
    return f"{cpu_name()}, {torch.get_num_threads()} threads, {'with' if has_vnni else 'without'} VNNI"
