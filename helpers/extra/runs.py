"""settings + images -> one run: a network trained, and what it took."""

import math
from dataclasses import asdict, dataclass

import torch

from helpers.data import Split, compute_mean_and_std, normalise
from helpers.extra.settings import NUM_CLASSES
from helpers.files import profile
from helpers.models import num_parameters
from helpers.sources.cache import fingerprint
from helpers.subsets import hold_out
from helpers.training import Diverged, Options, epochs, evaluate


@dataclass(frozen=True)
class Material:
    """The images that runs share, as decoded, and the training images' mean and std (in 0..1)."""

    name: str  # of the data set
    train: Split  # learned from
    held_out: Split  # 20 training images per class, on which settings are compared
    val: Split  # the validation images: reported, not chosen by
    mean: float
    std: float

    def normalised(self):
        """Return (train, held_out, val) as float32, normalised."""
        splits = self.train, self.held_out, self.val
        return [normalise(split, self.mean, self.std) for split in splits]

    def key(self):
        """Return a digest of every number in the images and labels."""
        splits = (self.train, self.held_out, self.val)
        return fingerprint(*(part for split in splits for part in (split.images, split.labels)))


def make_material(scenes):
    """Return the Material of Scenes at 64 px, with 20 training images per class held out."""
    train, held_out = hold_out(scenes.train, per_class=20 if profile() == "full" else 5)
    return Material(scenes.name, train, held_out, scenes.val, *compute_mean_and_std(train.images))


def train_run(settings, seed, material, on_epoch=None, options=None):
    """Train one network; return the run as a flat dict.

    It has settings, seed, status, num_parameters, accuracies and the history, in which "val" is the
    held-out part. `on_epoch` gets each row of the history; `options` are those of `fit`. The
    status is "diverged" if the loss is no longer a number, or ends at twice that of guessing.
    """
    model, history, status = settings.build(seed), [], "finished"
    train, held_out, val = material.normalised()
    config = settings.train_config(seed)
    try:
        for row in epochs(model, train, held_out, config, settings.augment(), options or Options()):
            history.append(row)
            if on_epoch:
                on_epoch(row)
    except Diverged:
        status = "diverged"
    if history and history[-1]["train_loss"] > 2 * math.log(NUM_CLASSES):
        status = "diverged"
    result = asdict(settings) | {"seed": seed, "status": status}
    result["num_parameters"] = num_parameters(model)
    if status == "finished":
        val = val.to(next(model.parameters()).device)
        result["train_accuracy"] = history[-1]["train_accuracy"]
        result["held_out_accuracy"] = history[-1]["val_accuracy"]
        result["val_accuracy"] = evaluate(model, val)[1]
    return result | {"history": history}


def run_alone(settings, seed, material, num_threads=None):
    """Return the whole run, trained with `num_threads` threads (all by default).

    Only its last epoch is evaluated, which takes two thirds of the time.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    options = Options(evaluate_every=settings.num_epochs)
    return train_run(settings, seed, material, options=options)
