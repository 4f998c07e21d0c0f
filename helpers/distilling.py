"""teacher + crops -> soft answers -> student: a small network learns what a large one answers.

A label names one class. A teacher's answer says how much a kitchen looks like a living room, too.
Teacher and student see the same crops, many of them, for many epochs. Sources: Hinton et al. (2015),
"Distilling the Knowledge in a Neural Network"; Beyer et al. (2022), "Knowledge distillation: A good
teacher is patient and consistent".
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from helpers.alexnet import Head, encode
from helpers.data import Split, normalise
from helpers.efficientnet import LAST_LAYER
from helpers.files import profile
from helpers.progress import progress
from helpers.recipes import mean_and_std_at_half
from helpers.subsets import halve
from helpers.training import Options, fit


@dataclass(frozen=True)
class Distillation:
    """How a student is taught."""

    temperature: float = 2.0  # the logits of both are divided by it
    num_crops: int = 12  # of each photograph, cut once; an epoch of the recipe shows one of them
    num_borrowed_crops: int = 2  # of each borrowed image
    teacher_px: int = 160  # side of the crops as the teacher sees them


def distillation():
    """Return the Distillation of the full profile; of "quick", one that takes a second."""
    if profile() == "full":
        return Distillation()
    return Distillation(num_crops=2, num_borrowed_crops=1, teacher_px=32)


def crops_and_features(images, augment, teacher, how, num_crops):
    """Return crops (N, K, 1, h, h) uint8 for the student, and the teacher's features (N, K, D).

    The features are those of the same K parts of the grey uint8 images (N, 1, S, S). Of `augment`,
    the student's Augmentation, only geometry is used here.
    """
    teacher.input_px = how.teacher_px
    large = replace(augment, output_px=how.teacher_px)
    crops, features = [], []
    for seed in progress(range(num_crops), desc="Crops for the teacher", unit="set"):
        small, same = (cut_all(images, crop, seed) for crop in (augment, large))
        crops.append(small)
        features.append(encode(teacher, same)[:, 0])
    return torch.stack(crops, dim=1), torch.stack(features, dim=1)


def cut_all(images, augment, seed):
    """Return a crop of each image, at the places that the seed decides, as uint8."""
    torch.manual_seed(seed)
    parts = [augment.crop_and_flip(part.float()) for part in images.split(256)]
    return torch.cat(parts).round().to(torch.uint8)


def learned_head(teacher, features, labels, seed):
    """Return the teacher's last layer, trained on the features (N, K, D) of labelled crops."""
    torch.manual_seed(seed)
    teacher.classifier[-1].reset_parameters()
    head, config = Head(*teacher.classifier), replace(LAST_LAYER, seed=seed)
    options = Options(evaluate_every=config.num_epochs)
    fit(head, Split(features, labels), Split(features[:, :1], labels), config, options=options)
    return head.eval()


@torch.inference_mode()
def soft_answers(head, features, temperature):
    """Return the probabilities (N, K, C) that a last layer gives features (N, K, D), softened."""
    logits = [head(features[:, [k]]) for k in range(features.shape[1])]
    return (torch.stack(logits, dim=1) / temperature).softmax(dim=-1)


class AtTemperature(nn.Module):
    """A student whose logits are divided by the temperature while it learns."""

    def __init__(self, student, temperature):
        super().__init__()
        self.student, self.temperature = student, temperature

    def forward(self, images):
        """Return the logits (B, C) of images; in training, divided by the temperature."""
        logits = self.student(images)
        return logits / self.temperature if self.training else logits


def for_teacher_and_student(scenes):
    """Return (train, val) of Scenes: training images as decoded, validation images as students'."""
    return scenes.train, normalise(halve(scenes.val), *mean_and_std_at_half(scenes.train))


def fit_distilled(model, train, val, config, augment, teacher, borrowed=None):
    """Train a student, in place, on the soft answers of `teacher()`; return the history.

    `train` is a Split of grey uint8 images twice as large as the student's, `val` one of its own,
    normalised. `teacher` returns a network that is frozen but for its last layer, which is trained
    on `train` first. Images of `borrowed()`, if given, are learned from, too. The loss is the cross-entropy with
    soft answers: but for a constant, the divergence from them.
    """
    how, network = distillation(), teacher()
    crops, features = crops_and_features(train.images, augment, network, how, how.num_crops)
    head = learned_head(network, features, train.labels, config.seed)
    shown = [(crops, soft_answers(head, features, how.temperature))]
    if borrowed:
        crops, features = crops_and_features(
            borrowed(), augment, network, how, how.num_borrowed_crops
        )
        shown.append((crops, soft_answers(head, features, how.temperature)))
    # All crops of all images, one after the other: (N * K, 1, h, h) and (N * K, C).
    images, answers = (torch.cat([part.flatten(0, 1) for part in parts]) for parts in zip(*shown))
    mean, std = mean_and_std_at_half(train)

    def change_light(images):
        return augment.change_light((images.float() / 255 - mean) / std)

    rounds = replace(config, num_epochs=max(1, config.num_epochs // how.num_crops))
    options = Options(evaluate_on=normalise(halve(train), mean, std))
    student = AtTemperature(model, how.temperature)
    history = fit(student, Split(images, answers), val, rounds, change_light, options)
    return [row | {"epoch": row["epoch"] * how.num_crops} for row in history]
