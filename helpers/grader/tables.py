"""Graded submissions -> grades.csv, feedback pages, answers to read, files for Gradescope."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import jinja2

from helpers.exercises.cells import key_of
from helpers.files import WorkbookError, atomic_write, digest
from helpers.grader.criteria import Criterion

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet computes begins with one of these


def file_name(name):
    """Return a name that any file system takes, different for different names."""
    plain = re.sub(r"[^\w.-]", "_", name)[:80]
    return plain if plain == name else f"{plain}-{digest(name)[:8]}"


def questions_of(notebooks):
    """Return the report's questions, in order."""
    keys = [key_of(cell) for notebook in notebooks.values() for cell in notebook.cells]
    return list(dict.fromkeys(key[1] for key in keys if key and key[0] == "answer"))


def write_tables(out, graded, exercises, answers, marks, standings=None, remarks=None):
    """Write the answers to read, grades.csv, and feedback for people and for Gradescope.

    `exercises` are the names that count, `answers` {name: {question: text}}, `marks` what
    `read_marks` returns; `standings` {name: Standing} are there where the course has a policy,
    `remarks` {name: {question: sentence}} where students have variants.
    """
    for question in marks:
        write_answers(out, question, answers, marks[question], remarks)
    manual = {g.name: given_by_hand(marks, g.name) for g in graded}
    standings = standings or {}
    write_grades(out / "grades.csv", graded, exercises, manual, standings)
    write_mistakes(out / "mistakes.csv", graded)
    write_criteria(out / "criteria.csv", graded)
    page = jinja2.Template(Path(__file__).with_name("feedback.html").read_text(), autoescape=True)
    for g in graded:
        comments, possible = manual[g.name], sum(score.possible for score in g.scores)
        text = page.render(
            **vars(g),
            points=g.points,
            possible=possible,
            comments=comments,
            manual=total_of(comments),
            standing=standings.get(g.name),
        )
        write_text(out / "feedback" / f"{file_name(g.name)}.html", text)
        write_text(
            out / "gradescope" / file_name(g.name) / "results.json",
            json.dumps(gradescope(g), indent=1),
        )


def given_by_hand(marks, name):
    """Return [(question, points, comment)] that a reader gave a student."""
    given = [(question, *of_all.get(name, ("", ""))[:2]) for question, of_all in marks.items()]
    return [mark for mark in given if any(mark[1:])]


def write_text(path, text):
    """Write a text file, whole or not at all; what UTF-8 cannot say becomes a question mark."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def write_rows(path, columns, rows):
    """Write a CSV file, whole or not at all.

    No cell is a formula to a spreadsheet, whatever a student wrote.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file)
        writer.writerows([columns, *([harmless(value) for value in row] for row in rows)])


def harmless(value):
    """Return a value that a spreadsheet shows and does not compute."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def as_written(value):
    """Return what `harmless` was given."""
    return value[1:] if value.startswith(tuple(f"'{sign}" for sign in FORMULAS)) else value


def write_grades(path, graded, exercises, manual, standings):
    """Write one row a submission; `answers` are the points that a reader gave by hand.

    With a policy there are also the raw points, the penalty, and when it was handed in.
    """
    policy_columns = ["raw", "penalty", "submitted", "late"] if standings else []
    columns = ["submission", *exercises, "answers", *policy_columns, "status", "seconds", "total"]
    rows = []
    for g in graded:
        by_hand, of_policy = total_of(manual[g.name]), []
        total = g.points + by_hand
        if standings:
            verdict, total = standings[g.name].verdict, standings[g.name].verdict.total
            late = verdict.late if verdict.is_accepted else f"{verdict.late}, not accepted"
            of_policy = [verdict.raw, verdict.penalty, standings[g.name].submitted, late]
        points = [s.points for s in g.scores]
        rows.append([g.name, *points, by_hand, *of_policy, g.status, g.seconds, total])
    write_rows(path, columns, rows)


def write_mistakes(path, graded):
    """Write how many students made each known mistake, exercise by exercise, the most first."""
    made = Counter((s.exercise, s.mistake) for g in graded for s in g.scores if s.mistake)
    order = list(dict.fromkeys(s.exercise for g in graded for s in g.scores))
    rows = sorted(made.items(), key=lambda row: (order.index(row[0][0]), -row[1], row[0][1]))
    write_rows(path, ["exercise", "mistake", "students"], [[*key, n] for key, n in rows])


def write_criteria(path, graded):
    """Write a row per student, exercise and criterion; most exercises have several."""
    rows = [
        [g.name, score.exercise, part.name, part.points, part.possible]
        for g in graded
        for score in g.scores
        for part in parts_of(score)
    ]
    write_rows(path, ["submission", "exercise", "criterion", "points", "possible"], rows)


def parts_of(score):
    """Return the criteria of a Score: one, for the whole exercise, where it has none."""
    whole = Criterion("all of it", score.points, score.possible, score.message)
    return score.criteria or (whole,)


def total_of(comments):
    """Return the sum of the points in [(question, points, comment)], whole where they are whole."""
    total = sum(float(points or 0) for _, points, _ in comments)
    return int(total) if total == int(total) else total


def read_rows(path):
    """Return {submission: row} of a table of answers as a spreadsheet saved it."""
    csv.field_size_limit(2**30)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        delimiter = ";" if ";" in file.readline() else ","
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=delimiter))
    if rows and not {"submission", "answer", "points", "comment"} <= set(rows[0]):
        raise WorkbookError(
            f"{path} has lost its columns submission, answer, points and comment. Restore its first row."
        )
    return {as_written(row["submission"]): row for row in rows}


def read_marks(out, questions):
    """Return {question: {name: (points, comment, answer)}} of what a reader filled in.

    Raises WorkbookError for points that are no number.
    """
    marks = {}
    for question in questions:
        path = answers_path(out, question)
        kept = read_rows(path) if path.exists() else {}
        marks[question] = {
            name: (row.get("points") or "", row.get("comment") or "", as_written(row["answer"]))
            for name, row in kept.items()
        }
        for name, (points, *_) in marks[question].items():
            if points and not re.fullmatch(r"\d+([.]\d+)?", points.strip()):
                raise WorkbookError(
                    f'{path}: the points of {name} are "{points}". Write a number there, or nothing.'
                )
    return marks


def answers_path(out, question):
    """Return where the answers to a question are read."""
    return out / "answers" / f"{file_name(question)}.csv"


def write_answers(out, question, answers, marks, remarks=None):
    """Write all answers to a question, with the points and comments that a reader filled in.

    What has a mark stays, also when there is no such submission any more. A column `variant` says
    what `remarks` {name: {question: sentence}} says.
    """
    texts = {name: given.get(question, "") for name, given in answers.items()}
    texts = {name: text for name, (*given, text) in marks.items() if any(given)} | texts
    rows = [[name, texts[name], *marks.get(name, ("", ""))[:2]] for name in sorted(texts)]
    columns = ["submission", "answer", "points", "comment"]
    if remarks and any(question in said for said in remarks.values()):
        columns.append("variant")
        rows = [[*row, remarks.get(row[0], {}).get(question, "")] for row in rows]
    write_rows(answers_path(out, question), columns, rows)


def gradescope(graded):
    """Return what Gradescope reads from results.json: a test per criterion.

    What the checks said of an exercise stands at its first criterion.
    """
    tests = []
    for score in graded.scores:
        for number, part in enumerate(parts_of(score)):
            said = {"name": f"{score.exercise}: {part.name}", "output": part.verdict}
            if number == 0:
                said["output"] = score.message
            if not score.criteria:
                said["name"] = score.exercise
            points = {"score": part.points, "max_score": part.possible}
            tests.append(said | points | {"output_format": "text"})
    output = "\n".join([*([] if graded.status == "ok" else [graded.status]), *graded.notes])
    return {
        "score": graded.points,
        "execution_time": graded.seconds,
        "output": output,
        "tests": tests,
    }
