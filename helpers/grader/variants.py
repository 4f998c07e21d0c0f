"""secret, name -> a student's own numbers, in exercises, checks, solutions and questions.

A variant is a set of named numbers. CHANGES says where they stand in the masters, QUESTIONS which
questions ask for one more thing. Numbers are drawn again wherever they are needed, from the secret
and the name, and stand in no file of the grader.
"""

import copy
import math
import re
from dataclasses import dataclass

from helpers.exercises.cells import key_of
from helpers.exercises.points import find_exercises
from helpers.files import WorkbookError
from helpers.grader.hidden import generator_for

MARK = re.compile(r"«(\w+)»")
PARAMETERS = (57_500, 63_500)  # of the deeper network: about as many as in the master
ALIKE = (  # scenes that networks take for each other
    *(("bedroom", "living room"), ("kitchen", "living room"), ("bedroom", "kitchen")),
    *(("office", "kitchen"), ("office", "living room"), ("coast", "open country")),
    *(("inside city", "street"), ("tall building", "inside city"), ("industrial", "store")),
    *(("mountain", "open country"), ("forest", "mountain"), ("highway", "street")),
)


# --- numbers ---------------------------------------------------------------------------------------


def numbers_for(secret, name):
    """Return a student's {name of a number: number or text}, the same each time."""
    generator = generator_for(secret, "variant", name)
    parts = plan_of_network, parabola, codes, questions
    return {key: value for part in parts for key, value in part(generator).items()}


def choose(generator, values):
    """Return one of some values."""
    return values[int(generator.integers(len(values)))]


def plan_of_network(generator):
    """Draw the deeper network until it has about as many parameters as the master's."""
    while True:
        first, second = choose(generator, range(6, 13)), choose(generator, range(12, 25))
        third, hidden = choose(generator, range(24, 41)), choose(generator, range(48, 81))
        middle, last = choose(generator, (3, 5)), choose(generator, (2, 3))
        size_two = (30 - middle + 1) // 2
        size_three = (size_two - last + 1) // 2
        inputs = third * size_three**2
        count = first * 26 + second * (first * middle**2 + 1) + third * (second * last**2 + 1)
        count += hidden * (inputs + 1) + 15 * (hidden + 1)
        if PARAMETERS[0] <= count <= PARAMETERS[1]:
            break
    return {
        **{"first": first, "second": second, "third": third, "hidden": hidden},
        **{"middle": middle, "last": last, "size_two": size_two, "size_three": size_three},
        **{"count": count, "count_said": f"{count:,}"},
        # By how many pixels each convolution widens what one number sees, and each pooling.
        "field": 1 + 4 + 1 + 2 * (middle - 1) + 2 + 4 * (last - 1) + 4,
    }


def parabola(generator):
    """Draw the minimum of w^2 - 10w + 25, a multiple of 0.5."""
    twice = choose(generator, [n for n in range(4, 20) if n != 10])
    lowest = twice / 2
    said = {"twice": twice, "lowest": lowest, "square": lowest**2, "start": -4 - lowest}
    return {key: f"{value:g}" for key, value in said.items()}


def codes(generator):
    """Draw the highest code of the quantization."""
    # For the range -1..3 of the check, 4k + 2 would give a zero point between two whole numbers.
    top = choose(generator, [n for n in range(200, 255) if n % 4 != 2])
    return {"top": top, "levels": top + 1}


def questions(generator):
    """Draw what the questions ask for: a probability, a rate of dropout, two classes."""
    percent, rate = choose(generator, range(11, 90)), choose(generator, range(11, 70))
    one, other = choose(generator, ALIKE)
    return {
        **{"percent": percent, "cost": f"{-math.log(percent / 100):.2f}"},
        **{"rate": f"{rate / 100:.2f}", "factor": f"{1 / (1 - rate / 100):.2f}"},
        **{"one": one, "other": other},
    }


# --- where they stand ------------------------------------------------------------------------------

# {cell of a master: [(what stands there, what stands there in a variant)]}
CHANGES = {
    "part2-25": [
        ("5 x 5 to 8 channels", "5 x 5 to «first» channels"),
        ("(8, 30, 30)", "(«first», 30, 30)"),
        ("5 x 5 to 16 channels", "«middle» x «middle» to «second» channels"),
        ("(16, 13, 13)", "(«second», «size_two», «size_two»)"),
        ("3 x 3 to 32 channels", "«last» x «last» to «third» channels"),
        ("(32, ?, ?)", "(«third», ?, ?)"),
        ("linear to 64, ReLU | (64,)", "linear to «hidden», ReLU | («hidden»,)"),
        ("60,303 parameters, hardly more", "«count_said» parameters, hardly more"),
    ],
    "exercise-build-deeper-net": [
        ("nn.Conv2d(1, 8, 5)", "nn.Conv2d(1, «first», 5)"),
        ("nn.Conv2d(8, 16, 5)", "nn.Conv2d(«first», «second», «middle»)"),
        ("nn.Conv2d(16, 32, 3)", "nn.Conv2d(«second», «third», «last»)"),
        (
            "nn.Linear(32 * 5 * 5, 64)",
            "nn.Linear(«third» * «size_three» * «size_three», «hidden»)",
        ),
        ("nn.Linear(64, 15)", "nn.Linear(«hidden», 15)"),
    ],
    "check-build-deeper-net": [("(build_deeper_net)", "(build_deeper_net, «count»)")],
    "part2-29": [("(5, 1), (2, 2), (3, 1), (2, 2)", "(«middle», 1), (2, 2), («last», 1), (2, 2)")],
    "part2-30": [("60,303 parameters", "«count_said» parameters"), ("28 of 64", "«field» of 64")],
    "part4-02": [
        ("w^2 - 10w + 25", "w^2 - «twice»w + «square»"),
        ("2w - 10$", "2w - «twice»$"),
    ],
    "exercise-gradient-descent": [
        ("w^2 - 10w + 25", "w^2 - «twice»w + «square»"),
        ("(2 * path[-1] - 10)", "(2 * path[-1] - «twice»)"),
    ],
    "check-gradient-descent": [
        ("(gradient_descent)", "(gradient_descent, minimum=«lowest»)"),
    ],
    "part4-07": [
        ("w^2 - 10w + 25", "w^2 - «twice»w + «square»"),
        ("w**2 - 10 * w + 25", "w**2 - «twice» * w + «square»"),
    ],
    "part4-08": [
        ("the minimum at 5 is", "the minimum at «lowest» is"),
        (r"w' - 5 = (1 - 2\eta)\,(w - 5)", r"w' - «lowest» = (1 - 2\eta)\,(w - «lowest»)"),
    ],
    "part4-09": [
        ("steps w - 5 = {path[-1] - 5:+.1e}", "steps w - «lowest» = {path[-1] - «lowest»:+.1e}"),
        ("path[-1] - 5, -9 * factor", "path[-1] - «lowest», «start» * factor"),
    ],
    "part4-28": [("w^2 - 10w + 25", "w^2 - «twice»w + «square»")],
    "ec2-03": [("Spread the 256 codes evenly", "Spread «levels» of the 256 codes evenly")],
    "ec2-04": [("the highest 255.", "the highest «top».")],
    "exercise-affine-parameters": [
        ("for codes 0..255", "for codes 0..«top»"),
        ("(high - low) / 255", "(high - low) / «top»"),
    ],
    "check-affine-parameters": [("(affine_parameters)", "(affine_parameters, top=«top»)")],
    "exercise-quantise": [
        ("uint8, 0..255", "uint8, 0..«top»"),
        ("clamp(0, 255)", "clamp(0, «top»)"),
    ],
    "check-quantise": [("(quantise)", "(quantise, top=«top»)")],
}


@dataclass(frozen=True)
class Ask:
    """What a question asks for in a variant, beside the question itself."""

    cell: str  # where it is asked
    ask: str
    answer: str  # what the model answer says of it
    wanted: tuple  # numbers and words that an answer has to hold


QUESTIONS = {
    "which-loss": Ask(
        "part3-27",
        "Say in your answer, too, which loss (two decimals) a picture has whose true class gets a "
        "probability of «percent»%.",
        "A probability of «percent»% for the true class costs «cost».",
        ("«cost»",),
    ),
    "dropout-help": Ask(
        "part7-26",
        "Say in your answer, too, by which factor (two decimals) inverted dropout with a rate of "
        "«rate» scales what it keeps.",
        "With a rate of «rate», what is kept is scaled by «factor».",
        ("«factor»",),
    ),
    "confusion": Ask(
        "ec3-33",
        "Discuss in your answer, too, one pair of classes: **«one»** and **«other»**. How many of each "
        "does every network take for the other, and why?",
        "For «one» and «other», the matrix has one cell for each of the two mistakes.",
        ("«one»", "«other»"),
    ),
}


def filled(text, numbers):
    """Return a text with its marks replaced by numbers."""
    return MARK.sub(lambda mark: str(numbers[mark[1]]), text)


def with_numbers(masters, numbers):
    """Return those of the masters {stem: notebook} that a variant changes, with its numbers.

    Raises WorkbookError where a master does not hold, once, what a number is to replace.
    """
    changed = {}
    asks = {ask.cell: ask for ask in QUESTIONS.values()}
    for stem, master in masters.items():
        ids = {cell.get("id") for cell in master.cells}
        if ids & {*CHANGES, *asks}:
            changed[stem] = copy.copy(master)
            changed[stem].cells = [with_own(cell, asks, numbers) for cell in master.cells]
    return changed


def exercises_for(masters, secret, name):
    """Return the Exercises of a student, with the solutions and checks of the variant."""
    return find_exercises(masters | with_numbers(masters, numbers_for(secret, name)))


def with_own(cell, asks, numbers):
    """Return a cell with a variant's numbers; the model answer says what its question asks for."""
    own, source = copy.copy(cell), cell.source
    for old, new in CHANGES.get(cell.get("id"), ()):
        if source.count(old) != 1:
            raise WorkbookError(
                f'The cell {cell.id} does not hold "{old}" once, so it can have no variants. Change '
                "it back, or correct CHANGES in helpers/grader/variants.py."
            )
        source = source.replace(old, filled(new, numbers))
    if cell.get("id") in asks:
        source += f"\n\n{filled(asks[cell.id].ask, numbers)}"
    kind, name = key_of(cell) or ("", "")
    if kind == "answer" and name in QUESTIONS:
        source += f"\n\n{filled(QUESTIONS[name].answer, numbers)}"
    own.source = source
    return own


# --- answers ---------------------------------------------------------------------------------------


def wanted_in(question, numbers):
    """Return the numbers and words that an answer to a question has to hold, [] for most."""
    ask = QUESTIONS.get(question)
    return [filled(text, numbers) for text in ask.wanted] if ask else []


def says(answer, wanted):
    """Return whether an answer holds a number, to within 0.006, or a word, however it is spaced."""
    try:
        number = float(wanted)
    except ValueError:
        return squeezed(wanted) in squeezed(answer)
    found = re.findall(r"(?<![\d.,])\d+(?:[.,]\d+)?", answer)
    return any(abs(float(text.replace(",", ".")) - number) < 0.006 for text in found)


def squeezed(text):
    """Return the letters of a text."""
    return re.sub(r"[\W_\d]+", "", text).lower()


def remark(question, answer, numbers):
    """Return what a reader should know of an answer, "0.99 given, ..."; "" for most questions."""
    words = [
        f"{wanted} {'given' if says(answer, wanted) else 'not given'}"
        for wanted in wanted_in(question, numbers)
    ]
    return ", ".join(words)
