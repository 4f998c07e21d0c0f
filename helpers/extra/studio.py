"""choices -> run -> figure: a panel that trains. Wiring only; what runs and what is drawn is tested without it."""

import html
import io
import json
import math
import threading
import time
from dataclasses import asdict, replace

import ipywidgets
import pandas as pd
from ipywidgets import Layout
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers.extra.runs import train_run
from helpers.extra.settings import SIMPLE_NET, Settings
from helpers.extra.ties import standard_error, ties_with_best
from helpers.files import DATA, WorkbookError, atomic_write, profile
from helpers.plots import COLORS, QUIET_COLOR, VAL_COLOR, plot_loss
from helpers.widgets import Panel, slider

CHOICES = {  # field of Settings: (label, function that makes its widget from label and value)
    "learning_rate": ("learning rate", lambda label, value: _field(label, value, -5, 1, log=True)),
    "batch_size": ("batch size", lambda label, value: _menu(label, value, (16, 32, 64, 128, 256, 512))),
    "num_epochs": ("epochs", lambda label, value: _field(label, value, 1, 60)),
    "weight_decay": ("weight decay", lambda label, value: _menu(label, value, (0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0))),
    "label_smoothing": ("label smoothing", lambda label, value: _field(label, value, 0.0, 0.5)),
    "dropout": ("dropout", lambda label, value: _field(label, value, 0.0, 0.9)),
    "augmentation": ("augmentation", lambda label, value: _field(label, value, 0.0, 2.0, 0.25)),
    "kernel_size": ("kernel size", lambda label, value: _menu(label, value, (3, 5, 7, 9))),
    "depth": ("convolutions", lambda label, value: _field(label, value, 1, 4)),
    "width": ("channels", lambda label, value: _menu(label, value, (5, 10, 20, 40))),
}
LEFT_PX, RIGHT_PX = 320, 560


def _field(label, value, low, high, step=None, log=False):
    widget = slider(label, value, low, high, step, log)
    widget.layout.width, widget.style.description_width = f"{LEFT_PX}px", "112px"
    return widget


def _menu(label, value, options):
    options = sorted({*options, value})
    style, layout = {"description_width": "112px"}, Layout(width=f"{LEFT_PX}px")
    return ipywidgets.Dropdown(description=label, value=value, options=options, style=style, layout=layout)


class Stopped(Exception):
    """The student pressed Stop."""


class AblationPanel(Panel):
    """Choose settings, press Train, and watch: curves grow each epoch, and a table keeps every run.

    `choices` names the Settings that can be changed, all by default; the rest are those of `base`. Runs are kept under
    `name` in data/my_runs, and are there again when the notebook is reopened.
    """

    def __init__(self, material, name="studio", choices=tuple(CHOICES), base=SIMPLE_NET):
        super().__init__(layout=Layout(width=f"{LEFT_PX + RIGHT_PX + 40}px", max_width="100%"))
        self.material, self.base, self.name = material, base, name
        self.fields = {field: CHOICES[field][1](CHOICES[field][0], getattr(base, field)) for field in choices}
        self.seed = _field("seed", 0, 0, 9)
        self.train_button = ipywidgets.Button(description="Train", button_style="primary", icon="play")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.progress = ipywidgets.FloatProgress(
            min=0, max=1, description="progress", layout=Layout(width=f"{LEFT_PX}px"),
            style={"description_width": "112px"},
        )  # fmt: skip
        self.status = ipywidgets.HTML(layout=Layout(width=f"{LEFT_PX}px"))
        self.picture = ipywidgets.Image(format="png", layout=Layout(width=f"{RIGHT_PX}px", height="275px"))
        self.picture.add_class("ablation-curves")
        self.table = ipywidgets.HTML()
        narrow = {"style": {"description_width": "30px"}, "layout": Layout(width="120px")}
        self.chosen = ipywidgets.Dropdown(description="run", **narrow)
        wide = Layout(width="auto")
        self.compare_button = ipywidgets.Button(description="Draw or hide its curve", layout=wide, icon="line-chart")
        self.copy_button = ipywidgets.Button(description="Copy its settings to the sliders", layout=wide, icon="copy")
        self.remove_button = ipywidgets.Button(description="Remove it", layout=wide, icon="trash")
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
        left = ipywidgets.VBox([*self.fields.values(), self.seed, buttons, self.progress, self.status])
        actions = ipywidgets.HBox([self.chosen, self.compare_button, self.copy_button, self.remove_button])
        self.actions = ipywidgets.VBox([actions, self.code])
        top = ipywidgets.HBox([left, self.picture], layout=Layout(flex_flow="row wrap", align_items="flex-start"))
        self.children = [top, self.table, self.actions]

    # what the student does

    def settings(self):
        """Return the Settings that the sliders show."""
        return replace(self.base, **{name: widget.value for name, widget in self.fields.items()})

    def train(self):
        """Start a run in the background; does nothing while one is going on."""
        if self._thread and self._thread.is_alive():
            return
        self._stop.clear()
        self.train_button.disabled, self.stop_button.disabled = True, False
        self._thread = threading.Thread(target=self._train, args=(self.settings(), self.seed.value), daemon=True)
        self._thread.start()

    def stop(self):
        """End the run that is going on, at its next batch."""
        self._stop.set()

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

    # what runs in the background

    def _train(self, settings, seed):
        self.history, start = [], time.perf_counter()
        self.progress.value, self.progress.max = 0, settings.num_epochs
        self._say(f"Training: epoch 1 of {settings.num_epochs}")
        try:
            result = train_run(settings, seed, self.material, self._on_epoch, self._on_batch)
            self._add(result | {"seconds": time.perf_counter() - start})
        except Stopped:
            self._say(f"Stopped after {len(self.history)} of {settings.num_epochs} epochs. The run is not kept.")
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
            self._say(f"Run {result['number']} diverged: its loss grew. Try a smaller learning rate.", is_error=True)
        else:
            self._say(f"Run {result['number']}: {result['held_out_accuracy']:.3f} on the held-out images.")
        self.history = []
        self.drawn = set(sorted(self.drawn)[-4:]) | {result["number"]}
        self._show()

    # what is shown

    def _say(self, text, is_error=False):
        color = "#b3261e" if is_error else "inherit"
        self.status.value = f'<div role="status" style="color:{color};line-height:1.4">{html.escape(text)}</div>'

    def _show(self):
        numbers = [run["number"] for run in self.runs]
        self.chosen.options = numbers
        if numbers:
            self.chosen.value = numbers[-1]
        self.actions.layout.display = "" if numbers else "none"
        self.table.value = runs_as_html(self.runs, [*self.fields, "seed"], len(self.material.held_out))
        self._show_code()
        self._draw()

    def _show_code(self):
        if run := self._chosen_run():
            default = asdict(Settings())
            changed = ", ".join(f"{name}={run[name]!r}" for name in default if run[name] != default[name])
            self.code.value = f"<code>Settings({html.escape(changed)}), seed {run['seed']}</code>"

    def _chosen_run(self):
        return next((run for run in self.runs if run["number"] == self.chosen.value), None)

    def _draw(self):
        histories = {f"run {r['number']}": r["history"] for r in self.runs if r["number"] in self.drawn}
        self.picture.value = draw_runs(self.history, histories, self.progress.max if self.history else None)

    # what is kept

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
            self._say(f"The table of earlier runs could not be read; it is kept as {damaged.name}.", is_error=True)

    def _save(self):
        with atomic_write(self._path()) as temporary:
            temporary.write_text(json.dumps(self.runs))


def draw_runs(current, others, num_epochs=None):
    """Return a PNG: the loss of the run `current` (a history), and its held-out accuracy beside those of `others`."""
    figure = Figure(figsize=(6.1, 3.0), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: this runs beside the notebook's own figures
    plot_runs(others | ({"this run": current} if current else {}), figure.subplots(1, 2), num_epochs)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


STYLE = """<style>
.ablation-runs {border-collapse: collapse; font-size: 12px}
.ablation-runs th, .ablation-runs td {text-align: right; padding: 2px 9px; border-bottom: 1px solid #ddd}
.ablation-runs tr:has(mark) {background: #fdf3d8} .ablation-runs mark {background: none; font-weight: bold}
</style>"""


def runs_as_html(runs, columns, num_held_out):
    """Return a table of runs, the best on the held-out images marked, and a sentence on ties with it.

    Of the `columns`, those in which a run differs from SimpleNet's settings are shown.
    """
    if not runs:
        return "<p>No runs yet. Set the sliders, then press <b>Train</b>.</p>"
    accuracies = [run.get("held_out_accuracy", math.nan) for run in runs]
    best, ties = ties_with_best(accuracies, [standard_error(accuracy, num_held_out) for accuracy in accuracies])
    base = asdict(SIMPLE_NET) | {"seed": 0}
    changed = [c for c in columns if any(run[c] != base[c] for run in runs)]
    table = pd.DataFrame({CHOICES[c][0] if c in CHOICES else c: [f"{r[c]:g}" for r in runs] for c in changed})
    table.insert(0, "run", [run["number"] for run in runs])
    table["parameters"] = [f"{run['num_parameters']:,}" for run in runs]
    table["seconds"] = [f"{run['seconds']:.1f}" for run in runs]
    table["training"] = [f"{run.get('train_accuracy', math.nan):.3f}" for run in runs]
    table["held out"] = ["diverged" if a != a else f"{a:.3f}" for a in accuracies]
    table[""] = ["<mark>best</mark>" if i == best else "tie" if i in ties else "" for i in range(len(runs))]
    return (
        STYLE
        + table.to_html(index=False, border=0, escape=False, classes="ablation-runs")
        + _verdict([run["number"] for run in runs], best, ties, num_held_out)
    )


def _verdict(numbers, best, ties, num_held_out):
    if best is None:
        return "<p>No run has learned anything yet.</p>"
    text = f"Best on the {num_held_out} held-out images: run {numbers[best]}."
    if ties:
        names = ", ".join(f"run {numbers[i]}" for i in ties)
        text += f" Too close to tell from it, within one standard error: {names}."
    return f"<p>{text}</p>"


def plot_runs(histories, axes, num_epochs=None):
    """Draw the loss of the last of several histories, {label: history}, and the held-out accuracy of all of them.

    With `num_epochs`, the axes have room for so many from the start, so that a growing curve does not move.
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
    for ax in axes:
        ax.set_xlim(0.5, 0.5 + max([num_epochs or 1, *(len(history) for history in histories.values())]))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return axes
