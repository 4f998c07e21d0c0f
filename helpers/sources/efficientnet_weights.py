"""`data/efficientnet_lite0.pt` -> the weights of EfficientNet-Lite0, trained on ImageNet.

Kernels are in half precision, batch norm in full. `maker.borrowing` writes the file.
"""

import torch

from helpers.files import DATA, WorkbookError, digest
from helpers.sources.cache import fingerprint

EFFICIENTNET = DATA / "efficientnet_lite0.pt"
FORMAT = "efficientnet-lite0-1"


def load_efficientnet(path=EFFICIENTNET):
    """Return (state dict in float32, metadata with origin and licence) of a file of weights.

    The names and shapes are those of `EfficientNetScenes` with 1,000 classes. Raises WorkbookError,
    naming the file, unless all of it is as it was written; nothing in it is executed.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        weights, meta = content["weights"], content["meta"]
        is_whole = content["format"] == FORMAT and content["digest"] == digest_of(weights)
    except FileNotFoundError as error:
        raise WorkbookError(
            f"There is no file {path}. It comes with the workbook: take it from there again."
        ) from error
    except Exception as error:  # a damaged file can raise anything
        raise _not_whole(path) from error
    if not is_whole:
        raise _not_whole(path)
    return {n: p.float() if p.is_floating_point() else p for n, p in weights.items()}, meta


def digest_of(weights):
    """Return a digest of all names and numbers; torch itself does not notice a changed byte."""
    return digest([list(weights), fingerprint(*weights.values())])


def _not_whole(path):
    return WorkbookError(
        f"{path} does not hold EfficientNet-Lite0's weights: it is damaged, or of another kind. "
        "Take the file that comes with the workbook."
    )
