"""exercise -> raise or one line: the checks of Part 1, on mean and standard deviation."""

import numpy as np
import torch

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, pair, passed, tensor
from helpers.exercises.hints import hint as hint


def _uneven_images():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (23, 1, 6, 6), generator=generator, dtype=torch.uint8)
    images[:10] //= 3  # the first batches are darker than the last
    return images


@knows_mistakes("running_mean_and_std")
def check_running_mean_and_std(function):
    """Compare with StandardScaler.partial_fit on unequal batches, which can be read only once."""
    from sklearn.preprocessing import StandardScaler  # here, as it takes a second

    values = _uneven_images().flatten().numpy() / 255
    parts = np.split(values, [50, 400, 401])
    scaler = StandardScaler()
    for part in parts:
        scaler.partial_fit(part[:, None])
    mean, std = pair("running_mean_and_std", function(part for part in parts), "mean and std")
    compare("the mean over batches of 50, 350, 1 and 427 values", mean, scaler.mean_.item())
    compare("the standard deviation over the same batches", std, scaler.scale_.item())
    _, std = function(part + 1e7 for part in parts)
    compare("the standard deviation of the same values + 10,000,000", std, scaler.scale_.item())
    passed("running_mean_and_std")


@knows_mistakes("standardise")
def check_standardise(function):
    """Compare with torchvision's Normalize."""
    from torchvision.transforms import v2  # here, as it takes a second

    images = _uneven_images()
    before = images.clone()
    library = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.4], [0.2])])
    result = tensor("standardise", function(images, 0.4, 0.2))
    compare("the standardised images", result, library(images))
    reason = f"standardise: expected torch.float32, got {result.dtype}."
    expect(result.dtype == torch.float32, reason)
    reason = "standardise: the images that went in were changed; return new ones."
    expect(torch.equal(images, before), reason)
    passed("standardise")
