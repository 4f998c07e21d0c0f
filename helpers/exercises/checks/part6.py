"""exercise -> raise or one line: the checks of Part 6, on augmentation."""

import torch
from PIL import Image

from helpers.exercises.checks.pipeline import make_pictures, what_is_wrong
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
    reason = "the second call mirrored the same images; expected new draws in each call."
    again = tensor("random_flip", function(images, 0.25))
    expect(not torch.equal(again, result), f"random_flip: {reason}")
    expect(
        torch.equal(images, before),
        "random_flip: the images that went in were changed; return new ones.",
    )
    passed("random_flip")


def check_random_light(function):
    """Check the range, the spread and the independence of the draws of contrast and brightness."""
    torch.manual_seed(8)
    # Black above white, in every channel: an image becomes b above a + b.
    images = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).expand(500, 2, 2, 2).clone()
    before = images.clone()
    result = tensor("random_light", function(images, brightness=0.4, contrast=0.2))
    compare("the shape after random_light", result.shape, images.shape)
    black, white = result[:, :, 0].flatten(1), result[:, :, 1].flatten(1)  # (500, 4) each
    expect(
        all(torch.isclose(part, part[:, :1], atol=1e-5).all() for part in (black, white)),
        "random_light: expected one change per image, got several in one.",
    )
    shifts, factors = black[:, 0], white[:, 0] - black[:, 0]
    for what, values, low, high in (
        ("what is added to an image", shifts, -0.4, 0.4),
        ("the factor of an image", factors, 0.8, 1.2),
    ):
        case = f"random_light with brightness 0.4 and contrast 0.2, {what}"
        _check_range(case, values, low, high)
    alike = torch.corrcoef(torch.stack([shifts, factors]))[0, 1].abs()
    reason = "the factor and what is added go together; expected a draw for each."
    expect(alike < 0.25, f"random_light: {reason}")
    again = tensor("random_light", function(images, brightness=0.4, contrast=0.2))
    reason = "the second call gave the same again; expected new draws in each call."
    expect(not torch.equal(again, result), f"random_light: {reason}")
    expect(
        torch.equal(images, before),
        "random_light: the images that went in were changed; return new ones.",
    )
    passed("random_light")


def _check_range(case, values, low, high):
    """Expect values drawn evenly from low to high."""
    found = f"got {values.min():.2f} to {values.max():.2f}"
    inside = values.min() >= low - 1e-5 and values.max() <= high + 1e-5
    expect(inside, f"{case}: expected {low} to {high}, {found}.")
    wide = values.max() - values.min() > 0.9 * (high - low)
    expect(wide, f"{case}: expected nearly all of {low} to {high}, {found}.")
    middle = ((values - (low + high) / 2).abs() < (high - low) / 4).float().mean().item()
    half = f"expected about half of them in the middle half, got {middle:.2f}"
    expect(0.4 < middle < 0.6, f"{case}, drawn evenly: {half}.")
    edge = ((values - (low + high) / 2).abs() > 0.499 * (high - low)).float().mean().item()
    expect(edge < 0.05, f"{case}, drawn evenly: {edge:.0%} lie at the ends of the range.")


def check_get_data_augmentation_transforms(function):
    """Check shapes and types, and what 40 draws from each of five drawn pictures have in common."""
    name = "get_data_augmentation_transforms"
    transforms = function(32, 0.45, 0.26)
    expect(callable(transforms), f"{name}: expected transforms, got {type(transforms).__name__}.")
    pictures = torch.from_numpy(make_pictures())
    colour = Image.new("RGB", (70, 50), (90, 120, 60))
    for what, given in (("an image in colour, 70 x 50", colour), ("a uint8 tensor", pictures[1])):
        for size, chain in ((32, transforms), (20, function(20, 0.45, 0.26))):
            result = tensor(f"{name}, for {what}", chain(given))
            compare(f"the shape for {what} at size {size}", result.shape, (1, size, size))
            expect(result.dtype == torch.float32, f"expected torch.float32, got {result.dtype}.")
    torch.manual_seed(10)
    for mean, std in ((0.45, 0.26), (0.6, 0.1)):
        chain = function(32, mean, std)
        results = torch.stack([torch.stack([chain(p) for _ in range(40)]) for p in pictures])
        reason = what_is_wrong(results, mean, std)
        expect(not reason, f"{name}: {reason}")
    passed(name)
