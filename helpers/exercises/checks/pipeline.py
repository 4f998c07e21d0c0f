"""pictures through a random pipeline -> what is wrong with it: flips, crops, turns, light."""

import numpy as np

SIDE = 60  # pixels of the pictures
NUM_PERIODS = 5  # of the stripes


def make_pictures():
    """Return pictures (5, 1, 60, 60) uint8: even grey, two ramps, stripes, and two halves."""
    ramp = np.tile(np.linspace(20, 235, SIDE), (SIDE, 1))
    places = np.arange(SIDE) * NUM_PERIODS / SIDE
    stripes = np.tile(np.where(places % 1 < 0.5, 64, 192), (SIDE, 1))
    halves = np.tile(np.where(np.arange(SIDE) < SIDE // 2, 64, 192), (SIDE, 1))
    even = np.full((SIDE, SIDE), 128)
    return np.stack([even, ramp, ramp.T, stripes, halves])[:, None].round().astype(np.uint8)


def what_is_wrong(results, mean, std):
    """Return a sentence, "" for nothing: results (5, N, 1, S, S) of N draws from each picture."""
    results = np.asarray(results, dtype=np.float64)[:, :, 0]  # (5, N, S, S)
    greys = results * std + mean  # 0 to 1
    wanted = f"expected grey levels of 0 to 1, then minus {mean:g}, by {std:g}"
    if greys.max() > 20:
        return f"{wanted}; got very large numbers."
    if results.min() >= 0:
        is_grey = abs(np.median(results[0]) - 0.5) < 0.1  # the even grey, in any light
        found = "grey levels of 0 to 1" if is_grey else "numbers that are cut off at 0"
        return f"{wanted}, so that dark pixels are below 0; got {found}."
    if greys.min() < -0.02 or greys.max() > 1.02:
        found = f"got {greys.min():.2f} to {greys.max():.2f}"
        return f"{wanted}; {found}."
    checks = wrong_light, wrong_flip, wrong_crop, wrong_turn
    return next(filter(None, (check(*greys) for check in checks)), "")


def wrong_light(even, sideways, down, stripes, halves):
    """Check brightness by the even grey of 0.5, contrast by the ratio of two halves."""
    levels = np.median(even, axis=(1, 2))  # (N,)
    if levels.min() < 0.33 or levels.max() > 0.68 or np.ptp(levels) < 0.12:
        found = f"got {levels.min():.2f} to {levels.max():.2f}"
        return f"brightness: expected a grey of 0.5 to become 0.35 to 0.65, {found}."
    dark, light = np.quantile(halves, [0.2, 0.8], axis=(1, 2))  # (N,) each
    ratios = light / np.maximum(dark, 1e-3)
    middle = ratios[(ratios > 1.5) & (ratios < 7)]  # where both halves are in the crop
    if len(middle) < len(ratios) / 3 or np.ptp(np.quantile(middle, [0.1, 0.9])) < 0.5:
        return "contrast: expected a change of up to 30%, drawn for each picture, got none."
    return ""


def wrong_flip(even, sideways, down, stripes, halves):
    """Check that about half of the pictures are mirrored left to right, and hardly any upside down."""
    third = sideways.shape[-1] // 3
    rising = sideways[:, :, -third:].mean(axis=(1, 2)) > sideways[:, :, :third].mean(axis=(1, 2))
    share = 1 - rising.mean()
    falling = down[:, -third:].mean(axis=(1, 2)) < down[:, :third].mean(axis=(1, 2))
    is_upside_down = falling.mean() > 0.1  # in a few, a crop shows almost nothing but one grey
    if is_upside_down and share < 0.1:
        return "expected pictures mirrored left to right, got some mirrored up and down."
    if not 0.15 < share < 0.85:
        return f"expected about half of the pictures mirrored left to right, got {share:.0%}."
    if is_upside_down:
        return "expected the sky to stay above, got a picture upside down."
    return ""


def wrong_crop(even, sideways, down, stripes, halves):
    """Check by the number of stripes that crops keep at least half of the area, and some less."""
    edges = [num_edges(picture[len(picture) // 2]) for picture in stripes]  # 9 in a whole one
    if sum(number < 8 for number in edges) < 2:
        return "expected crops of different sizes, got the whole picture each time."
    if min(edges) < 4:
        return "expected at least half of the area in each crop, got less."
    return ""


def num_edges(row):
    """Return how often a row changes from dark to light or back."""
    low, high = row.min(), row.max()
    far = row[np.abs(row - (low + high) / 2) > 0.15 * (high - low)] > (low + high) / 2
    return int((far[1:] != far[:-1]).sum())


def wrong_turn(even, sideways, down, stripes, halves):
    """Check by the tilt of the line between two halves that turns reach some degrees, up to 12."""
    middle = (halves.max(axis=(1, 2)) + halves.min(axis=(1, 2)))[:, None, None] / 2
    dark = (halves < middle).mean(axis=2)  # (N, S): share of each row
    quarter = dark.shape[1] // 4
    tilts = np.abs(dark[:, quarter] - dark[:, -quarter - 1]) * dark.shape[1]
    tilts = tilts / (dark.shape[1] - 2 * quarter - 1)
    if np.quantile(tilts, 0.8) < 0.06:
        return "expected turns of up to 12 degrees, got hardly any."
    if np.quantile(tilts, 0.9) > 0.35:
        return "expected turns of at most 12 degrees, got larger ones."
    return ""
