"""masters, other solutions and mistakes -> a made-up class with known truth and planted copies.

`python tests/made_up_class.py` measures how well the similarity finds the copies.
"""

import argparse
import json
import re
import time
from dataclasses import dataclass, field

import nbformat
import numpy as np
import other_solutions
import restyle
import test_checks

from helpers.exercises.cells import key_of, read_notebooks
from helpers.exercises.points import find_exercises
from helpers.grader.release import student_copy
from helpers.grader.similar_page import templates_of
from helpers.grader.similarity import compare_answers, compare_code
from helpers.grader.submissions import Submission
from helpers.grader.tables import file_name, questions_of, write_rows, write_text

# How each planted copy is disguised; after these, all of the code's disguises are used together.
DISGUISES = {
    "renamed": [restyle.renamed],
    "reordered": [restyle.reordered],
    "reformatted": [restyle.reformatted],
    "comments changed": [restyle.commented],
}
ALL_AT_ONCE = [way for ways in DISGUISES.values() for way in ways]
NUM_COPIES = 12
COMMON = 3  # mistakes of an exercise that honest people make; each of them is made by several
PARAPHRASED = 1 / 3  # of the copies hold one answer of their source, in other words
SYNONYMS = [
    line.split("|")
    for line in """network|model|net
pictures|images|photographs
picture|image|photograph
learns|picks up|is taught
learned|picked up|absorbed
shows|demonstrates|makes visible
because|since|as
so|therefore|hence
also|too|as well
large|big|high
small|little|low
more|additional|further
first|at the start|initially
validation|held-out
accuracy|score|hit rate
falls|drops|goes down
rises|climbs|goes up
better|stronger|superior
worse|weaker|poorer
needs|requires|takes
uses|employs|works with
training|fitting|learning
weights|parameters|coefficients
numbers|values|figures
whole|entire|complete
only|just|merely
difference|gap|distance
mistakes|errors|wrong answers
classes|categories|labels
reach|get to|arrive at
fast|quick|speedy
slow|sluggish|lengthy
choose|pick|select
chosen|picked|selected
means|signifies|amounts to
important|relevant|essential
random|arbitrary|accidental
layer|stage|level
layers|stages|levels
borrowed|taken over|inherited
frozen|fixed|locked
compare|contrast|set side by side
mean|average
each|every
sum|total
same|identical|equal
data|material|samples
memory|storage|RAM
loss|cost|objective
new|fresh|unseen
one|a single
we|I
our|my
not|hardly
curve|line|graph
run|attempt|experiment
optimiser|SGD|algorithm
plot|figure|chart
batch|chunk
table|list|overview
gradient|derivative
trend|tendency|pattern
guess|hunch|estimate
noise|scatter|jitter
jump|leap|step
slope|incline|steepness
plateau|flat part
confirms|backs|bears out
hides|masks|covers up
explains|clarifies|accounts for
changes|alters|modifies
limits|restricts|bounds
repeats|echoes|mirrors
supports|underpins|strengthens
contradicts|denies|opposes
smooths|evens out|calms
sharpens|accentuates
delays|postpones|slows
reveals|uncovers|brings out""".splitlines()
]
MEANINGS = {word: group for group in SYNONYMS for word in group if " " not in word}
OPENERS = "In short,|I think that|As the plot shows,|In my run,|From the table:|Clearly,|To me it seems that".split(
    "|"
)
SUBJECTS = "the curve|my run|the second try|the optimiser|every epoch|the plot above|a larger batch|the table|this step|the last layer|the gradient|one seed".split(
    "|"
)
VERBS = "confirms|hides|explains|changes|limits|repeats|supports|contradicts|smooths|sharpens|delays|reveals".split(
    "|"
)
OBJECTS = "the trend|what the lecture said|my first guess|the noise|the jump near the end|the slope|the rooms|the outdoor scenes|the comparison|the memory used|the answer|the plateau".split(
    "|"
)


@dataclass
class Student:
    """One made-up submission, with the truth about it."""

    name: str
    sources: dict  # {exercise: source}
    right: dict  # {exercise: "" where it is right, or what the check says}
    answers: dict = field(default_factory=dict)  # {question: text}
    status: str = "ok"
    seconds: float = 0.0
    copied_from: str = ""
    how: str = ""
    paraphrased: str = ""  # the question whose answer was taken over in other words

    @property
    def submission(self):
        """What the grader would read of it."""
        return Submission(self.name, self.sources, {}, self.answers)


# --- code ------------------------------------------------------------------------------------------


def pools():
    """Return {exercise: [(source, what the check says), ...]}, and so for right ones only."""
    right, wrong = {}, {}
    for name, source in test_checks.SOURCES.items():
        right[name] = [source, *other_solutions.RIGHT.get(name, [])]
        made = [m for m in test_checks.MISTAKES if m.exercise == name][:COMMON]
        wrong[name] = [(m.source(source), m.does) for m in made]
        wrong[name] += [(s, "hidden inputs") for s in other_solutions.WRONG.get(name, [])]
    return right, wrong


def write_code(generator, right, wrong):
    """Return ({exercise: source}, {exercise: what the check says}) of one honest person."""
    skill, taste = generator.beta(5, 1.5), generator.dirichlet([2.0, 0.7, 0.5, 0.4])
    habits = {rule: generator.choice([0, 0.1, 0.9], p=[0.45, 0.3, 0.25]) for rule in restyle.RULES}
    keeps_docstring, comments = generator.random() < 0.7, generator.random() < 0.5
    sources, said = {}, {}
    for name, solutions in right.items():
        share = taste[: len(solutions)] / taste[: len(solutions)].sum()
        if generator.random() < skill:
            source, said[name] = solutions[generator.choice(len(solutions), p=share)], ""
        elif generator.random() < 0.7 and wrong[name]:
            source, said[name] = wrong[name][generator.integers(len(wrong[name]))]
            said[name] = f"expected another result ({said[name]}), got {generator.random():.3f}"
        else:
            said[name] = "not solved yet"
            continue
        source = restyle.restyled(source, habits, generator)
        if not keeps_docstring:
            source = re.sub(r'\n    """.*?"""', "", source, flags=re.DOTALL)
        if generator.random() < 0.4:
            source = restyle.renamed(source, generator)
        sources[name] = restyle.commented(source, generator) if comments else source
    return sources, said


# --- answers ---------------------------------------------------------------------------------------


def ideas_of(text):
    """Return the sentences of a model answer, without Markdown's signs."""
    text = " ".join(re.sub(r"[*$_\\]|^\s*[-\d]+[.]?\s", "", line) for line in text.splitlines())
    return [s.strip() for s in re.split(r"(?<=[.:;?])\s+", text) if len(s.split()) > 3]


def in_other_words(sentence, generator, share):
    """Return a sentence in which a share of the words that have synonyms are exchanged."""
    words = []
    for word in sentence.split():
        bare = word.strip(".,;:()").lower()
        other = MEANINGS.get(bare)
        is_changed = other and generator.random() < share
        words.append(
            word.lower().replace(bare, str(generator.choice(other))) if is_changed else word
        )
    return " ".join(words)


def write_answer(ideas, generator):
    """Return an honest answer: some of the ideas in one's own words, and what one saw oneself."""
    num = max(1, round(len(ideas) * generator.uniform(0.3, 0.7)))
    chosen = generator.choice(len(ideas), num, replace=False)
    said = [in_other_words(ideas[i], generator, 0.5) for i in chosen]
    for _ in range(generator.integers(1, 4)):
        parts = [generator.choice(words) for words in (OPENERS, SUBJECTS, VERBS, OBJECTS)]
        said.append(" ".join(parts) + f" ({generator.uniform(0.2, 0.9):.3f}).")
    return " ".join(generator.permutation(said))


def paraphrased(text, generator):
    """Return an answer as one who copies it would hide that: other words, another order."""
    sentences = re.split(r"(?<=[.:;?])\s+", text)
    said = [in_other_words(s, generator, 0.6) for s in generator.permutation(sentences)]
    said = [f"{generator.choice(OPENERS)} {s}" if generator.random() < 0.3 else s for s in said]
    said = [re.sub(r"0[.](\d\d)\d", r"0.\1", s) if generator.random() < 0.5 else s for s in said]
    return " ".join(said)


# --- the class -------------------------------------------------------------------------------------


def make_class(
    masters, num_students=300, seed=0, num_copies=NUM_COPIES, share_copied=1.0, rewritten=0.0
):
    """Return the Students of a class; the last `num_copies` took their code from others.

    A copy takes each exercise with probability `share_copied`, and has the rest of its own. Beyond
    its disguise, each expression that a rule of `restyle` could change is, with probability
    `rewritten`.
    """
    generator = np.random.default_rng(seed)
    right, wrong = pools()
    ideas = {
        key[1]: ideas_of(cell.source)
        for master in masters.values()
        for cell in master.cells
        if (key := key_of(cell)) and key[0] == "answer"
    }
    students = []
    for number in range(num_students):
        sources, said = write_code(generator, right, wrong)
        diligence = generator.beta(6, 1)
        answers = {
            question: write_answer(lines, generator)
            for question, lines in ideas.items()
            if generator.random() < diligence
        }
        seconds = float(round(generator.gamma(6, 0.7) + 2, 1))
        students.append(Student(f"student_{number:03d}", sources, said, answers, "ok", seconds))
    victims = generator.choice(num_students - num_copies, num_copies, replace=False)
    for number, victim in enumerate(victims):
        copy, source = students[num_students - num_copies + number], students[victim]
        is_last = number >= num_copies * (1 - PARAPHRASED) - 1e-9
        way = number + NUM_COPIES - num_copies  # few copies: the best hidden ones
        plant(copy, source, way, generator, share_copied, rewritten, is_last)
    for student in students[:2]:
        student.status, student.seconds = "Stopped: time.", 60.0
    return students


def plant(copy, source, number, generator, share_copied, rewritten, is_paraphrased):
    """Make the Student `copy` one who took the code of `source`, disguised by the number's way."""
    names = list(DISGUISES)
    is_simple = number < 2 * len(names)
    ways = DISGUISES[names[number // 2]] if is_simple else ALL_AT_ONCE
    copy.copied_from, copy.how = source.name, names[number // 2] if is_simple else "all at once"
    for exercise in list(copy.right):
        if generator.random() < share_copied:
            copy.sources.pop(exercise, None)
            copy.right[exercise] = source.right[exercise]
            if exercise in source.sources:
                text = source.sources[exercise]
                habits = dict.fromkeys(restyle.RULES, rewritten)
                text = restyle.restyled(text, habits, generator) if rewritten else text
                for way in ways:
                    text = way(text, generator)
                copy.sources[exercise] = text
    if is_paraphrased:
        copy.paraphrased = str(generator.choice(sorted(source.answers)))
        copy.answers[copy.paraphrased] = paraphrased(source.answers[copy.paraphrased], generator)


def write_graded(students, masters, out, num_read=200):
    """Write what grading would have written, with the answers of the first `num_read` read."""
    exercises, questions = find_exercises(masters), questions_of(masters)
    by_hand = {}
    for question in questions:
        rows = []
        for number, student in enumerate(students):
            text = student.answers.get(question, "")
            points = "" if number >= num_read else str((number + len(text)) % 4 if text else 0)
            by_hand[student.name] = by_hand.get(student.name, 0) + int(points or 0)
            rows.append([student.name, text, points, "Well seen." if points == "3" else ""])
        columns = ["submission", "answer", "points", "comment"]
        write_rows(out / "answers" / f"{file_name(question)}.csv", columns, rows)
    table = []
    for student in students:
        scores = [
            {
                "exercise": e.name,
                "points": 0 if student.right[e.name] else e.points,
                "possible": e.points,
                "message": student.right[e.name] or "right",
            }
            for e in exercises
        ]
        content = {"name": student.name, "key": "0", "scores": scores, "status": student.status}
        content |= {"notes": [], "seconds": student.seconds}
        write_text(out / "results" / f"{file_name(student.name)}.json", json.dumps(content))
        points, manual = [s["points"] for s in scores], by_hand[student.name]
        total = sum(points) + manual
        table.append([student.name, *points, manual, student.status, student.seconds, total])
    names = [e.name for e in exercises]
    columns = ["submission", *names, "answers", "status", "seconds", "total"]
    write_rows(out / "grades.csv", columns, table)


def write_submissions(students, masters, folder):
    """Write each Student's notebooks, as handed in."""
    copies = {stem: student_copy(master) for stem, master in masters.items()}
    for student in students:
        for stem, copy in copies.items():
            copy = nbformat.from_dict(copy)
            for cell in copy.cells:
                kind, name = key_of(cell) or ("", "")
                if kind == "exercise":
                    cell.source = student.sources.get(name, cell.source)
                elif kind == "answer":
                    cell.source = student.answers.get(name, cell.source)
            path = folder / student.name / f"{stem}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(copy))


# --- how well are the copies found? ----------------------------------------------------------------


def places(students, pairs):
    """Return [(disguise, place of the planted pair among all pairs, 1 is the first)], by place."""
    order = {frozenset((pair.first, pair.second)): i for i, pair in enumerate(pairs, 1)}
    planted = [s for s in students if s.copied_from]
    found = [
        (s.how, order.get(frozenset((s.name, s.copied_from)), len(order) + 1)) for s in planted
    ]
    return sorted(found, key=lambda pair: pair[1])


def measure(seed, num_students, share_copied, rewritten):
    """Print where the planted copies stand in the lists of similar code and answers."""
    masters = read_notebooks()
    students = make_class(
        masters, num_students, seed, share_copied=share_copied, rewritten=rewritten
    )
    read, every = [s.submission for s in students], num_students**2
    start = time.perf_counter()
    pairs = compare_code(read, templates_of(masters), every)
    code_seconds = time.perf_counter() - start
    found = [place for _, place in places(students, pairs)]
    before = found[-1] - len(found)
    start = time.perf_counter()
    answers = compare_answers(read, questions_of(masters), 10 * num_students)
    answer_seconds = time.perf_counter() - start
    order = [(frozenset((p.first, p.second)), *p.parts) for p in answers]
    hidden = [s for s in students if s.paraphrased]
    wanted = [(frozenset((s.name, s.copied_from)), s.paraphrased) for s in hidden]
    answer_places = sorted(order.index(w) + 1 if w in order else len(order) + 1 for w in wanted)
    print(
        f"seed {seed}: code {found}, honest pairs before the last: {before}, {code_seconds:.1f} s; "
        f"answers {answer_places}, {answer_seconds:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Find planted copies in made-up classes.")
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the exercises that are copied")
    parser.add_argument("--rewritten", type=float, default=0.0, help="of what could be rewritten")
    given = parser.parse_args()
    for number in given.seeds:
        measure(number, given.students, given.share, given.rewritten)
