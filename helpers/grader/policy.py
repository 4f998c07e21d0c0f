"""raw points, time -> points that count: deadline, penalty, extensions, which copy counts."""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

BEST, LAST = "best", "last"
DAY, HOUR = "day", "hour"
RIGHT = "right"  # the message of a Score that got its points


@dataclass(frozen=True)
class Policy:
    """What `course.toml` says. Points are raw where no penalty has been taken off."""

    time_zone: str = "UTC"  # of all times without one
    deadline: datetime | None = None  # with a time zone; None: nothing is late
    counts: str = LAST  # which of a student's dated copies
    percent: float = 0  # of the raw points, for each day or hour late that has begun
    per: str = DAY
    grace_minutes: float = 0  # so much later is still in time
    cap_percent: float = 100  # of the raw points; no penalty is higher
    accepted_days: float | None = None  # what is later gets nothing; None: all is accepted
    extensions: dict = field(default_factory=dict)  # {student: deadline}
    points: dict = field(default_factory=dict)  # {exercise: points, in place of the master's}
    leave_out: tuple = ()  # exercises that do not count
    answer_points: float | None = None  # that the answers can get together
    variants: bool = False  # students have numbers of their own

    def due(self, student):
        """Return the student's deadline, or None."""
        return self.extensions.get(student, self.deadline)

    def local(self, moment):
        """Return a moment as the clocks in the course's time zone show it, without the zone."""
        return moment.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)


@dataclass(frozen=True)
class Verdict:
    """What a raw number of points comes to."""

    raw: float
    penalty: float
    total: float
    late: str  # "" in time, "2 days", "3 hours"
    is_accepted: bool = True


def as_json(policy):
    """Return a Policy as JSON can hold it."""
    said = asdict(policy)
    moments = {name: due.isoformat() for name, due in policy.extensions.items()}
    deadline = policy.deadline and policy.deadline.isoformat()
    return said | {"extensions": moments, "deadline": deadline, "leave_out": list(policy.leave_out)}


# --- time -----------------------------------------------------------------------------------------


def moment_of(said, policy, student=None, is_deadline=False):
    """Return a date or time as a datetime with a zone.

    A time without a zone is in the course's. One that occurs twice, when the clocks are put back,
    is read to the student's advantage. A date alone is the end of that day as a deadline, else the
    hour of the student's deadline on that day, so that it is late by whole days.
    """
    zone = ZoneInfo(policy.time_zone)
    if not isinstance(said, datetime):
        due = None if is_deadline else policy.due(student)
        end = datetime.max.time().replace(microsecond=0) if is_deadline else datetime.min.time()
        said = datetime.combine(said, policy.local(due).time() if due else end)
    return said if said.tzinfo else said.replace(tzinfo=zone, fold=int(is_deadline))


def is_skipped(said, time_zone):
    """Return whether a time without a zone does not exist: the clocks were put forward over it."""
    if not isinstance(said, datetime) or said.tzinfo:
        return False
    zone = ZoneInfo(time_zone)
    return said.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != said


def units_late(policy, due, submitted):
    """Return how many days or hours late have begun: 0 if in time or within the grace period.

    Days go by the clock of the course's time zone: a day later at the same hour is one day, also
    when the clocks have changed. Hours are hours. The grace period is not taken off the lateness.
    """
    submitted = submitted.replace(microsecond=0)
    elapsed = submitted.astimezone(UTC) - due.astimezone(UTC)
    if elapsed <= timedelta(minutes=policy.grace_minutes):
        return 0
    if policy.per == DAY:
        elapsed = policy.local(submitted) - policy.local(due)
    return max(1, ceil(elapsed / timedelta(**{f"{policy.per}s": 1})))


def is_accepted(policy, due, submitted):
    """Return whether a copy is not too late to get anything, by the clock of the course."""
    if policy.accepted_days is None or units_late(policy, due, submitted) == 0:
        return True
    late = policy.local(submitted.replace(microsecond=0)) - policy.local(due)
    return late <= timedelta(days=policy.accepted_days)


# --- points ---------------------------------------------------------------------------------------


def judge(policy, student, submitted, raw):
    """Return the Verdict on raw points that a student handed in at a time."""
    due = policy.due(student)
    units = units_late(policy, due, submitted) if due else 0
    if not units:
        return Verdict(raw, 0, raw, "")
    late = f"{units} {policy.per}{'s' * (units > 1)}"
    if not is_accepted(policy, due, submitted):
        return Verdict(raw, raw, 0, late, is_accepted=False)
    percent = min(policy.percent * units, policy.cap_percent)
    penalty = whole(round(raw * percent / 100, 2))
    return Verdict(raw, penalty, whole(round(raw - penalty, 2)), late)


def whole(number):
    """Return a number as an int where it is whole: 5.0 as 5."""
    return int(number) if number == int(number) else number


def choose(policy, candidates):
    """Return the one of [(key, submitted, Verdict)] that counts.

    The best has the highest total; of equal ones, the earliest counts. The last is the latest that
    is accepted, or the latest of all if none is.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate[1])
    if policy.counts == BEST:
        return max(ordered, key=lambda candidate: candidate[2].total)
    accepted = [c for c in ordered if c[2].is_accepted]
    return (accepted or ordered)[-1]


def with_points(policy, scores):
    """Return Scores with the policy's points, without exercises that do not count."""
    counted = [score for score in scores if score.exercise not in policy.leave_out]
    return [
        rescaled(score, policy.points[score.exercise]) if score.exercise in policy.points else score
        for score in counted
    ]


def rescaled(score, possible):
    """Return a Score for other points of its exercise, its criteria in proportion.

    The shares are rounded to two digits, so that they add up to the points.
    """
    whole_before, before, criteria = sum(c.possible for c in score.criteria), 0, []
    for c in score.criteria:
        ends = [possible * end / whole_before for end in (before, before + c.possible)]
        share = whole(round(round(ends[1], 2) - round(ends[0], 2), 2))
        criteria.append(replace(c, points=share if c.points else 0, possible=share))
        before += c.possible
    is_right = score.message == RIGHT and score.points >= score.possible  # a message can be forged
    points = possible if is_right else whole(round(sum(c.points for c in criteria), 2))
    return replace(score, points=points, possible=possible, criteria=tuple(criteria))


def exercises_of(policy, exercises):
    """Return {name: points} of the Exercises that count; all of them without a Policy."""
    policy = policy or Policy()
    names = {exercise.name: exercise.points for exercise in exercises}
    return {
        name: policy.points.get(name, points)
        for name, points in names.items()
        if name not in policy.leave_out
    }
