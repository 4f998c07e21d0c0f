"""records -> tables: all guesses, those furthest off, and whether one was rightly sure."""

import pandas as pd

from helpers.predictions.questions import CONFIDENCES, in_words
from helpers.predictions.store import question_of

COLUMNS = ["question", "your guess", "confidence", "truth"]


def table(records):
    """Return a table of committed guesses; the truth is empty where it was not shown yet."""
    rows = [
        (
            question_of(record).text,
            in_words(question_of(record), record["guess"]),
            record["confidence"],
            record.get("truth_text", ""),
        )
        for record in records.values()
        if "guess" in record
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def settled(records):
    """Return those records whose guess was compared with the truth, by id."""
    return {id: record for id, record in records.items() if "distance" in record}


def furthest(records, count=5):
    """Return the table of the guesses that were furthest off, the furthest first."""
    off = {id: record for id, record in settled(records).items() if not record["near"]}
    order = sorted(off, key=lambda id: -off[id]["distance"])
    return table({id: off[id] for id in order[:count]})


def by_confidence(records):
    """Return a table: of each confidence, the number of guesses, and the share right or near."""
    rows = []
    for confidence in CONFIDENCES[::-1]:
        near = [r["near"] for r in settled(records).values() if r["confidence"] == confidence]
        if near:
            rows.append((confidence, len(near), f"{sum(near) / len(near):.0%}"))
    return pd.DataFrame(rows, columns=["confidence", "guesses", "right or near"])


def verdict(records):
    """Return a sentence: whether sure guesses were better than others; "" without any guess."""
    shares = {}
    for confidence in ("low", "high"):
        near = [r["near"] for r in settled(records).values() if r["confidence"] == confidence]
        shares[confidence] = sum(near) / len(near) if near else None
    if not settled(records):
        return ""
    if None in shares.values():
        return "Guesses with both low and high confidence would show whether yours is right."
    if shares["high"] > shares["low"]:
        return "Where you were sure, you were right or near more often: your confidence was right."
    return "Where you were sure, you were right or near no more often than where you were not."


def told(records):
    """Return the table of all guesses as a MIME bundle, or a sentence where there are none."""
    return bundle([table(records)], "You have committed no prediction in this part.")


def told_surprises(records):
    """Return both tables and the sentence on confidence as a MIME bundle."""
    if not settled(records):
        return bundle([], "You have committed no prediction yet.")
    off = furthest(records)
    first = "Furthest off:" if len(off) else "No guess was far off."
    return bundle([first, off, by_confidence(records), verdict(records)], "")


def bundle(parts, otherwise):
    """Return tables and sentences below each other as a MIME bundle; `otherwise` if all are empty."""
    parts = [part for part in parts if len(part)] or [otherwise]
    texts = [part if isinstance(part, str) else part.to_string(index=False) for part in parts]
    pages = [f"<p>{part}</p>" if isinstance(part, str) else to_html(part) for part in parts]
    return {"text/html": "\n".join(pages), "text/plain": "\n\n".join(texts)}


def to_html(frame):
    """Return a table as HTML, its texts whole."""
    with pd.option_context("display.max_colwidth", None):
        return frame.to_html(index=False, border=0)
