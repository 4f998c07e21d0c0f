"""folder -> files and labels: find the photographs, whatever their layout, and split them as the course does."""

import os
import zipfile
from pathlib import Path

import numpy as np

from helpers.files import DATA, WorkbookError, cache_folder, digest
from helpers.sources.archive import unpack
from helpers.sources.mini_scenes import CLASS_NAMES

SCENES_FOLDER = DATA / "15-scene"
# The archive's folder names, and ours.
ARCHIVE_NAMES = {
    "bedroom": "Bedroom", "CALsuburb": "Suburb", "industrial": "Industrial", "kitchen": "Kitchen",
    "livingroom": "LivingRoom", "MITcoast": "Coast", "MITforest": "Forest", "MIThighway": "Highway",
    "MITinsidecity": "InsideCity", "MITmountain": "Mountain", "MITopencountry": "OpenCountry", "MITstreet": "Street",
    "MITtallbuilding": "TallBuilding", "PARoffice": "Office", "store": "Store",
}  # fmt: skip
# Images a class, train and validation together. Source: the archive, counted; see data/README.md.
CLASS_COUNTS = dict(zip(CLASS_NAMES, (216, 360, 328, 260, 311, 308, 210, 289, 374, 215, 410, 315, 292, 241, 356)))
# The 1,500 images (100 a class) on which the course validates, as Class/image_NNNN.jpg.
VALIDATION_NAMES = DATA / "validation_names.txt"


def find_folder():
    """Return the folder of photographs: what SCENES_DIR names (a zip is unpacked), else data/15-scene, else None."""
    named = os.environ.get("SCENES_DIR")
    if not named:
        return SCENES_FOLDER if SCENES_FOLDER.is_dir() else None
    path = Path(named).expanduser()
    if path.is_dir():
        return path
    if path.is_file() and zipfile.is_zipfile(path):
        status = path.stat()
        target = cache_folder() / f"unpacked-{digest([str(path.resolve()), status.st_size, status.st_mtime_ns])}"
        return target if target.is_dir() else unpack(path, target)
    raise WorkbookError(
        f"SCENES_DIR is {named}, which is not a folder or a zip file. Correct it, or unset it to use data/15-scene or "
        "the built-in mini scenes."
    )


def list_images(folder):
    """Return {"train": [(path, label), ...], "val": [...]}, sorted by class and name.

    The archive is not split: the names in data/validation_names.txt are its validation part, as in the course.
    Raises WorkbookError for a missing or empty class.
    """
    folder = _find_root(Path(folder))
    val_folder = next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
    if val_folder and (folder / "train").is_dir():
        parts = {"train": _list_classes(folder / "train"), "val": _list_classes(val_folder)}
    else:
        pairs = _list_classes(folder)
        names = set(VALIDATION_NAMES.read_text().split())
        is_val = [f"{CLASS_NAMES[label]}/{path.name}" in names for path, label in pairs]
        parts = {
            "train": [pair for pair, val in zip(pairs, is_val) if not val],
            "val": [pair for pair, val in zip(pairs, is_val) if val],
        }
    _report_counts(folder, parts)
    return parts


def _find_root(folder):
    """Go down, two levels at most, to where train/ or the class folders are."""
    known = {"train", *map(str.lower, CLASS_NAMES), *map(str.lower, ARCHIVE_NAMES)}
    level = [folder]
    for _ in range(3):
        for candidate in level:
            if any(child.name.lower() in known and child.is_dir() for child in candidate.iterdir()):
                return candidate
        level = sorted(child for parent in level for child in parent.iterdir() if child.is_dir())
    raise WorkbookError(f"{folder} holds no class folders (Bedroom, Coast, ...) and no train folder. Name another one.")


def _list_classes(folder):
    ours = {name.lower(): name for name in CLASS_NAMES} | {old.lower(): new for old, new in ARCHIVE_NAMES.items()}
    known = [child for child in folder.iterdir() if child.name.lower() in ours and child.is_dir()]
    folders = {ours[child.name.lower()]: child for child in known}
    pairs = []
    for label, name in enumerate(CLASS_NAMES):
        if name not in folders:
            raise WorkbookError(f"{folder} has no folder for the class {name}. Add it, or name another folder.")
        images = sorted(_images_in(folders[name]))
        if not images:
            raise WorkbookError(f"{folders[name]} holds no images. Fill it, or name another folder.")
        pairs += [(path, label) for path in images]
    return pairs


def _images_in(folder):
    suffixes = {".jpg", ".jpeg", ".png"}
    return [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]


def _report_counts(folder, parts):
    """Say in one line where the number of images is not that of the data set: results then compare with nobody's."""
    counts = np.bincount([label for pairs in parts.values() for _, label in pairs], minlength=len(CLASS_NAMES))
    other = [f"{n} {c} ({CLASS_COUNTS[n]})" for n, c in zip(CLASS_NAMES, counts) if c != CLASS_COUNTS[n]]
    if other:
        print(f"{folder} is not the whole 15-Scene data set; images found (expected): {', '.join(other)}.")
    for part, pairs in parts.items():
        if absent := set(range(len(CLASS_NAMES))) - {label for _, label in pairs}:
            name = CLASS_NAMES[min(absent)]
            raise WorkbookError(f"{folder} has no {part} images of the class {name}. Add them, or name another folder.")
