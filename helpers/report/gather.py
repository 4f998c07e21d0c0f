"""executed notebooks -> one PDF: what their cells tagged `report` and `answer` hold.

It follows the order of the parts. Notebooks are untrusted. pandoc reads Markdown and tables into a
tree, of which only known, harmless nodes go on to typst; all other text goes there as string
literals; pictures are decoded, or copied, into a folder of their own, the only one that typst may
read. A piece that cannot be set is printed as its source, in a box, and named in the log.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from helpers.exercises.cells import has_passed, in_order, is_unanswered, tags_of
from helpers.files import NOTEBOOKS, WorkbookError, atomic_write
from helpers.predictions import store, surprises
from helpers.report.pandoc import raw, write_pieces
from helpers.report.pieces import Gathered, Piece, Reader
from helpers.report.typesetting import code, literal, typeset

NO_TEXT_FOR_PICTURE = (
    "a picture has no alternative text, and is left out. Run the cell again, or write the text "
    "in the brackets of ![...](...) or as “alt” in the cell's metadata."
)


@dataclass(frozen=True)
class Details:
    """The text of the cover."""

    title: str = "Scene recognition with deep learning"
    name: str = ""
    email: str = ""
    id: str = ""
    team: str = ""


def make_report(output, details=Details(), folder=NOTEBOOKS, full=False, with_predictions=False):
    """Write the PDF report of the notebooks in a folder.

    Returns (what is missing, what could not be printed). With `full`, every notebook follows, code
    included; `with_predictions`, a page of the student's guesses, if there are any. Nothing is
    executed. Raises WorkbookError for a folder without notebooks.
    """
    paths = in_order(Path(folder).glob("*.ipynb"))
    if not paths:
        raise WorkbookError(f"There are no notebooks in {folder}. Name the folder that holds them.")
    with tempfile.TemporaryDirectory() as root:
        reader = Reader(Path(folder).resolve(), Path(root))
        gathered = Gathered()
        notebooks = {path: reader.read(path, gathered) for path in paths}
        for path, notebook in notebooks.items():
            gather_report(path, notebook, reader, gathered)
        if with_predictions:
            gather_surprises(Path(folder).resolve(), reader, gathered)
        at_end = Piece([], "", "the list of what is missing")
        gathered.pieces.append(at_end)
        for path, notebook in notebooks.items() if full else ():
            gather_all(path, notebook, reader, gathered)
        reader.fill(gathered)
        gathered.missing += [f"{where}: {NO_TEXT_FOR_PICTURE}" for where in reader.silent]
        at_end.blocks = [raw(list_missing(gathered.missing))]
        write_pieces(gathered)
        pdf = typeset(gathered, details, Path(root))
    with atomic_write(output) as temporary:
        temporary.write_bytes(pdf)
    return gathered.missing, gathered.log


# --- notebook -> pieces ---------------------------------------------------------------------------


def gather_report(path, notebook, reader, gathered):
    """Add what a notebook's tagged cells hold, and note what is missing in it."""
    if notebook is None:
        return
    cells = [(number, cell, tags_of(cell)) for number, cell in enumerate(notebook.cells, start=1)]
    wanted = [
        (number, cell, tags)
        for number, cell, tags in cells
        if tags & {"report", "answer", "question"}
    ]
    note_missing(path.stem, cells, gathered.missing)
    if not wanted:
        return
    gathered.pieces.append(
        Piece([raw(f"#part({literal(title_of(notebook, path))})")], "", path.stem)
    )
    for number, cell, tags in wanted:
        where = f"{path.stem}, cell {number}"
        if cell.cell_type == "markdown":
            level = 2 if "question" in tags else 3
            gathered.pieces.append(reader.markdown(cell, where, level))
            if "answer" in tags and is_unanswered(cell.source):
                gathered.pieces[-1] = Piece([raw('#absent("Not answered yet.")')], "", where)
        elif cell.cell_type == "code":
            gathered.pieces += reader.outputs(cell, where)


def gather_all(path, notebook, reader, gathered):
    """Add a whole notebook to the appendix: prose, code and outputs."""
    if notebook is None:
        return
    gathered.pieces.append(
        Piece([raw(f"#appendix({literal(title_of(notebook, path))})")], "", path.stem)
    )
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"appendix, {path.stem}, cell {number}"
        if cell.cell_type == "markdown":
            gathered.pieces.append(reader.markdown(cell, where, 4))
        elif cell.cell_type == "code":
            if cell.source.strip():
                gathered.pieces.append(
                    Piece([raw(code(cell.source, "python"))], cell.source, where)
                )
            gathered.pieces += reader.outputs(cell, where, with_caption=False)


def gather_surprises(folder, reader, gathered):
    """Add the student's predictions: those furthest off, how sure they were, and all of them."""
    records = store.load(folder.parent / "data" / store.FILE.name)
    tables = {
        "Furthest off": surprises.furthest(records),
        "How sure, and how often right or near": surprises.by_confidence(records),
        "All predictions": surprises.table(records),
    }
    if not len(tables["All predictions"]):
        return
    gathered.pieces.append(Piece([raw('#part("Predictions")')], "", "predictions"))
    for caption, table in tables.items():
        if len(table):
            gathered.pieces.append(reader.table(surprises.to_html(table), caption, "predictions"))
    if sentence := surprises.verdict(records):
        gathered.pieces.append(Piece([raw(f"#{literal(sentence)}")], sentence, "predictions"))


def title_of(notebook, path):
    """Return the first heading of a notebook, else its name."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"#\s+(.+)", cell.source)):
            return found.group(1).strip()
    return path.stem


def note_missing(name, cells, missing):
    """Add a sentence for each unanswered question, failed check and cell that was not run."""
    unrun = [
        n for n, c, tags in cells if "report" in tags and c.cell_type == "code" and not c.outputs
    ]
    if unrun:
        missing.append(
            f"{name}: not run, or run without a result: cell{'s' * (len(unrun) > 1)} {listed(unrun)}."
        )
    question = None
    for _, cell, tags in cells:
        if "question" in tags:
            if question:
                missing.append(f"{name}: no answer to “{question}”")
            question = cell.source.lstrip("# ").strip()
        elif "answer" in tags:
            if question is not None and is_unanswered(cell.source):
                missing.append(f"{name}: not answered: “{question}”")
            question = None
        elif "check" in tags and cell.cell_type == "code":
            exercise = cell.metadata.get("exercise", "?")
            if not has_passed(cell):
                missing.append(f"{name}: the check of {exercise} has not passed.")
    if question:
        missing.append(f"{name}: no answer to “{question}”")


def listed(numbers):
    """Return "3, 5 and 8"."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def list_missing(missing):
    """Return typst for the list of what is missing; nothing where nothing is."""
    return f"#missing(({', '.join(literal(sentence) for sentence in missing)},))" if missing else ""
