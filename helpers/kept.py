"""training run -> file -> the same run, without the wait."""

import os
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

import torch

from helpers.files import atomic_write, cache_folder, digest, profile
from helpers.sources.cache import fingerprint


def kept(fit):
    """Return a `fit` that reads from the cache what the same training gave here before.

    The same means: network, weights at the start, images, config, augmentation, and the modules of
    the lesson. The network then has the weights of the end, and the history is that of the first
    time. In the profile "quick", nothing is kept.
    """

    def fit_or_read(model, train, val, config, *augment):
        if profile() == "quick":
            return fit(model, train, val, config, *augment)
        path = path_of(model, train, val, config, augment)
        if content := None if os.environ.get("WORKBOOK_PUBLISH") else read(path):
            model.load_state_dict(content["state"], strict=False)
            done = f"{len(content['history'])} epochs, trained here in {content['seconds']:.0f} s"
            print(f"{type(model).__name__}: {done}, read from the cache")
            return content["history"]
        start = time.perf_counter()
        history = fit(model, train, val, config, *augment)
        seconds = time.perf_counter() - start
        write({"state": what_was_learned(model), "history": history, "seconds": seconds}, path)
        return history

    return fit_or_read


def path_of(model, train, val, config, augment):
    """Return the cache file of this training run."""
    numbers = *model.state_dict().values(), *vars(train).values(), *vars(val).values()
    way = [repr(model), asdict(config), repr(augment), torch.__version__, lesson()]
    key = digest([fingerprint(*numbers), *way])
    return cache_folder() / "runs" / f"{type(model).__name__}-{key}.pt"


@cache
def lesson():
    """Return a digest of the lesson's modules: who changes one gets runs of their own."""
    return digest([path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))])


def read(path):
    """Return what `write` wrote, None if it is absent or damaged."""
    try:
        return torch.load(path, weights_only=True)
    except Exception:  # a damaged file can raise anything
        return None


def write(content, path):
    """Write what torch can load again with `weights_only`."""
    with atomic_write(path) as temporary:
        torch.save(content, temporary)


def what_was_learned(model):
    """Return the trained parameters and batch norm's statistics, but no frozen layers."""
    learned = {name: p.detach().cpu() for name, p in model.named_parameters() if p.requires_grad}
    return learned | dict(model.named_buffers())
