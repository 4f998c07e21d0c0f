"""Augmentation: each image has its own draw, labels stay true, strength 0 changes nothing."""

import torch
from PIL import Image
from torchvision.transforms import v2

from helpers.augmentation import Augmentation, get_data_augmentation_transforms

NONE = Augmentation(flip=0, crop=0, brightness=0, contrast=0)
IMAGES = torch.randn(1, 1, 32, 32).expand(40, -1, -1, -1)


def test_nothing_changes_at_strength_0():
    assert torch.allclose(NONE(IMAGES), IMAGES, atol=1e-5)
    assert Augmentation(flip=0).scaled(0) == NONE


def test_each_image_of_a_batch_has_its_own_draw():
    changed = Augmentation()(IMAGES)
    assert changed.shape == IMAGES.shape
    assert len({image.numpy().tobytes() for image in changed}) == 40


def test_a_sure_flip_is_torchvisions_flip():
    flipped = Augmentation(flip=1, crop=0, brightness=0, contrast=0)(IMAGES)
    assert torch.allclose(flipped, v2.functional.horizontal_flip(IMAGES), atol=1e-4)


def test_a_crop_shows_no_grey_that_was_not_there():
    images = torch.rand(30, 1, 32, 32)
    cropped = Augmentation(flip=0, crop=0.5, brightness=0, contrast=0)(images)
    assert cropped.min() >= images.min() - 1e-5 and cropped.max() <= images.max() + 1e-5
    assert not torch.allclose(cropped, images, atol=0.1)


def test_a_crop_of_half_keeps_a_window_of_the_image():
    ramp = torch.linspace(0, 1, 32).expand(50, 1, 32, 32)
    widths = Augmentation(flip=0, crop=0.5, brightness=0, contrast=0)(ramp)[:, 0, 0]
    spans = widths[:, -1] - widths[:, 0]
    assert spans.min() > 0.4 and spans.max() < 1.01 and spans.std() > 0.05


def test_light_changes_stay_within_their_range():
    ones = torch.ones(500, 1, 2, 2)
    changed = Augmentation(flip=0, crop=0, brightness=0.2, contrast=0.1)(ones)
    assert changed.min() >= 0.7 - 1e-5 and changed.max() <= 1.3 + 1e-5 and changed.std() > 0.05


def test_the_reports_function_gives_a_normalised_tensor_drawn_anew():
    image = Image.linear_gradient("L").convert("RGB")
    transforms = get_data_augmentation_transforms(64, 0.5, 0.25)
    first, second = transforms(image), transforms(image)
    assert first.shape == (1, 64, 64) and first.dtype == torch.float32 and not torch.equal(first, second)
    assert -2.1 < first.min() < first.max() < 2.1
