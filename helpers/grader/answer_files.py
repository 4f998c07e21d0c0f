"""graded/answers -> answers to one question, in an order in which neighbours are alike; marks -> files.

Each mark is written at once, into the file as it is then: a reader's other program may have changed
other rows of it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from helpers.exercises.cells import is_unanswered
from helpers.files import WorkbookError
from helpers.grader.rubrics import read_rubric
from helpers.grader.similarity import likeness
from helpers.grader.tables import as_written, read_rows, write_rows, write_text


class AnswerChangedError(WorkbookError):
    """The answer is gone, or another by now, in the file that a mark would be written into."""


@dataclass(frozen=True)
class Answer:
    """One answer, with what a reader gave it."""

    name: str
    text: str
    points: str = ""  # "" as long as it is not read
    comment: str = ""
    remark: str = ""  # where students have variants: whether the answer holds its numbers

    @property
    def is_read(self):
        """Whether it has points."""
        return bool(self.points)


def find_questions(graded):
    """Return {question: path} of the tables of answers that grading wrote."""
    paths = {path.stem: path for path in sorted((Path(graded) / "answers").glob("*.csv"))}
    if not paths:
        raise WorkbookError(
            f"{graded} holds no answers to read. Name the folder that `workbook grade` wrote."
        )
    return paths


def read_answers(path):
    """Return {name: Answer} of a table, without those that are empty."""
    rows = {
        name: Answer(
            name,
            as_written(row["answer"] or ""),
            (row["points"] or "").strip(),
            as_written(row["comment"] or ""),
            row.get("variant") or "",
        )
        for name, row in read_rows(path).items()
    }
    return {name: answer for name, answer in rows.items() if not is_unanswered(answer.text)}


def alike_in_order(answers):
    """Return a list of Answers in which those that are alike stand next to each other.

    They are joined by the cosines of `similarity.likeness`, and the tree's leaves turned so that
    neighbours are as alike as can be.
    """
    answers = sorted(answers, key=lambda answer: answer.name)
    if len(answers) < 3:
        return answers
    alike, _ = likeness([answer.text for answer in answers])
    distances = np.clip(1 - (alike + alike.T) / 2, 0, 1)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances), "average", optimal_ordering=True)
    return [answers[i] for i in leaves_list(tree)]


def write_mark(path, answer):
    """Write an Answer's points and comment into its row; return the table as it is then.

    Nothing else in the table changes. Raises AnswerChangedError where the row is gone, or where its
    text is another by now.
    """
    rows = read_rows(path)
    row = rows.get(answer.name)
    if row is None or as_written(row["answer"] or "") != answer.text:
        raise AnswerChangedError(
            "This answer changed since it was opened, so nothing was written. Read it again."
        )
    row["points"], row["comment"] = answer.points, answer.comment
    columns = [column for column in row if column]
    lines = [[as_written(line[column] or "") for column in columns] for line in rows.values()]
    write_rows(path, columns, lines)
    return read_answers(path)


def marked(answer, points, comment):
    """Return an Answer with other points and another comment."""
    return replace(answer, points=points, comment=" ".join(comment.split()))


# --- rubrics --------------------------------------------------------------------------------------


def rubric_path(path):
    """Return where the rubric of a table of answers is kept, as plain text."""
    return path.with_suffix(".rubric.txt")


def load_rubric(path):
    """Return the Rubric of a table of answers."""
    source = rubric_path(path)
    return read_rubric(source.read_text(encoding="utf-8") if source.exists() else "")


def save_rubric(path, text):
    """Write the rubric of a table of answers, if it can be read; return it."""
    rubric = read_rubric(text)
    write_text(rubric_path(path), text)
    return rubric
