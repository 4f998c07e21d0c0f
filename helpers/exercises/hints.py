"""exercise -> a hint, then a second one; which were read is remembered, and costs nothing."""

import json
import tomllib
from functools import cache
from pathlib import Path

from helpers.files import WorkbookError, atomic_write, cache_folder

HINTS = Path(__file__).with_name("hints.toml")


def hint(exercise):
    """Print the first hint on an exercise, at the next call the second, and then both.

    Raises WorkbookError for a name that is no exercise.
    """
    hints = load_hints()
    if exercise not in hints:
        raise WorkbookError(f'There is no hint on "{exercise}". Hints: {", ".join(hints)}.')
    texts, num_read = hints[exercise], num_hints_read(exercise)
    shown = [num_read] if num_read < len(texts) else range(len(texts))
    for number in shown:
        print(f"Hint {number + 1} of {len(texts)}: {texts[number]}")
    remember(exercise, min(num_read + 1, len(texts)))


@cache
def load_hints():
    """Return {exercise: [first hint, second hint]}."""
    return tomllib.loads(HINTS.read_text(encoding="utf-8"))


def num_hints_read(exercise):
    """Return how many of an exercise's hints were read here."""
    return read_state().get(exercise, 0)


def in_words(exercise):
    """Return ", 1 hint read" for `workbook check`; "" where none was read."""
    number = num_hints_read(exercise)
    return f", {number} hint{'s' * (number > 1)} read" if number else ""


def state_path():
    """Return the file that remembers {exercise: number of hints read}."""
    return cache_folder() / "hints.json"


def read_state():
    """Return {exercise: number of hints read}; {} where nothing, or no sense, is kept."""
    try:
        state = json.loads(state_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(state, dict) and all(isinstance(n, int) and n >= 0 for n in state.values())
    return state if sound else {}


def remember(exercise, number):
    """Keep how many hints were read; where nothing can be written, say so."""
    try:
        with atomic_write(state_path()) as temporary:
            temporary.write_text(json.dumps(read_state() | {exercise: number}), encoding="utf-8")
    except OSError as error:
        print(f"(Nothing could be kept in {cache_folder()}: {error.strerror}.)")
