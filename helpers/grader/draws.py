"""generator -> (kind, input, input, ...): what Parts 1 to 4 are asked. The trusted side."""

import numpy as np


class InNumPy:
    """An input that stays an array; all others become tensors."""

    def __init__(self, array):
        self.array = array


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
    kernel_size, stride, steps = (int(g.integers(*r)) for r in ((3, 12), (3, 6), (5, 40)))
    rest = stride - 1  # as much as can be left, so that rounding differs from cutting off
    yield "a stride above 1", kernel_size + steps * stride + rest, kernel_size, stride, 0
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


DRAWS_OF_FUNCTIONS = {
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
}
