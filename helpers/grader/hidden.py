"""secret, submission -> inputs that nobody could know. The trusted side.

DRAWS gives each exercise its kinds of input, for students are told only the kind that failed. What
comes back is judged by `judging`.
"""

import hashlib
import hmac

import numpy as np


def generator_for(secret, *names):
    """Return NumPy's generator for a secret and names, always the same for the same.

    The names are a submission's digest and an exercise.
    """
    key = hmac.new(secret.encode(), "\n".join(names).encode(), hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(key[:16], "big"))


def draw(exercise, generator):
    """Return [(kind, inputs as JSON)] of an exercise, drawn anew."""
    return [
        (kind, [to_json(value) for value in inputs]) for kind, *inputs in DRAWS[exercise](generator)
    ]


def to_json(value):
    """Return an input as `probes.decode` reads it."""
    if isinstance(value, list):
        return [to_json(part) for part in value]
    if isinstance(value, InNumPy):
        return to_json(value.array) | {"dtype": f"numpy:{value.array.dtype}"}
    if isinstance(value, np.ndarray):
        return {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "values": value.flatten().tolist(),
        }
    return value.item() if isinstance(value, np.generic) else value


class InNumPy:
    """An input that stays an array; all others become tensors."""

    def __init__(self, array):
        self.array = array


# --- exercise -> (kind, input, input, ...) --------------------------------------------------------


def _floats(g, *shape):
    return g.normal(size=shape).astype(np.float32)


def _seed(g):
    return int(g.integers(2**31))


def _batches(g):
    for kind, sizes, middle in (
        ("batches of unequal size", (40, 3, 117, 8), 0.5),
        ("values far from 0", (30, 50), 1e7),
        ("batches of one value", (1, 1, 1, 20), 0.5),
        ("a single batch", (25,), 0.5),
    ):
        yield (
            kind,
            [InNumPy(g.normal(middle + g.random(), 0.2 + g.random(), size)) for size in sizes],
        )


def _standardise(g):
    for kind, shape in (
        ("another mean and deviation", (4, 1, 6, 6)),
        ("images that are not square", (3, 1, 5, 9)),
    ):
        yield (
            kind,
            g.integers(0, 256, shape).astype(np.uint8),
            g.uniform(0.1, 0.9),
            g.uniform(0.05, 0.5),
        )


def _sizes(g):
    for kind, strides, paddings in (
        ("no stride, no padding", (1, 2), (0, 1)),
        ("a stride above 1", (2, 5), (0, 1)),
        ("padding", (1, 2), (1, 4)),
        ("stride and padding", (2, 5), (1, 4)),
    ):
        for _ in range(3):
            drawn = (int(g.integers(*r)) for r in ((20, 300), (3, 12), strides, paddings))
            yield kind, *drawn
    yield "stride and padding left out", int(g.integers(20, 300)), int(g.integers(3, 12))
    yield "padding left out", *(int(g.integers(*r)) for r in ((20, 300), (3, 12), (2, 5)))


def _channels(g):
    for kind, low, high in (("one input channel", 1, 2), ("many channels", 3, 300)):
        for _ in range(3):
            yield kind, int(g.integers(low, high)), int(g.integers(2, 300)), int(g.integers(2, 12))


def _logits(g):
    for kind, scale, shift in (
        ("ordinary logits", 3, 0),
        ("large logits", 1, 1e4),
        ("very negative logits", 1, -1e4),
    ):
        yield kind, _floats(g, 6, 9) * scale + np.float32(shift)
    yield "rows far apart", _floats(g, 6, 9) + np.linspace(-9e3, 9e3, 6, dtype=np.float32)[:, None]
    yield "logits far apart in a row", _floats(g, 6, 9) * np.float32(2000)


def _labelled_logits(g):
    for kind, scale, reduction in (
        ("the mean", 3, "mean"),
        ("the sum", 3, "sum"),
        ("large logits", 1e4, "mean"),
    ):
        yield kind, _floats(g, 8, 11) * np.float32(scale), g.integers(0, 11, 8), reduction
    yield "the reduction left out", _floats(g, 8, 11), g.integers(0, 11, 8)


def _gradient_inputs(g):
    for kind, size, num_classes, scale in (
        ("ordinary logits", 6, 9, 3),
        ("many classes", 3, 40, 1),
        ("large logits", 5, 11, 1e4),
        ("a single image", 1, 7, 3),
    ):
        labels = g.integers(0, num_classes, size)
        yield kind, _floats(g, size, num_classes) * np.float32(scale), labels


def _curves(g):
    for kind, shape, step in (
        ("a small step", (5,), 1e-3),
        ("a large step", (5,), 0.7),
        ("values of two dimensions", (2, 3), 0.1),
    ):
        size = int(np.prod(shape))
        yield kind, g.normal(size=(size, size)), g.normal(size=shape), step * g.uniform(0.5, 1)


def _layers(g):
    for kind, size, num_inputs, width, num_outputs in (
        ("a batch", 8, 6, 5, 3),
        ("a single input", 1, 4, 7, 2),
        ("a square layer", 5, 5, 5, 5),
    ):
        shapes = (size, num_inputs), (width, num_inputs), (width,), (num_outputs, width)
        yield kind, *[_floats(g, *shape) for shape in (*shapes, (size, num_outputs))]


def _descents(g):
    for kind, low, high in (
        ("a small learning rate", 0.01, 0.2),
        ("a large learning rate", 0.6, 0.95),
    ):
        yield kind, g.uniform(-20, 20), g.uniform(low, high), int(g.integers(3, 9))


def _sgd(g):
    for kind, has_momentum, has_decay in (
        ("neither momentum nor weight decay", 0, 0),
        ("momentum", 1, 0),
        ("weight decay", 0, 1),
        ("momentum and weight decay", 1, 1),
    ):
        tensors = [_floats(g, 5) for _ in range(3)]
        yield (
            kind,
            *tensors,
            g.uniform(0.05, 0.5),
            has_momentum * g.uniform(0.3, 0.95),
            has_decay * g.uniform(0.1, 0.5),
        )
    tensors = [_floats(g, 5) for _ in range(3)]
    yield "momentum and weight decay left out", *tensors, g.uniform(0.05, 0.5)


def _networks(g):
    yield "its output with other weights", _seed(g), _floats(g, 3, 1, 64, 64)


def _steps(g):
    for kind, num_chunks in (("one chunk", 1), ("chunks of unequal size", 4), ("many chunks", 7)):
        yield (
            kind,
            _floats(g, 22, 1, 5, 5),
            g.integers(0, 15, 22),
            _seed(g),
            g.uniform(0.1, 0.9),
            num_chunks,
        )


def _measurements(g):
    for kind, num_images, batch_size in (
        ("a smaller last batch", 27, 12),
        ("a single batch", 20, 64),
    ):
        yield (
            kind,
            _floats(g, num_images, 1, 4, 4),
            np.append(g.integers(0, 4, num_images - 1), 3),
            _seed(g),
            batch_size,
        )


def _epochs(g):
    for kind, num_images, batch_size in (
        ("batches of unequal size", 22, 6),
        ("a single batch", 9, 20),
        ("many batches", 31, 4),
    ):
        images, labels = _floats(g, num_images, 1, 3, 3), g.integers(0, 15, num_images)
        yield kind, images, labels, _seed(g), g.uniform(0.1, 0.9), batch_size


def _files(g):
    for kind, mode, shape in (
        ("grey pictures", "L", (5, 7, 4)),
        ("pictures in colour", "RGB", (4, 5, 5)),
        ("a picture alone", "L", (1, 3, 8)),
    ):
        yield kind, g.integers(0, 256, shape).astype(np.uint8), g.integers(0, 15, shape[0]), mode


def _flips(g):
    for kind, p in (("a rare flip", 0.2), ("a frequent flip", 0.7)):
        yield kind, _floats(g, 300, 2, 3, 4), p + 0.05 * g.random()
    yield "p left out", _floats(g, 300, 2, 3, 4), None


def _lights(g):
    for kind, brightness, contrast in (
        ("strong brightness", 0.5, 0.1),
        ("strong contrast", 0.1, 0.5),
    ):
        yield kind, _greys(), brightness + 0.2 * g.random(), contrast + 0.2 * g.random()
    yield "brightness and contrast left out", _greys(), None, None


def _greys():
    return np.tile(np.array([0, 1, 0.5, 2], np.float32).reshape(1, 1, 2, 2), (400, 2, 1, 1))


def _dropouts(g):
    for kind, p, training in (
        ("a small p", 0.15, True),
        ("a large p", 0.7, True),
        ("measuring", 0.4, False),
    ):
        yield kind, _floats(g, 60, 50) + np.float32(4), p + 0.1 * g.random(), training


def _trained_networks(g):
    for kind, num_classes in (
        ("15 classes", 15),
        ("another number of classes", int(g.integers(3, 12))),
    ):
        images, labels = _floats(g, 5, 1, 6, 6), g.integers(0, num_classes, 5)
        yield kind, images, labels, _seed(g), int(g.integers(6, 20)), num_classes


def _ranges(g):
    a, b = sorted(g.uniform(0.5, 9, 2))
    yield "a range around 0", -a, b
    yield "a range above 0", a, b + 1
    yield "a range below 0", -b - 1, -a


def _to_quantise(g):
    for kind, low, high in (
        ("values in the range", 0, 256),
        ("values beyond the range", -300, 600),
    ):
        scale, zero_point = g.uniform(0.01, 0.5), int(g.integers(20, 200))
        # Away from .5, where rounding is a matter of taste.
        codes = g.integers(low, high, (4, 9)) + g.uniform(-0.4, 0.4, (4, 9))
        yield kind, ((codes - zero_point) * scale).astype(np.float32), scale, zero_point


def _to_dequantise(g):
    for kind, high in (("a small zero point", 10), ("a large zero point", 250)):
        codes = g.integers(0, 256, (5, 8)).astype(np.uint8)
        yield kind, codes, g.uniform(0.01, 0.5), int(g.integers(high - 9, high))


def _predictions(g):
    for kind, num_classes, num_seen in (("all classes", 5, 5), ("classes that do not occur", 8, 3)):
        yield kind, *(g.integers(0, num_seen, 70) for _ in range(2)), num_classes


def _two_answers(g, scale):
    return [_floats(g, 7, 11) * np.float32(scale) for _ in range(2)]


def _distillations(g):
    yield "temperature 1", *_two_answers(g, 3), 1.0
    yield "a higher temperature", *_two_answers(g, 3), g.uniform(2, 9)
    yield "sure answers", *_two_answers(g, 400), 1.0


def _agreements(g):
    student, teacher = _two_answers(g, 3)
    num_same = int(g.integers(2, 6))
    teacher[:num_same] = np.float32(2) * student[:num_same]
    yield "some of the same answers", student, teacher
    yield "the same answers with other logits", student, student * np.float32(3) + 1


DRAWS = {
    "running_mean_and_std": _batches,
    "standardise": _standardise,
    "output_size": _sizes,
    "num_conv_parameters": _channels,
    "build_deeper_net": _networks,
    "log_sum_exp": _logits,
    "cross_entropy": _labelled_logits,
    "softmax_gradient": _gradient_inputs,
    "numerical_gradient": _curves,
    "backward": _layers,
    "gradient_descent": _descents,
    "sgd_step": _sgd,
    "accumulated_step": _steps,
    "accuracy": _measurements,
    "train_one_epoch": _epochs,
    "ImageFiles": _files,
    "random_flip": _flips,
    "random_light": _lights,
    "dropout": _dropouts,
    "prepare_for_fine_tuning": _trained_networks,
    "affine_parameters": _ranges,
    "quantise": _to_quantise,
    "dequantise": _to_dequantise,
    "confusion_matrix": _predictions,
    "distillation_loss": _distillations,
    "agreement": _agreements,
}
