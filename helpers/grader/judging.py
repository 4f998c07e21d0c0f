"""values that came back -> right or wrong. The trusted side.

They are compared with what the master's solution gives for the same inputs or, where an exercise
draws at random itself, judged by a function in VERIFY. Numbers have a tolerance: honest solutions
differ in the last digits.
"""

import numpy as np

from helpers.exercises.checks.pipeline import what_is_wrong

TOLERANCE = 1e-3  # relative to the expected value, in a tensor to the largest
ODD = (TypeError, ValueError, KeyError, IndexError, OverflowError, RecursionError)


def is_right(exercise, inputs, expected, got):
    """Return whether `got`, as JSON from the student's process, is right; anything odd is wrong."""
    try:
        if exercise in VERIFY:
            given = [None if value is None else array(value) for value in inputs]
            return bool(VERIFY[exercise](*given, *[array(part) for part in got]))
        return agrees(expected, got) and (exercise not in TYPES or all(map(TYPES[exercise], got)))
    except ODD:
        return False


def has_right_numbers(expected, got, is_twice):
    """Return whether the numbers of `got` are right, whatever its shapes and types.

    Where a function was called twice, those of the first call count: the second shows whether the
    first changed its inputs.
    """
    try:
        first = (expected[0], got[0]) if is_twice else (expected, got)
        return agrees(*first, any_shape=True)
    except ODD:
        return False


def agrees(expected, got, any_shape=False):
    """Return whether two values agree in shape and, within TOLERANCE, in numbers.

    Lists agree part by part, whole numbers exactly. With `any_shape`, only the order of the numbers
    in an array counts.
    """
    if isinstance(expected, list) and not all(isinstance(part, (int, float)) for part in expected):
        is_long = len(expected) == len(got)
        return is_long and all(agrees(*parts, any_shape) for parts in zip(expected, got))
    a, b = array(expected), array(got)
    if any_shape and a.size == b.size:
        b = b.reshape(a.shape)
    # A list may mix sizes, as mean and deviation do.
    size = np.abs(a) if isinstance(expected, list) else np.abs(a).max()
    most = 0 if is_int(expected) else TOLERANCE * np.maximum(size, 1e-6)
    return a.shape == b.shape and bool((np.abs(a - b) <= most).all())


def array(value):
    """Return numbers, lists of them or {"shape", "values"} as an array of float64."""
    if isinstance(value, dict):
        return np.array([float(v) for v in value["values"]]).reshape(
            [int(n) for n in value["shape"]]
        )
    if isinstance(value, list):
        return np.stack([array(part) for part in value])
    return np.array(float(value))


def is_float32(value):
    """Return whether all numbers are those that 32 bits can hold; those computed in 64 are not."""
    return bool((array(value) == array(value).astype(np.float32)).all())


def is_uint8(value):
    """Return whether a value came as an array of bytes."""
    return value["dtype"] == "uint8" and all(isinstance(v, int) for v in value["values"])


def is_int(value):
    """Return whether a value came as a whole number, of Python, NumPy or PyTorch."""
    values = value["values"] if isinstance(value, dict) else [value]
    return all(isinstance(v, int) for v in values)


# Types that an exercise's text asks for, seen here, on the trusted side, in the JSON itself.
TYPES = {
    "standardise": is_float32,
    "ImageFiles": is_float32,
    "quantise": is_uint8,
    "output_size": is_int,
    "int8_matmul": lambda pair: is_int(pair[0]),
    "affine_parameters": lambda pair: is_int(pair[1]),
}


def flips_are_right(images, p, first, second, unflipped):
    """Each image as it was or mirrored, about p of them, drawn anew for each image and call."""
    p = 0.5 if p is None else p
    mirrored = images[..., ::-1]
    chosen = [np.isclose(result, mirrored).all(axis=(1, 2, 3)) for result in (first, second)]
    same = [np.isclose(result, images).all(axis=(1, 2, 3)) for result in (first, second)]
    is_either = all((c | s).all() for c, s in zip(chosen, same))
    is_either = is_either and np.array_equal(unflipped, images[:20])
    return is_either and all(is_share(c, p) for c in chosen) and are_independent(*chosen)


def is_share(chosen, p):
    """Return whether a share of about p is chosen: within five standard deviations."""
    return abs(chosen.mean() - p) < 5 * np.sqrt(p * (1 - p) / chosen.size)


def are_independent(*draws):
    """Return whether draws (N,) are uncorrelated, with each other and with their own neighbours."""
    pairs = [(draws[0], draws[1])] + [(draw[1:], draw[:-1]) for draw in draws]
    return all(abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a)) for a, b in pairs)


def light_is_right(images, brightness, contrast, first, second, unchanged):
    """One factor and one shift per image, even over their ranges, independent of each other."""
    brightness, contrast = (0.3, 0.3) if brightness is None else (brightness, contrast)
    shifts, factors = [], []
    if not np.allclose(unchanged, images[:20]):
        return False
    for result in (first, second):
        shift = result[:, 0, 0, 0]
        factor = result[:, 0, 0, 1] - shift
        if not np.allclose(
            result, factor[:, None, None, None] * images + shift[:, None, None, None], atol=1e-4
        ):
            return False
        shifts, factors = [*shifts, shift], [*factors, factor]
    are_even = is_even(np.concatenate(shifts), -brightness, brightness)
    are_even = are_even and is_even(np.concatenate(factors), 1 - contrast, 1 + contrast)
    return are_even and are_independent(*shifts) and are_independent(shifts[0], factors[0])


def is_even(values, low, high):
    """Return whether values were drawn evenly from low..high, by Kolmogorov and Smirnov's test.

    It refuses honest draws once in a million times.
    """
    values = np.sort((values - low) / (high - low))
    distance = abs(values - (np.arange(len(values)) + 0.5) / len(values)).max()
    is_inside = values[0] > -1e-3 and values[-1] < 1 + 1e-3
    return is_inside and distance < np.sqrt(np.log(2e6) / (2 * len(values)))


def dropout_is_right(values, p, training, first, second, measured):
    """In training, about p of the values are zero and the rest scaled; else all are as they were.

    Each value has a draw of its own.
    """
    if not np.allclose(measured, values[:20]):
        return False
    if not training:
        return np.allclose(first, values) and np.allclose(second, values)
    kept = [result != 0 for result in (first, second)]
    scaled = all(
        np.allclose(r[k], values[k] / (1 - p), rtol=1e-3) for r, k in zip((first, second), kept)
    )
    same_shape = first.shape == second.shape == values.shape
    return (
        same_shape
        and scaled
        and all(is_share(~k, p) for k in kept)
        and are_independent(*[k.flatten() for k in kept])
    )


def pipeline_is_right(size, mean, std, pictures, is_pil, results):
    """Each draw of the right size, and all together as the visible check wants them."""
    is_whole = results.shape == (len(pictures), 40, 1, size, size)
    return is_whole and not what_is_wrong(results, float(mean), float(std))


def temperature_is_right(logits, labels, *temperatures):
    """Within 4% of the temperature of least cross-entropy."""
    tried = np.geomspace(0.1, 10, 461)  # steps of 1%
    losses = [cross_entropy(logits / temperature, labels.astype(int)) for temperature in tried]
    best = tried[np.argmin(losses)]
    return all(abs(np.log(temperature / best)) < 0.04 for temperature in temperatures)


def cross_entropy(logits, labels):
    """Return the mean cross-entropy of logits (N, C) for labels (N,)."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]).mean()


VERIFY = {
    "random_flip": flips_are_right,
    "random_light": light_is_right,
    "fit_temperature": temperature_is_right,
    "get_data_augmentation_transforms": pipeline_is_right,
    "dropout": dropout_is_right,
}
