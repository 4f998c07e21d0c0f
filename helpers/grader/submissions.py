"""folder or zip of a student -> exercise sources and answers, whatever state it is in; what is dangerous is refused."""

import ast
import io
import lzma
import os
import re
import stat
import warnings
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import nbformat

from helpers.exercises.cells import PROMPT, as_python, imports_of, key_of, name_of, tags_of
from helpers.exercises.points import find_exercises
from helpers.files import WorkbookError

MAX_NOTEBOOK_MB, MAX_TOTAL_MB, MAX_FILES, MAX_DEPTH = 40, 200, 3000, 2
MAX_PARTS = 3_000_000  # of JSON in all notebooks of one; half a gigabyte of memory
MAX_SOURCE = 200_000  # characters of one cell
DROPPINGS = {"__MACOSX", ".ipynb_checkpoints", ".git", "before", "__pycache__", ".venv"}


@dataclass(frozen=True)
class Submission:
    """What a student or team handed in."""

    name: str
    sources: dict = field(default_factory=dict)  # {exercise: source}
    imports: dict = field(default_factory=dict)  # {exercise: import statements of its notebook}
    answers: dict = field(default_factory=dict)  # {question: text}
    notes: tuple = ()  # sentences on what was odd
    refused: str = ""  # why nothing of it is graded


class Refused(Exception):
    """A submission that could do harm, or cannot be read."""


def find_submissions(folder):
    """Return {name: path} of the folders, zips and notebooks in a folder, one for each student or team, in order."""
    if not Path(folder).is_dir():
        raise WorkbookError(f"There is no folder {folder}. Name the folder that holds the submissions.")
    found = {}
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith(".") or path.name in DROPPINGS:
            continue
        if path.is_dir() or path.suffix.lower() in (".zip", ".ipynb"):
            name = path.name if path.is_dir() else path.stem
            found[path.name if name in found else name] = path
    if not found:
        raise WorkbookError(f"{folder} holds no submissions. Put each into a folder or a zip of its own there.")
    return found


def read_submission(name, path, masters):
    """Return the Submission in a folder, a zip or a notebook; `masters` are the course's {stem: notebook}."""
    try:
        return read(name, path, masters)
    except Refused as error:
        return Submission(name, refused=str(error))
    except Exception as error:  # whatever a submission holds, the others are read
        return Submission(name, refused=f"It cannot be read ({type(error).__name__}).")


def read(name, path, masters):
    """Return the Submission; Refused says why one is not read."""
    if path.is_symlink():
        raise Refused(f"{path.name} is a link.")
    files = read_folder(path) if path.is_dir() else read_file(path)
    if sum(content.count(sign) for content in files.values() for sign in (b"{", b"[", b",")) > MAX_PARTS:
        raise Refused("Its notebooks consist of too many parts.")
    notebooks, notes = {}, []
    for file in sorted(files, key=lambda file: (PurePosixPath(file).stem in masters, file)):  # well-named ones last
        try:
            with warnings.catch_warnings():  # of cells without an id, which tools of some years ago wrote
                warnings.simplefilter("ignore")
                notebooks[file] = nbformat.reads(files[file].decode(), as_version=4)
            notebooks[file].cells = [cell for cell in notebooks[file].cells if is_sound(cell)]
        except Exception:  # a damaged file can raise anything
            notebooks.pop(file, None)
            notes.append(f"{file} cannot be read as a notebook.")
    if not notebooks:
        return Submission(name, notes=tuple(notes), refused="It holds no notebook.")
    return gather(name, notebooks, masters, notes)


# --- folder or zip -> notebooks as bytes -----------------------------------------------------------------------------


def read_folder(folder):
    """Return {name: bytes} of the notebooks in a folder, and in zips in it."""
    files, budget = {}, Budget()
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - DROPPINGS)
        for name in [*folders, *sorted(names)]:
            path = Path(root) / name
            if path.is_symlink():
                raise Refused(f"{path.relative_to(folder)} is a link.")
            if path.is_file() and is_wanted(PurePosixPath(name)):
                budget.take(name, path.stat().st_size)
                add(files, path.relative_to(folder).as_posix(), path.read_bytes(), budget, 1)
    return files


def read_file(path):
    """Return {name: bytes} of a notebook, or of those in a zip and in zips in it. Nothing is written to disk."""
    files, budget = {}, Budget()
    budget.take(path.name, path.stat().st_size)
    if path.suffix.lower() == ".zip":
        unzip(files, "", path.read_bytes(), budget, 1)
    else:
        add(files, path.name, path.read_bytes(), budget, 1)
    return files


class Budget:
    """How much of a submission may still be read."""

    def __init__(self):
        self.bytes_left, self.files_left = MAX_TOTAL_MB * 2**20, MAX_FILES

    def take(self, name, size):
        """Take a file's size from the budget; Refused where it is too large, or all of them together."""
        self.bytes_left, self.files_left = self.bytes_left - size, self.files_left - 1
        if size > MAX_NOTEBOOK_MB * 2**20 and not name.lower().endswith(".zip"):
            raise Refused(f"{name} is larger than {MAX_NOTEBOOK_MB} MB.")
        if self.bytes_left < 0:
            raise Refused(f"It is larger than {MAX_TOTAL_MB} MB (at {name}).")
        if self.files_left < 0:
            raise Refused(f"It has more than {MAX_FILES} files.")


def is_wanted(path):
    """Return whether a file is a notebook or a zip, and not what a system or Jupyter left there."""
    if path.name.startswith("._") or set(path.parts) & DROPPINGS:
        return False
    return path.suffix.lower() in (".ipynb", ".zip")


def add(files, name, content, budget, depth):
    """Add a notebook to files, or what a zip holds."""
    if not name.lower().endswith(".zip"):
        files[name] = content
    elif depth > MAX_DEPTH:
        raise Refused(f"{name} is a zip in a zip in a zip.")
    else:
        unzip(files, f"{name}/", content, budget, depth)


def unzip(files, prefix, content, budget, depth):
    """Add the notebooks of a zip to files; read no more than a file's header promises."""
    if content.count(b"PK\x01\x02") > MAX_FILES:  # entries, each of which takes memory
        raise Refused(f"{prefix.rstrip('/') or 'The zip'} has more than {MAX_FILES} files.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                path = PurePosixPath(info.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", info.filename):
                    raise Refused(f"{info.filename} points out of the zip.")
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise Refused(f"{info.filename} is a link.")
                budget.take(info.filename, 0 if not is_wanted(path) else info.file_size)
                if not info.is_dir() and is_wanted(path):
                    with archive.open(info) as file:
                        part = file.read(info.file_size)
                    add(files, prefix + path.as_posix(), part, budget, depth + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise Refused(f"{prefix.rstrip('/') or 'The zip'} cannot be read ({error}).") from error


# --- notebooks -> sources and answers --------------------------------------------------------------------------------


def gather(name, notebooks, masters, notes):
    """Return the Submission in notebooks {file: notebook}; of what stands twice, the last that is done."""
    wanted = {exercise.name for exercise in find_exercises(masters)}
    questions = {key_of(cell) for master in masters.values() for cell in master.cells} - {None}
    found, answers = {}, {}
    for notebook in notebooks.values():
        imports = imports_of(notebook)
        for cell in notebook.cells:
            exercise = exercise_of(cell, wanted)
            if exercise:
                found.setdefault(exercise, []).append((cell.source, imports, "exercise" in tags_of(cell)))
            elif key_of(cell) in questions and cell.cell_type == "markdown":
                answers.setdefault(key_of(cell)[1], []).append(cell.source)
    found = {exercise: [c for c in all_of if c[2]] or all_of for exercise, all_of in found.items()}  # marked ones first
    chosen = {exercise: last_done(candidates) for exercise, candidates in found.items()}
    for exercise, candidates in found.items():
        if len({source for source, *_ in candidates if is_done(source)}) > 1:
            notes.append(f"{exercise} stands there in several versions; the last was graded.")
    if missing := sorted(wanted - set(found)):
        notes.append(f"Not there: {', '.join(missing)}.")
    return Submission(
        name,
        {exercise: source for exercise, (source, *_) in chosen.items()},
        {exercise: imports for exercise, (_, imports, _) in chosen.items()},
        {question: last_done([(text, "") for text in texts])[0] for question, texts in answers.items()},
        tuple(notes),
    )


def exercise_of(cell, wanted):
    """Return the exercise that a cell solves: by its mark, else by the function that it defines; None for others."""
    if cell.cell_type != "code" or tags_of(cell) & {"check", "hidden"}:
        return None
    if "exercise" in tags_of(cell) and name_of(cell) in wanted:
        return name_of(cell)
    try:
        names = [node.name for node in ast.parse(as_python(cell.source)).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return next((name for name in names if name in wanted), None)


def last_done(candidates):
    """Return the last (source, ...) that is not the stub or prompt of the release, or the last."""
    done = [candidate for candidate in candidates if is_done(candidate[0])]
    return (done or candidates)[-1]


def is_sound(cell):
    """Return whether a cell has a type and a source that is text, of a length that somebody may have written."""
    return isinstance(cell.get("source"), str) and len(cell.source) <= MAX_SOURCE and cell.get("cell_type") in TYPES


TYPES = ("code", "markdown", "raw")


def is_done(source):
    """Return whether a student has written something."""
    return "raise NotImplementedError" not in source and PROMPT not in source
