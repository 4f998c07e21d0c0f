"""mistakes -> the table of `exercises.checks.diagnosis`, which students get."""

import base64
import contextlib
import hashlib
import importlib
import io
import json
import pkgutil
from dataclasses import replace

from helpers.exercises.cells import import_of_checks
from helpers.exercises.checks import diagnosis
from helpers.exercises.checks.tools import CheckFailed
from helpers.files import WorkbookError, atomic_write
from helpers.grader import mistakes
from helpers.grader.mistakes.mistake import KIND, PLACE, RESULT
from helpers.grader.scoring import solution

LENGTH = 360  # bytes of every encrypted sentence, so that its length says nothing


def all_mistakes():
    """Return every Mistake, notebook by notebook."""
    names = sorted(module.name for module in pkgutil.iter_modules(mistakes.__path__))
    modules = [importlib.import_module(f"{mistakes.__name__}.{name}") for name in names]
    return [mistake for module in modules for mistake in getattr(module, "MISTAKES", [])]


def make_table(plan):
    """Return the table {"marks", "sentences"} of all mistakes in a Plan's exercises.

    Raises WorkbookError for a mistake that the check does not see, and for two that give the same
    but are told different sentences.
    """
    exercises = {exercise.name: exercise for exercise in plan.exercises}
    keys, owners, marks = {}, {}, {}
    for mistake in all_mistakes():
        if mistake.exercise not in exercises:
            raise WorkbookError(f"There is no exercise {mistake.exercise}; it has a mistake.")
        exercise = exercises[mistake.exercise]
        failed = failure(exercise, function_of(mistake, exercise, plan))
        if failed is None:
            raise WorkbookError(f"The check accepts {mistake.exercise} that {mistake.does}.")
        key = keys[mistake.sentence] = hashlib.blake2b(
            mistake.sentence.encode(), digest_size=16
        ).digest()
        for mark, mask in own_marks(mistake, failed.evidence):
            other = owners.setdefault(mark, mistake)
            if other.sentence != mistake.sentence:
                raise WorkbookError(
                    f"{mistake.exercise} gives the same where it {other.does} and where it {mistake.does}: "
                    f"{failed} Give them one sentence, or the check other inputs."
                )
            marks[mark] = mistake.sentence, diagnosis.xor(key, mask).hex()
    secrets = {encrypt(sentence, key): sentence for sentence, key in keys.items()}
    order = sorted(secrets)  # by what nobody can read
    places = {secrets[secret]: number for number, secret in enumerate(order)}
    said = {mark: [places[sentence], key] for mark, (sentence, key) in sorted(marks.items())}
    return {"marks": said, "sentences": order}


def own_marks(mistake, evidence):
    """Return the (mark, mask) of the part of an Evidence by which a mistake is recognised."""
    empty = {way: () for way in (RESULT, KIND, PLACE) if way != mistake.by}
    found = list(diagnosis.marks_of(mistake.exercise, replace(evidence, **empty)))
    if not found:
        raise WorkbookError(f"{mistake.exercise}: there is no {mistake.by} that {mistake.does}.")
    return found


def function_of(mistake, exercise, plan):
    """Return the workbook's own function with a mistake in it."""
    wrong = replace(exercise, source=mistake.source(exercise.source))
    return solution(wrong, plan.imports[exercise.notebook])


def failure(exercise, function):
    """Return the CheckFailed that a function gets from its check, None for one that passes."""
    scope = {}
    exec(import_of_checks(exercise.notebook), scope)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            getattr(scope["checks"], f"check_{exercise.name}")(function)
    except CheckFailed as failed:
        return failed
    return None


def encrypt(sentence, key):
    """Return a sentence so that only its key of 16 bytes makes it readable."""
    text = sentence.encode()
    if len(text) > LENGTH:
        raise WorkbookError(f"This is longer than {LENGTH} bytes: {sentence}")
    padded = text.ljust(LENGTH)
    secret = diagnosis.xor(padded, hashlib.shake_256(key).digest(LENGTH))
    return base64.b64encode(secret).decode()


def write_table(plan):
    """Write the table where students' checks read it; return (marks, sentences), their numbers."""
    table = make_table(plan)
    with atomic_write(diagnosis.TABLE) as temporary:
        lines = json.dumps(table).replace("], ", "],\n").replace('", "', '",\n"')
        temporary.write_text(lines + "\n")
    diagnosis.load_table.cache_clear()
    return len(table["marks"]), len(table["sentences"])
