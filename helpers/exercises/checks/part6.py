"""exercise -> raise or one line: the checks of Part 6, on augmentation."""

import torch

from helpers.exercises.checks.tools import compare, expect, passed, tensor


def check_random_flip(function):
    """Check that each image is mirrored or not at random, with probability p."""
    images = torch.randn(2, 4, 5).expand(400, -1, -1, -1).clone()
    before, mirrored = images.clone(), images[0].flip(2)
    torch.manual_seed(7)
    result = tensor("random_flip", function(images, 0.25))
    compare("the shape after random_flip", result.shape, images.shape)
    is_mirrored = (result == mirrored).flatten(1).all(dim=1)
    is_same = (result == before).flatten(1).all(dim=1)
    expect(
        (is_mirrored | is_same).all(),
        "random_flip: expected each image as it was or mirrored left to right.",
    )
    share = is_mirrored.float().mean().item()
    expect(
        0.15 < share < 0.35,
        f"random_flip with p=0.25: expected about 0.25 of 400 mirrored, got {share:.2f}.",
    )
    expect(
        torch.equal(images, before),
        "random_flip: the images that went in were changed; return new ones.",
    )
    passed("random_flip")


def check_random_light(function):
    """Check the range, the spread and the independence of the draws of contrast and brightness."""
    torch.manual_seed(8)
    # Black and white images in turn.
    images = torch.stack([torch.zeros(2, 3, 3), torch.ones(2, 3, 3)]).repeat(300, 1, 1, 1)
    before = images.clone()
    result = tensor("random_light", function(images, brightness=0.4, contrast=0.2))
    compare("the shape after random_light", result.shape, images.shape)
    flat = result.flatten(1)
    expect(
        (flat == flat[:, :1]).all(),
        "random_light: expected one change per image, got several in one.",
    )
    offsets, ones = flat[::2, 0], flat[1::2, 0]  # b, and a + b of another image
    for what, values, low, high in (("black", offsets, -0.4, 0.4), ("white", ones, 0.4, 1.6)):
        case = f"random_light on {what} images with brightness 0.4 and contrast 0.2"
        found = f"got {values.min():.2f} to {values.max():.2f}"
        expect(
            values.min() >= low - 1e-5 and values.max() <= high + 1e-5,
            f"{case}: expected {low} to {high}, {found}.",
        )
        reach = 0.8 * (high - low)
        expect(
            values.max() - values.min() > reach,
            f"{case}: expected nearly all of {low} to {high}, {found}.",
        )
    middle = (offsets.abs() < 0.2).float().mean().item()
    half = f"expected about half of the black images within 0.2 of black, got {middle:.2f}"
    expect(0.35 < middle < 0.65, f"random_light draws evenly: {half}.")
    expect(
        torch.equal(images, before),
        "random_light: the images that went in were changed; return new ones.",
    )
    passed("random_light")
