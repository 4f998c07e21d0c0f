"""folder or zip of a student -> its notebooks' cells; what is dangerous is refused. Runs no code.

Only Python's own library is used, for this runs in a process of its own: see `reading_process`.
"""

import io
import json
import lzma
import os
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_NOTEBOOK_MB, MAX_TOTAL_MB, MAX_NOTEBOOKS, MAX_DEPTH = 40, 200, 300, 2
MAX_ENTRIES = 50_000  # files in a zip, photographs too: their names alone take memory
# Parts of JSON in one notebook, some 100 MB of memory; the master's largest has 22,000.
MAX_PARTS = 400_000
MAX_TEXT = 200_000  # characters of one Markdown cell
MAX_CODE = 50_000  # characters of one code cell
MAX_ALL_CODE = 1_000_000  # characters of all code cells; the master has 56,000
DROPPINGS = {
    *("__MACOSX", ".ipynb_checkpoints", ".git", "before", "__pycache__", ".venv", "venv"),
    *("site-packages", "node_modules"),
}
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
    *(EOFError, OSError, ValueError),
)


class Refused(Exception):
    """A submission that could do harm, or cannot be read."""


TOO_LONG = "too long"
NO_NOTEBOOK = (ValueError, TypeError, AttributeError, KeyError, RecursionError, Refused)


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook: what grading needs of it."""

    kind: str  # "code", "markdown" or TOO_LONG
    source: str
    tags: frozenset
    exercise: str
    question: str


def read_notebooks(path, stems):
    """Return ({file: cells}, notes) of a submission; well-named notebooks, new ones, come last."""
    if path.is_symlink():
        raise Refused(f"{path.name} is a link.")
    notebooks, notes, num_characters, budget = {}, [], 0, Budget()
    read = read_folder if path.is_dir() else read_file
    for file, content in read(path, budget):
        try:
            notebooks[file] = cells_of(content)
        except NO_NOTEBOOK as error:
            why = str(error) if isinstance(error, Refused) else "cannot be read as a notebook"
            notes.append(f"{file} {why}.")
            continue
        code = [cell for cell in notebooks[file] if cell.kind == "code"]
        if any(cell.kind == TOO_LONG for cell in notebooks[file]):
            notes.append(f"{file} has a cell of more than {MAX_CODE:,} characters: passed over.")
        num_characters += sum(len(cell.source) for cell in code)
        if num_characters > MAX_ALL_CODE:
            raise Refused(f"It holds more than {MAX_ALL_CODE:,} characters of code (at {file}).")
    notes += budget.notes
    if not notebooks:
        raise Refused("It holds no notebook." if not notes else f"It holds no notebook: {notes[0]}")
    return {file: notebooks[file] for file in sorted(notebooks, key=age_of(stems))}, notes


def age_of(stems):
    """Return a key that sorts files, the best last.

    First come copies by another name, then what lies in a folder for old things, then what lies
    deep.
    """
    old = re.compile(r"old|backup|copy|copies|previous|release|original|archiv|\balt", re.I)

    def key(file):
        path = PurePosixPath(file)
        is_old = any(old.search(part) for part in path.parent.parts)
        return path.stem in stems, not is_old, -len(path.parts), file

    return key


# --- folder or zip -> notebooks as bytes -------------------------------------------------------


def read_folder(folder, budget):
    """Yield (name, bytes) of the notebooks in a folder, and in zips in it."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - DROPPINGS)
        for name in sorted(names):
            path = Path(root) / name
            if not is_wanted(PurePosixPath(name)):
                continue
            if path.is_symlink():
                raise Refused(f"{path.relative_to(folder)} is a link.")
            if path.is_file():
                yield from notebooks_at(path, path.relative_to(folder).as_posix(), budget, 1)


def read_file(path, budget):
    """Yield (name, bytes) of a notebook, or of those in a zip. Nothing is written to disk."""
    yield from notebooks_at(path, path.name, budget, 0)


def notebooks_at(path, name, budget, depth):
    """Yield (name, bytes) of a notebook on disk, or of those in a zip on disk."""
    if is_zip(name):
        with path.open("rb") as file:
            yield from unzip(file, f"{name}/" if depth else "", budget, depth)
    else:
        budget.take(name, path.stat().st_size)
        yield name, path.read_bytes()


class Budget:
    """How much of a submission may still be read."""

    def __init__(self):
        self.bytes_left, self.notebooks_left = MAX_TOTAL_MB * 2**20, MAX_NOTEBOOKS
        self.notes = []

    def take(self, name, size):
        """Take a notebook's size; Refused where it is too large, or all of them together."""
        self.bytes_left, self.notebooks_left = self.bytes_left - size, self.notebooks_left - 1
        if size > MAX_NOTEBOOK_MB * 2**20:
            raise Refused(f"{name} is larger than {MAX_NOTEBOOK_MB} MB.")
        if self.bytes_left < 0:
            raise Refused(f"It is larger than {MAX_TOTAL_MB} MB (at {name}).")
        if self.notebooks_left < 0:
            raise Refused(f"It has more than {MAX_NOTEBOOKS} notebooks.")


def is_zip(name):
    """Return whether a file is a zip, by its name."""
    return name.lower().endswith(".zip")


def is_wanted(path):
    """Return whether a file is a notebook or a zip, and not what a system or Jupyter left there."""
    if path.name.startswith("._") or set(path.parts) & DROPPINGS:
        return False
    return path.suffix.lower() in (".ipynb", ".zip")


def unzip(file, prefix, budget, depth):
    """Yield the notebooks of an open zip, and of zips in it; no more than a header promises."""
    what = prefix.rstrip("/") or "The zip"
    if depth > MAX_DEPTH:
        raise Refused(f"{what} is a zip in a zip in a zip.")
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise Refused(f"{what} has more than {MAX_ENTRIES:,} files.")
            for info in archive.infolist():
                path = PurePosixPath(info.filename.replace("\\", "/"))
                if info.is_dir() or not is_wanted(path):
                    continue
                refuse_dangerous(info, path)
                if is_zip(path.name) and info.file_size > MAX_NOTEBOOK_MB * 2**20:
                    budget.notes.append(f"{path} is larger than {MAX_NOTEBOOK_MB} MB: passed over.")
                    continue
                budget.take(info.filename, info.file_size)
                with archive.open(info) as entry:
                    content = entry.read(info.file_size)
                if is_zip(path.name):
                    yield from unzip(io.BytesIO(content), f"{prefix}{path}/", budget, depth + 1)
                else:
                    yield f"{prefix}{path}", content
    except BROKEN as error:
        raise Refused(f"{what} cannot be read ({str(error)[:200]}).") from error


def refuse_dangerous(info, path):
    """Raise Refused for an entry of a zip that points elsewhere."""
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", info.filename):
        raise Refused(f"{info.filename} points out of the zip.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Refused(f"{info.filename} is a link.")


# --- bytes -> cells ----------------------------------------------------------------------------


def cells_of(content):
    """Return the Cells of a notebook of any nbformat; ValueError and others where it is none."""
    if sum(content.count(sign) for sign in (b"{", b"[", b",")) > MAX_PARTS:
        raise Refused("consists of too many parts")
    notebook = json.loads(content)
    cells = notebook.get("cells")
    if not isinstance(cells, list):  # nbformat 3 has sheets
        cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    return [cell for cell in map(cell_of, cells) if cell]


def cell_of(cell):
    """Return a Cell, None for one that is not sound; one longer than anybody writes is empty."""
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown"):
        return None
    kind, source = cell["cell_type"], cell.get("source", cell.get("input"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    if len(source) > (MAX_CODE if kind == "code" else MAX_TEXT):
        kind, source = TOO_LONG, ""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    tags = metadata.get("tags")
    tags = [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []
    names = [str(metadata.get(name) or "")[:200] for name in ("exercise", "question")]
    return Cell(kind, source, frozenset(tags), *names)
