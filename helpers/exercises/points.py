"""notebooks -> points so far: run every exercise and its check, without training anything."""

import contextlib
from dataclasses import dataclass

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm.auto import tqdm

from helpers.exercises.cells import import_of_checks, imports_of, name_of, tags_of
from helpers.files import ROOT

# Otherwise each kernel warns that it talks over TCP, although only on this machine.
QUIET_KERNEL = ["--log-level=ERROR"]


@dataclass(frozen=True)
class Exercise:
    """One exercise: its notebook, its points, the student's source and the cell that checks it.

    `criteria` are (name, points) that add up to the points; without any it is all or nothing.
    """

    name: str
    notebook: str
    points: int
    source: str
    check: str
    criteria: tuple = ()

    @property
    def rubric(self):
        """The criteria in words, as in "the mean: 3, the sum: 2"; "" for an exercise without any."""
        return ", ".join(f"{name}: {points:g}" for name, points in self.criteria)


@dataclass(frozen=True)
class Outcome:
    """The result of an exercise's check."""

    exercise: Exercise
    is_right: bool
    message: str

    @property
    def points(self):
        """The exercise's points, or 0."""
        return self.exercise.points if self.is_right else 0


def find_exercises(notebooks):
    """Return the Exercises of {stem: notebook}, in order; the last of a repeated name counts."""
    found = {}
    for stem, notebook in notebooks.items():
        sources = {name_of(cell): cell for cell in notebook.cells if "exercise" in tags_of(cell)}
        checks = {name_of(cell): cell.source for cell in notebook.cells if "check" in tags_of(cell)}
        for name, cell in sources.items():
            points = cell.metadata.get("points", 0)
            criteria = tuple((said, share) for said, share in cell.metadata.get("criteria", []))
            check = checks.get(name, "")
            found[name] = Exercise(name, stem, points, cell.source, check, criteria)
    return list(found.values())


def run_exercises(notebooks, seconds=30):
    """Return the Outcome of every exercise, all run in one kernel.

    Only imports, exercises and checks are run. An exercise that takes longer than `seconds` is
    stopped. After a kernel has died, the next exercise gets a new one.
    """
    exercises = find_exercises(notebooks)
    imports = {stem: imports_of(notebook) for stem, notebook in notebooks.items()}
    outcomes, client = [], None
    with contextlib.ExitStack() as kernels:
        for exercise in tqdm(exercises, desc="Checking", unit="exercise", leave=False):
            client = client or start_kernel(kernels)
            outcome, is_alive = run_exercise(client, exercise, imports[exercise.notebook], seconds)
            outcomes.append(outcome)
            if not is_alive:
                client = None
                kernels.close()
    return outcomes


def start_kernel(kernels):
    """Return a client with a new kernel, which is shut down with the ExitStack `kernels`."""
    sheet = nbformat.v4.new_notebook()
    options = {"kernel_name": "python3", "extra_arguments": QUIET_KERNEL}
    client = NotebookClient(sheet, resources={"metadata": {"path": str(ROOT)}}, **options)
    kernels.enter_context(client.setup_kernel(cleanup_kc=True))
    return client


def run_exercise(client, exercise, imports, seconds):
    """Run one exercise and its check; return (Outcome, whether the kernel can be used again)."""
    sources = [f"{imports}\n{import_of_checks(exercise.notebook)}", exercise.source, exercise.check]
    client.nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for index, cell in enumerate(client.nb.cells):
        client.timeout = seconds if index else 120  # libraries take a while to load
        try:
            client.execute_cell(cell, index, store_history=False)
        except CellTimeoutError:
            return Outcome(exercise, False, f"stopped after {client.timeout} seconds"), False
        except DeadKernelError:
            return Outcome(exercise, False, "the kernel died"), False
        except CellExecutionError:
            return Outcome(exercise, False, reason(cell)), True
    outputs = client.nb.cells[-1].outputs
    text = "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")
    # The exercise itself may print something before.
    is_right = text.endswith(f"{exercise.name}: right\n")
    return Outcome(
        exercise, is_right, "right" if is_right else "its check cell is missing or was changed"
    ), True


def reason(cell):
    """Return one line that says why a cell raised."""
    for output in cell.outputs:
        if output.output_type == "error":
            if output.ename == "NotImplementedError":
                return "not solved yet"
            return " ".join(
                f"{output.ename}: {output.evalue}".removeprefix("CheckFailed: ").split()
            )[:600]
    return "it could not be run"
