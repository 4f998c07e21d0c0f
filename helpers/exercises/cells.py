"""notebook -> cells: tags, names, prompts and order, for the checks, the report and the grader."""

import ast
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from helpers.files import NOTEBOOKS, WorkbookError

PROMPT = "*Write your answer here.*"  # in student copies, in place of an answer


def tags_of(cell):
    """Return the tags of a cell as a set; malformed metadata count as no tags."""
    tags = cell.metadata.get("tags", [])
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def is_unanswered(source):
    """Return whether an answer cell is empty or still holds the prompt."""
    return not source.replace(PROMPT, "").strip()


ORDER = ("part", "ec", "conclusion")  # the report's order


def in_order(paths):
    """Return those of the paths that are parts of the workbook, in the report's order."""
    parts = [path for path in paths if path.name.startswith(ORDER)]
    return sorted(
        parts, key=lambda p: (next(i for i, o in enumerate(ORDER) if p.name.startswith(o)), p.name)
    )


def read_notebooks(folder=NOTEBOOKS):
    """Return {stem: notebook} of a folder, in the order of the parts.

    Raises WorkbookError for a folder without notebooks and, by name, for a damaged file.
    """
    notebooks = {}
    for path in in_order(folder.glob("*.ipynb")):
        try:
            notebooks[path.stem] = nbformat.read(path, as_version=4)
        except Exception as error:  # a damaged file can raise anything
            raise WorkbookError(
                f"{path} cannot be read as a notebook. Restore it from your last copy."
            ) from error
    if not notebooks:
        raise WorkbookError(f"There are no notebooks in {folder}. Name the folder that holds them.")
    return notebooks


def has_passed(cell):
    """Return whether the output of a check cell is the line that it prints for a right exercise."""
    text = "".join(str(out.get("text", "")) for out in cell.outputs if out.output_type == "stream")
    is_wrong = any(out.output_type == "error" for out in cell.outputs)
    return text == f"{cell.metadata.get('exercise', '?')}: right\n" and not is_wrong


def name_of(cell):
    """Return the name of the exercise that a cell belongs to, "" if it belongs to none."""
    return str(cell.metadata.get("exercise", ""))


def imports_of(notebook):
    """Return the import statements of a notebook's cells, without those of its exercises."""
    lines = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and not tags_of(cell) & {"exercise", "check"}:
            lines += imports_in(cell.source)
    return "\n".join(dict.fromkeys(lines))


def imports_in(source):
    """Return the top-level import statements of a cell, or an empty list if it is not Python."""
    try:
        nodes = ast.parse(as_python(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.unparse(node) for node in found if getattr(node, "module", "") != "__future__"]


def import_of_checks(stem):
    """Return the statement that gives a notebook its checks; "" for a notebook that has none."""
    module = stem.split("_")[0]
    if not Path(__file__).with_name("checks").joinpath(f"{module}.py").exists():
        return ""
    return f"from helpers.exercises.checks import {module} as checks"


def as_python(source):
    """Return a cell's source without IPython's magics, such as %matplotlib inline."""
    return TransformerManager().transform_cell(source)


def unanswered(notebooks):
    """Return "notebook: question" for each answer cell that is empty or holds the prompt alone."""
    return [
        f"{stem}: {cell.metadata.get('question', '?')}"
        for stem, notebook in notebooks.items()
        for cell in notebook.cells
        if "answer" in tags_of(cell) and is_unanswered(cell.source)
    ]


def key_of(cell):
    """Return ("exercise", name) or ("answer", question) of a student's cell, None for others."""
    tags = tags_of(cell)
    if "exercise" in tags and name_of(cell):
        return "exercise", name_of(cell)
    if "answer" in tags and cell.metadata.get("question"):
        return "answer", str(cell.metadata["question"])
    return None
