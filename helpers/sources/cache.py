"""arrays -> file -> arrays: what takes long to make is kept, under a key of all that decides it."""

import hashlib
import zipfile

import numpy as np
import torch

from helpers.files import atomic_write, cache_folder, digest

CACHE_VERSION = 1  # raise it when decoding changes: older caches are then rebuilt


def cached(stem, stamps, build):
    """Return the arrays of `build()`, or those in the cache file of this stem and these stamps."""
    folder = cache_folder()
    path = folder / f"{stem}-{digest([CACHE_VERSION, *stamps])}.npz"
    arrays = _read(path)
    if arrays is not None:
        return arrays
    arrays = build()
    try:
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        for older in folder.glob(f"{stem}-*.npz"):
            if older != path:
                older.unlink(missing_ok=True)
    except OSError as error:
        print(
            f"The cache could not be written to {folder} ({error.strerror}), so the images are "
            "decoded again next time. Free some space, or name another folder in WORKBOOK_CACHE."
        )
    return arrays


def _read(path):
    """Return the arrays of a cache file, None if it is absent or damaged."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def fingerprint(*values):
    """Return a digest of all the numbers in tensors and tuples, on whatever device."""
    sha256 = hashlib.sha256()
    for value in values:
        array = torch.as_tensor(value).detach().cpu().contiguous().numpy()
        sha256.update(f"{array.dtype}{array.shape}".encode())
        sha256.update(array)
    return sha256.hexdigest()
