"""graded copies, Policy, points by hand -> the copy of each student that counts, and its total."""

from dataclasses import dataclass, replace

from helpers.grader.copies import submitted_at, submitted_text
from helpers.grader.policy import Verdict, choose, judge, whole, with_points
from helpers.grader.tables import given_by_hand, total_of


@dataclass(frozen=True)
class Standing:
    """What a student's copy comes to by the course's policy."""

    copy: str  # the name of the copy that counts
    submitted: str  # for people: "2026-05-01 12:00:00", and whether that is only the file's time
    verdict: Verdict


def count(copies, graded, policy, marks):
    """Return ({student: name of the copy that counts}, {student: Standing or nothing}).

    `copies` is {name: Copy}, `graded` {name of the copy: Graded}, `marks` what `read_marks` returns:
    points given by hand are the student's, whichever copy counts.
    """
    students = dict.fromkeys(copy.student for copy in copies.values())
    if policy is None:
        return {student: student for student in students}, {}
    standings = {}
    for student in students:
        by_hand = total_of(given_by_hand(marks, student))
        candidates = []
        for name in (name for name, copy in copies.items() if copy.student == student):
            scores = with_points(policy, graded[name].scores)
            raw = whole(round(sum(score.points for score in scores) + by_hand, 2))
            submitted, _ = submitted_at(copies[name], policy)
            candidates.append((name, submitted, judge(policy, student, submitted, raw)))
        name, _, verdict = choose(policy, candidates)
        standings[student] = Standing(name, submitted_text(copies[name], policy), verdict)
    return {student: standing.copy for student, standing in standings.items()}, standings


def counted(student, copies, graded, policy, standings):
    """Return the Graded of the copy that counts, with the policy's points, in the student's name."""
    if policy is None:
        return graded[student]
    standing = standings[student]
    one, notes = graded[standing.copy], []
    num_copies = sum(copy.student == student for copy in copies.values())
    if num_copies > 1:
        notes += [f"{num_copies} copies were handed in: the one of {standing.submitted} counts."]
    if note := copies[standing.copy].note:
        notes += [note]
    scores = with_points(policy, one.scores)
    return replace(one, name=student, scores=scores, notes=(*notes, *one.notes))
