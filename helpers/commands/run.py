"""notebook -> executed notebook: run the parts without a screen."""

import json
import os
import re

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm.auto import tqdm

from helpers.exercises.cells import in_order
from helpers.exercises.points import QUIET_KERNEL
from helpers.files import NOT_SOLVED, NOTEBOOKS, WorkbookError, atomic_write, profile
from helpers.progress import in_words


def all_notebooks():
    """Return the paths of the workbook's notebooks, in order."""
    return in_order(NOTEBOOKS.glob("*.ipynb"))


def find_notebooks(parts=None):
    """Return the notebooks that `parts` name ("5", "part5", "ec1", a file's name); all where it is
    empty.
    """
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


def run_notebooks(paths, save=False):
    """Execute notebooks one after another, with progress; return {name: why} of those that failed.

    In the full profile, say first how long that takes here, and after each notebook what is left.
    """
    failures, left = {}, plan_of(paths)
    if left:
        print(
            f"{len(paths)} notebooks, {about(left.values())} here: {', '.join(map(told, left.items()))}."
        )
    for path in paths:
        unsolved = []
        try:
            unsolved = not_solved(run_notebook(path, save))
        except (CellExecutionError, DeadKernelError, nbformat.reader.NotJSONError) as error:
            failures[path.stem] = _reason(error)
        status = "failed" if path.stem in failures else "ok"
        left.pop(path.stem, None)
        open_ones = f", not solved yet: {', '.join(unsolved)}" if unsolved else ""
        to_come = f" ({about(left.values())} left)" if left else ""
        tqdm.write(f"{path.stem}: {status}{open_ones}{to_come}")
    return failures


def plan_of(paths):
    """Return {name: seconds} of the notebooks to run; {} in the quick profile, where nothing was
    measured.
    """
    if profile() == "quick":
        return {}
    from helpers.commands.times import plan  # torch takes seconds to import

    return plan([path.stem for path in paths])


def about(seconds):
    """Return "about 3 min" for the sum of seconds."""
    return f"about {in_words(sum(seconds))}"


def told(item):
    """Return "part5 40 s" for a notebook's name and its seconds."""
    name, seconds = item
    return f"{name.split('_')[0]} {in_words(seconds) if seconds else 'not measured'}"


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


def run_notebook(path, save=False):
    """Execute a notebook in its folder, one progress step per cell, and return it.

    With `save`, write its outputs back at the end and, in the full profile, keep how long its cells
    took.
    """
    notebook = nbformat.read(path, as_version=4)
    num_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    if save:
        os.environ["WORKBOOK_PUBLISH"] = (
            "1"  # galleries show drawn scenes: see helpers.data.for_display
        )
    with tqdm(total=num_cells, desc=path.stem, unit="cell", leave=False) as bar:
        client = Client(
            notebook,
            timeout=None,
            kernel_name="python3",
            extra_arguments=QUIET_KERNEL,
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_executed=lambda **_: bar.update(),
        )
        client.execute()
    if save:
        _drop_closed_widgets(notebook, client.widget_state)
        with atomic_write(path) as temporary:
            nbformat.write(notebook, temporary)
        if profile() == "full":
            from helpers.commands.times import keep_times

            keep_times(path.stem, notebook)
    return notebook


class Client(NotebookClient):
    """nbclient's, which in addition forgets a widget that was closed, as finished progress bars
    are.
    """

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
