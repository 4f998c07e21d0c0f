"""folder -> files and labels: find the photographs in any layout; split them as the course does."""

import os
import zipfile
from collections import Counter
from pathlib import Path

from helpers.files import DATA, WorkbookError, cache_folder, digest
from helpers.sources.archive import unpack
from helpers.sources.mini_scenes import CLASS_NAMES

SCENES_FOLDER = DATA / "15-scene"
# The archive's folder names, and ours.
ARCHIVE_NAMES = {
    "bedroom": "Bedroom", "CALsuburb": "Suburb", "industrial": "Industrial", "kitchen": "Kitchen",
    "livingroom": "LivingRoom", "MITcoast": "Coast", "MITforest": "Forest",
    "MIThighway": "Highway", "MITinsidecity": "InsideCity", "MITmountain": "Mountain",
    "MITopencountry": "OpenCountry", "MITstreet": "Street", "MITtallbuilding": "TallBuilding",
    "PARoffice": "Office", "store": "Store",
}  # fmt: skip
# Images per class, train and validation together. Source: the archive, counted; data/README.md.
_COUNTS = (216, 360, 328, 260, 311, 308, 210, 289, 374, 215, 410, 315, 292, 241, 356)
CLASS_COUNTS = dict(zip(CLASS_NAMES, _COUNTS))
# The 1,500 images (100 per class) on which the course validates, as Class/image_NNNN.jpg.
VALIDATION_NAMES = DATA / "validation_names.txt"


def find_folder():
    """Return the folder of photographs: SCENES_DIR (a zip is unpacked), data/15-scene, or None."""
    named = os.environ.get("SCENES_DIR")
    if not named:
        return SCENES_FOLDER if SCENES_FOLDER.is_dir() else None
    path = Path(named).expanduser()
    if path.is_dir():
        return path
    if path.is_file() and zipfile.is_zipfile(path):
        status = path.stat()
        key = digest([str(path.resolve()), status.st_size, status.st_mtime_ns])
        target = cache_folder() / f"unpacked-{key}"
        return target if target.is_dir() else unpack(path, target)
    raise WorkbookError(
        f"SCENES_DIR is {named}, which is not a folder or a zip file. Correct it, or unset it to "
        "use data/15-scene or the built-in mini scenes."
    )


def list_images(folder):
    """Return {"train": [(path, label), ...], "val": [...]}, sorted by class and name.

    An archive that is not split is split by data/validation_names.txt, as in the course. Raises
    WorkbookError for a missing or empty class.
    """
    folder = _find_root(Path(folder))
    val_folder = next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
    if val_folder and (folder / "train").is_dir():
        parts = {"train": _list_classes(folder / "train"), "val": _list_classes(val_folder)}
    else:
        names = set(VALIDATION_NAMES.read_text().split())
        parts = {"train": [], "val": []}
        for path, label in _list_classes(folder):
            is_val = f"{CLASS_NAMES[label]}/{path.name}" in names
            parts["val" if is_val else "train"].append((path, label))
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
    raise WorkbookError(
        f"{folder} holds no class folders (Bedroom, Coast, ...) and no train folder. Name another."
    )


def _list_classes(folder):
    ours = {old.lower(): new for old, new in ARCHIVE_NAMES.items()}
    ours |= {name.lower(): name for name in CLASS_NAMES}
    children = [child for child in folder.iterdir() if child.is_dir()]
    folders = {ours[c.name.lower()]: c for c in children if c.name.lower() in ours}
    pairs = []
    for label, name in enumerate(CLASS_NAMES):
        if name not in folders:
            reason = f"{folder} has no folder for the class {name}. Add it, or name another folder."
            raise WorkbookError(reason)
        images = sorted(_images_in(folders[name]))
        if not images:
            raise WorkbookError(
                f"{folders[name]} holds no images. Fill it, or name another folder."
            )
        pairs += [(path, label) for path in images]
    return pairs


def _images_in(folder):
    suffixes = {".jpg", ".jpeg", ".png"}
    paths = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    return [path for path in paths if not path.name.startswith(".")]


def _report_counts(folder, parts):
    """Print a line if the counts are not the data set's: results are then not comparable."""
    counts = {part: Counter(CLASS_NAMES[label] for _, label in parts[part]) for part in parts}
    found = sum(counts.values(), Counter())
    other = [
        f"{n} {found[n]} ({CLASS_COUNTS[n]})" for n in CLASS_NAMES if found[n] != CLASS_COUNTS[n]
    ]
    if other:
        text = f"{folder} is not the whole 15-Scene data set; images found (expected)"
        print(f"{text}: {', '.join(other)}.")
    for part, of_classes in counts.items():
        if absent := [name for name in CLASS_NAMES if name not in of_classes]:
            reason = f"{folder} has no {part} images of the class {absent[0]}."
            raise WorkbookError(f"{reason} Add them, or name another folder.")
