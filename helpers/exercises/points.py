"""notebooks -> points so far: run every exercise and its check, without training anything."""

import ast
import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm.auto import tqdm

from helpers.files import NOTEBOOKS, ROOT, WorkbookError, atomic_write
from helpers.report.gather import is_unanswered, tags_of
from helpers.commands.run import in_order


@dataclass(frozen=True)
class Exercise:
    """One exercise: where it stands, what it is worth, what the student wrote, and the cell that checks it."""

    name: str
    notebook: str
    points: int
    source: str
    check: str


@dataclass(frozen=True)
class Outcome:
    """What the check of an exercise said."""

    exercise: Exercise
    is_right: bool
    message: str

    @property
    def points(self):
        """The exercise's points, or 0."""
        return self.exercise.points if self.is_right else 0


def read_notebooks(folder=NOTEBOOKS):
    """Return {stem: notebook} of a folder, in the order of the parts; WorkbookError names a file that is none."""
    notebooks = {}
    for path in in_order(folder.glob("*.ipynb")):
        try:
            notebooks[path.stem] = nbformat.read(path, as_version=4)
        except Exception as error:  # a damaged file can raise anything
            raise WorkbookError(f"{path} cannot be read as a notebook. Restore it from your last copy.") from error
    if not notebooks:
        raise WorkbookError(f"There are no notebooks in {folder}. Name the folder that holds them.")
    return notebooks


def find_exercises(notebooks):
    """Return the Exercises of {stem: notebook}, in order; a name that occurs twice counts where it stands last."""
    found = {}
    for stem, notebook in notebooks.items():
        sources = {name_of(cell): cell for cell in notebook.cells if "exercise" in tags_of(cell)}
        checks = {name_of(cell): cell.source for cell in notebook.cells if "check" in tags_of(cell)}
        for name, cell in sources.items():
            points = cell.metadata.get("points", 0)
            found[name] = Exercise(name, stem, points, cell.source, checks.get(name, ""))
    return list(found.values())


def name_of(cell):
    """Return the exercise that a cell belongs to, "" for none."""
    return str(cell.metadata.get("exercise", ""))


def imports_of(notebook):
    """Return the import statements of a notebook's cells, without those of its exercises."""
    lines = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and not tags_of(cell) & {"exercise", "check"}:
            lines += imports_in(cell.source)
    return "\n".join(dict.fromkeys(lines))


def imports_in(source):
    """Return the import statements at the top level of a cell; none of a cell that is no Python."""
    try:
        nodes = ast.parse(as_python(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.unparse(node) for node in found if getattr(node, "module", "") != "__future__"]


def as_python(source):
    """Return a cell's source without IPython's own words, such as %matplotlib inline."""
    return TransformerManager().transform_cell(source)


def unanswered(notebooks):
    """Return "notebook: question" for each answer cell that is empty or holds the prompt alone."""
    return [
        f"{stem}: {cell.metadata.get('question', '?')}"
        for stem, notebook in notebooks.items()
        for cell in notebook.cells
        if "answer" in tags_of(cell) and is_unanswered(cell.source)
    ]


def run_exercises(notebooks, seconds=30):
    """Return the Outcome of every exercise: one kernel, in which only imports, exercises and checks run.

    An exercise that takes longer than `seconds` is stopped; after a kernel has died, the next exercise gets a new one.
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
    """Return a client with a kernel of its own, which ends with the ExitStack `kernels`."""
    sheet = nbformat.v4.new_notebook()
    client = NotebookClient(sheet, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    kernels.enter_context(client.setup_kernel(cleanup_kc=True))
    return client


def run_exercise(client, exercise, imports, seconds):
    """Run one exercise and its check; return (Outcome, whether the kernel can be used again)."""
    sources = [f"{imports}\nfrom helpers.exercises import checks", exercise.source, exercise.check]
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
    is_right = text.endswith(f"{exercise.name}: right\n")  # behind whatever the exercise itself prints
    return Outcome(exercise, is_right, "right" if is_right else "its check cell is missing or was changed"), True


def reason(cell):
    """Return one line on why a cell raised."""
    for output in cell.outputs:
        if output.output_type == "error":
            if output.ename == "NotImplementedError":
                return "not done yet"
            return " ".join(f"{output.ename}: {output.evalue}".split())[:160]
    return "it could not be run"


# --- a newer release, with a student's work --------------------------------------------------------------------------


def carry_over(folder, copies):
    """Bring a student's folder to a release {stem: notebook}: exercises and answers are kept; return what changed.

    The notebooks as they were stay in `before/`, beside the new ones. Raises WorkbookError where that is there already.
    """
    old, before = read_notebooks(Path(folder) / "notebooks"), Path(folder) / "before"
    if before.exists():
        raise WorkbookError(f"{before} is there already, from an earlier time. Move it away first.")
    shutil.copytree(Path(folder) / "notebooks", before)
    work = {key_of(cell): cell.source for notebook in old.values() for cell in notebook.cells if key_of(cell)}
    changes, placed = [], set()
    for stem, copy in copies.items():
        keys = {key_of(cell): cell for cell in copy.cells if key_of(cell)}
        for key in keys.keys() & work.keys():
            keys[key].source = work[key]
        placed |= keys.keys() & work.keys()
        with atomic_write(Path(folder) / "notebooks" / f"{stem}.ipynb") as temporary:
            nbformat.write(copy, temporary)
        changes.append(f"{stem}: {len(keys.keys() & work.keys())} cells of yours carried over.")
        changes += [f"{stem}: {kind} {name} is new." for kind, name in sorted(keys.keys() - work.keys())]
    gone = sorted(work.keys() - placed)
    return changes + [f"{kind} {name} has no place any more; it is in before/." for kind, name in gone]


def key_of(cell):
    """Return ("exercise", its name) or ("answer", its question) of a student's cell, None of any other."""
    tags = tags_of(cell)
    if "exercise" in tags and name_of(cell):
        return "exercise", name_of(cell)
    if "answer" in tags and cell.metadata.get("question"):
        return "answer", str(cell.metadata["question"])
    return None
