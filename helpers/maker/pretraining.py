"""class folders or tars -> grey images -> a trained AlexNet -> data/alexnet_small.pt, under 10 MB.

Three changes let AlexNet (Krizhevsky, 2014; the layers are torchvision's) learn on two cores in
under an hour, and make its file small: one grey input channel, batch norm (Ioffe & Szegedy, 2015),
and each big linear layer as a product of two thin ones from the first step on. All three are undone
at the end (`folding`), and `small_weights` gives torchvision's own layers and shapes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import alexnet
from tqdm.auto import tqdm

from helpers.crops import random_crops
from helpers.files import atomic_write
from helpers.maker.folding import small_weights_of, standardise_grey
from helpers.sources.pictures import load_class_folders
from helpers.sources.small_weights import BIG_LAYERS, FORMAT, INPUT_PX, to_torchvision
from helpers.training import choose_device


@dataclass(frozen=True)
class Stage:
    """A stretch of epochs at one crop size.

    Progressive resizing: small and quick first, 224 last.
    """

    num_epochs: int
    crop_px: int
    min_area: float  # of the smallest crop, as a share of the image


@dataclass(frozen=True)
class PretrainConfig:
    """How to pretrain.

    The defaults are the recipe in data/README.md, which made data/alexnet_small.pt.
    """

    stages: tuple = (
        Stage(3, 112, 0.25),
        Stage(9, 128, 0.25),
        Stage(3, 160, 0.35),
        Stage(1, 224, 0.5),
    )
    image_px: int = 144  # side of the decoded square images
    rank: int = 112  # width between the two thin layers that replace a big linear one in training
    batch_size: int = 128  # images
    learning_rate: float = 0.05  # peak of the one-cycle schedule
    # The last layer's part of learning_rate: 4096 inputs move its output far in one step.
    head_share: float = 0.02
    warm_up: float = 0.15  # share of all steps before the peak
    momentum: float = 0.9  # Nesterov
    weight_decay: float = 5e-4  # of kernels and matrices, not of batch norm
    dropout: float = 0.2  # probability, before each big linear layer
    label_smoothing: float = 0.0  # 0: smoothed features transfer less well (Kornblith et al., 2021)
    brightness: float = 0.8  # largest shift, in standard deviations of the grey values
    contrast: float = 0.3  # largest relative change
    num_held_out: int = 1000  # images never trained on
    num_for_pca: int = 5000  # training images that decide fc6's directions
    num_directions: int = 512  # that fc6 finally keeps; a power of two, at most 2048
    seed: int = 0
    device: str = "auto"  # as in TrainConfig

    def stage_of_epochs(self):
        """Return a list with the stage of every epoch."""
        return [stage for stage in self.stages for _ in range(stage.num_epochs)]


# file -> tensor


def split_off(images, labels, config):
    """Return ((images, labels) to train on, (images, labels) held out), drawn by config.seed."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(config.seed))
    held_out, kept = order[: config.num_held_out], order[config.num_held_out :]
    return (images[kept], labels[kept]), (images[held_out], labels[held_out])


# tensor -> batch


def grey_statistics(images):
    """Return mean and standard deviation of uint8 images, in 0..1, from their histogram."""
    counts = torch.bincount(images.flatten(), minlength=256).double() / images.numel()
    greys = torch.arange(256).double() / 255
    mean = counts @ greys
    return mean.item(), (counts @ (greys - mean) ** 2).sqrt().item()


def jitter(images, config):
    """Change contrast and brightness of each normalised image (B, 1, H, W) at random."""
    draws = torch.empty(2, len(images), 1, 1, 1).uniform_(-1, 1).to(images.device)
    return images * (1 + config.contrast * draws[0]) + config.brightness * draws[1]


# model


def grey_with_batch_norm(features):
    """Return AlexNet's conv layers for one grey channel, with batch norm for each bias."""
    layers = []
    for layer in features:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers[-1] = nn.Conv2d(
                1 if layer.in_channels == 3 else layer.in_channels, layer.out_channels,
                layer.kernel_size, layer.stride, layer.padding, bias=False,
            )  # fmt: skip
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*layers)


def factorised(linear, rank):
    """Return a linear layer as two thin ones and batch norm: in -> rank -> out features."""
    down = nn.Linear(linear.in_features, rank, bias=False)
    up = nn.Linear(rank, linear.out_features, bias=False)
    return nn.Sequential(down, up, nn.BatchNorm1d(linear.out_features))


def build_network(num_classes, config):
    """Return the network that is trained: grey images (B, 1, H, W) -> logits (B, num_classes)."""
    network = alexnet(num_classes=num_classes, dropout=config.dropout)
    network.features = grey_with_batch_norm(network.features)
    for index in BIG_LAYERS:
        network.classifier[index] = factorised(network.classifier[index], config.rank)
    return network.to(memory_format=torch.channels_last)


# batch + model -> history


def make_sgd(network, config):
    """Return SGD over three groups of parameters.

    These are kernels and matrices, batch norm (no decay), and the last layer (slow).
    """
    head = list(network.classifier[6].parameters())
    body = [p for name, p in network.named_parameters() if not name.startswith("classifier.6.")]
    groups = [
        {"params": [p for p in body if p.ndim > 1], "share": 1.0},
        {"params": [p for p in body if p.ndim == 1], "share": 1.0, "weight_decay": 0.0},
        {"params": head, "share": config.head_share},
    ]
    return torch.optim.SGD(
        groups,
        config.learning_rate,
        config.momentum,
        weight_decay=config.weight_decay,
        nesterov=True,
    )


def set_learning_rate(optimizer, progress, config):
    """Set the learning rate: a straight climb to the peak, then a straight way down to 0.

    Source: one cycle (Smith & Topin, 2018).
    """
    height = min(progress / config.warm_up, (1 - progress) / (1 - config.warm_up))
    for group in optimizer.param_groups:
        group["lr"] = group["share"] * config.learning_rate * height


def pretrain_epoch(network, optimizer, train_set, statistics, epoch, config):
    """Train for one epoch on (images, labels) and return the mean loss.

    `epoch` also seeds its draws.
    """
    torch.manual_seed(config.seed + epoch)
    stages, (images, labels), device = (
        config.stage_of_epochs(),
        train_set,
        next(network.parameters()).device,
    )
    network.train()
    losses = []
    batches = torch.randperm(len(images)).split(config.batch_size)[
        : len(images) // config.batch_size
    ]
    title = f"epoch {epoch + 1} of {len(stages)}, {stages[epoch].crop_px} px"
    for step, batch in enumerate(tqdm(batches, desc=title, mininterval=1)):
        set_learning_rate(optimizer, (epoch + step / len(batches)) / len(stages), config)
        inputs = standardise_grey(images[batch].to(device), statistics)
        crops = random_crops(inputs, stages[epoch].crop_px, stages[epoch].min_area)
        inputs = jitter(crops, config)  # (B, 1, crop_px, crop_px)
        with torch.autocast(device.type, torch.bfloat16):
            # Shape: (B, num_classes).
            logits = network(inputs.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(
            logits.float(), labels[batch].to(device), label_smoothing=config.label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


@torch.no_grad()
def accuracy(network, held_out_set, statistics, crop_px):
    """Return the accuracy (0..1) on whole images, scaled to crop_px.

    Grey is repeated where conv1 takes three channels.
    """
    images, labels = held_out_set
    weight = network.features[0].weight
    network.eval()
    num_correct = 0
    for batch in torch.arange(len(images)).split(128):
        inputs = standardise_grey(images[batch].to(weight.device), statistics)
        inputs = F.interpolate(inputs, size=crop_px, mode="bilinear", antialias=True)
        logits = network(inputs.expand(-1, weight.shape[1], -1, -1))  # (B, num_classes)
        num_correct += (logits.argmax(dim=1).cpu() == labels[batch]).sum().item()
    return num_correct / len(images)


def save(content, path):
    """Write a file that is whole or not there at all."""
    with atomic_write(path) as temporary:
        torch.save(content, temporary)


def resume(checkpoint, network, optimizer, config):
    """Load what an interrupted run left, if anything, and return its history.

    Raises ValueError if that run had other settings.
    """
    if not checkpoint.exists():
        return []
    state = torch.load(checkpoint, weights_only=True)
    if state["config"] != asdict(config):
        raise ValueError(f"{checkpoint} is of a run with other settings. Remove it to start anew.")
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["history"]


def pretrain(source, output, config=PretrainConfig(), about=None):
    """Train on a folder, a tar or a list of them, and write the small weights to `output`.

    Returns the history, a list of dicts, one per epoch. `<output>.checkpoint`, which holds batch
    norm and full precision, is replaced after each epoch and stays: after an interruption the same
    call goes on. `about` (licence, data sets) goes into the file's metadata.
    """
    sources = [source] if isinstance(source, str | Path) else source
    images, labels, class_names = load_class_folders(sources, config.image_px)
    train_set, held_out_set = split_off(images, labels, config)
    statistics = grey_statistics(train_set[0])
    torch.manual_seed(config.seed)
    network = build_network(len(class_names), config).to(choose_device(config.device))
    optimizer, checkpoint = make_sgd(network, config), Path(f"{output}.checkpoint")
    history = resume(checkpoint, network, optimizer, config)
    for epoch in range(len(history), len(config.stage_of_epochs())):
        loss = pretrain_epoch(network, optimizer, train_set, statistics, epoch, config)
        crop_px = config.stage_of_epochs()[epoch].crop_px
        val_accuracy = accuracy(network, held_out_set, statistics, crop_px)
        history.append(
            {
                "epoch": epoch + 1,
                "crop_px": crop_px,
                "train_loss": loss,
                "val_accuracy": val_accuracy,
            }
        )
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "history": history,
        }
        save(state | {"config": asdict(config), "statistics": statistics}, checkpoint)
    weights = small_weights_of(network, train_set, statistics, len(class_names), config)
    meta = describe(weights, class_names, len(images), held_out_set, statistics, config)
    save({"format": FORMAT, "weights": weights, "meta": meta | (about or {})}, output)
    return history


def describe(weights, class_names, num_images, held_out_set, statistics, config):
    """Return the metadata: how to feed the network, what it saw, its held-out accuracy.

    The accuracy is that of torchvision's AlexNet with these weights.
    """
    network = alexnet(num_classes=len(class_names))
    network.load_state_dict(to_torchvision(weights))
    mean, std = statistics
    return {
        "input_px": INPUT_PX, "mean": [mean] * 3, "std": [std] * 3,  # of grey in 0..1, three times
        "class_names": class_names, "num_classes": len(class_names), "num_images": num_images,
        "num_held_out": len(held_out_set[0]),
        "held_out_accuracy": accuracy(network, held_out_set, statistics, INPUT_PX),
        "num_directions": config.num_directions, "epochs": len(config.stage_of_epochs()), "config": asdict(config),
        "torch": str(torch.__version__),
    }  # fmt: skip
