"""settings + images -> one run: a network trained, and what it took."""

import math
from dataclasses import asdict, dataclass, replace

import torch

from helpers.data import Split, compute_mean_and_std, hold_out, normalise
from helpers.extra.settings import NUM_CLASSES
from helpers.files import profile
from helpers.measure import latency_ms
from helpers.models import num_parameters
from helpers.sources.cache import fingerprint
from helpers.training import Diverged, epochs, evaluate


@dataclass(frozen=True)
class Material:
    """The images that runs share, as decoded, and the mean and std (in 0..1) of those learned from."""

    name: str  # of the data set
    train: Split  # learned from
    held_out: Split  # 20 training images a class, on which settings are compared
    val: Split  # the validation images: reported, not chosen by
    mean: float
    std: float

    def normalised(self):
        """Return (train, held_out, val) as float32, normalised."""
        return [normalise(split, self.mean, self.std) for split in (self.train, self.held_out, self.val)]

    def key(self):
        """Return a digest of every number in the images and labels."""
        splits = (self.train, self.held_out, self.val)
        return fingerprint(*(part for split in splits for part in (split.images, split.labels)))


def make_material(scenes):
    """Return the Material of Scenes at 64 px: a part of the training images is held out, 20 a class."""
    train, held_out = hold_out(scenes.train, per_class=20 if profile() == "full" else 5)
    return Material(scenes.name, train, held_out, scenes.val, *compute_mean_and_std(train.images))


def run(settings, seed, material, on_batch=None):
    """Train one network; yield each epoch's row of the history, then the whole run as one flat dict.

    In the rows, "val" is the held-out part. A run ends with status "diverged" when its loss is no longer a number, or
    in the end twice that of guessing.
    """
    model, rows, status = settings.build(seed), [], "finished"
    train, held_out, val = material.normalised()
    try:
        for row in epochs(model, train, held_out, settings.train_config(seed), settings.augment(), on_batch=on_batch):
            rows.append(row)
            yield row
    except Diverged:
        status = "diverged"
    if rows and rows[-1]["train_loss"] > 2 * math.log(NUM_CLASSES):
        status = "diverged"
    result = asdict(settings) | {"seed": seed, "status": status, "num_parameters": num_parameters(model)}
    if status == "finished":
        result |= {"train_accuracy": rows[-1]["train_accuracy"], "held_out_accuracy": rows[-1]["val_accuracy"]}
        result["val_accuracy"] = evaluate(model, val.to(next(model.parameters()).device))[1]
    yield result | {"history": rows}


def run_alone(settings, seed, material, num_threads=None):
    """Return the whole run, trained with `num_threads` threads (all by default)."""
    if num_threads:
        torch.set_num_threads(num_threads)
    *_, result = run(settings, seed, material)
    return result


def measure_times(settings, material):
    """Return the seconds that training by these settings takes, and the ms to classify one image.

    Measured with all threads: the second of two epochs, times their number; the median of 30 images. Call it with
    nothing else running.
    """
    model, (train, held_out, val) = settings.build(), material.normalised()
    config = replace(settings.train_config(), num_epochs=2, learning_rate=1e-6)  # so small that nothing diverges
    *_, second = epochs(model, train, held_out, config, settings.augment())
    image = val.images[:1].to(next(model.parameters()).device)
    return {"training_s": second["seconds"] * settings.num_epochs, "inference_ms": latency_ms(model, image)}
