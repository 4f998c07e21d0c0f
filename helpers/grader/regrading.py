"""a student's name -> graded once more, with what changed against the last time, and why."""

import csv
import difflib
import json
from datetime import UTC, datetime
from pathlib import Path

from helpers.files import WorkbookError
from helpers.grader.grading import grade, read_graded, result_path
from helpers.grader.tables import as_written, write_rows

LOG = "regrades.csv"
COLUMNS = ["time", "submission", "before", "after", "changed", "why"]
# What decides a grade: {part of a Graded: what to say when it changed}.
REASONS = {
    "submission": "the submission changed",
    "master": "the master changed (an exercise, its points or its checks)",
    "secret": "the secret changed",
    "limits": "the limits or the sandbox changed",
}
NO_REASON = "nothing that decides a grade changed"


def regrade(name, folder, out, **options):
    """Grade one student again, in any case; return sentences on what changed and why.

    All of the student's copies are run; others keep what they got, but for the policy. The
    sentences are added to regrades.csv. `options` are those of `grade`. Raises WorkbookError for a
    student who is not there, or was not graded before.
    """
    out = Path(out)
    before = Snapshot(out, name)
    if before.row is None:
        near = difflib.get_close_matches(name, before.totals, 1)
        way_out = f'Did you mean "{near[0]}"?' if near else "Grade the class first."
        raise WorkbookError(f'{out}/grades.csv has no row for "{name}". {way_out}')
    grade(folder, out, only=name, **options)
    after = Snapshot(out, name)
    changed, why = changes(before.row, after.row), reasons(before, after)
    now = datetime.now(UTC).isoformat(" ", "seconds")
    add_to_log(
        out / LOG, [now, name, before.total, after.total, "; ".join(changed), "; ".join(why)]
    )
    sentences = [f"{name}: {before.total} points before, {after.total} now."]
    sentences += [f"  {change}" for change in changed]
    sentences += [f"  Why: {'; '.join(why)}."]
    others = [n for n, total in after.totals.items() if before.totals.get(n, total) != total]
    if others := [n for n in others if n != name]:
        sentences.append(
            f"Totals of others changed, too, by the policy or answers: {', '.join(others)}."
        )
    return sentences


class Snapshot:
    """What is known of a student and a class at one time."""

    def __init__(self, out, name):
        rows = {}
        if (out / "grades.csv").exists():
            with (out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
                rows = {as_written(row["submission"]): row for row in csv.DictReader(file)}
        self.row = rows.get(name)
        self.totals = {n: row["total"] for n, row in rows.items()}
        self.total = self.totals.get(name)
        graded = read_graded(result_path(out, name))
        self.parts = graded.parts if graded else {}
        try:
            self.policy = json.loads((out / "course.json").read_text())["policy"] or {}
        except (OSError, ValueError, KeyError):
            self.policy = {}


def changes(before, after):
    """Return ["double: 0 -> 5"] for what differs between two rows of grades.csv."""
    columns = [c for c in dict.fromkeys([*before, *after]) if c not in ("seconds", "submission")]
    pairs = [(column, before.get(column, "-"), after.get(column, "-")) for column in columns]
    return [f"{column}: {old or '-'} -> {new or '-'}" for column, old, new in pairs if old != new]


def reasons(before, after):
    """Return what changed of all that decides a grade, between two Snapshots."""
    found = []
    if not before.parts:
        found.append("unknown, for it was graded by an older version")
    for part, sentence in REASONS.items():
        if before.parts and before.parts.get(part) != after.parts.get(part):
            found.append(sentence)
    keys = dict.fromkeys([*before.policy, *after.policy])
    if policy := [key for key in keys if before.policy.get(key) != after.policy.get(key)]:
        found.append(f"the policy changed ({', '.join(policy)})")
    if before.row["status"] != after.row["status"]:
        found.append(f"the last run ended otherwise ({before.row['status']})")
    if before.row.get("answers") != after.row.get("answers"):
        found.append("points for answers changed")
    return found or [NO_REASON]


def add_to_log(path, line):
    """Add a line to the log of regrades, whole or not at all."""
    lines = []
    if path.exists():
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[as_written(cell) for cell in row] for row in csv.reader(file)][1:]
    write_rows(path, COLUMNS, [*lines, line])
