"""Ten tries to read solutions or mistakes out of the table that students get.

Whoever tries has the copy, so all checks and what they expect. Results that can be guessed lead to
sentences; a sentence asks a question and never says the right line.
"""

import ast
import base64
import builtins
import contextlib
import importlib
import io
import itertools
import math
import pkgutil
import re
import zlib
from pathlib import Path

import pytest
import torch
from test_diagnosis import EXERCISES, MISTAKES, NOTEBOOKS, PLAN, SOURCES

from helpers.exercises import checks
from helpers.exercises.cells import import_of_checks
from helpers.exercises.checks import diagnosis, evidence, pipeline, tools
from helpers.grader.release import secrets_of, squeezed
from helpers.grader.scoring import solution

TABLE = diagnosis.load_table()
BEGINNINGS = [
    start.format(kind)
    for start in ("Your {} behaves exactly like one that ", "A {} that ")
    for kind in ("function", "class")
]
ERRORS = [
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
]
ERRORS += ["OutOfMemoryError", "LinAlgError", "AxisError", "UnidentifiedImageError"]
CONSTANTS = (0.0, 1.0, -1.0, 0.5, 2.0, 255.0, math.nan, math.inf, -math.inf)
CHANGES = {
    "-x": torch.neg,
    "2x": lambda x: 2 * x,
    "x/2": lambda x: x / 2,
    "100x": lambda x: 100 * x,
    "x²": torch.square,
    "√x": torch.sqrt,
    "1 - x": lambda x: 1 - x,
    "x + 1": lambda x: x + 1,
    "x - 1": lambda x: x - 1,
    "backwards": lambda x: x.flip(0) if x.ndim else x,
    "cut off": torch.floor,
}


@pytest.fixture(scope="module")
def seen():
    """Return {exercise: ({what is compared: what is expected}, {sentences})} of all checks.

    It is more than a student sees, for it is taken from checks that right solutions pass.
    """
    found = {name: ({}, written(name)) for name in EXERCISES}
    with pytest.MonkeyPatch.context() as patch:
        for name, exercise in EXERCISES.items():
            note_all(patch, *found[name])
            scope = {}
            exec(import_of_checks(exercise.notebook), scope)
            with contextlib.redirect_stdout(io.StringIO()):
                function = solution(exercise, PLAN.imports[exercise.notebook])
                getattr(scope["checks"], f"check_{name}")(function)
    return found


def written(name):
    """Return the texts in the source of an exercise's check, "…" where something is filled in."""
    scope, texts = {}, set()
    exec(import_of_checks(EXERCISES[name].notebook), scope)
    for module in (scope["checks"], pipeline):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(part, "value", "") for part in node.values]
                texts.add("".join(part if isinstance(part, str) else "…" for part in parts))
    texts = {text for text in texts if 15 < len(text) < 200}
    return texts | {f"{name}: {text}" for text in texts}


def note_all(patch, compared, said):
    """Let all checks note what they compare and what they would say."""

    def compare(what, got, expected, tolerance=1e-4):
        compared[what] = torch.as_tensor(expected).detach().double()
        return tools_compare(what, got, expected, tolerance)

    def expect(condition, message, about=(), step=0.25):
        said.add(message)
        return tools_expect(condition, message, about, step)

    for module in pkgutil.iter_modules(checks.__path__):
        module = importlib.import_module(f"{checks.__name__}.{module.name}")
        for name, function in (("compare", compare), ("expect", expect)):
            if hasattr(module, name):
                patch.setattr(module, name, function)


tools_compare, tools_expect = tools.compare, tools.expect


def read(exercise, way, keys):
    """Return the sentence of the first of some keys that the table knows, or None."""
    guessed = evidence.Evidence(**{"result": (), way: tuple(keys)})
    return diagnosis.name_mistake(exercise, guessed) or None


def tell(capsys, name, sentences):
    """Print what a try has read; it must be sentences, and no solution in them."""
    sentences = set(sentences) - {None}
    with capsys.disabled():
        print(f"\n{name}: {len(sentences)} of {len(TABLE['sentences'])} sentences read")
    assert sentences <= {mistake.sentence for mistake in MISTAKES}
    secrets = {squeezed(text) for _, text in secrets_of(NOTEBOOKS)}
    secrets |= {squeezed(line) for source in SOURCES.values() for line in solved(source)}
    assert [s for s in secrets for said in sentences if s in squeezed(said)] == []


def solved(source):
    """Return the lines of a solution."""
    (own,) = re.findall(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", source, re.DOTALL)[:1]
    return [line.strip() for line in own.splitlines() if len(line.strip()) > 12]


# --- guessed results ------------------------------------------------------------------------------


@pytest.mark.slow
def test_1_every_type_of_exception(capsys):
    found = [read(e, "kind", [repr(name)]) for e in EXERCISES for name in ERRORS]
    tell(capsys, "types of exceptions", found)


def test_2_every_statement_of_every_check(seen, capsys):
    found = []
    for exercise, (compared, said) in seen.items():
        keys = [repr((what,)) for what in compared]
        keys += [key for message in said for key in evidence.of_words(message).place]
        found += [read(exercise, "place", [key]) for key in keys]
    tell(capsys, "statements that fail", found)


def test_3_every_sentence_that_a_check_can_say(seen, capsys):
    kinds = ["NoneType", "float", "int", "tuple", "list"]
    found = []
    for exercise, (_, said) in seen.items():
        said = [*said, *(f"{exercise}: expected a tensor, got {kind}." for kind in kinds)]
        found += [read(exercise, "result", evidence.of_words(text).result) for text in said]
    tell(capsys, "sentences of checks", found)


@pytest.mark.slow
def test_4_every_shape_and_values_that_are_not_finite(seen, capsys):
    found = []
    for exercise, (compared, _) in seen.items():
        for what, expected in compared.items():
            kinds = [(what, shape, False, False) for shape in shapes_like(expected.shape)]
            kinds += [(what, False, *odd) for odd in ((True, False), (False, True), (True, True))]
            found += [read(exercise, "kind", [repr(kind)]) for kind in kinds]
    tell(capsys, "shapes, nan and inf", found)


def shapes_like(shape):
    """Return shapes that a slip makes of a shape: an axis more or less, turned, in a row."""
    places = range(len(shape))
    found = {(), (math.prod(shape),), (1,), *itertools.permutations(shape)}
    found |= {(*shape[:i], 1, *shape[i:]) for i in range(len(shape) + 1)}
    found |= {(*shape[:i], *shape[i + 1 :]) for i in places}
    found |= {(*shape[:i], 1, *shape[i + 1 :]) for i in places}
    return found - {tuple(shape)}


@pytest.mark.slow
def test_5_constants(seen, capsys):
    found = [
        read(exercise, "result", evidence.of_values(what, torch.full_like(x, c), x).result)
        for exercise, (compared, _) in seen.items()
        for what, x in list(compared.items())[:2]
        for c in CONSTANTS
    ]
    tell(capsys, "constants", found)


@pytest.mark.slow
def test_6_arithmetic_with_what_is_expected(seen, capsys):
    found = [
        read(exercise, "result", evidence.of_values(what, change(x), x).result)
        for exercise, (compared, _) in seen.items()
        for what, x in list(compared.items())[:2]
        for change in CHANGES.values()
        if not torch.equal(change(x), x)
    ]
    tell(capsys, "arithmetic with the expected result", found)


@pytest.mark.slow
def test_7_every_whole_number_that_a_size_can_be(seen, capsys):
    found = []
    for exercise in ("output_size", "num_conv_parameters"):
        what, x = next(iter(seen[exercise][0].items()))
        guesses = [torch.full_like(x, number) for number in range(1, 1500)]
        keys = [evidence.of_values(what, guess, x).result for guess in guesses]
        found += [read(exercise, "result", some[:1]) for some in keys]
    tell(capsys, "whole numbers", found)


def test_a_right_result_is_marked_nowhere(seen):
    for exercise, (compared, _) in seen.items():
        for what, x in compared.items():
            keys = evidence.of_values(what, x, x).result[:1]
            assert read(exercise, "result", keys) is None


# --- the table itself -----------------------------------------------------------------------------

SECRETS = [base64.b64decode(text) for text in TABLE["sentences"]]
KEYS = [(number, bytes.fromhex(key)) for number, key in TABLE["marks"].values()]


def is_read(number, key):
    """Return whether a key of 16 bytes makes a sentence readable."""
    try:
        return any(
            diagnosis.decrypt(TABLE["sentences"][number], key).startswith(b) for b in BEGINNINGS
        )
    except UnicodeDecodeError:
        return False


def test_8_what_all_sentences_begin_with_gives_no_key_and_no_other_sentence():
    streams = [
        {diagnosis.xor(start.encode(), secret) for start in BEGINNINGS} for secret in SECRETS
    ]
    shared = {s[:16] for stream in streams for s in stream}
    assert len(shared) == sum(len({s[:16] for s in stream}) for stream in streams)
    for number, stream in enumerate(streams):
        assert not any(is_read(number, s[:16]) for s in stream)
        for start, s in zip(BEGINNINGS, stream):  # does the stream begin anew?
            assert not is_text(diagnosis.xor(SECRETS[number][len(start) :], s))


def is_text(data):
    return all(32 <= byte < 127 for byte in data[:16])


def test_9_the_keys_as_they_stand_and_any_two_of_a_sentence_read_nothing():
    by_number = {}
    for number, key in KEYS:
        by_number.setdefault(number, []).append(key)
    for number, keys in by_number.items():
        pairs = [diagnosis.xor(a, b) for a, b in itertools.combinations(keys, 2)]
        assert not any(is_read(number, key) for key in [*keys, *pairs])
    assert len({key for _, key in KEYS}) == len(KEYS)


def test_10_lengths_order_and_letters_say_nothing():
    assert {len(secret) for secret in SECRETS} == {360}
    assert TABLE["sentences"] == sorted(TABLE["sentences"])
    assert list(TABLE["marks"]) == sorted(TABLE["marks"])
    everything = b"".join(SECRETS)
    assert len(zlib.compress(everything, 9)) >= len(everything), "it looks like noise"
    counts = torch.bincount(torch.frombuffer(bytearray(everything), dtype=torch.uint8).int())
    expected = len(everything) / 256
    assert len(counts) == 256 and ((counts - expected).abs() < 6 * expected**0.5).all()
