"""notebook -> executed notebook: run the parts without a screen."""

import json
import os
import re

import joblib
import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm.auto import tqdm

from helpers.commands.pictures import shrink_pictures
from helpers.exercises.cells import in_order
from helpers.exercises.points import QUIET_KERNEL
from helpers.files import NOT_SOLVED, NOTEBOOKS, WorkbookError, atomic_write, profile
from helpers.progress import in_words

LAST = "conclusion"
MEMORY_OF_ONE = 4 * 10**9  # bytes; the largest notebook takes three quarters of that


def all_notebooks():
    """Return the paths of the workbook's notebooks, in order."""
    return in_order(NOTEBOOKS.glob("*.ipynb"))


def find_notebooks(parts=None):
    """Return the notebooks that `parts` name ("5", "part5", "ec1", a file's name), or all."""
    if not parts:
        return all_notebooks()
    found = []
    for part in parts:
        stem = (
            f"part{part}" if part.isdigit() else part.removesuffix(".ipynb").rsplit("/")[-1].lower()
        )
        matches = [p for p in all_notebooks() if p.stem == stem or p.stem.split("_")[0] == stem]
        if not matches:
            known = ", ".join(path.stem for path in all_notebooks())
            raise WorkbookError(f'There is no part "{part}". The notebooks are {known}.')
        found += matches
    return found


def run_notebooks(paths, save=False, jobs=None):
    """Execute notebooks; return {name: why} of those that failed.

    `jobs` run side by side, by default as many as there are cores and memory for. With `save` they
    run one after another, for then how long they take is kept. The conclusion, which looks at the
    others' results, comes last. In the full profile, say first how long that takes here, and after
    each notebook what is left.
    """
    jobs = 1 if save else min(jobs or room_for(), len(paths))
    failures, left = {}, plan_of(paths)
    if left:
        told = ", ".join(f"{name.split('_')[0]} {in_words(s)}" for name, s in left.items())
        beside = f", {jobs} side by side" if jobs > 1 else ""
        print(f"About {in_words(sum(left.values()) / jobs)} on this machine{beside}: {told}.")
    last = [path for path in paths if path.stem == LAST]
    others = [path for path in paths if path not in last]
    if jobs > 1:  # the longest first, so that none is left alone at the end
        others.sort(key=lambda path: -left.get(path.stem, 0))
    for group in (others, last):
        work = (joblib.delayed(outcome)(path, save, jobs) for path in group)
        run = joblib.Parallel(jobs, prefer="threads", return_as="generator_unordered")
        for name, unsolved, failure in run(work):
            left.pop(name, None)
            if failure:
                failures[name] = failure
            status = "failed" if failure else "ok"
            open_ones = f", not solved yet: {', '.join(unsolved)}" if unsolved else ""
            to_come = f" (about {in_words(sum(left.values()) / jobs)} left)" if left else ""
            tqdm.write(f"{name}: {status}{open_ones}{to_come}")
    return {path.stem: failures[path.stem] for path in paths if path.stem in failures}


def room_for():
    """Return how many notebooks this machine can run side by side."""
    return max(1, min(joblib.cpu_count(), psutil.virtual_memory().available // MEMORY_OF_ONE))


def outcome(path, save, jobs):
    """Execute a notebook; return (name, exercises not solved, why it failed or "")."""
    try:
        return path.stem, not_solved(run_notebook(path, save, jobs)), ""
    except (CellExecutionError, DeadKernelError, nbformat.reader.NotJSONError) as error:
        return path.stem, [], _reason(error)


def plan_of(paths):
    """Return {name: seconds} of the notebooks that were measured; {} in the quick profile."""
    if profile() == "quick":
        return {}
    from helpers.commands.times import plan  # torch takes seconds to import

    return plan([path.stem for path in paths])


def not_solved(notebook):
    """Return the exercises of which an executed notebook says that they are not solved yet."""
    texts = (
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    lines = [line for text in texts for line in text.splitlines()]
    return list(
        dict.fromkeys(line.removesuffix(NOT_SOLVED) for line in lines if line.endswith(NOT_SOLVED))
    )


def _reason(error):
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    return str(error) or type(error).__name__


def run_notebook(path, save=False, jobs=1):
    """Execute a notebook in its folder, one progress step per cell, and return it.

    With `save`, write its outputs back and, in the full profile, keep how long its cells took. Its
    kernel has one of `jobs` equal shares of the cores.
    """
    notebook = nbformat.read(path, as_version=4)
    num_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    environment = dict(os.environ)
    if save:  # galleries show drawn scenes: see helpers.data.for_display
        environment["WORKBOOK_PUBLISH"] = "1"
    if jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, joblib.cpu_count() // jobs))
    with tqdm(total=num_cells, desc=path.stem, unit="cell", leave=False) as bar:
        client = Client(
            notebook,
            timeout=None,
            kernel_name="python3",
            extra_arguments=QUIET_KERNEL,
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_executed=lambda **_: bar.update(),
        )
        client.execute(env=environment)
    if save:
        _drop_closed_widgets(notebook, client.widget_state)
        shrink_pictures(notebook)
        with atomic_write(path) as temporary:
            nbformat.write(notebook, temporary)
        if profile() == "full":
            from helpers.commands.times import keep_times

            keep_times(path.stem, notebook)
    return notebook


class Client(NotebookClient):
    """nbclient's, which also forgets widgets that were closed, such as progress bars."""

    def handle_comm_msg(self, outs, msg, cell_index):
        """Keep the state that a message of a widget brings, or drop it when the widget closes."""
        super().handle_comm_msg(outs, msg, cell_index)
        if msg["msg_type"] == "comm_close":
            self.widget_state.pop(msg["content"]["comm_id"], None)


CLOSED_BAR = {"text/plain": ""}  # what a `helpers.progress` bar leaves
WIDGET_VIEW, WIDGET_STATE = (
    f"application/vnd.jupyter.widget-{part}+json" for part in ("view", "state")
)


def _drop_closed_widgets(notebook, alive):
    """Remove the views of closed widgets, and the state of all that no view shows."""
    shown = set()
    for cell in notebook.cells:
        views = [(o, o.get("data", {}).get(WIDGET_VIEW)) for o in cell.get("outputs", [])]
        if views:
            kept = [output for output, view in views if not view or view["model_id"] in alive]
            cell.outputs = [output for output in kept if output.get("data") != CLOSED_BAR]
        shown |= {view["model_id"] for _, view in views if view and view["model_id"] in alive}
    state = notebook.metadata.pop("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    if kept := {key: state[key] for key in _with_parts(shown, state)}:
        notebook.metadata.widgets = {
            WIDGET_STATE: {"state": kept, "version_major": 2, "version_minor": 0}
        }


def _with_parts(keys, state):
    """Return the keys, and those of the widgets, layouts and styles that these consist of."""
    found, new = set(), set(keys)
    while new:
        found |= new
        new = {
            part
            for key in new
            for part in re.findall(r"IPY_MODEL_(\w+)", json.dumps(state[key]["state"]))
        } - found
    return found
