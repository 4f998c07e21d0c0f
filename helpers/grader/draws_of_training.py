"""generator -> (kind, input, input, ...): what Part 5 and later are asked. The trusted side."""

import numpy as np

from helpers.exercises.checks.pipeline import make_pictures
from helpers.grader.draws import _floats, _seed


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


def _pipelines(g):
    for kind, is_pil in (("images in colour", 1), ("tensors of grey images", 0)):
        mean, std = g.uniform(0.3, 0.7), g.uniform(0.1, 0.4)
        yield kind, int(g.integers(24, 29)), mean, std, make_pictures(), is_pil


def _dropouts(g):
    for kind, p, training in (
        ("a small p", 0.15, True),
        ("a large p", 0.7, True),
        ("measuring", 0.4, False),
    ):
        yield kind, _floats(g, 60, 50) + np.float32(4), p + 0.1 * g.random(), training


def _classes(g):
    for kind, num_classes in (("15 classes", 15), ("another number", int(g.integers(3, 12)))):
        yield kind, _seed(g), _floats(g, 3, 1, 64, 64), num_classes


def _trained_networks(g):
    for kind, num_classes in (
        ("15 classes", 15),
        ("another number of classes", int(g.integers(3, 12))),
    ):
        images, labels = _floats(g, 5, 1, 6, 6), g.integers(0, num_classes, 5)
        yield kind, images, labels, _seed(g), int(g.integers(6, 20)), num_classes


def _norms(g):
    for kind, training, spread, given in (
        ("training", True, 3, (g.uniform(0.2, 0.8), 1e-5)),
        ("evaluation", False, 3, (g.uniform(0.2, 0.8), 1e-5)),
        ("values that hardly differ", True, 0.01, (0.1, 1e-3)),
        ("momentum and eps left out", True, 2, ()),
    ):
        values = _floats(g, 2, 3, 2, 3) * np.float32(spread) + _floats(g, 1, 3, 1, 1)
        weights = [_floats(g, 3), _floats(g, 3), _floats(g, 3), np.square(_floats(g, 3)) + 1]
        yield kind, values, *weights, training, *given


def _blocks(g):
    for kind, channels, kernel_px, expansion in (
        ("small kernels", 4, 3, 3),
        ("large kernels", 3, 7, 2),
    ):
        yield kind, _seed(g), _floats(g, 2, channels, 8, 6), channels, kernel_px, expansion
    yield "kernel and expansion left out", _seed(g), _floats(g, 2, 5, 6, 6), 5


def _few(g, size, middle, spread):
    return g.normal(middle, spread, size).tolist()


def _repeated(g):
    yield "five runs", _few(g, 5, 0.6, 0.02)
    yield "two runs", _few(g, 2, 0.4, 0.1)
    yield "many runs", _few(g, 40, 7, 3)


def _pairs_of_runs(g):
    for kind, size, spread in (("five seeds", 5, 0.02), ("two seeds", 2, 0.1), ("many", 30, 0.5)):
        shared = g.normal(0.6, 3 * spread, size)
        yield kind, *[(shared + g.normal(0.1 * k, spread, size)).tolist() for k in (1, 0)]


def _codes(g):
    # Long sums are larger than the whole numbers that 32-bit floats hold exactly.
    for kind, depth, low in (("short sums", 5, 0), ("long sums", 4096, 128), ("one column", 9, 0)):
        shapes = (2, depth), (depth, 1 if kind == "one column" else 2)
        codes = [g.integers(low, 256, shape).astype(np.uint8) for shape in shapes]
        pairs = [(g.uniform(0.01, 0.3), int(g.integers(0, 100))) for _ in range(2)]
        yield kind, *codes, *pairs[0], *pairs[1]


def _calibrations(g):
    for kind, low, high in (("too sure", 1.5, 4), ("not sure enough", 0.4, 0.7)):
        logits = _floats(g, 250, 8) * np.float32(2)
        noise = g.gumbel(size=logits.shape)  # the largest of logits + noise: a draw by softmax
        labels = (logits + noise).argmax(axis=1)
        yield kind, logits * np.float32(g.uniform(low, high)), labels


def _ranges(g):
    # Rounding up and cutting off differ, and 0.5, where tastes differ, is far.
    scale, steps = g.uniform(0.01, 0.05), g.integers(20, 120) + g.uniform(0.6, 0.9)
    yield "a range around 0", -steps * scale, (255 - steps) * scale
    a, b = sorted(g.uniform(0.5, 9, 2))
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


DRAWS_OF_TRAINING = {
    "accumulated_step": _steps,
    "accuracy": _measurements,
    "train_one_epoch": _epochs,
    "ImageFiles": _files,
    "random_flip": _flips,
    "random_light": _lights,
    "get_data_augmentation_transforms": _pipelines,
    "dropout": _dropouts,
    "SmallNetDropout": _classes,
    "prepare_for_fine_tuning": _trained_networks,
    "batch_norm": _norms,
    "build_inverted_residual": _blocks,
    "standard_error": _repeated,
    "paired_comparison": _pairs_of_runs,
    "int8_matmul": _codes,
    "fit_temperature": _calibrations,
    "affine_parameters": _ranges,
    "quantise": _to_quantise,
    "dequantise": _to_dequantise,
    "confusion_matrix": _predictions,
    "distillation_loss": _distillations,
    "agreement": _agreements,
}
