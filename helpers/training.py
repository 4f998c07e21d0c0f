"""batch + model -> history: TrainConfig, train_epoch, evaluate, fit, checkpoints."""

import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F

from helpers.data import batches
from helpers.files import WorkbookError, atomic_write, profile
from helpers.progress import ask_before, progress


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Vary one with `dataclasses.replace(config, learning_rate=0.01)`."""

    num_epochs: int = 12  # passes over the training images
    batch_size: int = 64  # images
    learning_rate: float = 3e-3  # step size; the peak of the schedule "one-cycle"
    weight_decay: float = 0.05  # share of a weight lost a step, in units of the learning rate
    optimizer: str = "adamw"  # "adamw" or "sgd"
    momentum: float = 0.9  # share of the velocity kept a step, of "sgd"
    schedule: str = "one-cycle"  # "one-cycle" (Smith & Topin, 2018) or "constant"
    label_smoothing: float = 0.0  # share of the target spread evenly over all classes
    seed: int = 0  # of the order of the images, of dropout and of augmentation
    device: str = "auto"  # "auto", "cuda", "mps" or "cpu"


def for_profile(config):
    """Return the config itself, or in the profile "quick" the same with at most six epochs."""
    return config if profile() == "full" else replace(config, num_epochs=min(6, config.num_epochs))


def choose_device(name="auto"):
    """Return the named torch.device; "auto" takes cuda, else mps, else cpu."""
    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise WorkbookError(f'The device "{name}" cannot be used here. Choose "auto" or "cpu".') from error
    return torch.device(name)


def make_optimizer(model, config):
    """Return the torch optimizer that the config names, over the parameters that are not frozen."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    if config.optimizer == "sgd":
        options = {"momentum": config.momentum, "weight_decay": config.weight_decay}
        return torch.optim.SGD(parameters, lr=config.learning_rate, **options)
    raise WorkbookError(f'The optimizer is "{config.optimizer}"; it can be "adamw" or "sgd".')


def make_scheduler(optimizer, config, num_batches):
    """Return the learning-rate schedule, stepped once a batch."""
    if config.schedule == "one-cycle":
        num_steps = config.num_epochs * num_batches
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=num_steps)
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    raise WorkbookError(f'The schedule is "{config.schedule}"; it can be "one-cycle" or "constant".')


def train_epoch(model, train, optimizer, scheduler, config, augment=None, generator=None, on_batch=None):
    """Go once over the Split `train`, learning from each batch; return the mean loss an image while it learned.

    `augment` takes and returns images (B, 1, H, W); `generator` shuffles; `on_batch()` is called before each batch, and
    may raise to stop. Raises Diverged when the loss is no longer a number, WorkbookError when the images are not.
    """
    model.train()
    total_loss = torch.zeros((), device=train.images.device)
    for batch in batches(train, config.batch_size, generator):
        if on_batch:
            on_batch()
        images = augment(batch.images) if augment else batch.images
        logits = model(images)  # (B, num_classes)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total_loss += loss.detach() * len(batch)
    mean_loss = total_loss.item() / len(train)
    if not math.isfinite(mean_loss):
        raise _why_not_finite(train, config)
    return mean_loss


class Diverged(WorkbookError):
    """The loss is no longer a number."""


def _why_not_finite(train, config):
    if not train.images.isfinite().all():
        return WorkbookError(
            "The loss is not a number because the images hold values that are not. Look at how they were normalised."
        )
    return Diverged(
        "The loss is no longer a number: training diverged, most likely because the learning rate "
        f"{config.learning_rate:g} is too large. Try {config.learning_rate / 10:g}."
    )


@torch.inference_mode()
def predict(model, images, batch_size=64):
    """Return the logits (N, num_classes) of images (N, C, H, W), with dropout off.

    On a CPU, batches of 64 were twice as fast as batches of 500: what lies between two layers stays in the cache.
    """
    model.eval()
    return torch.cat([model(batch) for batch in images.split(batch_size)])


def evaluate(model, split):
    """Return (loss, accuracy) over a Split: means over its images, however they fall into batches."""
    logits = predict(model, split.images)  # (N, num_classes)
    loss = F.cross_entropy(logits, split.labels).item()
    return loss, (logits.argmax(dim=1) == split.labels).float().mean().item()


def fit(model, train, val, config, augment=None, checkpoint=None, measure_every=1, measured=None):
    """Train a model in place, with a progress bar, and return its history: a list of dicts, one an epoch.

    Each row has epoch, train_loss, train_accuracy, val_loss, val_accuracy (both splits measured after the epoch, with
    dropout and augmentation off), learning_rate and seconds (of training and measuring, from the start of the epoch).
    With `measure_every` 4, only each fourth epoch and the last are measured and have a row.
    `train` and `val` are Splits of normalised images (N, 1, H, W). Where those of `train` are larger, for `augment` to
    cut crops from, `measured` holds them as the model takes them. With a `checkpoint` path, each epoch is saved there,
    and after an interruption a call with the same config goes on from the last one, to the same result as without;
    when the training has ended, the checkpoint is removed. Uses the learning-rate schedule and seed of the config.
    Raises WorkbookError for labels that the model has no output for, a loss that is no longer a number, and a
    checkpoint of another network or config. In a notebook, asks before it trains for more than two minutes, when the
    first epoch has shown how long one takes.
    """
    history, start = [], time.perf_counter()
    title = f"{type(model).__name__} on {choose_device(config.device)}"
    with progress(total=config.num_epochs, desc=title, unit="epoch") as bar:
        for row in epochs(model, train, val, config, augment, checkpoint, measure_every, measured=measured):
            history.append(row)
            if time.perf_counter() - start > row["seconds"]:  # not for the epochs that a checkpoint holds
                ask_before((config.num_epochs - row["epoch"]) * row["seconds"], f"The rest of {title}")
            bar.update(row["epoch"] - bar.n)
            bar.set_postfix_str(f"validation accuracy {row['val_accuracy']:.3f}")
    return history


def epochs(model, train, val, config, augment=None, checkpoint=None, measure_every=1, on_batch=None, measured=None):
    """Train as `fit` does and yield each row of the history when its epoch has ended, those of a checkpoint first."""
    device = choose_device(config.device)
    model.to(device, memory_format=torch.channels_last)  # 1.6 times faster convolutions on a CPU
    train, val = train.to(device), val.to(device)
    measured = measured.to(device) if measured else train
    _check_labels(model, measured, val)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = make_optimizer(model, config)
    scheduler = make_scheduler(optimizer, config, math.ceil(len(train) / config.batch_size))
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    history = load_checkpoint(checkpoint, parts, generator, config) if checkpoint else []
    yield from history
    for epoch in range(history[-1]["epoch"] + 1 if history else 1, config.num_epochs + 1):
        start = time.perf_counter()
        train_epoch(model, train, optimizer, scheduler, config, augment, generator, on_batch)
        if epoch % measure_every and epoch < config.num_epochs:
            continue
        history.append(_measure(model, measured, val, epoch, optimizer) | {"seconds": time.perf_counter() - start})
        if checkpoint:
            save_checkpoint(checkpoint, parts, generator, config, history)
        yield history[-1]
    if checkpoint:
        Path(checkpoint).unlink(missing_ok=True)


def _measure(model, train, val, epoch, optimizer):
    train_loss, train_accuracy = evaluate(model, train)
    val_loss, val_accuracy = evaluate(model, val)
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "val_loss": val_loss,
        "val_accuracy": val_accuracy,
        "learning_rate": optimizer.param_groups[0]["lr"],
    }


def _check_labels(model, *splits):
    num_classes = predict(model, splits[0].images[:1]).shape[1]
    for split in splits:
        low, high = split.labels.min().item(), split.labels.max().item()
        if low < 0 or high >= num_classes:
            raise WorkbookError(
                f"The labels run from {low} to {high}, but the network has {num_classes} outputs, for labels 0 to "
                f"{num_classes - 1}. Correct the labels, or give the network {high + 1} outputs."
            )


def save_checkpoint(path, parts, generator, config, history):
    """Write all that `fit` needs to go on after this epoch; a crash leaves the checkpoint before it."""
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"config": asdict(config), "history": history, "network": type(parts["model"]).__name__}
    state |= {"generator": generator.get_state(), "torch_rng": torch.get_rng_state()}
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path, parts, generator, config):
    """Restore model, optimizer, scheduler and random numbers from a checkpoint; return its history, [] without one.

    Raises WorkbookError for a file that is no checkpoint, or one of another network or config.
    """
    path = Path(path)
    if not path.exists():
        return []
    way_out = "Name another file, or delete this one to train from the start."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        old_config, network = TrainConfig(**state["config"]), state["network"]
    except Exception as error:  # a damaged file can raise anything
        raise WorkbookError(f"{path} is not a checkpoint of this workbook. {way_out}") from error
    try:
        parts["model"].load_state_dict(state["model"])
    except RuntimeError as error:
        raise WorkbookError(
            f"{path} is a checkpoint of another network: a {network} of other layers than this "
            f"{type(parts['model']).__name__}. {way_out}"
        ) from error
    if old_config != config:
        other = [k for k, v in asdict(config).items() if asdict(old_config)[k] != v]
        raise WorkbookError(f"{path} was trained with another {', '.join(other)}. {way_out}")
    parts["optimizer"].load_state_dict(state["optimizer"])
    parts["scheduler"].load_state_dict(state["scheduler"])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["torch_rng"])
    return state["history"]
