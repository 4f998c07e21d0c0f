"""image -> random crops: the training images of the fine-tuned AlexNet and of its pretraining."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F


def random_crops(images, crop_px, min_area):
    """Return a random crop of each image (B, 1, H, W), scaled to (B, 1, crop_px, crop_px).

    Each image has its own area (`min_area` to 1, as a share of the image), shape and place; half of
    the crops are mirrored. Source: Inception's crops (Szegedy et al., 2015).
    """
    num_images = len(images)
    side = torch.empty(num_images).uniform_(min_area, 1).sqrt()
    stretch = torch.empty(num_images).uniform_(-1, 1).mul(math.log(4 / 3) / 2).exp()  # 3:4 to 4:3
    sides = torch.stack([side * stretch, side / stretch], dim=1).clamp(max=1)  # (B, 2): x, y
    centres = (1 - sides) * torch.empty(num_images, 2).uniform_(-1, 1)  # (B, 2)
    sides[:, 0] *= torch.randint(0, 2, (num_images,)) * 2 - 1
    # Each box is an affine map in coordinates of -1..1; a negative side mirrors.
    boxes = torch.cat([sides.diag_embed(), centres[:, :, None]], dim=2)  # (B, 2, 3)
    size = [num_images, 1, crop_px, crop_px]
    grid = F.affine_grid(boxes.to(images.device), size, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Crops:
    """A random crop of each grey image, mirrored or not, with random contrast and brightness."""

    sides_px: tuple = (128, 160, 192)  # of crops; each batch draws one (Redmon & Farhadi, 2017)
    min_area: float = 0.15  # of the smallest box, as a share of the image
    contrast: float = 0.3  # largest relative change
    brightness: float = 50.0  # largest shift, in grey levels of 0 to 255

    def __call__(self, images):
        """Return uint8 images (B, 1, H, W) as float32 crops (B, 1, side, side), about 0..255."""
        side = self.sides_px[torch.randint(len(self.sides_px), ())]
        crops = random_crops(images.float(), side, self.min_area)
        change = 2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1
        return 128 + (crops - 128) * (1 + self.contrast * change[0]) + self.brightness * change[1]


CROPS = Crops()
