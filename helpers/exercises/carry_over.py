"""newer release + a student's folder -> the release with the student's work in it."""

import shutil
from pathlib import Path

import nbformat

from helpers.exercises.cells import key_of, read_notebooks
from helpers.files import WorkbookError, atomic_write


def carry_over(folder, copies, old=None):
    """Bring a student's folder, with exercises and answers, to a release; return what changed.

    `copies` is the release, {stem: notebook}. The student's work is taken from `old` {stem:
    notebook}, by default the folder's own. The notebooks as they were stay in `before/`, beside the
    new ones. Raises WorkbookError if `before/` exists already.
    """
    old, before = old or read_notebooks(Path(folder) / "notebooks"), Path(folder) / "before"
    if before.exists():
        raise WorkbookError(f"{before} is there already, from an earlier time. Move it away first.")
    shutil.copytree(Path(folder) / "notebooks", before)
    work = {
        key_of(cell): cell.source
        for notebook in old.values()
        for cell in notebook.cells
        if key_of(cell)
    }
    changes, placed = [], set()
    for stem, copy in copies.items():
        keys = {key_of(cell): cell for cell in copy.cells if key_of(cell)}
        for key in keys.keys() & work.keys():
            keys[key].source = work[key]
        placed |= keys.keys() & work.keys()
        with atomic_write(Path(folder) / "notebooks" / f"{stem}.ipynb") as temporary:
            nbformat.write(copy, temporary)
        changes.append(f"{stem}: {len(keys.keys() & work.keys())} cells of yours carried over.")
        changes += [
            f"{stem}: {kind} {name} is new." for kind, name in sorted(keys.keys() - work.keys())
        ]
    gone = sorted(work.keys() - placed)
    return changes + [
        f"{kind} {name} has no place any more; it is in before/." for kind, name in gone
    ]
