"""failed check -> a sentence that names the mistake, if it is a known one.

The table holds no mistake and no sentence that could be read in it: a sentence is encrypted with
a key of its own, and that key with what came back. So only who makes a mistake can read of it.
"""

import base64
import functools
import hashlib
import json
from pathlib import Path

from helpers.exercises.checks.evidence import of_error
from helpers.exercises.checks.raised import in_words
from helpers.exercises.checks.tools import CheckFailed
from helpers.files import NOT_SOLVED

TABLE = Path(__file__).with_name("known_mistakes.json")
ROUNDS = 4_000  # 2 ms for each try, so that guessing what came back takes long


def knows_mistakes(exercise):
    """Return a decorator: the check of an exercise also says which known mistake it has found.

    What the student's function raises becomes a CheckFailed, with the error as its cause.
    """

    def decorate(check):
        @functools.wraps(check)
        def checked(function, *args, **kwargs):
            try:
                return check(function, *args, **kwargs)
            except CheckFailed as failed:
                failed.add(exercise, name_mistake(exercise, failed.evidence))
                raise
            except Exception as error:
                if is_told_elsewhere(error):
                    raise
                failed = CheckFailed(in_words(exercise, function, error), of_error(error))
                failed.add(exercise, name_mistake(exercise, failed.evidence))
                raise failed from error

        return checked

    return decorate


def is_told_elsewhere(error):
    """Return whether the session explains an error: an exercise is not solved yet."""
    if not isinstance(error, NotImplementedError):
        return False
    return not str(error) or str(error).endswith(NOT_SOLVED)  # torch raises others


def name_mistake(exercise, evidence):
    """Return the sentences on the mistake that an Evidence shows, "" for an unknown one."""
    table = load_table()
    for mark, mask in marks_of(exercise, evidence):
        if mark in table["marks"]:
            number, key = table["marks"][mark]
            return decrypt(table["sentences"][number], xor(bytes.fromhex(key), mask))
    return ""


@functools.cache
def load_table():
    """Return {"marks": {mark: [number, key]}, "sentences": [text]}, empty where it is missing."""
    try:
        return json.loads(TABLE.read_text())
    except (OSError, ValueError):
        return {"marks": {}, "sentences": []}


def marks_of(exercise, evidence):
    """Yield (mark, mask) for each key of an Evidence, the exact ones first."""
    for way in ("result", "kind", "place"):
        for key in getattr(evidence, way):
            text = f"{exercise}\n{way}\n{key}".encode()
            made = hashlib.pbkdf2_hmac("sha256", text, b"known mistakes", ROUNDS, 24)
            yield made[:8].hex(), made[8:]


def decrypt(text, key):
    """Return the sentences that were encrypted with a key of 16 bytes."""
    secret = base64.b64decode(text)
    return xor(secret, hashlib.shake_256(key).digest(len(secret))).decode().strip()


def xor(a, b):
    """Return two strings of bytes, combined; it undoes itself."""
    return bytes(x ^ y for x, y in zip(a, b))
