"""guesses -> a file of this copy of the workbook, and back; it is written at each one."""

import json
from dataclasses import asdict
from pathlib import Path

from helpers.files import DATA, atomic_write
from helpers.predictions.questions import Question, distance, fits, in_words, plain

FILE = DATA / "my_predictions.json"


def load(path=None):
    """Return {id: record} of the predictions that were committed or skipped, in that order.

    A record holds its question, and its guess and confidence unless it was skipped; once the answer
    was shown, also the truth, both in words, the distance, and whether the guess was near. A file
    that cannot be read counts as empty. The path is this copy's, unless another is named.
    """
    try:
        records = json.loads(Path(path or FILE).read_text())
        return records if isinstance(records, dict) else {}
    except (OSError, ValueError):
        return {}


def keep(id, record):
    """Write a record; the file holds the old ones or all of them, whatever happens meanwhile."""
    records = load() | {id: record}
    with atomic_write(FILE) as temporary:
        temporary.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")


def commit(question, guess, confidence):
    """Keep a guess; return the record. The first one counts, also if the question was skipped."""
    if (record := load().get(question.id)) is None:
        record = {"question": asdict(question), "guess": plain(question, guess)}
        record["confidence"] = confidence
        keep(question.id, record)
    return record


def skip(id, question=None):
    """Keep that a question was skipped, unless a guess was committed."""
    if id not in load():
        keep(id, {"question": asdict(question) if question else {}})


def settle(id, truth):
    """Add the truth to a committed guess; return the record, None where it has none or another form."""
    record = load().get(id)
    if not record or "guess" not in record or truth is None:
        return None
    question, guess = question_of(record), record["guess"]
    truth = plain(question, truth)
    if not fits(question, truth):
        return None
    off = distance(question, guess, truth)
    told = {"truth": truth, "distance": off, "near": off <= question.near + 1e-9}
    told |= {"guess_text": in_words(question, guess), "truth_text": in_words(question, truth)}
    if record != record | told:
        keep(id, record := record | told)
    return record


def take_over(older):
    """Add the records of an older copy's folder to this one's, which count where both have one."""
    records = load(Path(older) / "data" / FILE.name)
    for id in records.keys() - load().keys():
        keep(id, records[id])


def question_of(record):
    """Return the Question of a record."""
    return Question(**record["question"] | {"options": tuple(record["question"]["options"])})
