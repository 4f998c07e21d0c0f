"""Grades as platforms import them, read back as each platform's documentation says it reads them."""

import csv
import io
import json
import os
import re

import pytest

from helpers.files import WorkbookError
from helpers.grader import roster as roster_file
from helpers.grader.exports import export
from helpers.grader.roster import read_roster
from helpers.grader.tables import write_rows, write_text

EVIL = '=HYPERLINK("http://x","y")'


def graded(out, *rows, exercises=None, policy=None):
    """Write a made-up graded class: rows of (name, answers, status, total)."""
    exercises = exercises or {"double": 60, "twice": 60}
    columns = ["submission", *exercises, "answers", "status", "seconds", "total"]
    lines = [[name, 5, 0, answers, status, 1.0, total] for name, answers, status, total in rows]
    write_rows(out / "grades.csv", columns, lines)
    write_text(out / "course.json", json.dumps({"exercises": exercises, "policy": policy}))
    return out


def roster(out, text):
    path = out / "roster.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path):
    """Return the folder of a graded class: a team, a name that is a formula, one cut short."""
    rows = (("ada", 0, "ok", 80), (EVIL, 2, "ok", 62.5), ("team 7", 0, "Stopped: died.", 0))
    return graded(tmp_path, *rows)


ROSTER = (
    "folder,Student,ID,SIS User ID,SIS Login ID,Section,Email address,Username\n"
    'ada,"Łovelace, Ada",101,S1,ada1,Lab A,ada@x.edu,ada1\n'
    '"=HYPERLINK(""http://x"",""y"")","=cmd, Eve",102,S2,eve2,Lab A,eve@x.edu,eve2\n'
    'team 7,"Smith, Bob",103,S3,bob3,Lab B,bob@x.edu,bob3\n'
    'team 7,"Jones, Cy",104,S4,cy4,Lab B,cy@x.edu,cy4\n'
    'dan,"Dan, D.",105,S5,dan5,Lab B,dan@x.edu,dan5\n'
)


def is_computed(cell):
    """Return whether a spreadsheet takes a cell for a formula: a number is none."""
    return cell[:1] in ("=", "+", "@", "-", "\t", "\r") and not re.fullmatch(r"-?[\d.]+", cell)


# --- parsers, each from its platform's documentation and source -----------------------------------


def canvas_import(path):
    """Return ({ID: points}, {assignment: points possible}) as lib/gradebook_importer.rb reads it."""
    content = path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf"), "it compares the first heading with Student"
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    header, points, possible = rows[0], {}, {}
    assert len(header) > 3 and "Student" in header[0] and "ID" in header[1]
    num_info = 3
    if re.search(r"SIS\s+Login\s+ID", header[2]):
        num_info = 4
    elif re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3]):
        num_info = 5 + bool(re.search(r"Integration\s+ID", header[4]))
    assert "Section" in header[num_info - 1]
    own = r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)"
    assignments = [i for i in range(num_info, len(header)) if not re.search(own, header[i])]
    for row in rows[1:]:
        assert len(row) == len(header)
        if "Points Possible" in row[0]:
            possible = {header[i]: float(row[i]) for i in assignments}
        else:
            student = row[1] or row[2] or row[3]  # ID, else SIS User ID, else SIS Login ID
            points[student] = [float(row[i]) for i in assignments]
    return points, possible


def moodle_import(path, map_from, item, map_to):
    """Return {user: (points, feedback)} as grade/import/csv maps columns that the teacher names.

    One user that Moodle does not know fails the whole import.
    """
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))
    header = [heading.strip() for heading in rows[0]]
    found = {}
    for row in rows[1:]:
        user, grade = row[header.index(map_from)], row[header.index(item)]
        if not user:
            continue
        assert user in map_to, f"usermappingerror: {user}"
        found[user] = (float(grade), row[header.index("Feedback")])
    return found


def blackboard_import(path):
    """Return ({user name: points}, (name, total, number) of the column) as its help describes it.

    A comma-delimited file has every column in quotation marks, one record per line, and a header.
    """
    text = path.read_bytes().decode("utf-8")
    lines = text.splitlines()
    assert all(re.fullmatch(r'"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*', line) for line in lines)
    header, *rows = list(csv.reader(lines))
    column = re.fullmatch(r"(.+) \[Total Pts: ([\d.]+) Score\](?: \|(\d+))?", header[-1])
    users = {row[header.index("Username")]: float(row[-1]) for row in rows}
    return users, column.groups()


# --- round trips ----------------------------------------------------------------------------------


def test_canvas_reads_back_every_total_and_the_points_possible(out):
    path, said = export(out, "canvas", roster(out, ROSTER), "Workbook (77)")
    points, possible = canvas_import(path)
    assert points == {"101": [80], "102": [62.5], "103": [0], "104": [0]}
    assert possible == {"Workbook (77)": 120}
    assert path.read_text().startswith(
        "Student,ID,SIS User ID,SIS Login ID,Section,Workbook (77)\n"
    )
    assert not any("assignment" in sentence for sentence in said)


@pytest.mark.parametrize(("column", "ours"), [("SIS User ID", "S1"), ("SIS Login ID", "ada1")])
def test_canvas_needs_only_one_of_its_ids(out, column, ours):
    path, _ = export(out, "canvas", roster(out, f"folder,{column}\nada,{ours}\n"))
    assert canvas_import(path)[0] == {ours: [80]}


def test_moodle_reads_back_points_and_feedback_by_any_id(out):
    path, said = export(out, "moodle", roster(out, ROSTER), "Manual item 1")
    users = {"ada@x.edu", "eve@x.edu", "bob@x.edu", "cy@x.edu", "dan@x.edu"}
    found = moodle_import(path, "Email address", "Manual item 1", users)
    assert {user: points for user, (points, _) in found.items()} == {
        "ada@x.edu": 80,
        "eve@x.edu": 62.5,
        "bob@x.edu": 0,
        "cy@x.edu": 0,
    }
    assert found["eve@x.edu"][1] == "double 5, twice 0, answers 2"
    assert set(moodle_import(path, "Username", "Manual item 1", {"ada1", "eve2", "bob3", "cy4"}))
    assert any("100 points at most" in sentence and "120" in sentence for sentence in said)
    header = next(csv.reader(path.open(newline="")))
    assert header[:3] == ["First name", "Last name", "Email address"]


def test_blackboard_reads_back_totals_by_user_name_and_the_columns_number(out):
    item = "Workbook [Total Pts: 120 Score] |4711"
    path, said = export(out, "blackboard", roster(out, ROSTER), item)
    users, column = blackboard_import(path)
    assert users == {"ada1": 80, "eve2": 62.5, "bob3": 0, "cy4": 0}
    assert column == ("Workbook", "120", "4711") and not any("number" in s for s in said)
    path, said = export(out, "blackboard", roster(out, ROSTER))
    assert blackboard_import(path)[1] == ("Scene workbook", "120", None)
    assert any("column without a number" in sentence for sentence in said)


def test_marks_that_are_not_in_the_grades_yet_are_named(out):
    write_rows(out / "answers" / "why.csv", ["submission"], [])
    os.utime(out / "answers" / "why.csv", (1, 1))
    assert not any("Grade once more" in said for said in export(out, "csv")[1])
    os.utime(out / "grades.csv", (0, 0))
    assert any("Grade once more" in said for said in export(out, "csv")[1])


def test_the_roster_is_read_once(out, monkeypatch):
    read = []
    monkeypatch.setattr(roster_file, "text_of", lambda path: read.append(path) or ROSTER)
    export(out, "canvas", roster(out, ROSTER))
    assert len(read) == 1


def test_csv_has_all_of_the_roster_and_of_the_grades_and_needs_no_roster(out):
    path, _ = export(out, "csv", roster(out, ROSTER))
    rows = list(csv.DictReader(path.open(newline="")))
    assert [row["total"] for row in rows] == ["80", "62.5", "0", "0"]
    assert rows[0]["sis_login_id"] == "ada1" and rows[0]["possible"] == "120"
    path, said = export(out, "csv")
    assert len(list(csv.DictReader(path.open(newline="")))) == 3 and len(said) == 2


@pytest.mark.parametrize("system", ["canvas", "moodle", "blackboard", "csv"])
def test_no_cell_of_an_export_is_a_formula(out, system):
    path, _ = export(out, system, roster(out, ROSTER))
    cells = [cell for row in csv.reader(path.open(newline="")) for cell in row]
    assert any("cmd" in cell for cell in cells) and not any(map(is_computed, cells))


# --- what does not fit ----------------------------------------------------------------------------


def test_whoever_is_not_exported_is_named_with_what_to_do(tmp_path):
    rows = [(name, 0, "ok", 7) for name in ("ada", "bob", "cy", "dan", "eve", "fay")]
    text = (
        "folder,name,ID\nada,Ada,1\nada,Ada,1\nada,Ada L.,1\nbob,Bob,2\ncy,Cy,2\n"
        "dan,Dan,\neve,Eve,=9\n,Gil,5\nhal,Hal,6\n"
    )
    out = graded(tmp_path, *rows)
    path, said = export(out, "canvas", roster(out, text))
    assert canvas_import(path)[0] == {"1": [7]}
    for sentence in (
        "Ada stands twice in the roster, both times alike: taken once.",
        "Ada L. (ada) stands twice in the roster: taken once.",
        "Gil has no folder in the roster, and so gets no points.",
        "Hal handed in nothing: there is no submission hal.",
        "fay is not in the roster, and so is not exported.",
        "Bob (bob) has the id 2, and so has another submission. Correct the roster, or: enter the "
        "7 points by hand.",
        "Dan has no id or sis_user_id or sis_login_id in the roster. Enter the 7 points by hand.",
        "Eve has an id that a spreadsheet would compute. Enter the 7 points by hand.",
    ):
        assert sentence in said


def test_zeros_that_are_no_judgement_are_named(out):
    _, said = export(out, "canvas", roster(out, ROSTER))
    assert "team 7: Stopped: died. Its points are exported." in said
    assert sum("team 7" in sentence for sentence in said) == 1


def test_points_for_answers_belong_to_the_points_possible_where_the_policy_says_how_many(tmp_path):
    out = graded(tmp_path, ("ada", 2, "ok", 62), policy={"answer_points": 20})
    path, said = export(out, "canvas", roster(out, "folder,ID\nada,1\n"), "W (1)")
    assert list(canvas_import(path)[1].values()) == [140] and said == []
    out = graded(tmp_path, ("ada", 2, "ok", 62))
    path, said = export(out, "canvas", roster(out, "folder,ID\nada,1\n"), "W (1)")
    assert list(canvas_import(path)[1].values()) == [120] and "answer_points" in said[0]


@pytest.mark.parametrize(
    ("system", "text", "item", "said"),
    [
        ("canvas", None, None, "--roster"),
        ("sakai", "folder\n", None, "it can be canvas, moodle"),
        ("canvas", "name,ID\nAda,1\n", None, "no column called folder"),
        ("canvas", "folder,email\nada,a@x\n", None, "none of the columns id, sis_user_id"),
        ("canvas", "", None, "is empty"),
        ("canvas", "folder,ID,ID\nada,1,2\n", None, "two columns called id"),
        ("canvas", "folder,ID\nada,1\n", "Final Score", "passes over such columns"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(out, system, text, item, said):
    path = roster(out, text) if text is not None else None
    with pytest.raises(WorkbookError, match=re.escape(said)):
        export(out, system, path, item)
    assert not list(out.glob("for_*"))


def test_a_folder_that_was_not_graded_is_refused(tmp_path):
    with pytest.raises(WorkbookError, match="Grade the class again"):
        export(tmp_path, "csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_roster_is_read_as_platforms_and_spreadsheets_save_it(tmp_path, encoding, sign):
    lines = [
        ["Student", "SIS Login ID", "Section", "folder"],
        ["    Points Possible", "", "", ""],
        ["Łovelace", "ada1", "A", "ada"],
    ]
    path = tmp_path / "roster.csv"
    path.write_bytes("\r\n".join(sign.join(line) for line in lines).encode(encoding))
    expected = {"name": "Łovelace", "sis_login_id": "ada1", "section": "A", "folder": "ada"}
    assert read_roster(path) == [expected]
