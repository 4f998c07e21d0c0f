"""choices -> run -> curves: a panel that trains. Wiring only; the rest is tested without it."""

import json
import math
import threading
import time
from dataclasses import asdict, dataclass, replace

import traitlets

from helpers.extra.runs import train_run
from helpers.extra.settings import SIMPLE_NET, Settings
from helpers.extra.ties import standard_error, ties_with_best
from helpers.files import DATA, WorkbookError, atomic_write, profile
from helpers.live.curves import LiveCurves, entry
from helpers.live.insight import Insight
from helpers.live.synced import synced
from helpers.progress import Stopped
from helpers.training import Options


@dataclass(frozen=True)
class Choice:
    """How the panel lets a field of Settings be changed: a slider, or a menu of options."""

    label: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.05
    log: bool = False  # then low, high and step are powers of ten
    options: tuple = ()


CHOICES = {  # field of Settings: Choice
    "learning_rate": Choice("learning rate", -5, 1, log=True),
    "batch_size": Choice("batch size", options=(16, 32, 64, 128, 256, 512)),
    "num_epochs": Choice("epochs", 1, 60, 1),
    "weight_decay": Choice("weight decay", options=(0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0)),
    "label_smoothing": Choice("label smoothing", 0.0, 0.5),
    "dropout": Choice("dropout", 0.0, 0.9),
    "augmentation": Choice("augmentation", 0.0, 2.0, 0.25),
    "kernel_size": Choice("kernel size", options=(3, 5, 7, 9)),
    "depth": Choice("convolutions", 1, 4, 1),
    "width": Choice("channels", options=(5, 10, 20, 40)),
    "seed": Choice("seed", 0, 9, 1),
}
THIS_RUN = "this run"


class AblationPanel(LiveCurves):
    """Choose settings, press Train, and watch: curves grow, and a table keeps every run.

    A run can be paused, trained batch by batch, and go on with another learning rate. `choices`
    names the Settings that can be changed; the others are those of `base`. Runs are kept under
    `name` in data/my_runs, and are still there when the notebook is reopened.
    """

    stand_in = "a form and curves: run this cell in JupyterLab to train networks of your own"
    values = synced(traitlets.Dict)  # what the sliders show

    def __init__(self, material, name="studio", choices=tuple(CHOICES), base=SIMPLE_NET):
        super().__init__(names={"val": "held out"})
        self.material, self.base, self.name = material, base, name
        start = asdict(base) | {"seed": 0}
        self.choices = [c for c in (*choices, "seed") if c != "seed"] + ["seed"]
        self.form = [{"name": c} | asdict(CHOICES[c]) for c in self.choices]
        self.values = {c: start[c] for c in self.choices}
        _, _, val = material.normalised()
        self.insight = Insight(material.val.images, val.images, val.labels)
        self.kept, self._thread = [], None
        self._read_runs()
        self._show()

    def handle(self, message):
        """Do what the browser asks for."""
        do, number = message["do"], message.get("key", "").removeprefix("run ")
        if do in ("pause", "go_on", "stop") and self.is_training():
            getattr(self.watch, do)()
            self.state = {"pause": "paused", "go_on": "running"}.get(do, self.state)
            if do != "stop":  # that is said when it has stopped
                self._say("Paused." if do == "pause" else "Training.")
        elif do == "rate" and self.is_training():
            self.watch.set_rate(float(message["rate"]))
            self._say(f"Learning rate {float(message['rate']):.2g} from here on.")
        elif do in ("train", "step"):
            self.values = message.get("values", self.values)
            getattr(self, do)()
        elif do == "copy":
            self.copy_settings(int(number))
        elif do == "remove":
            self.remove(int(number))
        else:
            super().handle(message)

    def settings(self):
        """Return (Settings, seed) that the sliders show."""
        chosen = dict(self.values)
        seed = int(chosen.pop("seed"))
        kinds = {name: type(getattr(self.base, name)) for name in chosen}
        return replace(self.base, **{k: kinds[k](v) for k, v in chosen.items()}), seed

    def is_training(self):
        """Return whether a run is going on, or paused."""
        return self._thread is not None and self._thread.is_alive()

    def train(self, is_paused=False):
        """Start a run in the background; does nothing while one is going on.

        With `is_paused`, it waits after its first batch.
        """
        if self.is_training():
            return
        settings, seed = self.settings()
        self.begin(THIS_RUN, len(self.material.train), settings)
        if is_paused:
            self.watch.pause()
        self.state = "paused" if is_paused else "running"
        self._thread = threading.Thread(target=self._train, args=(settings, seed), daemon=True)
        self._thread.start()

    def step(self):
        """Train one batch and wait; starts a run if none is going on."""
        if self.is_training():
            self.watch.step()
            self.state = "paused"
        else:
            self.train(is_paused=True)

    def wait(self):
        """Return when the run in the background has ended."""
        if self._thread:
            self._thread.join()

    def copy_settings(self, number):
        """Set the sliders to the settings of a run."""
        run = self._run(number)
        self.values = {name: run[name] for name in self.choices}
        self._say(f"The sliders show the settings of run {number}.")

    def remove(self, number):
        """Forget a run."""
        self.kept = [run for run in self._load() if run["number"] != number]
        self.drawn = [key for key in self.drawn if key != f"run {number}"]
        self._save()
        self._show()
        self._say(f"Run {number} is removed.")

    def _train(self, settings, seed):
        start = time.perf_counter()
        self._say("Training.")
        try:
            result = train_run(settings, seed, self.material, options=Options(watch=self.watch))
            result["seconds"] = time.perf_counter() - start - self.watch.paused_s
            self._add(result | self._watched() | {"per_epoch": self.live["per_epoch"]})
        except Stopped:
            done = f"{len(self.live['history'])} of {settings.num_epochs} epochs"
            self._say(f"Stopped after {done}. The run is not kept.")
        except WorkbookError as error:
            self._say(str(error), is_error=True)
        except Exception as error:  # whatever it was, the panel stays usable
            self._say(f"{type(error).__name__}: {error}", is_error=True)
        finally:
            self.live, self.state = {}, "idle"
            self.send({"kind": "end"})

    def _add(self, result):
        self.kept = self._load()
        number = max((run["number"] for run in self.kept), default=0) + 1
        self.kept.append(result | {"number": number})
        self._save()
        self._show([*self.drawn[-4:], f"run {number}"])
        if result["status"] == "diverged":
            reason = "diverged: its loss grew. Try a smaller learning rate."
            self._say(f"Run {number} {reason}", is_error=True)
        else:
            accuracy = f"{result['held_out_accuracy']:.3f} on the held-out images"
            self._say(f"Run {number}: {accuracy}.")

    def _say(self, text, is_error=False):
        with self.hold_sync():
            self.status, self.is_error = text, is_error

    def _show(self, drawn=None):
        with self.hold_sync():
            self.columns, rows = table_of(self.kept, self.choices)
            marks, self.verdict = judged(self.kept, len(self.material.held_out))
            self.runs = [
                shown(run, cells, mark) for run, cells, mark in zip(self.kept, rows, marks)
            ]
            self.drawn = self.drawn if drawn is None else drawn

    def _run(self, number):
        return next(run for run in self.kept if run["number"] == number)

    def _path(self):
        suffix = "-quick" if profile() == "quick" else ""
        return DATA / "my_runs" / f"{self.name}-{self.material.name}{suffix}.json"

    def _load(self):
        path = self._path()
        return json.loads(path.read_text()) if path.exists() else []

    def _read_runs(self):
        try:
            self.kept = self._load()
            self.drawn = [f"run {run['number']}" for run in self.kept[-1:]]
        except (OSError, ValueError):
            damaged = self._path().with_suffix(".damaged")
            self._path().replace(damaged)
            reason = f"could not be read; it is kept as {damaged.name}."
            self._say(f"The table of earlier runs {reason}", is_error=True)

    def _save(self):
        with atomic_write(self._path()) as temporary:
            temporary.write_text(json.dumps(self.kept))


# --- runs -> what is shown ------------------------------------------------------------------------


def table_of(runs, choices):
    """Return (columns, a row of cells for each run) of a table of runs.

    Of the `choices`, those in which a run differs from SimpleNet's settings are columns.
    """
    base = asdict(SIMPLE_NET) | {"seed": 0}
    changed = [c for c in choices if any(run[c] != base[c] or _rates(run, c) for run in runs)]
    labels = [CHOICES[c].label for c in changed]
    columns = [*labels, "parameters", "seconds", "training", "held out"]
    return columns, [
        [f"{run[c]:g}{_rates(run, c)}" for c in changed] + _end_of(run) for run in runs
    ]


def _rates(run, name):
    """Return how the learning rate was changed in mid-run: " → 0.001"."""
    rates = run.get("rates", []) if name == "learning_rate" else []
    return "".join(f" → {rate:.2g}" for _, rate in rates)


def _end_of(run):
    accuracies = [run.get(f"{part}_accuracy") for part in ("train", "held_out")]
    shown = ["diverged" if accuracy is None else f"{accuracy:.3f}" for accuracy in accuracies]
    shown[0] = shown[0].replace("diverged", "")  # said once
    return [f"{run['num_parameters']:,}", f"{run['seconds']:.1f}", *shown]


def judged(runs, num_held_out):
    """Return ("best", "tie" or "" of each run, a sentence that says so)."""
    accuracies = [run.get("held_out_accuracy", math.nan) for run in runs]
    errors = [standard_error(accuracy, num_held_out) for accuracy in accuracies]
    best, ties = ties_with_best(accuracies, errors)
    marks = ["best" if i == best else "tie" if i in ties else "" for i in range(len(runs))]
    if not runs:
        return marks, "No runs yet. Set the sliders, then press Train."
    if best is None:
        return marks, "No run has learned anything yet."
    text = f"Best on the {num_held_out} held-out images: run {runs[best]['number']}."
    if ties:
        names = ", ".join(f"run {runs[i]['number']}" for i in ties)
        text += f" Too close to tell from it, within one standard error: {names}."
    return marks, text


def shown(run, cells, mark):
    """Return a run that was kept as the browser shows it."""
    default = asdict(Settings())
    changed = ", ".join(f"{k}={run[k]!r}" for k in default if run[k] != default[k])
    return entry(
        f"run {run['number']}",
        run["history"],
        cells,
        losses=run.get("losses"),
        rates=run.get("rates", ()),
        per_epoch=run.get("per_epoch", 1),
        mark=mark,
        code=f"Settings({changed}), seed {run['seed']}",
        compared={CHOICES[c].label: f"{run[c]:g}{_rates(run, c)}" for c in CHOICES},
    )
