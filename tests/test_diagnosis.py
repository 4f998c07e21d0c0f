"""A check that fails names the mistake, however the code is written, and no other mistake."""

import json
from collections import Counter

from other_mistakes import OTHER
from other_solutions import RIGHT
from test_checks import SOURCES

from helpers.exercises.cells import read_notebooks
from helpers.exercises.checks import diagnosis
from helpers.grader.mistakes import table
from helpers.grader.scoring import make_plan, solution

NOTEBOOKS = read_notebooks()
PLAN = make_plan(NOTEBOOKS, "")
EXERCISES = {exercise.name: exercise for exercise in PLAN.exercises}
MISTAKES = table.all_mistakes()
FEWEST = 5  # mistakes of an exercise


def said_of(name, source):
    """Return what the check of an exercise says of a function, "" where it passes."""
    exercise = EXERCISES[name]
    wrong = type(exercise)(**vars(exercise) | {"source": source})
    return str(table.failure(exercise, solution(wrong, PLAN.imports[exercise.notebook])) or "")


def other_source(name, does):
    """Return the source of a mistake in another right solution."""
    made = OTHER[name][does]
    if isinstance(made, str):
        return made
    right, wrong = made
    return next(source for source in RIGHT[name] if right in source).replace(right, wrong)


def verdicts():
    """Return {(exercise, does): ["right", "none" or "wrong" in the solution, and in another one]}."""
    sentences = {(m.exercise, m.sentence) for m in MISTAKES}
    found = {}
    for mistake in MISTAKES:
        sources = [mistake.source(SOURCES[mistake.exercise])]
        sources += [other_source(mistake.exercise, mistake.does)]
        for source in sources:
            said = said_of(mistake.exercise, source)
            named = {s for name, s in sentences if name == mistake.exercise and s in said}
            verdict = "none" if not named else "wrong"
            if named == {mistake.sentence}:
                verdict = "right"
            found.setdefault((mistake.exercise, mistake.does), []).append(verdict)
    return found


def test_mistakes_in_two_kinds_of_solutions_are_named_rightly(capsys):
    found = verdicts()
    with capsys.disabled():
        print(f"\n{'exercise':24}{'mistake':92}solution other")
        for (name, does), said in found.items():
            print(f"{name:24}{does:92}{said[0]:9}{said[-1]}")
        print(Counter(verdict for said in found.values() for verdict in said))
    counts = Counter(verdict for said in found.values() for verdict in said)
    assert counts["wrong"] == 0
    assert counts["right"] >= 0.95 * counts.total()
    assert {name for name, n in Counter(n for n, _ in found).items() if n < FEWEST} == set()
    assert {name for name, _ in found} == set(SOURCES)


def test_every_mistake_is_made_in_another_solution_too():
    for name, mistakes in OTHER.items():
        assert set(mistakes) == {m.does for m in MISTAKES if m.exercise == name}


def test_the_shipped_table_is_up_to_date():
    """Digests may differ where another processor rounds otherwise; what they lead to may not."""
    assert len(diagnosis.load_table()["sentences"]) == len({m.sentence for m in MISTAKES})
