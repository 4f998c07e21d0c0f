"""roster.csv -> who is behind each submission, with the ids that a learning platform knows."""

import csv
import io
import re
from pathlib import Path

from helpers.files import WorkbookError

# Names of columns, as platforms write them in their own lists; others are kept as they are.
SAME = {
    "submission": "folder",
    "student": "name",
    "full_name": "name",
    "surname": "last_name",
    "lastname": "last_name",
    "firstname": "first_name",
    "email_address": "email",
    "e_mail": "email",
    "idnumber": "id_number",
    "user_name": "username",
    "login_id": "sis_login_id",
}


def read_roster(path):
    """Return the rows of a roster as dicts; their keys are lower case, as in `sis_login_id`.

    It has a column `folder`, the name in `submissions`, and a row per student; the members of a
    team have the same folder. A platform's own list will do, with that column added. Commas,
    semicolons and tabs are read, UTF-8 and UTF-16. Raises WorkbookError for what is no roster.
    """
    text = text_of(path)
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)))
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        raise WorkbookError(
            f"{path} is empty. Write a row with the names of columns, then students."
        )
    columns = [column_of(cell) for cell in lines[0]]
    if "folder" not in columns:
        raise WorkbookError(
            f"{path} has no column called folder. Add it: for each student, the name of the folder or "
            "zip in the submissions."
        )
    if twice := [c for c in columns if c and columns.count(c) > 1]:
        raise WorkbookError(f"{path} has two columns called {twice[0]}. Delete one.")
    rows = [dict(zip(columns, (cell.strip() for cell in line))) for line in lines[1:]]
    rows = [dict.fromkeys(columns, "") | row for row in rows]
    return [row for row in rows if "points possible" not in " ".join(row.values()).lower()]


def text_of(path):
    """Return the text of a file in UTF-8 or, with its mark at the beginning, in UTF-16."""
    content = Path(path).read_bytes()
    is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkbookError(f"{path} is not UTF-8 text. Save it as CSV in UTF-8.") from error


def delimiter_of(text):
    """Return what separates the columns of a text: the sign of which its first line has most."""
    first = text.lstrip().split("\n")[0]
    return max(",;\t", key=first.count)


def column_of(name):
    """Return the name of a column in our spelling: "SIS Login ID" gives "sis_login_id"."""
    plain = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    return SAME.get(plain, plain)


def name_of(row):
    """Return a student's name, "Last, First" where the roster has both parts, else the folder."""
    parts = [row.get("last_name", ""), row.get("first_name", "")]
    return row.get("name") or ", ".join(filter(None, parts)) or row["folder"]


def match(rows, names):
    """Return ([(row, name of a submission)], sentences on what does not fit).

    Every submission and every row is in a pair or in a sentence.
    """
    pairs, said, seen = [], [], []
    for row in rows:
        if row in seen:
            said.append(f"{name_of(row)} stands twice in the roster, both times alike: taken once.")
            continue
        seen.append(row)
        if not row["folder"]:
            said.append(f"{name_of(row)} has no folder in the roster, and so gets no points.")
        elif row["folder"] not in names:
            said.append(
                f"{name_of(row)} handed in nothing: there is no submission {row['folder']}."
            )
        else:
            pairs.append((row, row["folder"]))
    listed = {row["folder"] for row in rows}
    said += [
        f"{name} is not in the roster, and so is not exported."
        for name in names
        if name not in listed
    ]
    return pairs, said
