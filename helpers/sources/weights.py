"""file or address -> AlexNet's weights: yours, torch's hub cache, a download or the small set."""

import http.client
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import torch
from torchvision.models import AlexNet_Weights

from helpers.files import DATA, WorkbookError
from helpers.sources.small_weights import check_shapes, load_small_alexnet

SMALL_WEIGHTS = DATA / "alexnet_small.pt"
# The address ends in the first eight digits of the file's sha256.
IMAGENET_URL = AlexNet_Weights.IMAGENET1K_V1.url
# Source: AlexNet_Weights.transforms().
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Weights:
    """AlexNet's parameters, and the input rule they were trained with."""

    state_dict: dict  # torchvision's names and shapes, with any number of classes
    input_px: int = 224  # side of the square input
    mean: tuple = IMAGENET_MEAN  # of each channel, in 0..1
    std: tuple = IMAGENET_STD


def find_weights(path=None, download=False):
    """Return the Weights of the first source there is, and print which.

    The sources are `path` or what ALEXNET_WEIGHTS names, torch's hub cache, with `download`
    torchvision's address (233 MB), and the small set. Raises WorkbookError for a file that is
    absent, damaged or of another network.
    """
    named = path or os.environ.get("ALEXNET_WEIGHTS")
    if named:
        found, source = Path(named), f"the file you named, {Path(named).name}"
    elif hub_path().exists():
        found, source = hub_path(), "ImageNet, from torch's hub cache"
    elif download:
        found, source = download_weights(), "ImageNet, downloaded from torchvision's address"
    else:
        found, source = SMALL_WEIGHTS, "the small set that comes with the workbook"
    weights = read_weights(found)
    print(f"AlexNet's weights: {source}")
    return weights


def hub_path():
    """Return where torchvision's download of AlexNet lies, or would lie."""
    return Path(torch.hub.get_dir()) / "checkpoints" / IMAGENET_URL.rsplit("/", 1)[-1]


def read_weights(path):
    """Return the Weights in a file: torchvision's state dict or a small set.

    Raises WorkbookError, naming the file, for any other.
    """
    if not Path(path).is_file():
        raise WorkbookError(
            f"There is no file {path}. Name AlexNet's weights by their full path, or name none."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(content, dict) and "format" in content:
            state_dict, meta = load_small_alexnet(path)
            return Weights(state_dict, meta["input_px"], tuple(meta["mean"]), tuple(meta["std"]))
        check_shapes(content)
    except Exception as error:  # a damaged file can raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0][:150]
        raise WorkbookError(
            f"{path} does not hold AlexNet's weights: it is damaged, or of another kind ({reason}). Name another file."
        ) from error
    return Weights(content)


def download_weights(stall_s=20):
    """Fetch torchvision's ImageNet weights into torch's hub cache; return the path.

    They are fetched whole or not at all. Raises WorkbookError without a network, after `stall_s`
    seconds of silence, and for a wrong or damaged file.
    """
    target, before = hub_path(), socket.getdefaulttimeout()
    target.parent.mkdir(parents=True, exist_ok=True)
    socket.setdefaulttimeout(stall_s)
    try:
        torch.hub.download_url_to_file(
            IMAGENET_URL, target, hash_prefix=target.stem.rsplit("-", 1)[-1]
        )
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        raise WorkbookError(
            f"{IMAGENET_URL} could not be downloaded ({getattr(error, 'reason', None) or error}). Try again later, "
            "or go on without: find_weights() takes the small set."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return target
