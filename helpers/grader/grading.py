"""submissions -> grades.csv, feedback and answers to read: a class, side by side.

A run that was stopped goes on where it was.
"""

import json
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import joblib
from tqdm.auto import tqdm

from helpers.exercises.cells import read_notebooks
from helpers.exercises.points import find_exercises
from helpers.files import NOTEBOOKS, WorkbookError, atomic_write, digest
from helpers.grader import criteria, draws, draws_of_training, hidden, judging, probes
from helpers.grader.copies import copies_of
from helpers.grader.course_file import find_policy
from helpers.grader.criteria import Criterion, criteria_of
from helpers.grader.mistakes.naming import name_mistakes
from helpers.grader.policy import as_json, exercises_of
from helpers.grader.running import run_notebook
from helpers.grader.sandbox import LIMITS, find_sandbox
from helpers.grader.scoring import Score, grading_notebook, make_plan, plan_for, scores_of
from helpers.grader.servers import servers_for
from helpers.grader.standings import count, counted
from helpers.grader.submissions import Submission, read_submissions
from helpers.grader.tables import (
    file_name,
    questions_of,
    read_marks,
    write_tables,
    write_text,
)
from helpers.grader.variants import exercises_for, numbers_for, remark
from helpers.workers import workers

# Raise it when grades would come out otherwise: all submissions are then graded anew.
GRADING_VERSION = 6


@dataclass(frozen=True)
class Graded:
    """What grading one submission gave."""

    name: str
    key: str  # changes with the submission's exercises, the course and the secret
    scores: list  # of Score
    status: str  # "ok", or what happened
    notes: tuple
    seconds: float
    parts: dict = field(default_factory=dict)  # {what decides a grade: its digest}

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
    course=None,
    only=None,
):
    """Grade every submission in a folder; write `out`; return the list of Graded, one per student.

    What has been graded before, by the same course, secret and limits, is not graded again.
    `jobs` submissions are graded at a time, or a Dask cluster grades them whose scheduler has the
    address `cluster`. The policy is in the file `course`, or in course.toml in or beside the folder.
    `only` names the one student who is graded, in any case; all others keep what they got before.
    """
    out, notebooks = Path(out), read_notebooks(masters)
    policy = find_policy(folder, course, [e.name for e in find_exercises(notebooks)])
    copies = copies_of(folder, policy)
    if only and only not in {copy.student for copy in copies.values()}:
        raise WorkbookError(f'{folder} holds no submission of "{only}". Put it there again.')
    plan = make_plan(notebooks, secret or own_secret(out), limits, find_sandbox(unsafe))
    if has_variants := bool(policy and policy.variants):
        refuse_own_secret(secret)
        plan = replace(plan, own=own_exercises(copies, notebooks, secret))
    graded, answers = grade_copies(out, copies, notebooks, plan, jobs, cluster, only)
    marks = read_marks(out, questions_of(notebooks))
    chosen, standings = count(copies, graded, policy, marks)
    for student, name in chosen.items():
        if copy_path(out, copies[name], copies) != result_path(out, student):
            keep(result_path(out, student), graded[name])
    exercises = exercises_of(policy, plan.exercises)
    write_course(out, exercises, policy)
    ordered = [counted(student, copies, graded, policy, standings) for student in chosen]
    answers = {student: answers[name] for student, name in chosen.items()}
    remarks = remarks_on(answers, secret) if has_variants else {}
    write_tables(out, ordered, exercises, answers, marks, standings, remarks)
    return ordered


def refuse_own_secret(secret):
    """Raise WorkbookError where variants are to be graded without the secret of their release."""
    if not secret:
        raise WorkbookError(
            "course.toml says that students have variants. Name the secret that the release was made with: "
            "--secret FILE."
        )


def own_exercises(copies, notebooks, secret):
    """Return {name of a copy: Exercises with the numbers of its student}."""
    students = {copy.student for copy in copies.values()}
    own = {student: exercises_for(notebooks, secret, student) for student in students}
    return {name: own[copy.student] for name, copy in copies.items()}


def remarks_on(answers, secret):
    """Return {student: {question: whether the answer holds the student's numbers}}."""
    found = {}
    for student, texts in answers.items():
        numbers = numbers_for(secret, student)
        found[student] = {
            q: said for q, text in texts.items() if (said := remark(q, text, numbers))
        }
    return found


def grade_copies(out, copies, notebooks, plan, jobs, cluster, only=None):
    """Return ({name: Graded}, {name: {question: answer}}) of {name: Copy}; each result is kept."""
    same_for_all = parts_of_course(plan)
    answers, done, todo, parts = {}, {}, [], {}
    read = read_submissions({name: copy.path for name, copy in copies.items()}, notebooks)
    for submission in tqdm(read, "Reading", len(copies), unit="submission", leave=False, delay=1):
        name, answers[submission.name] = submission.name, submission.answers
        student = copies[name].student
        key = digest([course_key(plan_for(plan, name)), work_of(submission), submission.refused])
        own_part = {"submission": digest([work_of(submission), submission.refused])}
        parts[name] = own_part | same_for_all
        own = copy_path(out, copies[name], copies)
        kept = {path: read_graded(path) for path in (own, result_path(out, student))}
        known = next((g for g in kept.values() if g and g.key == key), None)
        if only and student != only:
            known = known or next(filter(None, kept.values()), None)
            if not known:
                raise WorkbookError(f"{name} is not graded yet. Grade the class first.")
        if known and student != only:
            done[name] = known
            if known is not kept[own]:
                keep(own, known)
        else:
            todo.append((submission, key))
    if todo:
        check_masters(out, plan, course_key(plan), cluster)
    for graded in grade_all(todo, plan, jobs, cluster):
        name, copy = graded.name, copies[graded.name]
        done[name] = replace(graded, name=copy.student, parts=parts[name])
        keep(copy_path(out, copy, copies), done[name])
    return done, answers


def check_masters(out, plan, course, cluster):
    """Grade the masters' solutions, once for a course.

    Raises WorkbookError, which names those that do not pass.
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
    keep(out / "master.json", graded)


def grade_all(todo, plan, jobs, cluster):
    """Yield a Graded for every (Submission, key), in the order in which they end.

    A submission that fails does not end the others.
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
    servers = servers_for(plan.sandbox, plan.limits, tuple(plan.imports.values()))

    def task(index):
        """Return the work on a submission; joblib asks for it when a worker will soon be free."""
        notebooks[index] = notebook_of(sound[index][0], plan)
        work = notebooks[index], plan.sandbox, plan.limits, servers
        return joblib.delayed(run_numbered)(index, *work)

    with workers(min(jobs or joblib.cpu_count(), len(sound)), 1, cluster):
        results = joblib.Parallel(return_as="generator_unordered")(map(task, range(len(sound))))
        results = tqdm(results, total=len(sound), desc="Grading", unit="submission")
        for index, lines, why, was_starved, seconds in results:
            submission, key = sound[index]
            notebook = notebooks.pop(index)
            scores = scores_of(notebook, lines or [], plan)
            scores = name_mistakes(scores, notebook, lines or [], plan)
            status = f"Stopped: {why}." if why else "ok"
            key = key if lines is not None else ""  # no key: next time it is graded anew
            said = scores, status, submission.notes, round(seconds, 1)
            yield sound[index], Graded(submission.name, key, *said), was_starved


def notebook_of(submission, plan):
    """Return the grading notebook of a Submission: the same each time."""
    return grading_notebook(
        plan_for(plan, submission.name),
        submission.sources,
        submission.context,
        digest(work_of(submission)),
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
    scores = [
        Score(e.name, 0, e.points, "not graded", criteria=criteria_of(e, [], [], False))
        for e in plan.exercises
    ]
    return Graded(
        submission.name, key, scores, f"Refused: {submission.refused}", submission.notes, 0.0
    )


def course_key(plan):
    """Return a digest of all that decides a grade, but the submission."""
    exercises = [asdict(exercise) for exercise in plan.exercises]
    return digest(
        [
            GRADING_VERSION,
            exercises,
            plan.imports,
            plan.secret,
            asdict(plan.limits),
            plan.sandbox,
            code_of_checks(),
        ]
    )


def parts_of_course(plan):
    """Return a digest of each of the things in `course_key`, so that a change can be named."""
    master = [[asdict(exercise) for exercise in plan.exercises], plan.imports]
    return {
        "master": digest([master, code_of_checks(), GRADING_VERSION]),
        "secret": digest(["secret", plan.secret]),
        "limits": digest([asdict(plan.limits), plan.sandbox]),
    }


def code_of_checks():
    """Return the sources that draw hidden inputs, call students' functions, and judge."""
    modules = hidden, draws, draws_of_training, probes, judging, criteria
    return [Path(module.__file__).read_text() for module in modules]


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


def copy_path(out, copy, copies):
    """Return where a Copy's result is kept: the student's own where it is the only copy."""
    if sum(other.student == copy.student for other in copies.values()) == 1:
        return result_path(out, copy.student)
    return out / "copies" / f"{file_name(copy.name)}.json"


def keep(path, graded):
    """Write a Graded to a file."""
    write_text(path, json.dumps(asdict(graded), indent=1))


def write_course(out, exercises, policy):
    """Write what the class was graded by: {exercise: points} that count, and the policy."""
    said = {"exercises": exercises, "policy": as_json(policy) if policy else None}
    write_text(out / "course.json", json.dumps(said, indent=1))


def read_graded(path):
    """Return the Graded in a file, None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text())
        scores = [score_of(said) for said in content["scores"]]
        return Graded(**content | {"scores": scores, "notes": tuple(content["notes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def score_of(said):
    """Return the Score that `keep` wrote; older ones have no criteria."""
    return Score(**said | {"criteria": tuple(Criterion(**c) for c in said.get("criteria", ()))})
