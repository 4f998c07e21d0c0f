"""pictures + EfficientNet -> conv layers of AlexNet that see more -> data/alexnet_small.pt.

The teacher sees a crop, and the student the same crop. The student learns the teacher's 1,280
features and, through the teacher's own last layer, its answers for ImageNet's 1,000 classes. The
labels of the pictures are not used. Sources: Hinton et al. (2015), "Distilling the Knowledge in a
Neural Network"; Beyer et al. (2022), "Knowledge distillation: A good teacher is patient".
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import alexnet
from tqdm.auto import tqdm

from helpers.alexnet import encode
from helpers.crops import random_crops
from helpers.efficientnet import NUM_FEATURES, make_efficientnet
from helpers.finetuning import set_batch_norm
from helpers.maker.folding import small_weights_of, standardise_grey
from helpers.maker.pretraining import (
    PretrainConfig,
    describe,
    factorised,
    grey_statistics,
    grey_with_batch_norm,
    jitter,
    save,
    split_off,
)
from helpers.sources.efficientnet_weights import load_efficientnet
from helpers.sources.pictures import load_class_folders
from helpers.sources.small_weights import FORMAT, load_small_alexnet


@dataclass(frozen=True)
class TeachConfig:
    """How AlexNet is taught. The defaults made data/alexnet_small.pt; see data/README.md."""

    num_crops: int = 5  # of each picture, cut and answered by the teacher once; an epoch shows one
    crop_px: int = 160  # side of the crops as the teacher sees them
    small_px: int = 128  # as the student sees them, but for the last epochs
    min_area: float = 0.2  # of the smallest crop, as a share of the picture
    num_epochs: int = 20
    num_large: int = 4  # epochs at the end with crops of crop_px
    batch_size: int = 128  # pictures
    learning_rate: float = 1e-3  # of AdamW; the peak of a one-cycle schedule
    weight_decay: float = 0.05  # of kernels and matrices, not of batch norm
    answers_share: float = 0.5  # weight of the answers' divergence beside the features' error
    seed: int = 0


def taught_crops(images, config):
    """Yield (crops uint8 (N, 1, S, S), the teacher's features (N, 1280) float16) for each set."""
    teacher = make_efficientnet(load_efficientnet()[0])
    teacher.input_px = config.crop_px
    for seed in range(config.num_crops):
        torch.manual_seed(seed)
        cut = [
            random_crops(part.float(), config.crop_px, config.min_area).round().clamp(0, 255)
            for part in images.split(64)
        ]
        crops = torch.cat(cut).to(torch.uint8)
        yield crops, encode(teacher, crops)[:, 0]


class Student(nn.Module):
    """AlexNet's conv layers for grey, with batch norm, and thin linear layers to the features."""

    def __init__(self, rank=112):
        super().__init__()
        network = alexnet(num_classes=NUM_FEATURES)
        self.features, self.avgpool = grey_with_batch_norm(network.features), network.avgpool
        fc6, fc7 = (factorised(network.classifier[index], rank) for index in (1, 4))
        self.head = nn.Sequential(fc6, nn.ReLU(), fc7, nn.ReLU(), network.classifier[6])

    def forward(self, inputs):
        """Return features (B, 1280), standardised, of normalised crops (B, 1, H, W)."""
        return self.head(self.avgpool(self.features(inputs)).flatten(1))

    def prepare(self, inputs):
        """Return the inputs as they are; `set_batch_norm` asks."""
        return inputs

    @torch.no_grad()
    def begin_with(self, path, inputs):
        """Take the conv layers of small weights; batch norm is set by normalised `inputs`."""
        weights, _ = load_small_alexnet(path)
        names = [f"features.{index}" for index in (0, 3, 6, 8, 10)]
        convolutions = [layer for layer in self.features if isinstance(layer, nn.Conv2d)]
        for name, layer in zip(names, convolutions):
            kernels = weights[f"{name}.weight"]
            layer.weight.copy_(
                kernels.sum(dim=1, keepdim=True) if layer is convolutions[0] else kernels
            )
            layer.bias = nn.Parameter(weights[f"{name}.bias"])
        set_batch_norm(self, inputs)
        norms = [layer for layer in self.features if isinstance(layer, nn.BatchNorm2d)]
        for layer, norm in zip(convolutions, norms):  # the bias moves into batch norm
            norm.running_mean -= layer.bias
            layer.bias = None


def teach(sources, start, output, config=TeachConfig(), about=None):
    """Teach AlexNet, from the small weights `start`, and write small weights to `output`.

    `sources` are folders or tars of class folders of JPEGs. Returns the mean loss of every epoch.
    """
    base = PretrainConfig()
    images, labels, class_names = load_class_folders(sources, base.image_px)
    statistics = grey_statistics(images)
    sets = list(taught_crops(images, config))
    torch.manual_seed(config.seed)
    student = Student(base.rank).to(memory_format=torch.channels_last)
    student.begin_with(start, standardise_grey(sets[0][0][:512], statistics))
    losses = learn(student, sets, statistics, config)
    train_set, held_out_set = split_off(images, labels, base)
    weights = small_weights_of(student, train_set, statistics, len(class_names), base)
    meta = describe(weights, class_names, len(images), held_out_set, statistics, base)
    meta |= {"epochs": config.num_epochs, "config": asdict(config)} | (about or {})
    save({"format": FORMAT, "weights": weights, "meta": meta}, Path(output))
    return losses


def learn(student, sets, statistics, config):
    """Train a Student on (crops, features), a set per epoch; return the mean losses."""
    loss_of, num_images = loss_by(sets[0][1], config), len(sets[0][0])
    groups = [
        {"params": [p for p in student.parameters() if p.ndim > 1]},
        {"params": [p for p in student.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    steps = max(1, num_images // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, config.num_epochs * steps, pct_start=0.15
    )
    losses = []
    for epoch in range(config.num_epochs):
        is_small = epoch < config.num_epochs - config.num_large
        side, total = config.small_px if is_small else config.crop_px, 0.0
        crops, features = sets[epoch % len(sets)]
        batches = torch.randperm(num_images).split(config.batch_size)[:steps]
        for batch in tqdm(batches, desc=f"epoch {epoch + 1} of {config.num_epochs}, {side} px"):
            inputs = standardise_grey(crops[batch], statistics)
            inputs = inputs.flip(-1) if torch.rand(()) < 0.5 else inputs
            if side != config.crop_px:
                inputs = F.interpolate(inputs, size=side, mode="bilinear", antialias=True)
            inputs = jitter(inputs, PretrainConfig())
            with torch.autocast("cpu", torch.bfloat16):
                learned = student(inputs.contiguous(memory_format=torch.channels_last))
            loss = loss_of(learned.float(), features[batch].float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / len(batches)
        losses.append(total)
    return losses


def loss_by(features, config):
    """Return a loss of standardised features (B, 1280), given the teacher's (B, 1280).

    It is their squared error plus the divergence of ImageNet's answers, which the teacher's last
    layer gives to both.
    """
    mean, std = features.float().mean(dim=0), features.float().std(dim=0).clamp(min=0.01)
    weights = load_efficientnet()[0]
    weight, bias = (p for name, p in weights.items() if name.startswith("classifier."))

    def loss(learned, taught):
        error = F.mse_loss(learned, (taught - mean) / std)
        answers = F.linear(learned * std + mean, weight, bias).log_softmax(dim=1)
        wanted = F.linear(taught, weight, bias).softmax(dim=1)
        return error + config.answers_share * F.kl_div(answers, wanted, reduction="batchmean")

    return loss
