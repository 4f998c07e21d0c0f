"""logits -> loss and gradient: bars that one pulls."""

from pathlib import Path

import anywidget
import torch
import traitlets

from helpers.live.synced import synced
from helpers.widgets import Panel

HERE = Path(__file__).parent


class PullLogits(anywidget.AnyWidget):
    """A logit per class to pull up or down; beside it probability, and what the gradient says.

    `loss_of(logits, labels)` is called while one pulls, with logits (1, C) and labels (1,); its
    gradient comes from autograd. An error of it is one red line, and dims the picture.
    """

    _esm, _css = HERE / "logits.js", HERE / "logits.css"
    __repr__ = Panel.__repr__
    stand_in = "a logit per class: run this cell in JupyterLab to pull them"
    names = synced(traitlets.List)
    logits = synced(traitlets.List)
    label = synced(traitlets.Int, 0)
    probabilities = synced(traitlets.List)
    push = synced(traitlets.List)  # minus the gradient: where a step moves each logit
    loss = synced(traitlets.Float, 0.0)
    error = synced(traitlets.Unicode, "")

    def __init__(self, loss_of, names, logits):
        super().__init__(names=list(names), logits=list(logits))
        self.loss_of = loss_of
        self.observe(self._draw, names=["logits", "label"])
        self._find()

    def _find(self):
        logits = torch.tensor([self.logits], dtype=torch.float32, requires_grad=True)  # (1, C)
        loss = self.loss_of(logits, torch.tensor([self.label]))
        loss.backward()
        with self.hold_sync():
            self.loss, self.push = loss.item(), (-logits.grad[0]).tolist()
            self.probabilities, self.error = logits.softmax(dim=1)[0].tolist(), ""

    def _draw(self, _):
        try:
            self._find()
        except Exception as problem:  # of a student's function: anything
            self.error = f"{type(problem).__name__}: {problem}"
