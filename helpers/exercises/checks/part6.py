"""exercise -> raise or one line: the checks of Part 6, on augmentation."""

import torch
from PIL import Image

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.pipeline import make_pictures, what_is_wrong
from helpers.exercises.checks.tools import compare, expect, passed, tensor
from helpers.exercises.hints import hint as hint


@knows_mistakes("random_flip")
def check_random_flip(function):
    """Check that each image is mirrored or not at random, with probability p."""
    images = torch.randn(2, 4, 5).expand(4000, -1, -1, -1).clone()
    before, mirrored = images.clone(), images[0].flip(2)
    torch.manual_seed(7)
    result = tensor("random_flip", function(images, 0.25))
    compare("the number of images after random_flip", len(result), len(images))
    compare("the shape after random_flip", result.shape, images.shape)
    is_upside_down = (result == images[0].flip(1)).flatten(1).all(dim=1)
    is_mirrored = (result == mirrored).flatten(1).all(dim=1)
    is_same = (result == before).flatten(1).all(dim=1)
    wanted = "random_flip: expected each image as it was or mirrored left to right"
    expect(not is_upside_down.any() or is_mirrored.any(), f"{wanted}, got some upside down.")
    expect((is_mirrored | is_same).all(), f"{wanted}.")
    shares = {_share_flipped(function, before[:20]) for _ in range(24)}
    expect(shares != {0.0, 1.0}, "random_flip: expected a draw for each image, got one for all.")
    share = is_mirrored.float().mean().item()
    expect(
        0.15 < share < 0.35,
        f"random_flip with p=0.25: expected about 0.25 of 4000 mirrored, got {share:.2f}.",
        about=[share],
        step=0.1,
    )
    expect(
        torch.equal(images, before),
        "random_flip: the images that went in were changed; return new ones.",
    )
    reason = "the second call mirrored the same images; expected new draws in each call."
    again = tensor("random_flip", function(images, 0.25))
    expect(not torch.equal(again, result), f"random_flip: {reason}")
    passed("random_flip")


def _share_flipped(function, images):
    """Return the share of images that a call with p=0.25 mirrored."""
    result = tensor("random_flip", function(images.clone(), 0.25))
    return (result != images).flatten(1).any(dim=1).float().mean().item()


@knows_mistakes("random_light")
def check_random_light(function):
    """Check the range, the spread and the independence of the draws of contrast and brightness."""
    torch.manual_seed(8)
    # Black above white, in every channel: an image becomes b above a + b.
    images = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).expand(2000, 2, 2, 2).clone()
    before = images.clone()
    result = tensor("random_light", function(images, brightness=0.4, contrast=0.1))
    compare("the shape after random_light", result.shape, images.shape)
    expect(
        torch.equal(images, before),
        "random_light: the images that went in were changed; return new ones.",
    )
    black, white = result[:, :, 0].flatten(1), result[:, :, 1].flatten(1)  # (2000, 4) each
    expect(
        all(torch.isclose(part, part[:, :1], atol=1e-5).all() for part in (black, white)),
        "random_light: expected one change per image, got several in one.",
    )
    is_cut = (black[:, 0] == 0).float().mean() > 0.2
    expect(not is_cut, "random_light: expected no limits, but what would be below 0 is cut off.")
    shifts, factors = black[:, 0], white[:, 0] - black[:, 0]
    for what, values, low, high in (
        ("what is added to an image", shifts, -0.4, 0.4),
        ("the factor of an image", factors, 0.9, 1.1),
    ):
        case = f"random_light with brightness 0.4 and contrast 0.1, {what}"
        _check_range(case, values, low, high)
    alike = torch.corrcoef(torch.stack([shifts, factors]))[0, 1].abs()
    reason = "the factor and what is added go together; expected a draw for each."
    expect(alike < 0.25, f"random_light: {reason}")
    again = tensor("random_light", function(images, brightness=0.4, contrast=0.1))
    reason = "the second call gave the same again; expected new draws in each call."
    expect(not torch.equal(again, result), f"random_light: {reason}")
    passed("random_light")


def _check_range(case, values, low, high):
    """Expect values drawn evenly from low to high."""
    middle, half = (low + high) / 2, (high - low) / 2
    expect(values.std() > 1e-3 * half, f"{case}: expected a draw for each image, got one for all.")
    found = f"got {values.min():.2f} to {values.max():.2f}"
    away = (values - middle) / half  # from -1 to 1
    about = [away.min().item(), away.max().item()]
    is_inside = away.abs().max() <= 1 + 1e-4
    expect(is_inside, f"{case}: expected {low} to {high}, {found}.", about, step=0.2)
    is_wide = away.max() - away.min() > 1.8
    expect(is_wide, f"{case}: expected nearly all of {low} to {high}, {found}.", about, step=0.2)
    inner = (away.abs() < 0.5).float().mean().item()
    reason = f"expected about half of them in the middle half, got {inner:.2f}"
    expect(0.4 < inner < 0.6, f"{case}, drawn evenly: {reason}.", about=[inner], step=0.1)
    edge = (away.abs() > 0.998).float().mean().item()
    expect(edge < 0.05, f"{case}, drawn evenly: {edge:.0%} lie at the ends of the range.")


@knows_mistakes("get_data_augmentation_transforms")
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
