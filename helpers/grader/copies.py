"""folder of a class, Policy -> the dated copies that each student handed in."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from helpers.files import WorkbookError
from helpers.grader.policy import is_skipped, moment_of
from helpers.grader.submissions import find_submissions, is_submission
from helpers.grader.unpacking import DROPPINGS

# A name that ends with a date: ada_2026-05-01, ada_2026-05-01T1200, 2026-05-01T12-00-30Z.
DATED = re.compile(
    r"(?:(?P<student>.+)[ _-])?(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T_ ](?P<hour>\d\d)[:.-]?(?P<minute>\d\d)(?:[:.-]?(?P<second>\d\d))?(?P<utc>Z)?)?"
)


@dataclass(frozen=True)
class Copy:
    """One of the copies that a student or team handed in."""

    name: str  # as the folder has it: "ada", "ada_2026-05-01", "ada/2026-05-01T1200"
    student: str
    path: Path
    stamp: date | None = None  # a date or datetime, where the name has one
    note: str = ""  # a sentence on what is odd


def copies_of(folder, policy):
    """Return {name: Copy} of a folder; without a Policy, each submission is the only copy."""
    found = find_submissions(folder)
    if policy is None:
        return {name: Copy(name, name, path) for name, path in found.items()}
    copies = {}
    for name, path in found.items():
        copies |= {copy.name: copy for copy in copies_at(name, path, policy)}
    return copies


def copies_at(name, path, policy):
    """Return the Copies in one entry of a class's folder.

    An entry whose name ends with a date is one. A folder in which every folder, zip and notebook is
    a folder or zip named by a date holds as many copies. All else is one copy without a date.
    """
    if stamped := stamp_of(path, policy):
        return [Copy(name, stamped[0] or name, path, stamped[1])]
    inner = [p for p in sorted(path.iterdir()) if is_submission(p)] if path.is_dir() else []
    stamps = {p: stamp_of(p, policy) for p in inner if p.is_dir() or p.suffix.lower() == ".zip"}
    stamps = {
        p: stamped[1] for p, stamped in stamps.items() if stamped and stamped[0] in (None, name)
    }
    if not stamps:
        return [Copy(name, name, path)]
    if others := [p.name for p in inner if p not in stamps]:
        note = (
            f"It holds dated copies, and {others[0]} without a date: all of it is read as one copy."
        )
        return [Copy(name, name, path, note=note)]
    return [Copy(f"{name}/{p.name}", name, p, stamp) for p, stamp in stamps.items()]


def stamp_of(path, policy):
    """Return (student or None, date or datetime) that a path's name says, or None."""
    match = DATED.fullmatch(path.name if path.is_dir() else path.stem)
    if not match:
        return None
    try:
        stamp = date.fromisoformat(match["date"])
        if match["hour"]:
            hour, minute, second = (int(match[k] or 0) for k in ("hour", "minute", "second"))
            stamp = datetime(stamp.year, stamp.month, stamp.day, hour, minute, second)
    except ValueError as error:
        raise WorkbookError(
            f"{path}: there is no such date or time ({error}). Rename it, as in ada_2026-05-01T1200."
        ) from error
    if match["utc"]:
        stamp = stamp.replace(tzinfo=UTC)
    if is_skipped(stamp, policy.time_zone):
        raise WorkbookError(
            f"{path}: this time does not exist in {policy.time_zone}, for the clocks are put forward "
            "then. Rename it, with a Z at the end if the time is in UTC."
        )
    return match["student"], stamp


def submitted_at(copy, policy):
    """Return (datetime with a zone, whether it is only the file's time) of a Copy."""
    if copy.stamp:
        return moment_of(copy.stamp, policy, copy.student), False
    return datetime.fromtimestamp(file_time(copy.path), UTC), True


def file_time(path):
    """Return when the newest notebook or zip of a copy was changed, in seconds since 1970."""
    times = [path.lstat().st_mtime]
    if path.is_dir():
        inside = (p for p in path.rglob("*") if p.suffix.lower() in (".ipynb", ".zip"))
        kept = [p for p in inside if not set(p.relative_to(path).parts) & DROPPINGS]
        times = [p.lstat().st_mtime for p in kept] or times
    return max(times)


def submitted_text(copy, policy):
    """Return when a Copy was handed in, for people: in the course's time zone."""
    moment, is_file_time = submitted_at(copy, policy)
    local = policy.local(moment).isoformat(" ", "seconds")
    return f"{local} (the file's time)" if is_file_time else local
