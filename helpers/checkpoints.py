"""training -> file -> training: what `fit` needs to go on after an interruption."""

from dataclasses import asdict
from pathlib import Path

import torch

from helpers.files import WorkbookError, atomic_write

WAY_OUT = "Name another file, or delete this one to train from the start."


class Checkpoint:
    """A file with the state of a training run after its last epoch; removed when the run ends."""

    def __init__(self, path):
        self.path = Path(path)

    def save(self, parts, generator, config, history):
        """Write all that `fit` needs to go on after this epoch; a crash leaves the previous file.

        `parts` is {"model", "optimizer", "scheduler"}; `generator` shuffles the images.
        """
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {
            "config": asdict(config),
            "history": history,
            "network": type(parts["model"]).__name__,
        }
        state |= {"generator": generator.get_state(), "torch_rng": torch.get_rng_state()}
        with atomic_write(self.path) as temporary:
            torch.save(state, temporary)

    def load(self, parts, generator, config):
        """Restore the parts and the random numbers; return the history, [] where there is no file.

        Raises WorkbookError for a file that is not a checkpoint, or one of another network or
        config.
        """
        if not self.path.exists():
            return []
        state = self._read(config)
        try:
            parts["model"].load_state_dict(state["model"])
        except RuntimeError as error:
            raise WorkbookError(
                f"{self.path} is a checkpoint of another network: a {state['network']} of other layers than this "
                f"{type(parts['model']).__name__}. {WAY_OUT}"
            ) from error
        if other := [key for key, value in asdict(config).items() if state["config"][key] != value]:
            raise WorkbookError(
                f"{self.path} was trained with another {', '.join(other)}. {WAY_OUT}"
            )
        parts["optimizer"].load_state_dict(state["optimizer"])
        parts["scheduler"].load_state_dict(state["scheduler"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_rng"])
        return state["history"]

    def _read(self, config):
        """Return what is in the file; nothing in it is executed (`weights_only`)."""
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            return state | {
                "config": asdict(type(config)(**state["config"])),
                "network": state["network"],
            }
        except Exception as error:  # a damaged file can raise anything
            raise WorkbookError(
                f"{self.path} is not a checkpoint of this workbook. {WAY_OUT}"
            ) from error

    def remove(self):
        """Remove the file: the run has ended."""
        self.path.unlink(missing_ok=True)
