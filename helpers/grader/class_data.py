"""graded/ -> one class: grades, reasons, answers to read. Reads only; every number is grades.csv's."""

import json
import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from helpers.exercises.cells import is_unanswered
from helpers.files import WorkbookError
from helpers.grader.tables import as_written, read_rows

NUM_SLOWEST = 10


@dataclass(frozen=True)
class Student:
    """One row of grades.csv, with what its result says."""

    name: str
    total: float
    answers: float  # points given by hand
    status: str
    seconds: float
    scores: list  # of {"exercise", "points", "possible", "message", ...}; points as in grades.csv
    notes: tuple
    given: int  # answers that it holds
    unread: int  # of these

    @property
    def failed(self):
        """The scores with less than all points."""
        return [s for s in self.scores if s["points"] < s["possible"]]

    @property
    def points(self):
        """The points of all exercises."""
        return sum(score["points"] for score in self.scores)


@dataclass(frozen=True)
class Course:
    """All that the page of a class shows."""

    students: list  # of Student, as in grades.csv
    exercises: pd.DataFrame  # exercise, possible, passed, rate (0..1), mean
    criteria: pd.DataFrame  # exercise, criterion, passed, rate; empty where results hold none
    reasons: pd.DataFrame  # exercise, reason, students, example
    questions: pd.DataFrame  # question, given, read, unread, mean (of those read)

    @property
    def totals(self):
        """The totals of all students."""
        return [student.total for student in self.students]

    @property
    def slowest(self):
        """The students whose grading took longest."""
        return sorted(self.students, key=lambda s: -s.seconds)[:NUM_SLOWEST]

    @property
    def troubled(self):
        """The students whose grading did not end as it should."""
        return [student for student in self.students if student.status != "ok"]


def read_class(graded):
    """Return the Course in a folder that grading wrote.

    Raises WorkbookError where there is no grades.csv, or where it lacks a column or a result.
    """
    path = graded / "grades.csv"
    if not path.exists():
        raise WorkbookError(f"There is no {path}. Name the folder that `workbook grade` wrote.")
    table = pd.read_csv(path, dtype={"submission": str}, keep_default_na=False)
    if missing := {"submission", "total", "answers", "status", "seconds"} - set(table.columns):
        raise WorkbookError(f"{path} has no column {', '.join(sorted(missing))}. Grade once more.")
    results = read_results(graded, [as_written(name) for name in table["submission"]])
    questions, given, unread = read_answers(graded)
    possible = read_possible(graded)
    students = [
        student_of(row, results[as_written(row["submission"])], given, unread, possible)
        for row in table.to_dict("records")
    ]
    scores = pd.DataFrame([s | {"name": one.name} for one in students for s in one.scores])
    return Course(
        students, exercises_of(scores), criteria_of(scores), reasons_of(scores), questions
    )


def read_results(graded, names):
    """Return {name: what grading kept of it}."""
    found = {}
    for path in sorted((graded / "results").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found[content["name"]] = content
        except (ValueError, KeyError, TypeError) as error:
            raise WorkbookError(f"{path} is damaged. Delete it and grade once more.") from error
    if missing := [name for name in names if name not in found]:
        raise WorkbookError(
            f"{graded / 'results'} holds nothing on {missing[0]}. Grade once more, then ask again."
        )
    return found


def read_possible(graded):
    """Return {exercise: points} that grading counted by, {} where it did not say."""
    try:
        return json.loads((graded / "course.json").read_text())["exercises"]
    except (OSError, ValueError, KeyError):
        return {}


def student_of(row, result, given, unread, possible):
    """Return the Student of a row of grades.csv; exercises that have no column are left out."""
    scores = [
        score
        | {"points": number(row[score["exercise"]])}
        | {"possible": possible.get(score["exercise"], score["possible"])}
        for score in result["scores"]
        if score["exercise"] in row
    ]
    name = result["name"]
    by_hand, total = number(row["answers"]), number(row["total"])
    said = str(row["status"]), float(row["seconds"]), scores, tuple(result.get("notes", ()))
    return Student(name, total, by_hand, *said, given[name], unread[name])


def number(value):
    """Return a number of a table, whole where it is whole."""
    value = float(value or 0)
    return int(value) if value == int(value) else value


def read_answers(graded):
    """Return (a row per question, {name: answers given}, {name: of these, not yet read})."""
    rows, given, unread = [], Counter(), Counter()
    for path in sorted((graded / "answers").glob("*.csv")):
        table = read_rows(path)
        written = {name: row for name, row in table.items() if not is_unanswered(row["answer"])}
        open_ones = [name for name, row in written.items() if not (row["points"] or "").strip()]
        points = [float(row["points"]) for row in table.values() if (row["points"] or "").strip()]
        given.update(list(written))
        unread.update(open_ones)
        mean = sum(points) / len(points) if points else None
        row = [path.stem, len(written), len(written) - len(open_ones), len(open_ones), mean]
        rows.append(row)
    columns = ["question", "given", "read", "unread", "mean"]
    return pd.DataFrame(rows, columns=columns), given, unread


# --- what failed, and why --------------------------------------------------------------------------


def exercises_of(scores):
    """Return a row per exercise, in the order of the course."""
    if scores.empty:
        return pd.DataFrame(columns=["exercise", "possible", "passed", "rate", "mean"])
    scores = scores.assign(passed=scores["points"] >= scores["possible"])
    groups = scores.groupby("exercise", sort=False)
    table = groups.agg(
        possible=("possible", "max"),
        passed=("passed", "sum"),
        rate=("passed", "mean"),
        mean=("points", "mean"),
    )
    return table.reset_index()


def criteria_of(scores):
    """Return a row per criterion of an exercise, where results hold "criteria"."""
    rows = [
        [exercise, criterion["name"], criterion["points"] >= criterion["possible"]]
        for exercise, criteria in zip(scores.get("exercise", []), scores.get("criteria", []))
        if isinstance(criteria, list)
        for criterion in criteria
    ]
    table = pd.DataFrame(rows, columns=["exercise", "criterion", "passed"])
    groups = table.groupby(["exercise", "criterion"], sort=False)["passed"]
    return (
        groups.agg(["sum", "mean"])
        .reset_index()
        .set_axis(["exercise", "criterion", "passed", "rate"], axis=1)
    )


def reasons_of(scores):
    """Return how many students each mistake or reason cost an exercise, most first.

    A result that names a known "mistake" is counted under that; else messages that differ only in
    numbers are one reason.
    """
    failed = (
        [] if scores.empty else scores[scores["points"] < scores["possible"]].to_dict("records")
    )
    keys = [(score["exercise"], reason_of(score)) for score in failed]
    examples = dict(zip(reversed(keys), reversed([score["message"] for score in failed])))
    rows = [[*key, n, examples[key]] for key, n in Counter(keys).most_common()]
    return pd.DataFrame(rows, columns=["exercise", "reason", "students", "example"])


def reason_of(score):
    """Return the name of a score's mistake, or its message without its numbers."""
    if isinstance(score.get("mistake"), str) and score["mistake"]:
        return score["mistake"]
    return re.sub(r"-?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", "…", score["message"])
