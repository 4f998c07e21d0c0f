"""exercise -> raise or one line: the checks of the notebooks' exercises.

Each check calls the student's function on small inputs and compares what comes back with the library's version of the
same thing. It raises CheckFailed, with what was expected and what came, or prints one fixed line.
"""

import copy
import operator

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.ao.quantization import MinMaxObserver
from torchvision.transforms import v2

from helpers.data import Split, batches
from helpers.files import WorkbookError
from helpers.models import SimpleNetDropout, num_parameters


class CheckFailed(WorkbookError, AssertionError):
    """An exercise does not do what its text asks."""


def _compare(what, got, expected, tolerance=1e-4):
    """Raise CheckFailed unless `got` has the shape and, within a relative tolerance, the values of `expected`."""
    expected = torch.as_tensor(expected).detach().double()
    try:
        values = torch.as_tensor(got).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{what}: expected numbers, got {type(got).__name__}.") from None
    if values.shape != expected.shape:
        raise CheckFailed(f"{what}: expected shape {tuple(expected.shape)}, got {tuple(values.shape)}.")
    if not torch.allclose(values, expected, rtol=tolerance, atol=tolerance * expected.abs().max().item()):
        raise CheckFailed(f"{what}: expected {_brief(expected)}, got {_brief(values)}.")


def _tensor(name, result):
    """Return a tensor of a result: NumPy's arrays count too."""
    result = torch.as_tensor(result) if isinstance(result, np.ndarray) else result
    is_tensor = isinstance(result, torch.Tensor)
    _expect(is_tensor, f"{name}: expected a tensor, got {type(result).__name__}.")
    return result


def _is_whole(value):
    """Return whether a value is an int, in Python, NumPy or PyTorch."""
    try:
        return operator.index(value) == value
    except (TypeError, ValueError, RuntimeError):
        return False


def _brief(values):
    numbers = [f"{v:.5g}" for v in values.flatten().tolist()]
    return numbers[0] if values.ndim == 0 else f"[{', '.join(numbers[:4])}{', ...' if len(numbers) > 4 else ''}]"


def _expect(condition, message):
    if not condition:
        raise CheckFailed(message)


def _pair(name, result, of_what):
    is_pair = isinstance(result, (tuple, list)) and len(result) == 2
    _expect(is_pair, f"{name}: return two things, {of_what}.")
    return result


def _passed(name):
    print(f"{name}: right")


def _uneven_images():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (23, 1, 6, 6), generator=generator, dtype=torch.uint8)
    images[:10] //= 3  # the first batches are darker than the last
    return images


# --- Part 1 ----------------------------------------------------------------------------------------------------------


def check_running_mean_and_std(function):
    """Compare with StandardScaler.partial_fit on batches of unequal size, which can be read only once."""
    values = _uneven_images().flatten().numpy() / 255
    parts = np.split(values, [50, 400, 401])
    scaler = StandardScaler()
    for part in parts:
        scaler.partial_fit(part[:, None])
    mean, std = _pair("running_mean_and_std", function(part for part in parts), "mean and std")
    _compare("the mean over batches of 50, 350, 1 and 427 values", mean, scaler.mean_.item())
    _compare("the standard deviation over the same batches", std, scaler.scale_.item())
    _, std = function(part + 1e7 for part in parts)
    _compare("the standard deviation of the same values + 10,000,000", std, scaler.scale_.item())
    _passed("running_mean_and_std")


def check_standardise(function):
    """Compare with torchvision's Normalize."""
    images = _uneven_images()
    before = images.clone()
    library = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.4], [0.2])])
    result = _tensor("standardise", function(images, 0.4, 0.2))
    _compare("the standardised images", result, library(images))
    _expect(result.dtype == torch.float32, f"standardise: expected torch.float32, got {result.dtype}.")
    _expect(torch.equal(images, before), "standardise: the images that went in were changed; return new ones.")
    _passed("standardise")


# --- Part 2 ----------------------------------------------------------------------------------------------------------


def check_output_size(function):
    """Compare with what torch's convolution and pooling give."""
    for size, kernel_size, stride, padding in (
        (64, 5, 1, 0),
        (60, 3, 3, 0),
        (16, 3, 3, 0),
        (224, 11, 4, 2),
        (7, 3, 2, 1),
    ):
        layer = nn.Conv2d(1, 1, kernel_size, stride, padding)
        expected = layer(torch.zeros(1, 1, size, size)).shape[-1]
        case = f"size {size}, kernel {kernel_size}, stride {stride}, padding {padding}"
        result = function(size, kernel_size, stride, padding)
        kind = type(result).__name__
        _expect(_is_whole(result), f"output_size for {case}: expected an int, got {kind}.")
        _compare(f"output_size for {case}", result, expected)
    _compare("output_size with its defaults, for size 64 and kernel 5", function(64, 5), 60)
    _passed("output_size")


def check_num_conv_parameters(function):
    """Compare with the parameters of torch's convolution."""
    for in_channels, out_channels, kernel_size in ((1, 10, 5), (10, 20, 5), (3, 64, 11)):
        expected = num_parameters(nn.Conv2d(in_channels, out_channels, kernel_size))
        case = f"{in_channels} -> {out_channels} channels, kernel {kernel_size}"
        _compare(f"num_conv_parameters for {case}", function(in_channels, out_channels, kernel_size), expected)
    _passed("num_conv_parameters")


def check_build_deeper_net(function, expected_parameters=60_303):
    """Check the layers, the output's shape and the number of parameters."""
    network = function()
    _expect(isinstance(network, nn.Module), f"build_deeper_net: expected an nn.Module, got {type(network).__name__}.")
    num_relus = sum(isinstance(layer, nn.ReLU) for layer in network.modules())
    _expect(num_relus == 4, f"build_deeper_net: expected 4 ReLU layers, got {num_relus}.")
    num_convs = sum(isinstance(layer, nn.Conv2d) for layer in network.modules())
    _expect(num_convs == 3, f"build_deeper_net: expected 3 convolutions, got {num_convs}.")
    _compare("the parameters of the network", num_parameters(network), expected_parameters, tolerance=0)
    _compare("its output for 4 images", network(torch.randn(4, 1, 64, 64)).shape, (4, 15))
    _passed("build_deeper_net")


# --- Part 3 ----------------------------------------------------------------------------------------------------------


def _logits():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(7, 15, generator=generator) * 3, torch.randint(0, 15, (7,), generator=generator)


def check_log_sum_exp(function):
    """Compare with torch.logsumexp, at logits of 10,000 too."""
    logits, _ = _logits()
    _compare("log_sum_exp of logits (7, 15)", function(logits), logits.logsumexp(dim=1))
    for shift in (1e4, -1e4):
        _compare(
            f"log_sum_exp of logits near {shift:,.0f}", function(logits + shift), (logits + shift).logsumexp(dim=1)
        )
    rows = logits + torch.linspace(-1e4, 1e4, 7)[:, None]
    columns = logits + torch.linspace(-1e3, 1e3, 15)
    for what, apart in (("rows", rows), ("the logits of a row", columns)):
        got = torch.as_tensor(function(apart))
        far = f"log_sum_exp: expected finite numbers, got inf where {what} lie far apart."
        _expect(torch.isfinite(got).all(), far)
        _compare(f"log_sum_exp where {what} lie far apart", got, apart.logsumexp(dim=1))
    _passed("log_sum_exp")


def check_cross_entropy(function):
    """Compare with torch.nn.functional.cross_entropy: mean, sum, and logits of 10,000."""
    logits, labels = _logits()
    for reduction in ("mean", "sum"):
        expected = F.cross_entropy(logits, labels, reduction=reduction)
        _compare(f'the cross-entropy with reduction="{reduction}"', function(logits, labels, reduction), expected)
    _compare("the cross-entropy by default, a mean", function(logits, labels), F.cross_entropy(logits, labels))
    large = logits * 1e4
    _compare("the cross-entropy at logits of 10,000", function(large, labels), F.cross_entropy(large, labels))
    _passed("cross_entropy")


# --- Part 4 ----------------------------------------------------------------------------------------------------------


def check_gradient_descent(function):
    """Compare with torch.optim.SGD on w^2 - 10w + 25."""
    for start, learning_rate, num_steps in ((0.0, 0.1, 5), (12.0, 0.9, 8), (-3.0, 0.01, 3)):
        w = torch.tensor(start, requires_grad=True)
        optimizer, expected = torch.optim.SGD([w], lr=learning_rate), [start]
        for _ in range(num_steps):
            optimizer.zero_grad()
            (w**2 - 10 * w + 25).backward()
            optimizer.step()
            expected.append(w.item())
        case = f"from {start:g} with learning rate {learning_rate:g}, {num_steps} steps"
        _compare(f"the path {case}", function(start, learning_rate, num_steps), expected)
    _passed("gradient_descent")


def check_sgd_step(function):
    """Compare five steps with torch.optim.SGD, with momentum and weight decay."""
    generator = torch.Generator().manual_seed(4)
    gradients = torch.randn(5, 3, generator=generator)
    for momentum, weight_decay in ((0.0, 0.0), (0.9, 0.0), (0.0, 0.1), (0.9, 0.1)):
        library = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
        optimizer = torch.optim.SGD([library], lr=0.1, momentum=momentum, weight_decay=weight_decay)
        weight, velocity = library.detach().clone(), torch.zeros(3)
        for step, gradient in enumerate(gradients, start=1):
            library.grad = gradient.clone()
            optimizer.step()
            before = weight.clone(), velocity.clone()
            result = function(weight, gradient, velocity, 0.1, momentum, weight_decay)
            unchanged = torch.equal(weight, before[0]) and torch.equal(velocity, before[1])
            _expect(unchanged, "sgd_step: the tensors that went in were changed; return new ones.")
            weight, velocity = _pair("sgd_step", result, "weight and velocity")
            case = f"momentum {momentum:g}, weight decay {weight_decay:g}"
            _compare(f"the weight after step {step} with {case}", weight, library)
    _passed("sgd_step")


# --- Part 5 ----------------------------------------------------------------------------------------------------------


def _small_network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 15))


def _small_split():
    images = _uneven_images().float() / 255
    return Split(images, torch.arange(23) % 15)


def check_accumulated_step(function):
    """Compare with one step on the whole batch: same loss, same weights, however the batch is cut."""
    split, network = _small_split(), _small_network()
    for num_chunks in (1, 4, 5):
        whole, cut = copy.deepcopy(network), copy.deepcopy(network)
        optimizers = [torch.optim.SGD(model.parameters(), lr=0.5) for model in (whole, cut)]
        sizes = []
        cut.register_forward_hook(lambda model, inputs, output, sizes=sizes: sizes.append(len(output)))
        for _ in range(2):  # twice: gradients of the first step must not leak into the second
            loss = F.cross_entropy(whole(split.images), split.labels)
            optimizers[0].zero_grad()
            loss.backward()
            optimizers[0].step()
            result = function(cut, split.images, split.labels, optimizers[1], num_chunks)
        case = f"23 images in {num_chunks} chunk{'s' * (num_chunks > 1)}"
        _compare(f"the loss of {case}", result, loss)
        most = -(-23 // num_chunks)
        _expect(max(sizes) <= most, f"{case}: expected at most {most} images at a time, got {max(sizes)}.")
        _compare(f"the weights after two steps on {case}", cut[1].weight, whole[1].weight)
    _passed("accumulated_step")


def check_accuracy(function):
    """Compare with the share of right answers over all images, for batches of 10, 10 and 3, dropout off."""
    torch.manual_seed(6)
    split = Split(torch.randn(23, 1, 64, 64), torch.arange(23) % 15)
    network = SimpleNetDropout(rate=0.9).eval()
    with torch.inference_mode():
        answers = network(split.images).argmax(dim=1)
    wrong_first = torch.arange(23) < 12  # the two large batches hold all the mistakes
    split = Split(split.images, torch.where(wrong_first, (answers + 1) % 15, answers))
    network.train()
    result = function(network, batches(split, batch_size=10))
    _compare("the accuracy over batches of 10, 10 and 3 images, dropout off", result, 11 / 23)
    _passed("accuracy")


# --- Part 6 ----------------------------------------------------------------------------------------------------------


def check_random_flip(function):
    """Check that each image is mirrored or not, by a draw of its own, and that p is obeyed."""
    images = torch.randn(2, 4, 5).expand(400, -1, -1, -1).clone()
    before, mirrored = images.clone(), images[0].flip(2)
    torch.manual_seed(7)
    result = _tensor("random_flip", function(images, 0.25))
    _compare("the shape after random_flip", result.shape, images.shape)
    is_mirrored = (result == mirrored).flatten(1).all(dim=1)
    is_same = (result == before).flatten(1).all(dim=1)
    _expect((is_mirrored | is_same).all(), "random_flip: expected each image as it was or mirrored left to right.")
    share = is_mirrored.float().mean().item()
    _expect(0.15 < share < 0.35, f"random_flip with p=0.25: expected about 0.25 of 400 mirrored, got {share:.2f}.")
    _expect(torch.equal(images, before), "random_flip: the images that went in were changed; return new ones.")
    _passed("random_flip")


def check_random_light(function):
    """Check the range, the spread and the independence of the draws of contrast and brightness."""
    torch.manual_seed(8)
    black, white = torch.zeros(2, 3, 3), torch.ones(2, 3, 3)
    images = torch.stack([black, white]).repeat(300, 1, 1, 1)
    before = images.clone()
    result = _tensor("random_light", function(images, brightness=0.4, contrast=0.2))
    _compare("the shape after random_light", result.shape, images.shape)
    flat = result.flatten(1)
    _expect((flat == flat[:, :1]).all(), "random_light: expected one change an image, got several in one.")
    offsets, ones = flat[::2, 0], flat[1::2, 0]  # b, and a + b of another image
    for what, values, low, high in (("black", offsets, -0.4, 0.4), ("white", ones, 0.4, 1.6)):
        case = f"random_light on {what} images with brightness 0.4 and contrast 0.2"
        found = f"got {values.min():.2f} to {values.max():.2f}"
        _expect(
            values.min() >= low - 1e-5 and values.max() <= high + 1e-5, f"{case}: expected {low} to {high}, {found}."
        )
        reach = 0.8 * (high - low)
        _expect(values.max() - values.min() > reach, f"{case}: expected nearly all of {low} to {high}, {found}.")
    middle = (offsets.abs() < 0.2).float().mean().item()
    even = f"expected about half of the black images within 0.2 of black, got {middle:.2f}"
    _expect(0.35 < middle < 0.65, f"random_light draws evenly: {even}.")
    _expect(torch.equal(images, before), "random_light: the images that went in were changed; return new ones.")
    _passed("random_light")


# --- Part 7 ----------------------------------------------------------------------------------------------------------


def check_dropout(function):
    """Check what is zeroed, what the rest is multiplied by, and that measuring changes nothing."""
    torch.manual_seed(9)
    values = torch.randn(200, 50) + 3
    for p in (0.2, 0.5):
        result = _tensor("dropout", function(values, p, training=True))
        _compare("the shape after dropout", result.shape, values.shape)
        kept = result != 0
        share = 1 - kept.float().mean().item()
        _expect(abs(share - p) < 0.03, f"dropout with p={p}: expected about {p} of the values zero, got {share:.2f}.")
        _compare(f"the values that dropout with p={p} keeps", result[kept], values[kept] / (1 - p))
        rows_differ = (kept != kept[0]).any()
        _expect(rows_differ, "dropout: expected a draw for each value, got the same for each row.")
    _compare("dropout with training=False", function(values, 0.5, training=False), values)
    _passed("dropout")


# --- Part 8 ----------------------------------------------------------------------------------------------------------


class _TrainedNetwork(nn.Module):
    """A network in AlexNet's form, with a last layer for 16 classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(8)
        self.features = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 16))

    def forward(self, images):
        return self.classifier(self.features(images))


def check_prepare_for_fine_tuning(function):
    """Check what is trainable, what is frozen and unchanged, and that a step moves the new layer alone."""
    for num_classes in (15, 4):
        network = _TrainedNetwork()
        before = {name: p.clone() for name, p in network.named_parameters()}
        result = function(network, num_classes)
        _expect(
            isinstance(result, nn.Module),
            f"prepare_for_fine_tuning: expected the network to be returned, got {type(result).__name__}.",
        )
        case = f"with {num_classes} classes"
        _compare(f"the logits' shape for 5 images {case}", result(torch.randn(5, 1, 6, 6)).shape, (5, num_classes))
        trainable = num_parameters(result, trainable_only=True)
        _compare(f"the number of trainable parameters {case}", trainable, 8 * num_classes + num_classes)
        last = result.classifier[-1]
        _expect(
            all(p.requires_grad for p in last.parameters()),
            f"prepare_for_fine_tuning {case}: expected the new last layer to be trainable, got other layers.",
        )
        for name, p in result.named_parameters():
            if not name.startswith("classifier.2."):
                _compare(f"the frozen weights {name}, which must stay as they were", p, before[name], tolerance=0)
    _passed("prepare_for_fine_tuning")


# --- EC2 -------------------------------------------------------------------------------------------------------------


def check_affine_parameters(function):
    """Check (low, high) -> (scale, zero_point), against torch.ao.quantization's MinMaxObserver."""
    for low, high in ((-1.0, 3.0), (0.0, 6.0), (-0.02, 0.01), (2.0, 5.0), (-7.0, -3.0)):
        scale, zero_point = _pair("affine_parameters", function(low, high), "scale and zero point")
        observer = MinMaxObserver(torch.quint8, torch.per_tensor_affine)
        observer(torch.tensor([low, high]))
        expected_scale, expected_zero_point = observer.calculate_qparams()
        what = f"of the range {low:g} to {high:g}"
        if low > 0 or high < 0:
            what += " (0 itself must have a code)"
        _compare(f"scale {what}", scale, expected_scale.item())
        kind = type(zero_point).__name__
        _expect(_is_whole(zero_point), f"zero point: expected an int, got {kind}.")
        _compare(f"zero point {what}", zero_point, expected_zero_point.item(), tolerance=0)
    _passed("affine_parameters")


def check_quantise(function):
    """Check (values, scale, zero_point) -> uint8 codes, against torch.fake_quantize_per_tensor_affine."""
    values = torch.tensor([[-9.0, -1.0, -0.26, 0.0], [0.26, 0.74, 2.9, 60.0]])
    for scale, zero_point in ((0.5, 10), (0.02, 128)):
        codes = _tensor("codes", function(values, scale, zero_point))
        _expect(codes.dtype == torch.uint8, f"codes: expected torch.uint8, got {codes.dtype}.")
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)
        expected = (rounded / scale + zero_point).round()
        _compare(f"codes at scale {scale:g}, zero point {zero_point}", codes, expected, tolerance=0)
    _passed("quantise")


def check_dequantise(function):
    """Check (codes, scale, zero_point) -> values, against torch.fake_quantize_per_tensor_affine."""
    codes = torch.arange(0, 252, 21, dtype=torch.uint8).view(3, 4)
    for scale, zero_point in ((0.05, 30), (0.013, 100)):
        values = scale * (codes.double() - zero_point)
        expected = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)  # codes stay what they are
        _compare(f"values at scale {scale:g}, zero point {zero_point}", function(codes, scale, zero_point), expected)
    _passed("dequantise")


# --- EC3 -------------------------------------------------------------------------------------------------------------


def check_confusion_matrix(function):
    """Check (labels, predictions, num_classes) -> counts, rows true and columns predicted, against scikit-learn's."""
    generator = torch.Generator().manual_seed(5)
    labels, predictions = torch.randint(0, 4, (2, 60), generator=generator)
    for num_classes in (4, 6):  # classes that do not occur have a row and a column too
        expected = confusion_matrix(labels, predictions, labels=range(num_classes))
        got = function(labels, predictions, num_classes)
        try:
            is_transposed = np.array_equal(np.asarray(got), expected.T)
        except (TypeError, ValueError, RuntimeError):
            is_transposed = False
        _expect(not is_transposed, "confusion matrix: expected rows for true classes, got rows for predicted ones.")
        _compare(f"confusion matrix of {num_classes} classes", got, expected, tolerance=0)
    _passed("confusion_matrix")
