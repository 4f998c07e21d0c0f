"""folders or tars of JPEGs -> grey images and labels."""

import io
import os
import tarfile
from pathlib import Path, PurePosixPath

import joblib
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from helpers.files import WorkbookError


class NoPictures(WorkbookError, ValueError):
    """There is no JPEG where pictures should be."""


def jpegs_in(source):
    """Yield (path, bytes) of every JPEG in a folder or a tar; tars are read where they are."""
    if Path(source).is_dir():
        for file in Path(source).rglob("*.jpg"):
            yield file.relative_to(source), file.read_bytes()
    else:
        with tarfile.open(source) as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".jpg"):
                    yield PurePosixPath(member.name), tar.extractfile(member).read()


def decode(jpeg, image_px):
    """Return a JPEG's grey image, squeezed into a square: uint8 (1, image_px, image_px)."""
    grey = Image.open(io.BytesIO(jpeg)).convert("L")
    return pil_to_tensor(grey.resize((image_px, image_px), Image.Resampling.BILINEAR))


def load_class_folders(sources, image_px):
    """Decode `<class>/<name>.jpg`, at any depth in folders or tars, once, with all cores.

    Returns uint8 images (N, 1, image_px, image_px) ordered by path, labels (N,) and class names.
    """
    files = sorted((path.as_posix(), jpeg) for source in sources for path, jpeg in jpegs_in(source))
    if not files:
        raise NoPictures(f"No <class>/<name>.jpg in {', '.join(map(str, sources))}.")
    work = (joblib.delayed(decode)(jpeg, image_px) for _, jpeg in files)
    images = torch.stack(joblib.Parallel(n_jobs=-1, prefer="threads")(work))
    classes = [PurePosixPath(path).parent.name for path, _ in files]
    class_names = sorted(set(classes))
    labels = torch.tensor([class_names.index(name) for name in classes])
    return images, labels, class_names


def borrowed_images(image_px=128):
    """Return the pictures in the folder BORROWED_IMAGES: uint8 (N, 1, image_px, image_px).

    They lie there as JPEGs in class folders, or in tars of them. Their labels are not used.
    """
    folder = Path(os.environ.get("BORROWED_IMAGES") or "absent")
    if not folder.is_dir():
        raise WorkbookError(
            "This recipe needs pictures besides the scenes. Set BORROWED_IMAGES to a folder of tars "
            "or of class folders of JPEGs; first look for copies of scenes: `workbook find-copies`."
        )
    return load_class_folders(sorted(folder.glob("*.tar")) or [folder], image_px)[0]
