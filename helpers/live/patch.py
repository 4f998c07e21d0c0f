"""hidden patch -> probabilities: what a network says of a picture of which it sees a part."""

import torch
import traitlets

from helpers.live.insight import to_bytes
from helpers.live.synced import synced
from helpers.live.window import MoveWindow, with_window

NUM_SHOWN = 5  # classes


def hide(image, row, column, side):
    """Return a picture (1, H, W) with a square patch of its own mean grey."""
    hidden = image.clone()
    hidden[:, row : row + side, column : column + side] = image.float().mean().to(image.dtype)
    return hidden


def hide_everywhere(image, side, step):
    """Return the picture with each of the patches hidden that are `step` pixels apart.

    They are (rows, columns, 1, H, W), for a picture (1, H, W).
    """
    height, width = image.shape[-2:]
    rows, columns = range(0, height - side + 1, step), range(0, width - side + 1, step)
    return torch.stack([torch.stack([hide(image, r, c, side) for c in columns]) for r in rows])


class HidePatch(MoveWindow):
    """A picture (1, H, W) of which one hides a patch, and the probabilities of its classes.

    `logits_of` maps pictures (N, 1, H, W) to logits (N, num_classes). The classes shown are the five
    most probable of the whole picture; a mark on each bar says what it was then.
    """

    _esm = with_window("patch.js")
    stand_in = "a picture: run this cell in JupyterLab to hide a part of it"
    sides = synced(traitlets.List)  # the smallest and the largest patch
    names = synced(traitlets.List)
    whole = synced(traitlets.List)  # probabilities of the whole picture
    shares = synced(traitlets.List)  # and of what is seen of it
    says = synced(traitlets.Unicode, "")

    def __init__(self, logits_of, image, class_names, side=None):
        self.logits_of, self.class_names, size = logits_of, class_names, min(image.shape[-2:])
        whole, self.best = self._ask(image).sort(descending=True)
        super().__init__(
            image,
            [],
            side=side or size // 4,
            sides=[size // 16, size // 2],
            names=[class_names[k] for k in self.best[:NUM_SHOWN]],
            whole=whole[:NUM_SHOWN].tolist(),
        )

    def _ask(self, image):
        return self.logits_of(image[None])[0].float().softmax(dim=0)  # (num_classes,)

    def _find(self):
        row, column = self.corner()
        probabilities = self._ask(hide(self.image, row, column, self.side))
        answer = self.class_names[probabilities.argmax()]
        with self.hold_sync():
            self.place = [row, column]
            self.shares = probabilities[self.best[:NUM_SHOWN]].tolist()
            self.says = f"With the patch hidden, the network says {answer}."

    def _greet(self):
        self.send({"picture": self.shape}, [to_bytes(self.image)])
