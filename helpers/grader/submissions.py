"""folder of a class -> Submissions: exercise sources and answers, whatever state they are in.

They are read by a process apart, which has limits and refuses what is dangerous: see `reading_process`.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from helpers.exercises.cells import PROMPT, key_of
from helpers.exercises.points import find_exercises
from helpers.files import ROOT, WorkbookError
from helpers.grader.unpacking import DROPPINGS


@dataclass(frozen=True)
class Submission:
    """What a student or team handed in."""

    name: str
    sources: dict = field(default_factory=dict)  # {exercise: source}
    context: dict = field(default_factory=dict)  # {exercise: statements that it uses elsewhere}
    answers: dict = field(default_factory=dict)  # {question: text}
    notes: tuple = ()  # sentences on what was odd
    refused: str = ""  # why nothing of it is graded


def find_submissions(folder):
    """Return {name: path} of the folders, zips and notebooks in a folder, in order.

    There is one for each student or team.
    """
    if not Path(folder).is_dir():
        raise WorkbookError(f"There is no folder {folder}. Name the one that holds submissions.")
    found = {}
    for path in filter(is_submission, sorted(Path(folder).iterdir())):
        name = path.name if path.is_dir() else path.stem
        found[path.name if name in found else name] = path
    if not found:
        raise WorkbookError(
            f"{folder} holds no submissions. Put each into a folder or a zip of its own there."
        )
    return found


def is_submission(path):
    """Return whether a path is a folder, zip or notebook, and not what a system left there."""
    if path.name.startswith(".") or path.name in DROPPINGS:
        return False
    return path.is_dir() or path.suffix.lower() in (".zip", ".ipynb")


def read_submissions(paths, masters):
    """Yield the Submission at each of {name: path}; `masters` are the course's {stem: notebook}."""
    for said in read_all(paths, course_of(masters)):
        kept = {name: said[name] for name in Submission.__dataclass_fields__ if name in said}
        yield Submission(**kept | {"notes": tuple(said.get("notes", ()))})


def read_submission(name, path, masters):
    """Return the Submission in a folder, a zip or a notebook."""
    (submission,) = read_submissions({name: path}, masters)
    return submission


def course_of(masters):
    """Return what the reader looks for: the names of exercises, questions and libraries."""
    from helpers.grader.scoring import names_given

    keys = {key_of(cell) for master in masters.values() for cell in master.cells} - {None}
    return {
        "exercises": [exercise.name for exercise in find_exercises(masters)],
        "questions": sorted(name for kind, name in keys if kind == "answer"),
        "stems": list(masters),
        "prompt": PROMPT,
        "given": sorted(names_given(masters)),
    }


def read_all(paths, course):
    """Yield what the reader says of each of {name: path}."""
    task = {"course": course, "paths": {name: str(Path(p).absolute()) for name, p in paths.items()}}
    command = [sys.executable, "-m", "helpers.grader.reading_process"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        json.dump(task, process.stdin)
        process.stdin.close()
        missing = dict(paths)
        for line in process.stdout:
            said = json.loads(line)
            missing.pop(said["name"])
            yield said
    for name in missing:  # the reader itself ended
        yield {"name": name, "refused": "It cannot be read (its reading ended)."}
