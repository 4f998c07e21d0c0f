"""file -> tensor -> batch: find, decode and cache the scenes; mean and std; normalise; batches."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from PIL import Image
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from helpers.files import WorkbookError, digest, profile
from helpers.progress import progress
from helpers.sources import mini_scenes
from helpers.sources.cache import cached
from helpers.sources.photographs import find_folder, list_images

CLASS_NAMES = mini_scenes.CLASS_NAMES


@dataclass(frozen=True)
class Split:
    """Images and their labels."""

    images: Tensor  # (N, 1, H, W), uint8 as decoded or float32 when normalised
    labels: Tensor  # (N,), int64

    def __len__(self):
        return len(self.labels)

    def to(self, device):
        """Return the split on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Scenes:
    """A data set in memory: `train` and `val` splits of uint8 images, and the names of the classes."""

    name: str  # "15-scene" or "mini-scenes"
    train: Split
    val: Split
    class_names: tuple = CLASS_NAMES

    def __repr__(self):
        height, width = self.train.images.shape[-2:]
        return (
            f"{self.name}: {len(self.train)} training and {len(self.val)} validation images, "
            f"{height} x {width}, {len(self.class_names)} classes"
        )


def load_scenes(size=64):
    """Return the Scenes at `size` x `size` pixels: SCENES_DIR, else data/15-scene, else the built-in mini scenes.

    In the profile "quick", 20 training and 10 validation images a class. Decoding happens once; later calls read a
    cache, which is rebuilt when a file has changed. Raises WorkbookError for a SCENES_DIR that does not exist, a class
    without a folder or images, and a file that is no image.
    """
    folder = find_folder()
    if folder is None:
        print(
            "No photographs here (SCENES_DIR is not set, data/15-scene is absent): these are the built-in mini scenes, "
            "drawn by the computer. `workbook data` fetches the photographs."
        )
    scenes = load_mini_scenes(size) if folder is None else load_folder(folder, size)
    return scenes if profile() == "full" else Scenes(scenes.name, first(scenes.train, 20), first(scenes.val, 10))


def for_display(scenes):
    """Return the Scenes whose pictures a figure may show: these; for the published workbook the drawn ones.

    The photographs may not be passed on, so `workbook run --save` sets WORKBOOK_PUBLISH.
    """
    return load_mini_scenes(scenes.train.images.shape[-1]) if os.environ.get("WORKBOOK_PUBLISH") else scenes


def load_mini_scenes(size=64):
    """Return the built-in drawn Scenes, 1,500 for training and 750 for validation."""

    def draw():
        images, labels, val_images, val_labels = mini_scenes.draw_mini_scenes(size)  # (N, H, W), (N,)
        train = {"train_images": images[:, None], "train_labels": labels}
        return train | {"val_images": val_images[:, None], "val_labels": val_labels}

    source = Path(mini_scenes.__file__).read_bytes()
    return _scenes("mini-scenes", cached(f"mini-scenes-{size}", [hashlib.sha256(source).hexdigest()], draw))


def load_folder(folder, size=64):
    """Return the Scenes of a folder: train/ and test/ (or val/) of class folders, or the archive's own layout."""
    files = list_images(folder)
    stem = f"15-scene-{digest([str(Path(folder).resolve())])[:8]}-{size}"
    stamps = [(str(p), s.st_size, s.st_mtime_ns) for part in files.values() for p, _ in part for s in [p.stat()]]

    def decode():
        return {
            name: array
            for part, pairs in files.items()
            for name, array in (
                (f"{part}_images", decode_images([path for path, _ in pairs], size)),
                (f"{part}_labels", np.array([label for _, label in pairs])),
            )
        }

    return _scenes("15-scene", cached(stem, stamps, decode))


# --- decode and cache ------------------------------------------------------------------------------------------------


def decode_image(path, size):
    """Return one image file as grey (size, size) uint8; its sides are scaled independently, as in the course."""
    try:
        with Image.open(path) as image:
            image.draft("L", (2 * size, 2 * size))  # a JPEG decodes to a half or a quarter at once, never too small
            return np.asarray(image.convert("L").resize((size, size), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise WorkbookError(
            f"{path} cannot be read as an image ({type(error).__name__}). Replace the file or remove it, and run again."
        ) from error


def decode_images(paths, size):
    """Return the image files as one array (N, 1, size, size) uint8, decoded by all cores."""
    jobs = (delayed(decode_image)(path, size) for path in paths)
    images = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(jobs)
    bar = progress(images, total=len(paths), desc=f"Decoding at {size} px", unit="image", delay=1)
    return np.stack(list(bar))[:, None]


def _scenes(name, arrays):
    def split(part):
        return Split(torch.from_numpy(arrays[f"{part}_images"]), torch.from_numpy(arrays[f"{part}_labels"]))

    return Scenes(name, split("train"), split("val"))


# --- subsets, mean and std, batches ----------------------------------------------------------------------------------


def first(split, per_class):
    """Return the first `per_class` images of every class."""
    index = torch.cat([torch.where(split.labels == label)[0][:per_class] for label in split.labels.unique()])
    return Split(split.images[index], split.labels[index])


def hold_out(split, per_class=20, seed=0):
    """Return (rest, held_out): `per_class` random images of every class held out, to choose settings on."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    labels = split.labels[order]
    is_held_out = torch.zeros(len(split), dtype=torch.bool)
    for label in labels.unique():
        is_held_out[order[labels == label][:per_class]] = True
    return (
        Split(split.images[~is_held_out], split.labels[~is_held_out]),
        Split(split.images[is_held_out], split.labels[is_held_out]),
    )


def compute_mean_and_std(images, batch_size=256):
    """Return (mean, std) of all pixels of uint8 images (N, 1, H, W), in grey levels from 0 to 1.

    One pass, a batch in memory at a time; std is the population's. Source: scikit-learn's StandardScaler.partial_fit.
    """
    scaler = StandardScaler()
    for batch in images.split(batch_size):
        scaler.partial_fit(batch.reshape(-1, 1).numpy() / 255)  # (B * H * W, 1)
    return scaler.mean_.item(), scaler.scale_.item()


def normalise(split, mean, std):
    """Return a split of uint8 images as float32 with (grey / 255 - mean) / std."""
    return Split((split.images.float() / 255 - mean) / std, split.labels)


def halve(split):
    """Return a Split of float images half as high and wide: each pixel is the mean of four."""
    return Split(F.avg_pool2d(split.images.float(), 2), split.labels)


def prepare(scenes):
    """Return (train, val) of Scenes, normalised by the mean and std of the training images alone."""
    mean, std = compute_mean_and_std(scenes.train.images)
    return normalise(scenes.train, mean, std), normalise(scenes.val, mean, std)


def batches(split, batch_size, generator=None):
    """Yield Splits of `batch_size` images, the last one smaller; shuffled where a torch.Generator is given."""
    order = torch.arange(len(split)) if generator is None else torch.randperm(len(split), generator=generator)
    for index in order.to(split.labels.device).split(batch_size):
        yield Split(split.images[index], split.labels[index])
