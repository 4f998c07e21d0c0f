"""submissions -> pairs that share what is rare in the class: code by fingerprints, answers by words.

A pair is a reason to read, never a verdict. What many have in common says nothing: the task asks
for it. So only rare fingerprints count, by how few have all that a pair shares.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.exercises.cells import PROMPT
from helpers.grader.fingerprints import code_fingerprints, words_of

MAX_SHARE = 0.25  # of the class may have a fingerprint that still counts as rare
USUAL = 0.95  # quantile of one's own pairs that says what one usually has in common with others
STRONGEST = 6  # exercises of a pair that can speak alone
TAIL = 0.99  # beyond this quantile of all pairs, rareness is extrapolated
MAX_BITS = 30  # for one answer, so that a word for word copy does not outweigh everything


@dataclass(frozen=True)
class Pair:
    """Two submissions and what they share."""

    first: str
    second: str
    stands_out: float  # bits beyond what the two usually share with others, as `pooled` says
    evidence: float  # bits, over all exercises or of one answer
    shared: int  # rare fingerprints, or rare words
    possible: int  # of the one who has fewer
    parts: dict  # {exercise or question: bits}, most first
    common: frozenset = frozenset()  # the rare words that both answers have

    @property
    def share(self):
        """The share of rare fingerprints that both have, 0..1."""
        return self.shared / self.possible if self.possible else 0.0


# --- code ------------------------------------------------------------------------------------------


def compare_code(submissions, templates, num_pairs=30):
    """Return the Pairs whose code stands out most, most first.

    All exercises count, or the STRONGEST of a pair alone, whichever stands out more: who copies half
    of the exercises is not hidden by the other half. `templates` is {exercise: what students are
    given}: its fingerprints are left out.
    """
    parts, shared = code_evidence(submissions, templates)
    bits, excess = pooled(parts)
    return [
        pair_of(submissions, i, j, float(excess[i, j]), parts, shared)
        for i, j in first_pairs(excess, bits, num_pairs)
    ]


def compare_single_exercises(submissions, templates, num_pairs=20):
    """Return the Pairs whose code stands out most in one exercise, most first; `parts` names it.

    Bits times fingerprints decide: two short oddities are alike by chance, long ones seldom.
    """
    parts, shared = code_evidence(submissions, templates)
    found = []
    for exercise, bits in parts.items():
        excess = excess_of(bits * shared[exercise])
        one = {exercise: bits}, {exercise: shared[exercise]}
        found += [
            pair_of(submissions, i, j, float(excess[i, j]), *one)
            for i, j in first_pairs(excess, bits, num_pairs)
        ]
    return sorted(found, key=lambda pair: -pair.stands_out)[:num_pairs]


def code_evidence(submissions, templates):
    """Return ({exercise: bits (N, N)}, {exercise: shared rare fingerprints (N, N)})."""
    parts, shared = {}, {}
    for exercise, template in templates.items():
        given = code_fingerprints(template)
        marks = [marks_of(s, exercise) - given for s in submissions]
        parts[exercise], shared[exercise] = evidence_of(rare_table(marks))
    return parts, shared


def pair_of(submissions, i, j, stands_out, parts, shared):
    """Return the Pair of two submissions by the evidence of some exercises."""
    counts = sum(shared.values())
    return Pair(
        submissions[i].name,
        submissions[j].name,
        stands_out,
        float(sum(bits[i, j] for bits in parts.values())),
        int(counts[i, j]),
        int(min(counts[i, i], counts[j, j])),
        in_order({e: float(bits[i, j]) for e, bits in parts.items()}),
    )


def pooled(parts):
    """Return (bits of all exercises together, by how much each pair stands out), both (N, N).

    What stands out in the strongest exercises is brought to the spread of what does in all.
    """
    every = np.sort(np.stack(list(parts.values())), axis=0)
    bits, strongest = every.sum(axis=0), every[-STRONGEST:].sum(axis=0)
    whole, part = excess_of(bits), excess_of(strongest)
    above = np.triu_indices(len(bits), 1)
    spreads = [excess[above].std() if len(bits) > 1 else 0 for excess in (whole, part)]
    scale = spreads[0] / spreads[1] if min(spreads) > 0 else 1
    return bits, np.maximum(whole, part * scale)


def marks_of(submission, exercise):
    """Return the fingerprints of an exercise and of what it uses of the student's other cells."""
    texts = [submission.sources.get(exercise, ""), *submission.context.get(exercise, [])]
    return set().union(*(code_fingerprints(text) for text in texts))


def rare_table(marks):
    """Return which submission has which rare fingerprint, (N, F) of 0.0 and 1.0.

    At most MAX_SHARE of the class has a rare one, or two people where the class is small.
    """
    counts = {}
    for own in marks:
        for mark in own:
            counts[mark] = counts.get(mark, 0) + 1
    rare = [m for m, n in counts.items() if n <= max(2, MAX_SHARE * len(marks))]
    place = {mark: i for i, mark in enumerate(rare)}
    table = np.zeros((len(marks), len(rare)), np.float32)
    for row, own in zip(table, marks):
        row[[place[mark] for mark in own if mark in place]] = 1
    return table


def evidence_of(table):
    """Return (bits (N, N), shared fingerprints (N, N)) of one exercise.

    A pair's bits: -log2 of the share of the class that has all that the two share, times the share
    of their rare fingerprints that agree (Jaccard). Fingerprints that come together count once.
    """
    kinds, kind_of, counts = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    common = kinds @ kinds.T  # (U, U), of all different kinds of solution
    sizes = common.diagonal()
    bits = np.zeros_like(common)
    for i, kind in enumerate(kinds):
        both = kinds[i:] * kind
        have_all = (both @ kinds.T >= both.sum(axis=1, keepdims=True)) @ counts
        bits[i, i:] = bits[i:, i] = np.log2(len(table) / np.maximum(have_all, 2))
    bits *= common / np.maximum(sizes[:, None] + sizes - common, 1)
    pairs = np.ix_(kind_of.ravel(), kind_of.ravel())
    return bits[pairs], common[pairs].astype(int)


def excess_of(bits):
    """Return (N, N) how many bits a pair shares beyond what the two usually share with others.

    People of one style share something with many; who copies, with one.
    """
    others = np.where(np.eye(len(bits), dtype=bool), np.nan, bits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class of one has no others
        usual = np.nan_to_num(np.nanquantile(others, USUAL, axis=1))
    return bits - (usual[:, None] + usual) / 2


def first_pairs(excess, bits, num_pairs):
    """Return [(i, j), ...] of the pairs that stand out most, among those that share something."""
    first, second = np.triu_indices(len(bits), 1)
    best = np.argsort(-excess[first, second], kind="stable")[:num_pairs]
    pairs = [(int(i), int(j)) for i, j in zip(first[best], second[best])]
    return [pair for pair in pairs if bits[pair] > 0]


def in_order(parts):
    """Return those parts that have bits, most first."""
    return {k: v for k, v in sorted(parts.items(), key=lambda p: -p[1]) if v > 0}


# --- answers ---------------------------------------------------------------------------------------


def compare_answers(submissions, questions, num_pairs=30):
    """Return the Pairs whose answers to one question are most alike, most outstanding first.

    Each question is compared by itself; `parts` names it.
    """
    found = []
    for question in questions:
        given = [s for s in submissions if words_of(text_of(s, question))]
        if len(given) > 2:
            found += alike_answers(given, question, num_pairs)
    return sorted(found, key=lambda pair: -pair.stands_out)[:num_pairs]


def text_of(submission, question):
    """Return a submission's answer without the prompt."""
    return submission.answers.get(question, "").replace(PROMPT, "")


def alike_answers(submissions, question, num_pairs):
    """Return the Pairs whose answers to a question are most alike."""
    texts = [text_of(s, question) for s in submissions]
    alike, rare = likeness(texts)
    first, second = np.triu_indices(len(texts), 1)
    bits = np.zeros_like(alike)
    bits[first, second] = bits[second, first] = rareness(alike[first, second])
    excess = excess_of(bits)
    return [
        Pair(
            submissions[i].name,
            submissions[j].name,
            float(excess[i, j]),
            float(bits[i, j]),
            len(rare[i] & rare[j]),
            min(len(rare[i]), len(rare[j])),
            {question: float(bits[i, j])},
            frozenset(rare[i] & rare[j]),
        )
        for i, j in first_pairs(excess, bits, num_pairs)
    ]


def likeness(texts):
    """Return (cosines (N, N) of tf-idf vectors, each text's rare words).

    Words and pairs of words, weighted by how rare they are: other words for common ones and another
    order of the sentences change little.
    """
    vectors = TfidfVectorizer(analyzer=grams_of, min_df=2, sublinear_tf=True)
    try:
        table = vectors.fit_transform(texts)
    except ValueError:  # no word that two have
        return np.zeros((len(texts), len(texts))), [set() for _ in texts]
    counts = np.asarray((table > 0).sum(axis=0)).ravel()
    words = vectors.get_feature_names_out()
    is_rare = counts <= max(2, MAX_SHARE * len(texts))
    rare = [{words[k] for k in row.indices if is_rare[k] and " " not in words[k]} for row in table]
    return (table @ table.T).toarray(), rare


def grams_of(text):
    """Return the words of an answer, and each two in a row."""
    words = words_of(text)
    return words + [f"{a} {b}" for a, b in zip(words, words[1:])]


def rareness(values):
    """Return -log2 of the share of values at least as large, from 0 to MAX_BITS.

    Beyond the quantile TAIL an exponential tail goes on with the mean excess found there.
    """
    order = np.sort(values)
    share = 1 - np.searchsorted(order, values, side="left") / len(values)
    bits = -np.log2(np.maximum(share, 1 - TAIL))
    start = np.quantile(values, TAIL)
    excess = values - start
    beyond = excess > 0
    if beyond.any():
        bits[beyond] = -np.log2(1 - TAIL) + excess[beyond] / excess[beyond].mean() / np.log(2)
    return np.minimum(bits, MAX_BITS)
