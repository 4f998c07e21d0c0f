"""image -> random crops: what the fine-tuned AlexNet and its pretraining learn from."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F


def random_crops(images, crop_px, min_area):
    """Cut a box of random area, shape, place and direction out of each image, scale it to the crop size.

    Images (B, 1, H, W) -> (B, 1, crop_px, crop_px), every image with its own draw. A box is an affine
    map in coordinates of -1..1; a negative side mirrors. Source: Inception's crops (Szegedy et al., 2015).
    """
    num_images = len(images)
    side = torch.empty(num_images).uniform_(min_area, 1).sqrt()
    stretch = torch.empty(num_images).uniform_(-1, 1).mul(math.log(4 / 3) / 2).exp()  # 3:4 to 4:3
    sides = torch.stack([side * stretch, side / stretch], dim=1).clamp(max=1)  # (B, 2): x, y
    centres = (1 - sides) * torch.empty(num_images, 2).uniform_(-1, 1)  # (B, 2)
    sides[:, 0] *= torch.randint(0, 2, (num_images,)) * 2 - 1
    boxes = torch.cat([sides.diag_embed(), centres[:, :, None]], dim=2)  # (B, 2, 3)
    size = [num_images, 1, crop_px, crop_px]
    grid = F.affine_grid(boxes.to(images.device), size, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Crops:
    """A random box of each grey image, mirrored or not, with a contrast and a brightness of its own."""

    sides_px: tuple = (128, 160, 192)  # of what comes out; each batch draws one (Redmon & Farhadi, 2017)
    min_area: float = 0.15  # of the smallest box, as a share of the image
    contrast: float = 0.3  # largest relative change
    brightness: float = 50.0  # largest shift, in grey levels of 0 to 255

    def __call__(self, images):
        """Return uint8 images (B, 1, H, W) as float32 crops (B, 1, side, side), of 0..255 and a little beyond."""
        side = self.sides_px[torch.randint(len(self.sides_px), ())]
        crops = random_crops(images.float(), side, self.min_area)
        change = 2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1
        return 128 + (crops - 128) * (1 + self.contrast * change[0]) + self.brightness * change[1]


CROPS = Crops()
