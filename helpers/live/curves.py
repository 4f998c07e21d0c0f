"""fit -> curves that grow: runs side by side, drawn by the browser while they train."""

import math
from dataclasses import replace
from functools import wraps
from pathlib import Path

import anywidget
import traitlets

from helpers.live.synced import synced
from helpers.live.watch import Watch
from helpers.training import Options
from helpers.widgets import Panel

LOOK_EVERY = 2  # messages: kernels and maps come five times a second
HERE = Path(__file__).parent


class LiveCurves(anywidget.AnyWidget):
    """Curves of several runs, and a table in which each is drawn or hidden by a click.

    `watched(fit, name)` is `fit` whose curve grows here. Pictures never enter the widget's state,
    which is saved with the notebook: they are sent, and gone with the page.
    """

    _esm, _css = HERE / "curves.js", HERE / "curves.css"
    __repr__ = Panel.__repr__
    stand_in = "curves of every run: run this cell in JupyterLab to see them grow"
    runs = synced(traitlets.List)  # of what `entry` returns
    drawn = synced(traitlets.List)  # the keys of the runs whose curves are drawn
    columns = synced(traitlets.List, ["training", "validation"])
    names = synced(traitlets.Dict, {"val": "validation"})  # what "val" is called here
    state = synced(traitlets.Unicode, "idle")  # or "running", "paused"
    status = synced(traitlets.Unicode, "")
    is_error = synced(traitlets.Bool, False)
    verdict = synced(traitlets.Unicode, "")
    form = synced(traitlets.List)  # what can be set: none here

    def __init__(self, insight=None, **traits):
        super().__init__(**traits)
        self.insight, self.is_greeted = insight, False
        self.watch, self.num_told = None, 0
        self.live = {}  # the run that is going on: key, per_epoch, num_epochs, history
        self.on_msg(lambda _, message, __: self.handle(message))

    def handle(self, message):
        """Do what the browser asks for: {"do": what, ...}."""
        if message["do"] == "hello":
            self.greet()

    def greet(self):
        """Tell a new page what its state does not hold: pictures, and the run that is going on."""
        self.is_greeted = True
        about, pictures = self.insight.pictures() if self.insight else (None, b"")
        self.send({"kind": "hello", "pictures": about}, [pictures])
        if self.live:
            self.send({"kind": "again", **self.live, **self._watched(), "at": self.watch.batch})

    def _watched(self):
        return {"losses": self.watch.thinned.rounded(), "rates": self.watch.rates}

    # --- a run ---

    def watched(self, fit, name):
        """Return a `fit` whose run is drawn here under `name` while it trains."""

        @wraps(fit)
        def fit_watched(model, train, val, config, augment=None, options=None):
            self.begin(name, len(train), config)
            watched = replace(options or Options(), watch=self.watch)
            try:
                return fit(model, train, val, config, augment, watched)
            finally:
                self.end()

        return fit_watched

    def begin(self, key, num_images, config):
        """Start the curve of a run on so many images; `config` is a TrainConfig or Settings."""
        self.watch = Watch(self.tell, self.tell_epoch)
        self.num_told = 0
        self.live = {
            "key": key,
            "per_epoch": math.ceil(num_images / config.batch_size),
            "num_epochs": config.num_epochs,
            "rate": config.learning_rate,
            "first": 0,
            "history": [],
        }
        self.send({"kind": "begin", **self.live})

    def tell(self, losses, model, batch):
        """Send the losses of the last batches and, now and then, a look into the network."""
        self.num_told += 1
        # The page may have come later than the run began: each message can stand alone.
        message, buffers = {"kind": "batches", **self.live, "at": batch}, []
        message["rates"] = self.watch.rates
        message["losses"] = [round(x, 5) if math.isfinite(x) else None for x in losses]
        is_due = self.num_told % LOOK_EVERY == 1 or self.watch.is_paused()
        if self.insight and model is not None and is_due:
            message["look"], buffers = self.insight.look(model)
            if not self.is_greeted:  # a page cannot ask while a cell trains
                message["pictures"], pictures = self.insight.pictures()
                buffers.append(pictures)
        self.send(message, buffers)

    def tell_epoch(self, row):
        """Note a row of the history, which the next message brings."""
        # A run from a checkpoint does not begin at the first batch.
        self.live["first"] = row["epoch"] * self.live["per_epoch"] - self.watch.batch
        self.live["history"].append(shorter(row))

    def end(self):
        """Keep the run that has ended, if it has trained for an epoch, and draw it."""
        live, self.live = self.live, {}
        if live["history"]:
            key, cells = live["key"], accuracies(live["history"])
            place = {name: live[name] for name in ("per_epoch", "first")}
            new = entry(key, live["history"], cells, **place, **self._watched())
            self.runs = [*(run for run in self.runs if run["key"] != key), new]
            self.drawn = [*(k for k in self.drawn if k != key), key]
        self.send({"kind": "end"})

    def show(self, histories):
        """Draw {name: history} of `fit`, also of runs that were not trained here."""
        known = {run["key"]: run for run in self.runs}
        new = {key: entry(key, h, accuracies(h)) for key, h in histories.items()}
        self.runs = [known.get(key) or new[key] for key in histories]
        self.drawn = list(histories)


def accuracies(history):
    """Return the cells of a run's row: its last accuracies."""
    return [f"{history[-1][f'{part}_accuracy']:.3f}" for part in ("train", "val")]


CURVES = ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy")


def shorter(row):
    """Return the numbers of a row of the history that are drawn, with five digits."""
    return {k: float(f"{row[k]:.5g}") if math.isfinite(row[k]) else None for k in CURVES}


def entry(key, history, cells, losses=None, rates=(), per_epoch=1, first=0, **more):
    """Return a run as the browser draws it.

    `losses` are those of its batches (Thinned.rounded), which follow the `first` batches; `cells`
    is its row of the table; `more` may be mark, code and compared (its settings side by side).
    """
    return more | {
        "key": key,
        "history": [shorter(row) for row in history],
        "losses": losses or {"stride": 1, "values": []},
        "rates": list(rates),
        "per_epoch": per_epoch,
        "first": first,
        "cells": cells,
    }
