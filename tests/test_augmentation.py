"""Augmentation: each image has its own draw, labels stay true, strength 0 changes nothing."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torchvision.transforms import v2

from helpers.augmentation import Augmentation

NONE = Augmentation(flip=0, crop=0, shift=0, turn=0, brightness=0, contrast=0)
IMAGES = torch.randn(1, 1, 32, 32).expand(40, -1, -1, -1)


def test_nothing_changes_at_strength_0():
    assert torch.allclose(NONE(IMAGES), IMAGES, atol=1e-5)
    assert Augmentation(flip=0).scaled(0) == NONE


def test_each_image_of_a_batch_has_its_own_draw():
    changed = Augmentation()(IMAGES)
    assert changed.shape == IMAGES.shape
    assert len({image.numpy().tobytes() for image in changed}) == 40


def test_a_sure_flip_is_torchvisions_flip():
    flipped = replace(NONE, flip=1)(IMAGES)
    assert torch.allclose(flipped, v2.functional.horizontal_flip(IMAGES), atol=1e-4)


def test_a_crop_shows_no_grey_that_was_not_there():
    images = torch.rand(30, 1, 32, 32)
    cropped = replace(NONE, crop=0.5)(images)
    assert cropped.min() >= images.min() - 1e-5 and cropped.max() <= images.max() + 1e-5
    assert not torch.allclose(cropped, images, atol=0.1)


def test_a_crop_of_half_keeps_a_window_of_the_image():
    ramp = torch.linspace(0, 1, 32).expand(50, 1, 32, 32)
    widths = replace(NONE, crop=0.5)(ramp)[:, 0, 0]
    spans = widths[:, -1] - widths[:, 0]
    assert spans.min() > 0.4 and spans.max() < 1.01 and spans.std() > 0.05


def test_a_turn_is_torchvisions_rotation_and_goes_both_ways():
    image = torch.zeros(1, 1, 33, 33)
    image[..., 16, 16:] = 1  # a hand that points to the right
    turned = replace(NONE, turn=40.0)(image.expand(60, -1, -1, -1))[:, 0]
    ends_up, ends_down = turned[:, :14, 20:].sum((1, 2)) > 1, turned[:, 19:, 20:].sum((1, 2)) > 1
    assert ends_up.sum() > 10 and ends_down.sum() > 10 and not (ends_up & ends_down).any()
    assert (turned[:, 16, 16] > 0.4).all(), "the middle stays"


def test_a_shift_moves_the_picture_by_at_most_its_share():
    ramp = torch.linspace(0, 1, 64).expand(200, 1, 64, 64)
    moved = replace(NONE, shift=0.1)(ramp)[:, 0, 0, 32] - ramp[:, 0, 0, 32]
    assert 0.08 < moved.abs().max() < 0.105 and moved.min() < -0.05 and moved.max() > 0.05


def test_light_changes_stay_within_their_range():
    ones = torch.ones(500, 1, 2, 2)
    changed = replace(NONE, brightness=0.2, contrast=0.1)(ones)
    assert changed.min() >= 0.7 - 1e-5 and changed.max() <= 1.3 + 1e-5 and changed.std() > 0.05


def test_a_crop_of_a_whole_larger_image_is_the_image_at_half_its_size():
    images = torch.rand(3, 1, 128, 128)
    whole = Augmentation(flip=0, crop=0, shift=0, turn=0, brightness=0, contrast=0, output_px=64)(
        images
    )
    torch.testing.assert_close(whole, F.avg_pool2d(images, 2), rtol=0, atol=1e-4)
    assert Augmentation(output_px=64)(images).shape == (3, 1, 64, 64)
