"""notebook -> ready kernel: the look of figures, how long cells take, errors in one line."""

import ast
import inspect
import json
import os
import symtable
import textwrap
import time
import traceback

import torch
import torch.nn.functional as F
from IPython import get_ipython

from helpers import plots
from helpers.exercises.checks.tools import CheckFailed
from helpers.files import NOT_SOLVED, RESULTS, profile
from helpers.models import SimpleNet
from helpers.progress import cell_begins, in_words
from helpers.sources.photographs import find_folder

TIMES = RESULTS / "times.json"  # what `workbook run --save` measured
STOPPED = "Stopped. Run this cell again to go on: what was saved so far is kept."
BELOW_RAISE = "Delete the line with `raise`: nothing below it is run."
MINI_SHARE = 0.5  # the mini scenes have half as many training images as the photographs


def begin(name):
    """Prepare the kernel of the notebook `name`, and print how long its cells take here.

    From then on, a cell that needs an unsolved exercise, or is stopped, says so in one line.
    """
    plots.set_style()
    if shell := get_ipython():
        _Open(shell).install()
        # By name: it is no part of the lesson, and figures show without it.
        shell.extension_manager.reload_extension("helpers.alttext.display")
    print(time_needed(name))


def time_needed(name):
    """Return a sentence: how long all cells of the notebook take here, and the longest of them."""
    if profile() == "quick":
        return "The quick profile: a few epochs on a few images."
    times = load_times()
    if name not in times:
        return "How long these cells take was not measured yet."
    measured, speed = times[name], speed_here() / times[name]["step_ms"]
    total, longest = (in_words(max(1, speed * measured[key])) for key in ("seconds", "longest_s"))
    return f"All cells take about {total} here, the longest {longest} ({measured['longest']})."


def load_times():
    """Return the measured times, as `commands.times.keep_times` saved them, or {}."""
    try:
        return json.loads(TIMES.read_text())
    except (OSError, ValueError):
        return {}


def speed_here():
    """Return this machine's `step_ms`, less where there are fewer images to train on."""
    return step_ms() * (MINI_SHARE if find_folder() is None else 1)


def step_ms(repeats=5):
    """Return this machine's speed: the least ms of a step of SimpleNet, 64 images, one thread."""
    with torch.random.fork_rng():  # what the notebook draws stays the same
        model, images, labels = SimpleNet(), torch.randn(64, 1, 64, 64), torch.arange(64) % 15
    times, num_threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other where other programs run
    for _ in range(repeats):
        start = time.perf_counter()
        F.cross_entropy(model(images), labels).backward()
        times.append(1000 * (time.perf_counter() - start))
    torch.set_num_threads(num_threads)
    return min(times)


class _Open:
    """What is still open in a notebook: the names that cells could not set, and why."""

    def __init__(self, shell):
        self.shell, self.source = shell, ""  # of the cell that runs
        self.exercise = None  # that this cell needs
        self.names = {}  # {name that is not set: exercise}

    def install(self):
        """Register with IPython: for unsolved exercises, missing names, and interrupts."""
        explained = NotImplementedError, NameError, CheckFailed, KeyboardInterrupt
        self.shell.set_custom_exc(explained, self.explain)
        for event, function in {"pre_run_cell": self.before, "post_run_cell": self.after}.items():
            for old in list(self.shell.events.callbacks[event]):
                if getattr(old, "__qualname__", "") == function.__qualname__:
                    self.shell.events.unregister(event, old)
            self.shell.events.register(event, function)

    def before(self, info):
        """Remember the source of the cell that begins."""
        self.source, self.exercise = info.raw_cell, None
        cell_begins()

    def explain(self, shell, kind, error, trace, tb_offset=None):
        """Show one line for an unsolved exercise or an interrupt, else the usual traceback."""
        self.exercise = self.exercise_behind(error)
        line = f"{self.exercise}{NOT_SOLVED}"
        if kind is KeyboardInterrupt:
            shell._showtraceback(kind, error, [STOPPED])
        elif self.exercise is None:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        elif os.environ.get("WORKBOOK_STRICT") and is_from_check(trace):
            self.exercise = None
            shell._showtraceback(kind, error, [line])
        else:
            self.names |= dict.fromkeys(names_set_by(self.source), self.exercise)
            print(line)
            if kind is NotImplementedError and has_code_below(trace):
                print(BELOW_RAISE)

    def exercise_behind(self, error):
        """Return the unsolved exercise that caused an error, None for another cause."""
        error = error.__cause__ if isinstance(error, CheckFailed) else error
        if isinstance(error, NameError):
            return self.names.get(error.name)
        return str(error).removesuffix(NOT_SOLVED) if str(error).endswith(NOT_SOLVED) else None

    def after(self, result):
        """Mark a cell whose exercise is not solved as done, so that Lab's "Run All" goes on."""
        if self.exercise and result.error_in_exec is not None:
            result.error_in_exec = None


def names_set_by(source):
    """Return the names that a cell sets, functions included."""
    try:
        symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    except SyntaxError:  # magics: such cells depend on no exercise
        return set()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def has_code_below(trace):
    """Return whether there is code below the `raise` of the function where an error came from."""
    *_, (frame, _) = traceback.walk_tb(trace)
    try:
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(frame.f_code))).body
    except (OSError, SyntaxError, ValueError):  # no source, or not that of one function
        return False
    return not isinstance(function.body[-1], ast.Raise)


def is_from_check(trace):
    """Return whether an error passed through a check of `helpers.exercises.checks`."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(trace)]
    return any(module.startswith("helpers.exercises.checks.") for module in modules)
