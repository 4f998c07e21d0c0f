"""a folder of submissions -> a page of pairs that are alike, with both sources side by side."""

import re

from markupsafe import Markup

from helpers.exercises.cells import read_notebooks
from helpers.exercises.points import find_exercises
from helpers.files import NOTEBOOKS
from helpers.grader.class_page import render
from helpers.grader.fingerprints import WORD
from helpers.grader.release import without_solution
from helpers.grader.similarity import compare_answers, compare_code, compare_single_exercises
from helpers.grader.submissions import find_submissions, read_submissions
from helpers.grader.tables import questions_of, write_text

MAX_TEXT = 4000  # characters of a source or an answer that the page shows


def write_similar_page(folder, page, masters=NOTEBOOKS):
    """Compare the submissions in a folder; write the page of pairs; return how many of each kind.

    The submissions are read as grading reads them, and not run.
    """
    notebooks = read_notebooks(masters)
    submissions = list(read_submissions(find_submissions(folder), notebooks))
    templates = templates_of(notebooks)
    code = compare_code(submissions, templates)
    single = compare_single_exercises(submissions, templates)
    answers = compare_answers(submissions, questions_of(notebooks))
    write_text(page, similar_page(submissions, code, answers, single))
    return len(code), len(answers)


def templates_of(masters):
    """Return {exercise: source} as students are given it."""
    return {e.name: without_solution(e.source, e.name) for e in find_exercises(masters)}


def similar_page(submissions, code, answers, single=()):
    """Return the page of pairs, with what both wrote side by side.

    `code` are pairs by all exercises, `single` by one of them.
    """
    by_name = {submission.name: submission for submission in submissions}
    return render(
        "similar_page.html",
        num_submissions=len(submissions),
        num_pairs=len(submissions) * (len(submissions) - 1) // 2,
        code=[(pair, code_beside(pair, by_name)) for pair in code],
        single=[(pair, code_beside(pair, by_name)) for pair in single],
        answers=[(pair, answers_beside(pair, by_name)) for pair in answers],
    )


def code_beside(pair, by_name):
    """Return [(exercise, bits, first's code, second's code)] of a pair, most alike first."""
    both = by_name[pair.first], by_name[pair.second]
    return [
        (name, bits, *(code_of(one, name) for one in both)) for name, bits in pair.parts.items()
    ]


def code_of(submission, exercise):
    """Return an exercise's code as it was handed in, after what it uses of other cells."""
    used = submission.context.get(exercise, [])
    return shortened("\n".join([*used, submission.sources.get(exercise, "")]))


def answers_beside(pair, by_name):
    """Return (question, first's answer, second's answer), rare words that both have marked."""
    (question,) = pair.parts
    texts = [shortened(by_name[name].answers[question]) for name in (pair.first, pair.second)]
    return question, *(marked(text, pair.common) for text in texts)


def marked(text, words):
    """Return an answer as Markup in which some words are marked."""
    parts = re.split(f"({WORD})", text)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(part) if part.lower() in words else part for part in parts
    )


def shortened(text):
    """Return a text that a page can hold."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " …"
