"""master notebooks -> student copies: a folder and a zip.

They hold no solutions, model answers or hidden checks.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
import pandas as pd

from helpers.exercises.cells import PROMPT, name_of, read_notebooks, tags_of
from helpers.exercises.points import find_exercises, run_exercises
from helpers.files import MAKERS, NOT_SOLVED, NOTEBOOKS, ROOT, TEACHERS, WorkbookError

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
# The stub of an exercise that is not solved; `session` reads what follows it.
STUB = "raise NotImplementedError("
NAME = "scene-workbook"
INDEX = "00_index"  # leads to the notebooks; it has nothing to solve
COPIED = (
    ".gitignore .jupyter LICENSE environment.yml pyproject.toml helpers data/README.md data/validation_names.txt "
    "data/alexnet_small.pt data/efficientnet_lite0.pt data/efficientnet_lite0.LICENSE "
    "data/results data/trained"
).split()
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", TEACHERS, "teachers.py", "makers.py", MAKERS, ".cache"
)


def release(out, masters=NOTEBOOKS):
    """Write student copies into `out`; return (folder, rubric table).

    They are `out`/scene-workbook and `out`/scene-workbook.zip. Raises WorkbookError, and writes
    nothing, where the folder is there already, a master fails its own check, or a solution, model
    answer or hidden check would leak.
    """
    target = Path(out) / NAME
    if target.exists():
        raise WorkbookError(f"{target} is there already. Name another folder, or remove this one.")
    notebooks = read_notebooks(masters)
    failed = [outcome for outcome in run_exercises(notebooks) if not outcome.is_right]
    if failed:
        why = "; ".join(f"{outcome.exercise.name} ({outcome.message})" for outcome in failed)
        raise WorkbookError(
            f"The master notebooks do not pass their own checks: {why}. Mend them first."
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / NAME
        write_copies(notebooks, folder)
        if leaks := find_leaks(notebooks, folder):
            raise WorkbookError(
                f"Nothing is released, for this would leak: {'; '.join(leaks[:5])}."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = shutil.make_archive(str(Path(temporary) / "copy"), "zip", temporary, NAME)
        shutil.copytree(folder, target)
        shutil.move(archive, target.parent / f"{NAME}.zip")
    return target, rubric(notebooks)


def rubric(notebooks):
    """Return a table of the exercises, their points and the criteria among which these are split."""
    rows = [(e.notebook, e.name, e.points, e.rubric) for e in find_exercises(notebooks)]
    return pd.DataFrame(rows, columns=["notebook", "exercise", "points", "criteria"])


def write_copies(notebooks, folder):
    """Write the students' notebooks, the helpers and data that they need, and a README."""
    (folder / "notebooks").mkdir(parents=True)
    index = {INDEX: nbformat.read(NOTEBOOKS / f"{INDEX}.ipynb", as_version=4)}
    for stem, notebook in (index | notebooks).items():
        nbformat.write(student_copy(notebook), folder / "notebooks" / f"{stem}.ipynb")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        elif source.exists():
            shutil.copy2(source, target)
    shutil.copy2(Path(__file__).with_name("student_readme.md"), folder / "README.md")


# --- notebook -> student's copy -------------------------------------------------------------------


def student_copy(master):
    """Return a notebook as students get it."""
    copy = nbformat.v4.new_notebook()
    copy.metadata = nbformat.from_dict({"kernelspec": master.metadata.get("kernelspec", {})})
    copy.cells = [student_cell(cell) for cell in master.cells if "hidden" not in tags_of(cell)]
    return copy


def student_cell(master):
    """Return a cell without solution, model answer and outputs; a check is locked."""
    cell, tags = nbformat.from_dict(master.copy()), tags_of(master)
    cell.metadata = nbformat.from_dict(dict(master.metadata))
    if cell.cell_type == "code":
        cell.execution_count, cell.outputs = None, []
        cell.metadata.pop("execution", None)
    if "exercise" in tags:
        cell.source = without_solution(cell.source, name_of(cell))
    if "answer" in tags:
        cell.source = PROMPT
        cell.pop("attachments", None)
    if "check" in tags:
        cell.metadata |= {"editable": False, "deletable": False}
    return cell


def without_solution(source, name):
    """Return the source of the exercise `name`, with a stub in place of its solution.

    The solution is what lies between its marks.
    """
    stub = f'{STUB}"{name}{NOT_SOLVED}")'
    return re.sub(
        rf"^([ \t]*){BEGIN}\n.*?^[ \t]*{END}[ \t]*$", rf"\1{stub}", source, flags=re.S | re.M
    )


# --- leaks ----------------------------------------------------------------------------------------

# Lines so common that a solution and a helper may share them.
COMMON_LINES = (
    "return nn.Sequential(",
    "model.train()",
    "model.eval()",
    "model.requires_grad_(False)",
)


def find_leaks(notebooks, folder):
    """Return a sentence for each secret of the masters that is in a file of the released folder."""
    texts = {path: squeezed(text_of(path)) for path in folder.rglob("*") if path.is_file()}
    return [
        f"{what} in {path.relative_to(folder)}"
        for what, secret in secrets_of(notebooks)
        for path, text in texts.items()
        if squeezed(secret) in text
    ]


def text_of(path):
    """Return all text of a file.

    For a notebook it is that of every string, metadata and outputs included.
    """
    text = path.read_text(errors="ignore")
    try:
        return "".join(strings_in(json.loads(text))) if path.suffix in (".ipynb", ".json") else text
    except ValueError:
        return text


def strings_in(node):
    """Yield every string in a tree of dicts and lists, keys included."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings_in(value)
    elif isinstance(node, str):
        yield node


def squeezed(text):
    """Return text without white space and quotation marks, so that layout hides nothing."""
    return re.sub(r"[\s\"'\\]", "", text)


def secrets_of(notebooks):
    """Yield (what it is, text) of all that students must not get.

    These are solutions, hidden checks and model answers.
    """
    public = squeezed("\n".join(public_sources(notebooks)))
    for stem, notebook in notebooks.items():
        for cell in notebook.cells:
            tags = tags_of(cell)
            if "exercise" in tags:
                for body in re.findall(rf"{BEGIN}\n(.*?){END}", cell.source, flags=re.S):
                    for line in body.splitlines():
                        if len(squeezed(line)) >= 12 and squeezed(line) not in public:
                            yield f"a line of the solution of {name_of(cell)}", line
            if "hidden" in tags:
                for line in cell.source.splitlines():
                    if len(squeezed(line)) >= 12 and squeezed(line) not in public:
                        yield f"a hidden cell of {stem}", line
            if "answer" in tags:
                for sentence in re.split(r"(?<=[.!?])\s+", cell.source):
                    if len(squeezed(sentence)) >= 40:
                        yield f"the model answer {cell.metadata.get('question', '?')}", sentence


def public_sources(notebooks):
    """Yield the sources that students get anyway: other cells, and lines too common to be secret.

    The helpers are not among them: a solution that somebody copied there would count as public.
    """
    yield from COMMON_LINES
    for notebook in notebooks.values():
        for cell in notebook.cells:
            if not tags_of(cell) & {"exercise", "hidden", "answer"}:
                yield cell.source
            elif "exercise" in tags_of(cell):
                yield without_solution(cell.source, name_of(cell))
