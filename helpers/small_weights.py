"""`data/alexnet_small.pt` -> state dict of torchvision's AlexNet, and how to feed it.

The file is under 10 MB where torchvision's own takes 233 MB: half precision, conv1 for one grey channel, and each of
the two big linear layers as a product of two thin ones. Here all of it is written out again in full. `pretraining`
makes such files.
"""

import pickle
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import alexnet

FORMAT = "alexnet-small-1"
INPUT_PX = 224  # AlexNet's own input size: its conv layers end at 6 x 6, with nothing left to pool
FACTORISED_LAYERS = (1, 4)  # where fc6 (9216 -> 4096) and fc7 (4096 -> 4096) stand in torchvision's `classifier`


def load_small_alexnet(path: str | Path, with_head: bool = True) -> tuple[dict[str, Tensor], dict]:
    """Return (state dict in float32 and torchvision's shapes, metadata).

    With its head the state dict fits `alexnet(num_classes=meta["num_classes"])`; without, its two `classifier.6`
    entries are left out. The metadata say how to feed the network (`input_px`, `mean`, `std` for grey in 0..1, repeated
    to three channels) and where it comes from. Raises ValueError, naming the file, for anything but a whole file of
    such weights.
    """
    content = read(path)
    try:
        state_dict, meta = to_torchvision(content["weights"]), dict(content["meta"])
        check_shapes(state_dict)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold AlexNet's weights: {error}") from error
    if not with_head:
        state_dict = {name: tensor for name, tensor in state_dict.items() if not name.startswith("classifier.6.")}
    return state_dict, meta


def read(path: str | Path) -> dict:
    """Return the file's content; nothing in it is executed (`weights_only`)."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read as weights: it is truncated or another kind of file") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a small AlexNet file: its format is not {FORMAT!r}")
    return content


def to_torchvision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Write small weights out in full: grey kernels over three equal channels, thin factors multiplied."""
    full = {name: tensor.float() for name, tensor in weights.items()}
    full["features.0.weight"] = full["features.0.weight"].repeat(1, 3, 1, 1) / 3  # (64, 3, 11, 11)
    for index in FACTORISED_LAYERS:
        layer = f"classifier.{index}"
        up, down = full.pop(f"{layer}.up"), full.pop(f"{layer}.down")  # (out_features, rank), (rank, in_features)
        full[f"{layer}.weight"] = up @ down
    return full


def check_shapes(state_dict: dict[str, Tensor]) -> None:
    """Raise ValueError unless names and shapes are those of torchvision's AlexNet (with any number of classes)."""
    with torch.device("meta"):  # shapes without memory
        expected = alexnet(num_classes=len(state_dict["classifier.6.bias"])).state_dict()
    if set(state_dict) != set(expected):
        raise ValueError(f"expected the layers {sorted(expected)}, got {sorted(state_dict)}")
    for name, tensor in expected.items():
        if state_dict[name].shape != tensor.shape:
            raise ValueError(f"{name}: expected shape {tuple(tensor.shape)}, got {tuple(state_dict[name].shape)}")
