"""file -> tensor -> batch: load the scenes; mean and std; normalise; batches."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from PIL import Image
from torch import Tensor

from helpers.files import WorkbookError, check_number, digest, profile
from helpers.progress import progress
from helpers.sources import mini_scenes
from helpers.sources.cache import cached
from helpers.sources.photographs import find_folder, list_images

CLASS_NAMES = mini_scenes.CLASS_NAMES
SIDES_PX = 8, 512  # the least and the largest side; all photographs then take 1.2 GB


@dataclass(frozen=True)
class Split:
    """Images and their labels."""

    images: Tensor  # (N, 1, H, W), uint8 as decoded or float32 when normalised
    labels: Tensor  # (N,), int64

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        """Return the Split of the images at these positions, or where a mask is true."""
        return Split(self.images[index], self.labels[index])

    def to(self, device):
        """Return the split on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Scenes:
    """A data set in memory: `train` and `val` splits of uint8 images, and the class names."""

    name: str  # "15-scene" or "mini-scenes"
    train: Split
    val: Split
    class_names: tuple = CLASS_NAMES

    def __repr__(self):
        height, width = self.train.images.shape[-2:]
        counts = f"{len(self.train)} training and {len(self.val)} validation images"
        return f"{self.name}: {counts}, {height} x {width}, {len(self.class_names)} classes"


def load_scenes(size=64):
    """Return the Scenes at `size` x `size` pixels: SCENES_DIR, data/15-scene, or the mini scenes.

    In the profile "quick", 20 training and 10 validation images per class. Decoded images are
    cached. Raises WorkbookError for a SCENES_DIR that does not exist, a damaged image, and a size
    out of SIDES_PX.
    """
    folder, is_quick = find_folder(), profile() == "quick"
    if folder is None:
        print(
            "No photographs here (SCENES_DIR is not set, data/15-scene is absent): these are the "
            "built-in mini scenes, drawn by the computer. `workbook data` fetches the photographs."
        )
        return load_mini_scenes(size, 300, 150) if is_quick else load_mini_scenes(size)
    scenes = load_folder(folder, size)
    part = Scenes(scenes.name, first(scenes.train, 20), first(scenes.val, 10))
    return part if is_quick else scenes


def for_display(scenes):
    """Return Scenes whose pictures may be published: drawn ones where WORKBOOK_PUBLISH is set."""
    if not os.environ.get("WORKBOOK_PUBLISH"):
        return scenes
    return load_mini_scenes(scenes.train.images.shape[-1])


def load_mini_scenes(size=64, num_train=1500, num_val=750):
    """Return the built-in drawn Scenes, as many of each class."""
    check_number("size", size, *SIDES_PX)
    check_number("num_train", num_train, 1, 100_000)
    check_number("num_val", num_val, 1, 100_000)

    def draw():
        names = ("train_images", "train_labels", "val_images", "val_labels")
        arrays = dict(zip(names, mini_scenes.draw_mini_scenes(size, num_train, num_val)))
        return {k: v[:, None] if k.endswith("images") else v for k, v in arrays.items()}

    drawn_by = hashlib.sha256(Path(mini_scenes.__file__).read_bytes()).hexdigest()
    return _scenes("mini-scenes", f"mini-scenes-{size}-{num_train}", [drawn_by, num_val], draw)


def load_folder(folder, size=64):
    """Return the Scenes of a folder: train/ and test/ (or val/), or the archive's own layout."""
    check_number("size", size, *SIDES_PX)
    files = list_images(folder)
    statuses = {path: path.stat() for pairs in files.values() for path, _ in pairs}
    stamps = [(str(path), s.st_size, s.st_mtime_ns) for path, s in statuses.items()]

    def decode():
        arrays = {}
        for part, pairs in files.items():
            arrays[f"{part}_images"] = decode_images([path for path, _ in pairs], size)
            arrays[f"{part}_labels"] = np.array([label for _, label in pairs])
        return arrays

    stem = f"15-scene-{digest([str(Path(folder).resolve())])[:8]}-{size}"
    return _scenes("15-scene", stem, stamps, decode)


def _scenes(name, stem, stamps, build):
    arrays = {key: torch.from_numpy(array) for key, array in cached(stem, stamps, build).items()}
    train = Split(arrays["train_images"], arrays["train_labels"])
    return Scenes(name, train, Split(arrays["val_images"], arrays["val_labels"]))


def decode_image(path, size):
    """Return an image file as grey (size, size) uint8; each side is scaled, as in the course."""
    try:
        with Image.open(path) as image:
            image.draft("L", (2 * size, 2 * size))  # lets a JPEG decode at half or quarter size
            return np.asarray(image.convert("L").resize((size, size), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise WorkbookError(
            f"{path} cannot be read as an image ({type(error).__name__}). "
            "Replace the file or remove it, and run again."
        ) from error


def decode_images(paths, size):
    """Return the image files as one array (N, 1, size, size) uint8, decoded on all cores."""
    jobs = (delayed(decode_image)(path, size) for path in paths)
    images = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(jobs)
    options = {"desc": f"Decoding at {size} px", "unit": "image", "delay": 1}
    return np.stack(list(progress(images, total=len(paths), **options)))[:, None]


def first(split, per_class):
    """Return the first `per_class` images of every class."""
    places = [torch.where(split.labels == label)[0] for label in split.labels.unique()]
    return split[torch.cat([place[:per_class] for place in places])]


def compute_mean_and_std(images, batch_size=256):
    """Return (mean, std) of all pixels of uint8 images (N, 1, H, W), in grey levels from 0 to 1.

    There are 256 grey levels, so how often each occurs is all one needs; std is the population's.
    """
    counts = sum(
        torch.bincount(batch.flatten(), minlength=256) for batch in images.split(batch_size)
    )
    levels, shares = torch.arange(256).double() / 255, counts.double() / counts.sum()  # (256,)
    mean = (shares * levels).sum()
    return mean.item(), (shares * (levels - mean) ** 2).sum().sqrt().item()


def normalise(split, mean, std):
    """Return a split of uint8 images as float32 with (grey / 255 - mean) / std."""
    return Split((split.images.float() / 255 - mean) / std, split.labels)


def prepare(scenes):
    """Return (train, val) of Scenes, normalised by the training images' mean and std."""
    mean, std = compute_mean_and_std(scenes.train.images)
    return normalise(scenes.train, mean, std), normalise(scenes.val, mean, std)


def batches(split, batch_size, generator=None):
    """Yield Splits of `batch_size` images, the last one smaller; a torch.Generator shuffles."""
    check_number("batch_size", batch_size, 1, 1_000_000)
    order = torch.arange(len(split))
    if generator is not None:
        order = torch.randperm(len(split), generator=generator)
    for index in order.to(split.labels.device).split(batch_size):
        yield split[index]
