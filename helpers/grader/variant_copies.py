"""masters, roster, secret -> a zip for each student: the notebooks with numbers of their own."""

import contextlib
import io
import tempfile
import zipfile
from pathlib import Path

import nbformat

from helpers.exercises.cells import import_of_checks, imports_of, read_notebooks
from helpers.exercises.points import find_exercises
from helpers.files import NOTEBOOKS, WorkbookError, atomic_write
from helpers.grader.release import NAME, find_leaks, student_copy
from helpers.grader.roster import read_roster
from helpers.grader.scoring import LIBRARIES
from helpers.grader.tables import file_name
from helpers.grader.variants import numbers_for, with_numbers

FOLDER = "variants"


def students_of(roster):
    """Return the names of a roster, its column `folder`, once each.

    Raises WorkbookError where nobody stands in it.
    """
    names = sorted({row["folder"] for row in read_roster(roster)} - {""})
    if not names:
        raise WorkbookError(f"{roster} names nobody in its column folder. Fill it in.")
    return names


def release_variants(out, names, secret, masters=NOTEBOOKS):
    """Write `out`/variants/NAME.zip for each name: what lies over the release, with own numbers.

    Returns the zips. Raises WorkbookError, and writes none, where a master's solution does not pass
    a variant's own check, or would leak.
    """
    notebooks = read_notebooks(masters)
    zips = {}
    for name in names:
        own = with_numbers(notebooks, numbers_for(secret, name))
        if failed := failures(own):
            raise WorkbookError(
                f"The variant of {name} does not pass its own checks: {'; '.join(failed)}."
            )
        zips[Path(out) / FOLDER / f"{file_name(name)}.zip"] = zipped(own)
    for path, content in zips.items():
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    return list(zips)


def zipped(notebooks):
    """Return the bytes of a zip with the students' copies of some masters."""
    with tempfile.TemporaryDirectory() as temporary:
        for stem, notebook in notebooks.items():
            nbformat.write(student_copy(notebook), Path(temporary) / f"{stem}.ipynb")
        if leaks := find_leaks(notebooks, Path(temporary)):
            raise WorkbookError(f"Nothing is released, for this would leak: {leaks[0]}.")
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(temporary).iterdir()):
                archive.write(path, f"{NAME}/notebooks/{path.name}")
    return content.getvalue()


def failures(notebooks):
    """Return a sentence for each of the masters' solutions that its own check refuses."""
    found = []
    for exercise in find_exercises(notebooks):
        try:
            if run_check(exercise, notebooks[exercise.notebook]) != f"{exercise.name}: right\n":
                found.append(f"{exercise.name} (its check says nothing)")
        except Exception as error:  # whatever a check raises
            found.append(f"{exercise.name} ({error})")
    return found


def run_check(exercise, notebook):
    """Return what an exercise's check prints. Trusted code, run in this process."""
    imports = f"{LIBRARIES}\n{imports_of(notebook)}\n{import_of_checks(exercise.notebook)}"
    scope, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(f"{imports}\n{exercise.source}\n{exercise.check}", scope)
    return printed.getvalue()
