"""batch -> changed batch: random flips, turns, crops, brightness and contrast."""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Augmentation:
    """Random changes for a whole batch of normalised images, drawn separately for each image.

    Maps square images (B, 1, H, H) to images of the same size, or of `output_px`: crops of larger
    images are as sharp as whole small ones. torchvision's transforms draw once per batch.
    """

    flip: float = 0.5  # probability of a mirror image
    crop: float = 0.3  # a crop keeps between 1 - crop and 1 of each side, and is enlarged again
    shift: float = 0.075  # a crop may leave the picture by this share of a side (mirrored there)
    turn: float = 12.0  # degrees, at most, to the left or right
    brightness: float = 0.3  # at most this is added or taken, in standard deviations of the pixels
    contrast: float = 0.3  # the spread of grey levels is multiplied by 1 - contrast to 1 + contrast
    output_px: int | None = None  # side of the result, cut from larger images; None: unchanged

    def __call__(self, images):
        """Return images changed at random, in the order geometry, contrast, brightness."""
        return self.change_light(self.crop_and_flip(images))

    def crop_and_flip(self, images):
        """Return a random crop of each image (B, 1, H, W), turned, enlarged, half mirrored."""
        uniform = 2 * torch.rand(4, len(images), device=images.device) - 1  # one row per change
        side = 1 - self.crop * (uniform[0] + 1) / 2  # share of height and width that is kept
        x, y = uniform[1:3] * (1 - side + 2 * self.shift)  # the crop's centre; the picture is -1..1
        angle = uniform[3] * self.turn * math.pi / 180
        mirror = torch.where(torch.rand(len(images), device=images.device) < self.flip, -1.0, 1.0)
        cos, sin = side * angle.cos(), side * angle.sin()
        rows = torch.stack([mirror * cos, -sin, x, mirror * sin, cos, y], dim=1)  # (B, 6)
        side_px = self.output_px or images.shape[-1]
        size = [len(images), 1, side_px, side_px]
        grid = F.affine_grid(rows.view(-1, 2, 3), size, align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def change_light(self, images):
        """Return images (B, 1, H, W), contrast and brightness changed by a random amount each."""
        amounts = 2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1
        return images * (1 + self.contrast * amounts[0]) + self.brightness * amounts[1]

    def scaled(self, strength):
        """Return an Augmentation of everything but flips `strength` times as strong."""
        names = ("crop", "shift", "turn", "brightness", "contrast")
        changed = {name: strength * getattr(self, name) for name in names}
        return replace(self, **changed)
