"""kernel -> response: click a weight, move the window, and see what the kernel finds there."""

import torch
import torch.nn.functional as F
import traitlets

from helpers.live.insight import stretch, to_bytes
from helpers.live.synced import synced
from helpers.live.window import MoveWindow, with_window


class ClickKernel(MoveWindow):
    """Kernels to choose from, whose weights one changes by clicks, on a picture (1, H, W).

    `kernels` is {name: (k, k)}. Under the window stand weights and pixels; their products add up to
    one number of the response, which is drawn whole beside them. A click sets a weight to the
    largest of its kernel, minus that, or zero.
    """

    _esm = with_window("kernel.js")
    stand_in = "a kernel on a picture: run this cell in JupyterLab to move and change it"
    names = synced(traitlets.List)
    chosen = synced(traitlets.Unicode, "")
    kernel = synced(traitlets.List)  # (k, k)
    unit = synced(traitlets.Float, 1.0)  # what a click sets a weight to
    patch = synced(traitlets.List)  # (k, k), the pixels under the window
    total = synced(traitlets.Float, 0.0)
    limits = synced(traitlets.List)  # the lowest and the highest number of the response

    def __init__(self, image, kernels, place=(20, 20)):
        self.kernels = kernels
        self.drawn = None  # the kernel whose response was sent last
        first = next(iter(kernels))
        traits = self._traits_of(first) | {"names": list(kernels), "chosen": first}
        super().__init__(image, ["kernel"], place=list(place), **traits)
        self.observe(self._choose, names="chosen")

    def _traits_of(self, name):
        weights = torch.as_tensor(self.kernels[name]).detach().float()
        rounded = [[float(f"{w:.4g}") for w in row] for row in weights.tolist()]
        unit = float(f"{weights.abs().max().item():.4g}")
        return {"kernel": rounded, "unit": unit, "side": len(rounded)}

    def _choose(self, _):
        with self.hold_sync(), self.hold_trait_notifications():
            for trait, value in self._traits_of(self.chosen).items():
                setattr(self, trait, value)

    def _find(self):
        kernel = torch.tensor(self.kernel, dtype=torch.float32)
        self.response = F.conv2d(self.image[None].float(), kernel[None, None])[0]
        row, column = self.corner()
        under = self.image[0, row : row + self.side, column : column + self.side]
        with self.hold_sync():
            self.place = [row, column]
            self.patch = [[round(pixel, 3) for pixel in line] for line in under.tolist()]
            self.total = self.response[0, row, column].item()
            self.limits = [self.response.min().item(), self.response.max().item()]
        if self.kernel != self.drawn:
            self.drawn = self.kernel
            self.send({"map": list(self.response.shape[1:])}, [to_bytes(stretch(self.response))])

    def _greet(self):
        message = {"map": list(self.response.shape[1:]), "picture": self.shape}
        self.send(message, [to_bytes(stretch(values)) for values in (self.response, self.image)])
