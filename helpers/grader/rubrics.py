"""a rubric as text -> lines with points, and the points and comment of an answer that has some."""

import re
from dataclasses import dataclass

from helpers.files import WorkbookError

MOST = 5  # points of an answer, where a rubric does not say
NUMBER = r"-?\d+(?:[.]\d+)?"


@dataclass(frozen=True)
class Rubric:
    """What an answer can get, and the lines (points, text) that a reader ticks."""

    most: float = MOST
    lines: tuple = ()  # of (points, text)
    text: str = ""  # as it was written


def read_rubric(text):
    """Return the Rubric that a text says.

    A line is points and words, "2 names the trap", or "most 4". Without the latter, the most is the
    sum of what can be gained. Raises WorkbookError, which names the line.
    """
    most, lines = None, []
    for line in filter(None, map(str.strip, text.splitlines())):
        if found := re.fullmatch(r"most\s+(\d+(?:[.]\d+)?)", line):
            most = float(found[1])
        elif (found := re.fullmatch(rf"[+]?({NUMBER})\s+([^;]+)", line)) and not any(
            found[2] == words for _, words in lines
        ):
            lines.append((float(found[1]), found[2].strip()))
        else:
            raise WorkbookError(
                f'The rubric has the line "{line}". Write points and words, such as "2 names the trap", or '
                '"most 4"; no semicolon, and no words twice.'
            )
    gained = sum(points for points, _ in lines if points > 0)
    return Rubric(most if most is not None else gained or MOST, tuple(lines), text)


def parts_of(comment):
    """Return the parts of a comment: lines of the rubric, and what was typed."""
    return [part.strip() for part in comment.split(";") if part.strip()]


def ticked(rubric, comment):
    """Return for each line of a Rubric whether a comment holds its words."""
    parts = parts_of(comment)
    return [words in parts for _, words in rubric.lines]


def tick(rubric, number, comment):
    """Return (points as text, comment) after a line is ticked, or no longer ticked.

    Points are the sum of the lines ticked, from 0 to the most; "" where none is.
    """
    words, parts = rubric.lines[number][1], parts_of(comment)
    parts = [part for part in parts if part != words] if words in parts else [*parts, words]
    order = {words: i for i, (_, words) in enumerate(rubric.lines)}
    parts.sort(key=lambda part: order.get(part, len(order)))
    comment = "; ".join(parts)
    chosen = [p for (p, _), is_on in zip(rubric.lines, ticked(rubric, comment)) if is_on]
    points = plain(min(max(sum(chosen), 0), rubric.most)) if chosen else ""
    return points, comment


def plain(number):
    """Return a number as text, whole where it is whole."""
    return f"{number:g}"
