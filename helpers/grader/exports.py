"""graded/ and a roster -> the file that Canvas, Moodle or Blackboard imports.

A platform finds its students by their ids, never by the names, which are there for people. So a
name that looks like a formula is written with an apostrophe before it, and the import still works.
"""

import csv
import json
from pathlib import Path

from helpers.files import WorkbookError, atomic_write
from helpers.grader.policy import whole
from helpers.grader.roster import match, name_of, read_roster
from helpers.grader.tables import FORMULAS, as_written, harmless

ITEM = "Scene workbook"
# The columns by which a platform finds a student: {ours: theirs}.
IDS = {
    "canvas": {"id": "ID", "sis_user_id": "SIS User ID", "sis_login_id": "SIS Login ID"},
    "moodle": {"email": "Email address", "id_number": "ID number", "username": "Username"},
    "blackboard": {"username": "Username"},
    "csv": {},
}
# Canvas takes columns with these words in their name for its own.
CANVAS_OWN = ("Current ", "Final ", "Override ")
MOODLE_MAX = 100  # points of a grade item that Moodle makes itself


def export(out, system, roster=None, item=None):
    """Write the points of a graded class for a platform; return (path, sentences on what to know).

    `system` is "canvas", "moodle", "blackboard" or "csv", `roster` a file (see `read_roster`),
    `item` the heading of the column of points, as the platform writes it. Nothing is graded.
    """
    rows, out = refuse_export(system, roster), Path(out)
    grades, possible, said = read_grades(out)
    rows = [{"folder": name} for name in grades] if rows is None else rows
    if IDS[system] and not set(IDS[system]) & set(rows[0] if rows else ()):
        raise WorkbookError(
            f"{roster} has none of the columns {', '.join(IDS[system])}, by which {system.title()} knows "
            "students. Add one of them."
        )
    pairs, not_matched = match(rows, grades)
    pairs, not_known = with_ids(pairs, IDS[system], grades)
    content = WRITERS[system]([(row, grades[name]) for row, name in pairs], possible, item, said)
    path = out / f"for_{system}.csv"
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        is_quoted = system == "blackboard"  # as its documentation wants it
        csv.writer(file, quoting=csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL).writerows(
            content
        )
    odd = [
        f"{n}: {grades[n]['status']} Its points are exported."
        for _, n in pairs
        if grades[n]["status"] != "ok"
    ]
    return path, [*not_matched, *not_known, *dict.fromkeys(odd), *said, *unread_marks(out)]


def unread_marks(out):
    """Return a sentence where answers were marked after grades.csv was written, else nothing."""
    written = (out / "grades.csv").stat().st_mtime
    newer = [p for p in (out / "answers").glob("*.csv") if p.stat().st_mtime > written]
    return [
        "Answers were marked since grades.csv was written, and these points are not in it. Grade once more "
        "(workbook grade), then export again."
    ] * bool(newer)


def refuse_export(system, roster):
    """Return the rows of a roster, None without one.

    Raises WorkbookError for a platform that is not known, or a roster that is needed.
    """
    if system not in IDS:
        raise WorkbookError(f'--for is "{system}"; it can be {", ".join(IDS)}.')
    if not roster and IDS[system]:
        raise WorkbookError(
            f"{system.title()} knows students by {' or '.join(IDS[system])}. Name a table that has it, "
            "and a column folder with the names of the submissions: --roster roster.csv."
        )
    return read_roster(roster) if roster else None


def read_grades(out):
    """Return ({name: row of grades.csv}, points possible, sentences) of a graded class."""
    try:
        course = json.loads((out / "course.json").read_text())
        with (out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        grades = {as_written(row["submission"]): row for row in rows}
        for row in rows:
            row["total"] = whole(float(row["total"]))
        answer_points = (course["policy"] or {}).get("answer_points")
        possible = sum(course["exercises"].values()) + (answer_points or 0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbookError(
            f"{out} holds no grades.csv and course.json that can be read. Grade the class again: "
            "workbook grade."
        ) from error
    said = []
    if answer_points is None and any(float(row["answers"] or 0) for row in rows):
        said.append(
            f"The points possible, {whole(possible)}, are those of the exercises alone. Write the most that the "
            "answers can get into course.toml: answer_points = ..."
        )
    return grades, whole(possible), said


def with_ids(pairs, ids, grades):
    """Return (pairs whose students a platform can tell apart, sentences on the others)."""
    said, kept, taken = [], [], set()
    for row, name in pairs:
        points = f"Enter the {grades[name]['total']} points by hand."
        given = [row.get(column, "") for column in ids]
        clash = next(
            (c for c in ids if row.get(c) and len({n for r, n in pairs if r.get(c) == row[c]}) > 1),
            None,
        )
        if ids and not any(given):
            said.append(f"{name_of(row)} has no {' or '.join(ids)} in the roster. {points}")
        elif any(value.startswith(FORMULAS) for value in given):
            said.append(f"{name_of(row)} has an id that a spreadsheet would compute. {points}")
        elif ids and (*given, name) in taken:
            said.append(f"{name_of(row)} ({name}) stands twice in the roster: taken once.")
        elif clash:
            said.append(
                f"{name_of(row)} ({name}) has the {clash} {row[clash]}, and so has another submission. "
                f"Correct the roster, or: {points[0].lower()}{points[1:]}"
            )
        else:
            kept.append((row, name))
            taken.add((*given, name))
    return kept, said


# --- platforms: [(row of the roster, row of grades.csv)] -> lines ---------------------------------


def canvas(students, possible, item, said):
    """Return Canvas's gradebook: the columns by which it knows a student, then the points.

    Its second line says the points possible. Source: Canvas's guide "How do I import grades in the
    Gradebook?" and lib/gradebook_importer.rb in instructure/canvas-lms, which wants these columns in
    this order.
    """
    item = item or ITEM
    if own := [word for word in CANVAS_OWN if word in item]:
        raise WorkbookError(
            f'"{item}" has the word {own[0].strip()} in it, and Canvas passes over such columns. Choose '
            "another --item."
        )
    if not item.rstrip().endswith(")"):
        said.append(
            f'Canvas adds the points to its assignment "{item}", or makes a new one of that name. To be sure, '
            'take the heading from its own download: --item "Name (12345)".'
        )
    header = ["Student", *IDS["canvas"].values(), "Section", item]
    lines = [header, ["    Points Possible", "", "", "", "", possible]]
    for row, grade in students:
        ids = [row.get(column, "") for column in IDS["canvas"]]
        name, section = harmless(name_of(row)), harmless(row.get("section", ""))
        lines.append([name, *ids, section, grade["total"]])
    return lines


def moodle(students, possible, item, said):
    """Return what Moodle imports as a CSV file: ids, points and feedback, mapped by the teacher.

    Source: docs.moodle.org, "Grade import", and grade/import/csv in moodle/moodle.
    """
    ids = {c: t for c, t in IDS["moodle"].items() if any(row.get(c) for row, _ in students)}
    item = item or ITEM
    if possible > MOODLE_MAX:
        said.append(
            f"A grade item that Moodle makes itself has {MOODLE_MAX} points at most. Add one of {possible} points "
            f'first, and map the column "{item}" to it.'
        )
    lines = [["First name", "Last name", *ids.values(), item, "Feedback"]]
    for row, grade in students:
        last, _, first = name_of(row).partition(", ")
        names = [row.get("first_name") or first, row.get("last_name") or last]
        given = [row.get(column, "") for column in ids]
        lines.append([*map(harmless, names), *given, grade["total"], feedback(grade)])
    return lines


def feedback(grade):
    """Return a line on where the points of a row of grades.csv come from."""
    passed_over = ("submission", "status", "seconds", "total", "answers")
    passed_over += ("raw", "penalty", "submitted", "late")
    parts = [f"{name} {points}" for name, points in grade.items() if name not in passed_over]
    if float(grade["answers"] or 0):
        parts.append(f"answers {grade['answers']}")
    if float(grade.get("penalty") or 0):
        parts.append(f"late by {grade['late']}: {grade['penalty']} points off")
    return harmless(", ".join(parts))


def blackboard(students, possible, item, said):
    """Return Blackboard Learn's grade file: names, user name and a column of points.

    A column keeps to "Name [Total Pts: 140 Score] |12345", by whose number it is found. Source:
    Blackboard's help, "Work Offline with Grade Data": columns of a comma-delimited file are quoted.
    """
    item = item or f"{ITEM} [Total Pts: {possible} Score]"
    if "|" not in item:
        said.append(
            "Blackboard adds a column without a number as new, as text. Make the column there, and take its heading "
            f'from Blackboard\'s download: --item "{ITEM} [Total Pts: {possible} Score] |12345".'
        )
    lines = [["Last Name", "First Name", "Username", item]]
    for row, grade in students:
        last, _, first = name_of(row).partition(", ")
        names = [row.get("last_name") or last, row.get("first_name") or first]
        lines.append([*map(harmless, names), row["username"], grade["total"]])
    return lines


def plain(students, possible, item, said):
    """Return a table of all that the roster and grades.csv have, for any other use."""
    del item, said
    columns = list(dict.fromkeys(column for row, _ in students for column in row))
    from_grades = [c for c in (students[0][1] if students else ()) if c != "submission"]
    lines = [[*columns, *from_grades, "possible"]]
    for row, grade in students:
        given = [harmless(row.get(column, "")) for column in columns]
        lines.append([*given, *(grade[column] for column in from_grades), possible])
    return lines


WRITERS = {"canvas": canvas, "moodle": moodle, "blackboard": blackboard, "csv": plain}
