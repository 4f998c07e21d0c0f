"""choices -> run -> figure: a panel that trains. Wiring only; the rest is tested without it."""

import html
import io
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial

import ipywidgets
import pandas as pd
from ipywidgets import Layout
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers.curves import plot_loss
from helpers.extra.runs import train_run
from helpers.extra.settings import SIMPLE_NET, Settings
from helpers.extra.ties import standard_error, ties_with_best
from helpers.files import DATA, WorkbookError, atomic_write, profile
from helpers.plots import COLORS, QUIET_COLOR, VAL_COLOR
from helpers.progress import Stopped
from helpers.training import Options
from helpers.widgets import Panel, slider

LEFT_PX, RIGHT_PX = 320, 560


def _field(label, value, low, high, step=None, log=False):
    widget = slider(label, value, low, high, step, log)
    widget.layout.width, widget.style.description_width = f"{LEFT_PX}px", "112px"
    return widget


def _menu(label, value, options):
    widget = ipywidgets.Dropdown(description=label, value=value, options=sorted({*options, value}))
    widget.layout.width, widget.style.description_width = f"{LEFT_PX}px", "112px"
    return widget


@dataclass(frozen=True)
class Choice:
    """How the panel lets a field of Settings be changed."""

    label: str
    make: Callable  # (label, value) -> widget


DECAYS = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
CHOICES = {  # field of Settings: Choice
    "learning_rate": Choice("learning rate", partial(_field, low=-5, high=1, log=True)),
    "batch_size": Choice("batch size", partial(_menu, options=(16, 32, 64, 128, 256, 512))),
    "num_epochs": Choice("epochs", partial(_field, low=1, high=60)),
    "weight_decay": Choice("weight decay", partial(_menu, options=DECAYS)),
    "label_smoothing": Choice("label smoothing", partial(_field, low=0.0, high=0.5)),
    "dropout": Choice("dropout", partial(_field, low=0.0, high=0.9)),
    "augmentation": Choice("augmentation", partial(_field, low=0.0, high=2.0, step=0.25)),
    "kernel_size": Choice("kernel size", partial(_menu, options=(3, 5, 7, 9))),
    "depth": Choice("convolutions", partial(_field, low=1, high=4)),
    "width": Choice("channels", partial(_menu, options=(5, 10, 20, 40))),
}


def _button(text, icon, **options):
    return ipywidgets.Button(description=text, icon=icon, **options)


class AblationPanel(Panel):
    """Choose settings, press Train, and watch: curves grow each epoch, and a table keeps every run.

    `choices` names the Settings that can be changed; the others are those of `base`. Runs are kept
    under `name` in data/my_runs, and are still there when the notebook is reopened.
    """

    def __init__(self, material, name="studio", choices=tuple(CHOICES), base=SIMPLE_NET):
        super().__init__(layout=Layout(width=f"{LEFT_PX + RIGHT_PX + 40}px", max_width="100%"))
        self.material, self.base, self.name = material, base, name
        self.fields = {k: CHOICES[k].make(CHOICES[k].label, getattr(base, k)) for k in choices}
        self.seed = _field("seed", 0, 0, 9)
        self.train_button = _button("Train", "play", button_style="primary")
        self.stop_button = _button("Stop", "stop", disabled=True)
        left, right = Layout(width=f"{LEFT_PX}px"), Layout(width=f"{RIGHT_PX}px", height="275px")
        self.progress = ipywidgets.FloatProgress(
            0, min=0, max=1, description="progress", layout=left
        )
        self.progress.style.description_width = "112px"
        self.status = ipywidgets.HTML(layout=Layout(width=f"{LEFT_PX}px"))
        self.picture = ipywidgets.Image(format="png", layout=right)
        self.picture.add_class("ablation-curves")
        self.table = ipywidgets.HTML()
        narrow = {"style": {"description_width": "30px"}, "layout": Layout(width="120px")}
        self.chosen = ipywidgets.Dropdown(description="run", **narrow)
        wide = Layout(width="auto")
        self.compare_button = _button("Draw or hide its curve", "line-chart", layout=wide)
        self.copy_button = _button("Copy its settings to the sliders", "copy", layout=wide)
        self.remove_button = _button("Remove it", "trash", layout=wide)
        self.code = ipywidgets.HTML()
        self.runs, self.drawn, self.history = [], set(), []
        self._stop, self._thread = threading.Event(), None
        self._wire()
        self._read_runs()
        self._show()

    def _wire(self):
        self.train_button.on_click(lambda _: self.train())
        self.stop_button.on_click(lambda _: self._stop.set())
        self.copy_button.on_click(lambda _: self.copy_settings())
        self.compare_button.on_click(lambda _: self.draw_or_hide())
        self.remove_button.on_click(lambda _: self.remove())
        self.chosen.observe(lambda _: self._show_code(), names="value")
        buttons = ipywidgets.HBox([self.train_button, self.stop_button])
        below = [self.seed, buttons, self.progress, self.status]
        left = ipywidgets.VBox([*self.fields.values(), *below])
        actions = [self.chosen, self.compare_button, self.copy_button, self.remove_button]
        self.actions = ipywidgets.VBox([ipywidgets.HBox(actions), self.code])
        wrapped = Layout(flex_flow="row wrap", align_items="flex-start")
        top = ipywidgets.HBox([left, self.picture], layout=wrapped)
        self.children = [top, self.table, self.actions]

    def settings(self):
        """Return the Settings that the sliders show."""
        return replace(self.base, **{name: widget.value for name, widget in self.fields.items()})

    def train(self):
        """Start a run in the background; does nothing while one is going on."""
        if self._thread and self._thread.is_alive():
            return
        self._stop.clear()
        self.train_button.disabled, self.stop_button.disabled = True, False
        task = self.settings(), self.seed.value
        self._thread = threading.Thread(target=self._train, args=task, daemon=True)
        self._thread.start()

    def wait(self):
        """Return when the run in the background has ended."""
        if self._thread:
            self._thread.join()

    def copy_settings(self):
        """Set the sliders to the settings of the chosen run."""
        run = self._chosen_run()
        for name, widget in self.fields.items():
            widget.value = run[name]
        self.seed.value = run["seed"]

    def draw_or_hide(self):
        """Add the curve of the chosen run to the figure, or take it away."""
        self.drawn ^= {self.chosen.value}
        self._draw()

    def remove(self):
        """Forget the chosen run."""
        self.runs = [run for run in self._load() if run["number"] != self.chosen.value]
        self.drawn.discard(self.chosen.value)
        self._save()
        self._show()

    def _train(self, settings, seed):
        self.history, start = [], time.perf_counter()
        self.progress.value, self.progress.max = 0, settings.num_epochs
        self._say(f"Training: epoch 1 of {settings.num_epochs}")
        try:
            result = train_run(
                settings, seed, self.material, self._on_epoch, Options(on_batch=self._on_batch)
            )
            self._add(result | {"seconds": time.perf_counter() - start})
        except Stopped:
            done = f"{len(self.history)} of {settings.num_epochs} epochs"
            self._say(f"Stopped after {done}. The run is not kept.")
        except WorkbookError as error:
            self._say(str(error), is_error=True)
        except Exception as error:  # whatever it was, the panel stays usable
            self._say(f"{type(error).__name__}: {error}", is_error=True)
        finally:
            self.train_button.disabled, self.stop_button.disabled = False, True

    def _on_epoch(self, row):
        self.history.append(row)
        self.progress.value = row["epoch"]
        self._say(f"Training: {row['epoch']} of {self.progress.max:.0f} epochs")
        self._draw()

    def _on_batch(self):
        if self._stop.is_set():
            raise Stopped

    def _add(self, result):
        self.runs = self._load()
        result["number"] = max((run["number"] for run in self.runs), default=0) + 1
        self.runs.append(result)
        self._save()
        if result["status"] == "diverged":
            reason = "diverged: its loss grew. Try a smaller learning rate."
            self._say(f"Run {result['number']} {reason}", is_error=True)
        else:
            accuracy = f"{result['held_out_accuracy']:.3f} on the held-out images"
            self._say(f"Run {result['number']}: {accuracy}.")
        self.history = []
        self.drawn = set(sorted(self.drawn)[-4:]) | {result["number"]}
        self._show()

    def _say(self, text, is_error=False):
        style = f"color:{'#b3261e' if is_error else 'inherit'};line-height:1.4"
        self.status.value = f'<div role="status" style="{style}">{html.escape(text)}</div>'

    def _show(self):
        numbers = [run["number"] for run in self.runs]
        self.chosen.options = numbers
        if numbers:
            self.chosen.value = numbers[-1]
        self.actions.layout.display = "" if numbers else "none"
        columns = [*self.fields, "seed"]
        self.table.value = runs_as_html(self.runs, columns, len(self.material.held_out))
        self._show_code()
        self._draw()

    def _show_code(self):
        if run := self._chosen_run():
            default = asdict(Settings())
            changed = [f"{name}={run[name]!r}" for name in default if run[name] != default[name]]
            changed = ", ".join(changed)
            self.code.value = f"<code>Settings({html.escape(changed)}), seed {run['seed']}</code>"

    def _chosen_run(self):
        return next((run for run in self.runs if run["number"] == self.chosen.value), None)

    def _draw(self):
        drawn = [run for run in self.runs if run["number"] in self.drawn]
        histories = {f"run {run['number']}": run["history"] for run in drawn}
        num_epochs = self.progress.max if self.history else None
        self.picture.value = draw_runs(self.history, histories, num_epochs)

    def _path(self):
        suffix = "-quick" if profile() == "quick" else ""
        return DATA / "my_runs" / f"{self.name}-{self.material.name}{suffix}.json"

    def _load(self):
        path = self._path()
        return json.loads(path.read_text()) if path.exists() else []

    def _read_runs(self):
        try:
            self.runs = self._load()
            self.drawn = {run["number"] for run in self.runs[-1:]}
        except (OSError, ValueError):
            damaged = self._path().with_suffix(".damaged")
            self._path().replace(damaged)
            reason = f"could not be read; it is kept as {damaged.name}."
            self._say(f"The table of earlier runs {reason}", is_error=True)

    def _save(self):
        with atomic_write(self._path()) as temporary:
            temporary.write_text(json.dumps(self.runs))


def draw_runs(current, others, num_epochs=None):
    """Return a PNG: the loss of the history `current`, and its accuracy beside `others`."""
    figure = Figure(figsize=(6.1, 3.0), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: this runs beside the notebook's own figures
    histories = others | ({"this run": current} if current else {})
    plot_runs(histories, figure.subplots(1, 2), num_epochs)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


STYLE = """<style>
.ablation-runs {border-collapse: collapse; font-size: 12px}
.ablation-runs :is(th, td) {text-align: right; padding: 2px 9px; border-bottom: 1px solid #ddd}
.ablation-runs tr:has(mark) {background: #fdf3d8; color: #222}
.ablation-runs mark {background: none; color: inherit; font-weight: bold}
</style>"""


def runs_as_html(runs, columns, num_held_out):
    """Return a table of runs, the best on the held-out images marked, and a sentence on ties.

    Of the `columns`, those in which a run differs from SimpleNet's settings are shown.
    """
    if not runs:
        return "<p>No runs yet. Set the sliders, then press <b>Train</b>.</p>"
    accuracies = [run.get("held_out_accuracy", math.nan) for run in runs]
    errors = [standard_error(accuracy, num_held_out) for accuracy in accuracies]
    best, ties = ties_with_best(accuracies, errors)
    base = asdict(SIMPLE_NET) | {"seed": 0}
    changed = [c for c in columns if any(run[c] != base[c] for run in runs)]
    labels = {c: CHOICES[c].label if c in CHOICES else c for c in changed}
    table = pd.DataFrame({labels[c]: [f"{run[c]:g}" for run in runs] for c in changed})
    table.insert(0, "run", [run["number"] for run in runs])
    table["parameters"] = [f"{run['num_parameters']:,}" for run in runs]
    table["seconds"] = [f"{run['seconds']:.1f}" for run in runs]
    trained = [run.get("train_accuracy") for run in runs]
    table["training"] = ["" if accuracy is None else f"{accuracy:.3f}" for accuracy in trained]
    table["held out"] = ["diverged" if a != a else f"{a:.3f}" for a in accuracies]
    marks = {i: "tie" for i in ties} | {best: "<mark>best</mark>"}
    table[""] = [marks.get(i, "") for i in range(len(runs))]
    page = table.to_html(index=False, border=0, escape=False, classes="ablation-runs")
    return STYLE + page + _verdict(list(table["run"]), best, ties, num_held_out)


def _verdict(numbers, best, ties, num_held_out):
    if best is None:
        return "<p>No run has learned anything yet.</p>"
    text = f"Best on the {num_held_out} held-out images: run {numbers[best]}."
    if ties:
        names = ", ".join(f"run {numbers[i]}" for i in ties)
        text += f" Too close to tell from it, within one standard error: {names}."
    return f"<p>{text}</p>"


def plot_runs(histories, axes, num_epochs=None):
    """Draw the loss of the last of several histories {label: history}, and the accuracy of all.

    With `num_epochs`, the axes have room for so many from the start: a growing curve does not move.
    """
    loss, accuracy = axes
    colors = [*COLORS[1:], QUIET_COLOR]
    for number, (label, history) in enumerate(histories.items()):
        is_last = number == len(histories) - 1
        color = VAL_COLOR if is_last else colors[number % len(colors)]
        rows = [row["epoch"] for row in history], [row["val_accuracy"] for row in history]
        accuracy.plot(*rows, marker=".", label=label, color=color, linewidth=2 if is_last else 1)
        if is_last:
            plot_loss(history, loss)
            loss.lines[1].set_label("held out")
            loss.legend(loc="upper right")
            loss.set_ylim(0, min(10, max(3, *(row["val_loss"] for row in history))))
            loss.set_title(f"Loss of {label}")
    if histories:
        accuracy.legend(loc="upper left", fontsize="small")
    else:
        loss.set(title="Loss", xlabel="epoch", ylim=(0, 3))
    loss.set_ylabel("cross-entropy")
    accuracy.set(title="Held-out accuracy", xlabel="epoch", ylim=(0, 1))
    length = max([num_epochs or 1, *map(len, histories.values())])
    for ax in axes:
        ax.set_xlim(0.5, 0.5 + length)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return axes
