"""batch + model -> history: TrainConfig, train_epoch, evaluate, fit."""

import math
import time
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from helpers.data import Split, batches
from helpers.files import WorkbookError, check_number, profile
from helpers.onednn import in_blocks
from helpers.progress import ask_before, progress


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Vary one with `dataclasses.replace(config, learning_rate=0.01)`."""

    num_epochs: int = 12  # passes over the training images
    batch_size: int = 64  # images
    learning_rate: float = 3e-3  # step size; the peak of the schedule "one-cycle"
    weight_decay: float = 0.05  # share of a weight lost per step, in units of the learning rate
    optimizer: str = "adamw"  # "adamw" or "sgd"
    momentum: float = 0.9  # share of the velocity kept per step, of "sgd"
    schedule: str = "one-cycle"  # "one-cycle" (Smith & Topin, 2018) or "constant"
    label_smoothing: float = 0.0  # share of the target spread evenly over all classes
    seed: int = 0  # of the order of the images, of dropout and of augmentation
    device: str = "auto"  # "auto", "cuda", "mps" or "cpu"

    def __post_init__(self):
        check_number("num_epochs", self.num_epochs, 0, 10_000)
        check_number("batch_size", self.batch_size, 1, 1_000_000)
        check_number("learning_rate", self.learning_rate, 0, math.inf, whole=False)


def for_profile(config):
    """Return the config; in the profile "quick", with at most six epochs."""
    return config if profile() == "full" else replace(config, num_epochs=min(6, config.num_epochs))


def choose_device(name="auto"):
    """Return the named torch.device; "auto" takes cuda, else mps, else cpu."""
    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = f'The device "{name}" cannot be used here. Choose "auto" or "cpu".'
        raise WorkbookError(reason) from error
    return torch.device(name)


def uses_bfloat16(device):
    """Return whether `device` is a CPU with instructions for bfloat16: layers are faster in it."""
    has_bfloat16 = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return choose_device(device).type == "cpu" and has_bfloat16


def autocast(device):
    """Return a context in which layers compute in bfloat16 where that is faster."""
    # No cache: it would keep the weights of the context's first batch.
    options = {"enabled": uses_bfloat16(device), "cache_enabled": False}
    return torch.autocast("cpu", torch.bfloat16, **options)


def make_optimizer(model, config):
    """Return the torch optimizer that the config names, over the parameters that are not frozen."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    options = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **options)  # all weights in one call
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=config.momentum, **options)
    raise WorkbookError(f'The optimizer is "{config.optimizer}"; it can be "adamw" or "sgd".')


def make_scheduler(optimizer, config, num_batches):
    """Return the learning-rate schedule, to step once per batch."""
    if config.schedule == "one-cycle":
        steps = config.num_epochs * num_batches
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, steps)
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    raise WorkbookError(f'The schedule is "{config.schedule}"; use "one-cycle" or "constant".')


def train_epoch(model, train, optimizer, scheduler, config, augment, generator, watch=None):
    """Train once on every batch of the Split `train`; return the mean training loss per image.

    `augment` maps images (B, 1, H, W); `generator` shuffles; `watch`: see Options. Raises Diverged
    when the loss is no longer a number, WorkbookError when the images are not numbers.
    """
    model.train()
    total_loss = 0
    for batch in batches(train, config.batch_size, generator):
        images = augment(batch.images) if augment else batch.images
        logits = model(images)  # (B, num_classes)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch:  # before the scheduler, which goes on from a learning rate that is changed here
            watch.on_batch(model, optimizer, loss.detach())
        scheduler.step()
        total_loss += loss.detach() * len(batch)
    mean_loss = float(total_loss) / len(train)
    if not math.isfinite(mean_loss):
        raise _why_not_finite(train, config)
    return mean_loss


class Diverged(WorkbookError):
    """The loss is no longer a number."""


def _why_not_finite(train, config):
    if not train.images.isfinite().all():
        reason = "the images hold values that are not numbers. Check how they were normalised."
        return WorkbookError(f"The loss is not a number because {reason}")
    return Diverged(
        "The loss is no longer a number: training diverged, most likely because the learning rate "
        f"{config.learning_rate:g} is too large. Try {config.learning_rate / 10:g}."
    )


@torch.inference_mode()
def predict(model, images, batch_size=64):
    """Return the logits (N, num_classes) of images (N, C, H, W), with dropout off."""
    # On a CPU, batches of 64 were twice as fast as batches of 500: activations stay in its cache.
    model.eval()
    with in_blocks(getattr(model, "conv_layers", None), images):
        return torch.cat([model(batch) for batch in images.split(batch_size)])


def evaluate(model, split):
    """Return (loss, accuracy) over a Split: means over its images, however they are batched."""
    logits = predict(model, split.images)  # (N, num_classes)
    loss = F.cross_entropy(logits, split.labels).item()
    return loss, (logits.argmax(dim=1) == split.labels).float().mean().item()


@dataclass(frozen=True)
class Options:
    """What `fit` does besides training."""

    checkpoint: object = None  # a Checkpoint: an interrupted run goes on from its last epoch
    evaluate_every: int = 1  # epochs; the last one is always evaluated
    evaluate_on: Split | None = None  # whole training images, where `train` holds larger ones
    watch: object = None  # on_batch(model, optimizer, loss) may raise to stop; on_epoch(row)


def fit(model, train, val, config, augment=None, options=Options()):
    """Train a model in place; return its history: a list of dicts, one per evaluated epoch.

    Each has epoch, train_loss, train_accuracy, val_loss, val_accuracy (without dropout and
    augmentation), learning_rate, and seconds of training and evaluation. `train` and `val` are
    Splits of normalised images (N, 1, H, W). In a notebook, asks before more than two minutes of
    training. Raises WorkbookError for labels that the model has no output for, a loss that is not
    a number, and a checkpoint of another network or config.
    """
    history, start = [], time.perf_counter()
    title = f"{type(model).__name__} on {choose_device(config.device)}"
    with progress(total=config.num_epochs, desc=title, unit="epoch") as bar:
        for row in epochs(model, train, val, config, augment, options):
            history.append(row)
            if time.perf_counter() - start > row["seconds"]:  # not for epochs of a checkpoint
                seconds = (config.num_epochs - row["epoch"]) * row["seconds"]
                ask_before(seconds, f"The rest of {title}")
            bar.update(row["epoch"] - bar.n)
            bar.set_postfix_str(f"validation accuracy {row['val_accuracy']:.3f}")
    return history


def epochs(model, train, val, config, augment=None, options=Options()):
    """Train as `fit` does; yield each row of the history, those of a checkpoint first."""
    device, checkpoint = choose_device(config.device), options.checkpoint
    model.to(device, memory_format=torch.channels_last)  # convolutions 1.6 times as fast on a CPU
    train, val = train.to(device), val.to(device)
    evaluated = options.evaluate_on.to(device) if options.evaluate_on else train
    _check_labels(model, evaluated, val)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = make_optimizer(model, config)
    scheduler = make_scheduler(optimizer, config, math.ceil(len(train) / config.batch_size))
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    history = checkpoint.load(parts, generator, config) if checkpoint else []
    yield from history
    for epoch in range(history[-1]["epoch"] + 1 if history else 1, config.num_epochs + 1):
        start, watch, row = time.perf_counter(), options.watch, {"epoch": epoch}
        with autocast(device):
            train_epoch(model, train, optimizer, scheduler, config, augment, generator, watch)
            if epoch % options.evaluate_every and epoch < config.num_epochs:
                continue
            row["train_loss"], row["train_accuracy"] = evaluate(model, evaluated)
            row["val_loss"], row["val_accuracy"] = evaluate(model, val)
        row["learning_rate"] = optimizer.param_groups[0]["lr"]
        history.append(row | {"seconds": time.perf_counter() - start})
        if checkpoint:
            checkpoint.save(parts, generator, config, history)
        if watch:
            watch.on_epoch(history[-1])
        yield history[-1]
    if checkpoint:
        checkpoint.remove()


def _check_labels(model, *splits):
    num_classes = predict(model, splits[0].images[:1]).shape[1]
    for split in splits:
        low, high = split.labels.min().item(), split.labels.max().item()
        if low < 0 or high >= num_classes:
            raise WorkbookError(
                f"The labels run from {low} to {high}, but the network has outputs for labels 0 to "
                f"{num_classes - 1}. Correct the labels, or give it {high + 1} outputs."
            )
