"""exercise, drawn inputs -> values as JSON: what runs in the student's kernel.

No expected value stands here. A grading run copies this file into the sandbox. The values that it
shows are compared on the other side: see `hidden`.
"""

import json
import random
import tempfile
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import display
from PIL import Image
from torch import nn

MIME = "application/vnd.workbook.values+json"


def show_values(exercise, function, message):
    """Call a student's function on inputs from JSON, and send what it returns as JSON."""
    values = values_of(exercise, function, json.loads(message))
    display({MIME: values}, raw=True)


def values_of(exercise, function, inputs):
    """Return, as JSON, a function's values for inputs, twice, or those of a run in RUNS."""
    seed_everything()
    call = RUNS.get(exercise, twice)
    return encode(call(function, *[decode(value) for value in inputs]))


def seed_everything(seed=0):
    """Set the seeds of Python, NumPy and PyTorch, and their switches to what they are at first."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    np.seterr(all="warn")


# --- values <-> JSON ------------------------------------------------------------------------------


def encode(value):
    """Return arrays as {"dtype", "shape", "values"}, tuples as lists, numbers as they are.

    Tensors count as arrays.
    """
    if isinstance(value, (list, tuple, torch.Size)):
        return [encode(part) for part in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        values = [number(v) for v in value.reshape(-1).tolist()]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": values}
    return number(value)


def number(value):
    """Return a number that JSON can hold; what is none, by the name of its type."""
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)  # "nan", "inf", "-inf"
    if isinstance(value, (bool, int, float, str)):
        return value
    return {"type": type(value).__name__}


def decode(value):
    """Return what `encode` was given.

    Arrays of the dtype "numpy:..." come back as arrays, others as tensors.
    """
    if isinstance(value, list):
        return [decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind, _, dtype = value["dtype"].rpartition(":")
    array = np.array(value["values"], dtype).reshape(value["shape"])
    return array if kind == "numpy" else torch.from_numpy(array)


# --- runs of exercises that want more than a call -------------------------------------------------


def twice(function, *inputs):
    """Call twice with the same objects: if the first call changes them, the answers differ."""
    return [copied(function(*inputs)) for _ in range(2)]


def copied(value):
    """Return a value that stays as it is, should the next call change what it was given."""
    if isinstance(value, (list, tuple)):
        return [copied(part) for part in value]
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def read_once(function, batches):
    """Call with a generator, which can be read only once, and again."""
    return [copied(function(batch for batch in batches)) for _ in range(2)]


def without_autograd(function, *inputs):
    """Call twice where autograd records nothing: what is asked for is written by hand."""
    with torch.inference_mode():
        return twice(function, *inputs)


def differentiated(function, weights, values, step):
    """Call twice, by hand, with a function of the third degree."""

    def cubic(values):
        flat = values.flatten()
        return flat @ weights @ flat + (flat**3).sum()

    return without_autograd(function, cubic, values, step)


def with_weights(network, seed):
    """Fill a network's parameters, in order, with numbers drawn from a seed; return the network."""
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(
                torch.from_numpy(
                    generator.normal(size=tuple(p.shape)) / max(1, p[0].numel()) ** 0.5
                )
            )
    return network


def built_network(function, seed, images):
    """Build the network; return its parameters' number and its logits with drawn weights."""
    network = with_weights(function(), seed).eval()
    with torch.inference_mode():
        return sum(p.numel() for p in network.parameters()), network(images)


def built_block(function, seed, values, *sizes):
    """Build a block; return its parameters' number and its output with drawn weights."""
    block = with_weights(function(*sizes), seed).eval()
    with torch.inference_mode():
        return sum(p.numel() for p in block.parameters()), block(values)


def linear_network(num_inputs, num_classes, seed, dropout=0.0):
    """Return a network of one linear layer, behind dropout."""
    layers = nn.Flatten(), nn.Dropout(dropout), nn.Linear(num_inputs, num_classes)
    return with_weights(nn.Sequential(*layers), seed)


class SmallRoom(nn.Module):
    """A network whose logits are all 0 for more images at a time than it has room for."""

    def __init__(self, network, most):
        super().__init__()
        self.network, self.most = network, most

    def forward(self, images):
        """Return logits (B, C) of images."""
        return self.network(images) * (len(images) <= self.most)


def two_steps(function, images, labels, seed, learning_rate, num_chunks):
    """Take two steps with a network that has room for one chunk; return losses and weights."""
    network = linear_network(images[0].numel(), 15, seed)
    model = SmallRoom(network, -(-len(images) // num_chunks))
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses = [float(function(model, images, labels, optimizer, num_chunks)) for _ in range(2)]
    return losses, network[2].weight, network[2].bias


def measured(function, images, labels, seed, batch_size):
    """Evaluate a network over batches of which the last is smaller.

    The network was left in training, with dropout of 0.9.
    """
    network = linear_network(images[0].numel(), int(labels.max()) + 1, seed, dropout=0.9).train()
    parts = zip(images.split(batch_size), labels.split(batch_size))
    return function(network, [SimpleNamespace(images=some, labels=their) for some, their in parts])


def two_epochs(function, images, labels, seed, learning_rate, batch_size):
    """Train twice on batches that can be read once; return losses, weights and running means.

    The network comes in evaluation, and its batch norm tells whether it was switched.
    """
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(images[0].numel()), nn.Linear(9, 15))
    with_weights(network, seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    losses = []
    for _ in range(2):
        parts = zip(images.split(batch_size), labels.split(batch_size))
        batches = (SimpleNamespace(images=some, labels=their) for some, their in parts)
        losses.append(float(function(network.eval(), batches, optimizer)))
    return losses, network[2].weight, network[1].running_mean


def read_from_files(function, images, labels, mode):
    """Write images into files, and read them; of the last, which is not there, nothing is asked."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number}.png" for number in range(len(images) + 1)]
        for path, image in zip(paths, images):
            Image.fromarray(image.numpy()).convert(mode).save(path)
        files = function(paths, [*labels.tolist(), 0])
        items = [files[number] for number in range(len(images))]
        stacked = torch.stack([torch.as_tensor(image) for image, _ in items])
        return len(files), stacked, [int(label) for _, label in items]


def flipped(function, images, p):
    """Call twice with p, and once with p=0, for the images as they are then.

    Where p is None, the two calls use the default.
    """
    chosen = [] if p is None else [p]
    return [*(function(images, *chosen) for _ in range(2)), function(images[:20], 0.0)]


def lit(function, images, brightness, contrast):
    """Call twice, by the names of the check, or by default; and once without any change."""
    chosen = {} if brightness is None else {"brightness": brightness, "contrast": contrast}
    drawn = [function(images, **chosen) for _ in range(2)]
    return [*drawn, function(images[:20], brightness=0.0, contrast=0.0)]


def augmented(function, size, mean, std, pictures, is_pil):
    """Draw 40 times from each picture; the numbers are rounded, for there are many."""
    transforms = function(size, mean, std)
    if is_pil:
        pictures = [Image.fromarray(picture[0].numpy()).convert("RGB") for picture in pictures]
    drawn = [torch.stack([transforms(picture) for _ in range(40)]) for picture in pictures]
    return [(1000 * torch.stack(drawn).double()).round() / 1000]


def dropped(function, values, p, training):
    """Call twice, with the name that the check uses; and once out of training."""
    drawn = [function(values, p, training=training) for _ in range(2)]
    return [*drawn, function(values[:20], p, training=False)]


def network_with_dropout(function, seed, images, num_classes):
    """Return a network's parameters' number, its logits, and what its linear layers get.

    At rate 1, all that stands behind dropout is 0 in training. At rate 0, it is as in evaluation.
    """
    networks = [with_weights(function(num_classes, rate), seed) for rate in (0.5, 1.0, 0.0)]
    networks[0].eval()
    inputs = []
    for layer in networks[1].modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0].abs().sum()))
    with torch.inference_mode():
        logits = [network(images) for network in networks]
    return sum(p.numel() for p in networks[0].parameters()), *logits, torch.stack(inputs)


class TrainedNetwork(nn.Module):
    """A network in AlexNet's form."""

    def __init__(self, width, num_classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(48, width), nn.ReLU(), nn.Linear(width, num_classes)
        )

    def forward(self, images):
        """Return logits (B, num_classes) of images (B, 1, 6, 6)."""
        return self.classifier(self.features(images))


def fine_tuned(function, images, labels, seed, width, num_classes):
    """Prepare a network, give its last layer drawn weights, and take a step.

    Returns the number of trainable parameters, the weights and the logits.
    """
    network = function(with_weights(TrainedNetwork(width, 16), seed), num_classes)
    with_weights(network.classifier[-1], seed + 1)
    trainable = [p for p in network.parameters() if p.requires_grad]
    F.cross_entropy(network(images), labels).backward()
    torch.optim.SGD(trainable, lr=0.1).step()
    weights = torch.cat([p.detach().flatten() for p in network.parameters()])
    return sum(p.numel() for p in trainable), weights, network(images)


RUNS = {
    "running_mean_and_std": read_once,
    "build_deeper_net": built_network,
    "softmax_gradient": without_autograd,
    "numerical_gradient": differentiated,
    "backward": without_autograd,
    "accumulated_step": two_steps,
    "accuracy": measured,
    "train_one_epoch": two_epochs,
    "ImageFiles": read_from_files,
    "random_flip": flipped,
    "random_light": lit,
    "get_data_augmentation_transforms": augmented,
    "build_inverted_residual": built_block,
    "dropout": dropped,
    "SmallNetDropout": network_with_dropout,
    "prepare_for_fine_tuning": fine_tuned,
}
TWO_CALLS = (twice, read_once, without_autograd, differentiated)  # which give one answer, twice
