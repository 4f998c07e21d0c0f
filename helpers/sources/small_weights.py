"""`data/alexnet_small.pt` -> state dict of torchvision's AlexNet, and how to feed it.

The file is under 10 MB where torchvision's own takes 233 MB: half precision, conv1 for one grey
channel, and the two big linear layers as products of thin factors. Here all of it is written out
again in full. `pretraining` makes such files.
"""

import pickle
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import alexnet

FORMAT = "alexnet-small-2"
INPUT_PX = 224  # AlexNet's own input size: its conv layers end at 6 x 6, with nothing left to pool
# Where fc6 (9216 -> 4096) and fc7 (4096 -> 4096) are in torchvision's `classifier`.
BIG_LAYERS = (1, 4)

FACTORS = ("directions", "waves", "fc6.units", "fc7.units")  # of which those two are made


def load_small_alexnet(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Return (state dict in float32 and torchvision's shapes, metadata).

    The state dict fits `alexnet(num_classes=meta["num_classes"])`. The metadata say how to feed the
    network (`input_px`, `mean`, `std` for grey in 0..1, repeated to three channels) and where it
    comes from. Raises ValueError, naming the file, for anything but a whole file of such weights.
    """
    content = read(path)
    try:
        state_dict, meta = to_torchvision(content["weights"]), dict(content["meta"])
        check_shapes(state_dict)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold AlexNet's weights: {error}") from error
    return state_dict, meta


def read(path: str | Path) -> dict:
    """Return the file's content; nothing in it is executed (`weights_only`)."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} cannot be read as weights: it is truncated or another kind of file"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a small AlexNet file: its format is not {FORMAT!r}")
    return content


def to_torchvision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return small weights in full: grey kernels over three equal channels, factors multiplied."""
    full = {name: tensor.float() for name, tensor in weights.items()}
    full["features.0.weight"] = full["features.0.weight"].repeat(1, 3, 1, 1) / 3  # (64, 3, 11, 11)
    full["classifier.1.weight"], full["classifier.4.weight"] = multiply_out(full)
    return {name: tensor for name, tensor in full.items() if name not in FACTORS}


def multiply_out(factors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the weights of fc6 (4096, 9216) and fc7 (4096, 4096).

    Each row of fc6's directions is a pattern over the 256 channels times a wave over the 6 x 6
    places. The units look along them, each with a twin that looks the other way. The difference of
    twins is what a unit saw, and as the units stand in blocks of right angles, their transpose,
    divided by the number of blocks, gives the directions back to fc7.
    """
    # Shapes: (D, 256), (D, 36), (2048, D) twice.
    directions, waves, fc6_units, fc7_units = (factors[name] for name in FACTORS)
    down = (directions[:, :, None] * waves[:, None, :]).flatten(1)  # (D, 9216)
    back = fc6_units.T * (fc6_units.shape[1] / len(fc6_units))  # (D, 2048)
    return with_twins(fc6_units) @ down, with_twins(fc7_units) @ with_twins(back.T).T


def with_twins(units: Tensor) -> Tensor:
    """Return rows v and -v for each row v."""
    return torch.cat([units, -units])


def check_shapes(state_dict: dict[str, Tensor]) -> None:
    """Raise ValueError unless names and shapes fit torchvision's AlexNet, of any num_classes."""
    with torch.device("meta"):  # shapes without memory
        expected = alexnet(num_classes=len(state_dict["classifier.6.bias"])).state_dict()
    if set(state_dict) != set(expected):
        raise ValueError(f"expected the layers {sorted(expected)}, got {sorted(state_dict)}")
    for name, tensor in expected.items():
        if state_dict[name].shape != tensor.shape:
            raise ValueError(
                f"{name}: expected shape {tuple(tensor.shape)}, got {tuple(state_dict[name].shape)}"
            )
