"""path -> safe file: places, writes that cannot be half done, errors in plain sentences."""

import hashlib
import json
import os
import time
from contextlib import contextmanager
from numbers import Real
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
RESULTS = DATA / "results"
NOT_SOLVED = ": not solved yet"  # how the message of an exercise's stub ends
# Packages of helpers/ that student copies and sandboxes do not have.
TEACHERS = "grader"
MAKERS = "maker"


class WorkbookError(Exception):
    """An error the user can fix: its message names the file or option, and the way out."""

    def _render_traceback_(self):
        """Return the lines that IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def check_number(name, value, low, high, whole=True):
    """Raise WorkbookError, with the argument's name, unless a number lies from low to high."""
    is_whole = getattr(value, "__index__", None) is not None and not isinstance(value, bool)
    is_number = is_whole or (not whole and isinstance(value, Real))
    if not is_number or not low <= value <= high:
        kind = "whole number" if whole else "number"
        raise WorkbookError(f"{name} is {value!r}; it can be a {kind} from {low:,} to {high:,}.")


def profile():
    """Return WORKBOOK_PROFILE: "full" (default), or "quick" (a few epochs on a few images)."""
    name = os.environ.get("WORKBOOK_PROFILE") or "full"
    if name not in ("full", "quick"):
        raise WorkbookError(f'WORKBOOK_PROFILE is "{name}"; it can be "full" or "quick".')
    return name


def cache_folder():
    """Return the folder of caches: WORKBOOK_CACHE, or data/.cache."""
    return Path(os.environ.get("WORKBOOK_CACHE") or DATA / ".cache")


@contextmanager
def atomic_write(path):
    """Yield a temporary path that replaces `path` in one step if the block succeeds.

    It lies beside `path`. A process that is killed leaves the old file or the new one, never a part
    of one. A later write, an hour or more after, removes what it left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_leftovers(path, age_s=3600):
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > age_s:
                leftover.unlink()
        except FileNotFoundError:  # another process was quicker
            pass


def digest(values):
    """Return 20 hexadecimal digits that change when `values` (anything that JSON can hold) do."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:20]
