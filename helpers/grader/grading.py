"""submissions -> grades.csv, feedback and answers to read: a class, side by side, going on where it
was stopped.
"""

import csv
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import jinja2
import joblib
from tqdm.auto import tqdm

from helpers.exercises.cells import key_of, read_notebooks
from helpers.files import NOTEBOOKS, WorkbookError, atomic_write, digest
from helpers.grader import hidden, probes
from helpers.grader.sandbox import LIMITS, find_sandbox, run_notebook
from helpers.grader.scoring import Score, grading_notebook, make_plan, scores_of
from helpers.grader.submissions import Submission, find_submissions, read_submissions
from helpers.workers import workers

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet computes begins with one of these
GRADING_VERSION = (
    4  # raise it when grades would come out otherwise: all submissions are then graded anew
)


@dataclass(frozen=True)
class Graded:
    """What grading one submission gave."""

    name: str
    key: str  # changes with the submission's exercises, the course and the secret
    scores: list  # of Score
    status: str  # "ok", or what happened
    notes: tuple
    seconds: float

    @property
    def points(self):
        """The points of all exercises."""
        return sum(score.points for score in self.scores)


def grade(
    folder,
    out,
    masters=NOTEBOOKS,
    secret=None,
    jobs=None,
    cluster=None,
    limits=LIMITS,
    unsafe=False,
):
    """Grade every submission in a folder; write `out`; return the list of Graded.

    What has been graded before, by the same course, secret and limits, is not graded again. `jobs`
    submissions are graded at a time, or a Dask cluster grades them whose scheduler has the address
    `cluster`.
    """
    out, paths = Path(out), find_submissions(folder)
    notebooks = read_notebooks(masters)
    plan = make_plan(notebooks, secret or own_secret(out), limits, find_sandbox(unsafe))
    course, answers, done, todo = course_key(plan), {}, {}, []
    read = read_submissions(paths, notebooks)
    for submission in tqdm(read, "Reading", len(paths), unit="submission", leave=False, delay=1):
        name, answers[submission.name] = submission.name, submission.answers
        key = digest([course, work_of(submission), submission.refused])
        earlier = read_graded(result_path(out, name))
        if earlier and earlier.key == key:
            done[name] = earlier
        else:
            todo.append((submission, key))
    if todo:
        check_masters(out, plan, course, cluster)
    for graded in grade_all(todo, plan, jobs, cluster):
        done[graded.name] = graded
        write_text(result_path(out, graded.name), json.dumps(asdict(graded), indent=1))
    ordered = [done[name] for name in paths]
    write_tables(out, ordered, plan, answers, questions_of(notebooks))
    return ordered


def check_masters(out, plan, course, cluster):
    """Grade the masters' solutions, once for a course; WorkbookError says which of them do not
    pass.
    """
    earlier = read_graded(out / "master.json")
    if earlier and earlier.key == course:
        return
    sources = {exercise.name: exercise.source for exercise in plan.exercises}
    (graded,) = grade_all([(Submission("the master", sources), course)], plan, 1, cluster)
    if wrong := [f"{s.exercise} ({s.message})" for s in graded.scores if s.points < s.possible]:
        raise WorkbookError(
            f"Nobody is graded, for the master's own solutions do not pass here: {'; '.join(wrong[:3])}. Mend the "
            "notebooks or their hidden checks; if all of them fail, then the sandbox cannot run Python."
        )
    write_text(out / "master.json", json.dumps(asdict(graded), indent=1))


def grade_all(todo, plan, jobs, cluster):
    """Yield a Graded for every (Submission, key), in the order in which they end; one is never the
    end of others.
    """
    yield from (refused(submission, key, plan) for submission, key in todo if submission.refused)
    starved = []
    sound = [pair for pair in todo if not pair[0].refused]
    for pair, graded, was_starved in run_all(sound, plan, jobs, cluster):
        if was_starved:
            starved.append((pair, graded))
        else:
            yield graded
    for pair, graded in starved:  # once more, with nothing beside it
        for _, again, _ in run_all([pair], plan, 1, cluster):
            yield max(graded, again, key=lambda g: g.points)


def run_all(sound, plan, jobs, cluster):
    """Yield ((Submission, key), Graded, whether the machine was too busy for it), as they end."""
    if not sound:
        return
    notebooks = {}  # those that are being run

    def task(index):
        """Return the work on a submission; joblib asks for it when a worker will soon be free."""
        notebooks[index] = notebook_of(sound[index][0], plan)
        return joblib.delayed(run_numbered)(index, notebooks[index], plan.sandbox, plan.limits)

    with workers(min(jobs or joblib.cpu_count(), len(sound)), 1, cluster):
        results = joblib.Parallel(return_as="generator_unordered")(map(task, range(len(sound))))
        results = tqdm(results, total=len(sound), desc="Grading", unit="submission")
        for index, lines, why, was_starved, seconds in results:
            submission, key = sound[index]
            scores = scores_of(notebooks.pop(index), lines or [], plan)
            status = f"Stopped: {why}." if why else "ok"
            key = key if lines is not None else ""  # no key: next time it is graded anew
            said = scores, status, submission.notes, round(seconds, 1)
            yield sound[index], Graded(submission.name, key, *said), was_starved


def notebook_of(submission, plan):
    """Return the grading notebook of a Submission: the same each time."""
    return grading_notebook(
        plan, submission.sources, submission.context, digest(work_of(submission))
    )


def work_of(submission):
    """Return what decides a Submission's inputs, in an order that no file's name changes."""
    return [sorted(submission.sources.items()), sorted(submission.context.items())]


def run_numbered(index, *task):
    """Return (index, what `run_notebook` says, seconds); None for lines after an error of ours."""
    start = time.monotonic()
    try:
        lines, why, was_starved = run_notebook(*task)
    except Exception as error:  # whatever a submission brought about, the others go on
        lines, was_starved = None, False
        why = f"the grading failed, run it again ({type(error).__name__}: {error})"
    return index, lines, why, was_starved, time.monotonic() - start


def refused(submission, key, plan):
    """Return the Graded of a Submission that is not run."""
    scores = [Score(exercise.name, 0, exercise.points, "not graded") for exercise in plan.exercises]
    return Graded(
        submission.name, key, scores, f"Refused: {submission.refused}", submission.notes, 0.0
    )


def course_key(plan):
    """Return a digest of all that decides a grade, but the submission."""
    code = [Path(module.__file__).read_text() for module in (hidden, probes)]
    exercises = [asdict(exercise) for exercise in plan.exercises]
    return digest(
        [
            GRADING_VERSION,
            exercises,
            plan.imports,
            plan.secret,
            asdict(plan.limits),
            plan.sandbox,
            code,
        ]
    )


def own_secret(out):
    """Return the secret kept in `out`, made there the first time."""
    path = out / "secret.txt"
    if not path.exists():
        with atomic_write(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(16))
    return path.read_text().strip()


# --- results on disk ------------------------------------------------------------------------------


def result_path(out, name):
    """Return where a submission's result is kept."""
    return out / "results" / f"{file_name(name)}.json"


def file_name(name):
    """Return a name that any file system takes, different for different names."""
    plain = re.sub(r"[^\w.-]", "_", name)[:80]
    return plain if plain == name else f"{plain}-{digest(name)[:8]}"


def read_graded(path):
    """Return the Graded in a file, None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text())
        return Graded(
            **content
            | {"scores": [Score(**s) for s in content["scores"]], "notes": tuple(content["notes"])}
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


# --- Graded -> tables and pages -------------------------------------------------------------------


def questions_of(notebooks):
    """Return the report's questions, in order."""
    keys = [key_of(cell) for notebook in notebooks.values() for cell in notebook.cells]
    return list(dict.fromkeys(key[1] for key in keys if key and key[0] == "answer"))


def write_tables(out, graded, plan, answers, questions):
    """Write the answers to read, grades.csv, and the pages of feedback, for people and for
    Gradescope.
    """
    marks = {question: write_answers(out, question, answers) for question in questions}
    manual = {
        g.name: [(q, *marks[q][g.name]) for q in questions if any(marks[q][g.name])] for g in graded
    }
    write_grades(out / "grades.csv", graded, plan, manual)
    page = jinja2.Template(Path(__file__).with_name("feedback.html").read_text(), autoescape=True)
    for g in graded:
        comments, possible = manual[g.name], sum(score.possible for score in g.scores)
        text = page.render(
            **vars(g),
            points=g.points,
            possible=possible,
            comments=comments,
            manual=total_of(comments),
        )
        write_text(out / "feedback" / f"{file_name(g.name)}.html", text)
        write_text(
            out / "gradescope" / file_name(g.name) / "results.json",
            json.dumps(gradescope(g), indent=1),
        )


def write_text(path, text):
    """Write a text file, whole or not at all; what UTF-8 cannot say becomes a question mark."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def write_rows(path, columns, rows):
    """Write a CSV file, whole or not at all; no cell is a formula to a spreadsheet, whatever a
    student wrote.
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


def write_grades(path, graded, plan, manual):
    """Write one row a submission; `answers` are the points that a reader gave by hand."""
    columns = [
        "submission",
        *(e.name for e in plan.exercises),
        "answers",
        "status",
        "seconds",
        "total",
    ]
    rows = []
    for g in graded:
        by_hand = total_of(manual[g.name])
        rows.append(
            [
                g.name,
                *(s.points for s in g.scores),
                by_hand,
                g.status,
                g.seconds,
                g.points + by_hand,
            ]
        )
    write_rows(path, columns, rows)


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


def write_answers(out, question, answers):
    """Write all answers to a question, beside points and comment as a reader filled them in; return
    these by name.
    """
    path = out / "answers" / f"{file_name(question)}.csv"
    kept = read_rows(path) if path.exists() else {}
    marks = {
        name: (row.get("points") or "", row.get("comment") or "") for name, row in kept.items()
    }
    for name, (points, _) in marks.items():
        if points and not re.fullmatch(r"\d+([.]\d+)?", points.strip()):
            raise WorkbookError(
                f'{path}: the points of {name} are "{points}". Write a number there, or nothing.'
            )
    texts = {name: given.get(question, "") for name, given in answers.items()}
    texts = {
        name: as_written(row["answer"]) for name, row in kept.items() if any(marks[name])
    } | texts
    rows = [[name, texts[name], *marks.get(name, ("", ""))] for name in sorted(texts)]
    write_rows(path, ["submission", "answer", "points", "comment"], rows)
    return {name: marks.get(name, ("", "")) for name in texts}


def gradescope(graded):
    """Return what Gradescope reads from results.json."""
    tests = [
        {
            "name": score.exercise,
            "score": score.points,
            "max_score": score.possible,
            "output": score.message,
            "output_format": "text",
        }
        for score in graded.scores
    ]
    output = "\n".join([*([] if graded.status == "ok" else [graded.status]), *graded.notes])
    return {
        "score": graded.points,
        "execution_time": graded.seconds,
        "output": output,
        "tests": tests,
    }
