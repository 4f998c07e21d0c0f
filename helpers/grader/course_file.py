"""course.toml -> Policy; what is wrong in it is refused with its line and the way out."""

import difflib
import re
import tomllib
import zoneinfo
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from helpers.files import WorkbookError
from helpers.grader.policy import BEST, DAY, HOUR, LAST, Policy, is_skipped, moment_of

NAME = "course.toml"
KEYS = (
    *("time_zone", "deadline", "counts", "leave_out", "answer_points", "variants"),
    *("late", "extensions", "points"),
)
LATE_KEYS = (
    *("percent_per_day", "percent_per_hour", "grace_minutes", "cap_percent"),
    "accepted_days",
)
A_DATE = "Write a date without quotation marks, such as 2026-05-01T23:59:00"
MOVE = "Move it above the first line in [brackets]."
SHORT_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?![:\d])")


def find_policy(submissions, course, exercises):
    """Return the Policy in the file `course`, or in course.toml in or beside the submissions.

    Returns None where there is no such file. `exercises` are the names that it may use. Raises
    WorkbookError with file and line for what is wrong.
    """
    if course:
        return read_policy(course, exercises)
    folder = Path(submissions).absolute()
    found = [path for path in (folder / NAME, folder.parent / NAME) if path.is_file()]
    if len(found) > 1:
        raise WorkbookError(f"There are {found[0]} and {found[1]}. Delete one, or name --course.")
    return read_policy(found[0], exercises) if found else None


def read_policy(path, exercises):
    """Return the Policy in a file."""
    try:
        file = CourseFile(path, Path(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise WorkbookError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    file.know((), KEYS)
    file.know(("late",), LATE_KEYS)
    return file.with_deadlines(
        Policy(
            time_zone=file.time_zone(),
            counts=file.one_of("counts", (LAST, BEST), LAST),
            leave_out=file.left_out(exercises),
            points=file.points(exercises),
            answer_points=file.number(("answer_points",)),
            variants=file.yes_or_no("variants"),
            **file.late(),
        )
    )


class CourseFile:
    """The text and content of a course.toml, which knows the line of each key."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        try:
            self.content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise WorkbookError(f"{path}, {syntax(text, str(error))}") from error

    def get(self, keys, default=None):
        """Return the value at a path of keys."""
        value = self.content
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    def refuse(self, keys, sentence, word=""):
        """Raise WorkbookError with the line of a path of keys, or of a word in its value."""
        raise WorkbookError(f"{self.path}, line {line_of(self.text, keys, word)}: {sentence}")

    def know(self, keys, names):
        """Refuse a value that is not a table, and names in it that mean nothing."""
        table = self.table(keys)
        for name in table:
            if name not in names:
                way_out = MOVE if keys and name in KEYS else guess(name, names)
                self.refuse((*keys, name), f'"{name}" means nothing here. {way_out}')

    def table(self, keys):
        """Return the table at a path of keys, empty where there is none."""
        table = self.get(keys, {})
        if not isinstance(table, dict):
            self.refuse(keys, f"{keys[-1]} is a table: write [{keys[-1]}], its keys below it.")
        return table

    def number(self, keys, default=None, high=None):
        """Return the number at a path of keys; `high` is the highest that is allowed."""
        value = self.get(keys, default)
        if value is default:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= (high or 1e9):
            limits = f"from 0 to {high}" if high else "of 0 or more"
            self.refuse(keys, f"{keys[-1]} is {shown(value)}. Write a number {limits}.")
        return value

    def yes_or_no(self, key):
        """Return the truth value at a key, False where there is none."""
        value = self.get((key,), False)
        if not isinstance(value, bool):
            self.refuse((key,), f"{key} is {shown(value)}. Write true or false.")
        return value

    def one_of(self, key, values, default):
        """Return the text at a key, which has to be one of some."""
        value = self.get((key,), default)
        if value not in values:
            names = " or ".join(f'"{name}"' for name in values)
            self.refuse((key,), f"{key} is {shown(value)}. Write {names}.")
        return value

    def time_zone(self):
        """Return the name of the time zone; it has to be there where a deadline is."""
        name = self.get(("time_zone",))
        if name is None:
            for keys in (("deadline",), ("extensions",)):
                if self.get(keys):
                    self.refuse(
                        keys,
                        'there is no time zone. Add a first line such as time_zone = "Europe/Berlin".',
                    )
            return "UTC"
        known = zoneinfo.available_timezones()
        if not isinstance(name, str) or name not in known:
            near = guess(name, known, "a name such as Europe/Berlin")
            self.refuse(("time_zone",), f"no time zone is called {shown(name)}. {near}")
        return name

    def left_out(self, exercises):
        """Return the exercises that do not count."""
        names = self.get(("leave_out",), [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.refuse(("leave_out",), 'leave_out is a list of exercises: ["name", "name"].')
        for name in names:
            if name not in exercises:
                self.refuse(("leave_out",), unknown(name, exercises), name)
        if names and set(exercises) <= set(names):
            self.refuse(("leave_out",), "no exercise is left. Leave out fewer.")
        return tuple(names)

    def points(self, exercises):
        """Return {exercise: points, in place of the master's}."""
        for name in self.table(("points",)):
            if name not in exercises:
                self.refuse(("points", name), unknown(name, exercises))
            if name in self.get(("leave_out",), []):
                self.refuse(("points", name), f"{name} is left out, too. Keep one of the two.")
        return {name: self.number(("points", name)) for name in self.table(("points",))}

    def late(self):
        """Return the fields of a Policy that say what being late costs."""
        units = {DAY: ("late", "percent_per_day"), HOUR: ("late", "percent_per_hour")}
        given = [unit for unit, keys in units.items() if self.get(keys) is not None]
        if len(given) > 1:
            self.refuse(units[HOUR], "there is percent_per_day, too. Keep one of the two.")
        if self.get(("late",)) and not self.get(("deadline",)) and not self.get(("extensions",)):
            self.refuse(("late",), f"nothing is late without a deadline. {A_DATE}: deadline = ...")
        unit = given[0] if given else DAY
        return {
            "per": unit,
            "percent": self.number(units[unit], 0, 100),
            "grace_minutes": self.number(("late", "grace_minutes"), 0),
            "cap_percent": self.number(("late", "cap_percent"), 100, 100),
            "accepted_days": self.number(("late", "accepted_days"), None, 36_500),
        }

    def with_deadlines(self, policy):
        """Return a Policy with deadline and extensions."""
        deadline = self.moment(("deadline",), policy)
        extensions = {}
        for student in self.table(("extensions",)):
            keys = ("extensions", student)
            if student in KEYS:
                self.refuse(keys, f'"{student}" is not a student. {MOVE}')
            extensions[student] = self.moment(keys, policy)
            if deadline and extensions[student] < deadline:
                self.refuse(keys, f'the extension of "{student}" ends before the deadline.')
        return replace(policy, deadline=deadline, extensions=extensions)

    def moment(self, keys, policy):
        """Return the date or time at a path of keys as a deadline, None where there is none."""
        said = self.get(keys)
        if said is None:
            return None
        if not isinstance(said, date):
            self.refuse(keys, f"{keys[-1]} is {shown(said)}. {A_DATE}.")
        if not 2000 <= said.year < 2200:
            self.refuse(keys, f"the year is {said.year}. {A_DATE}.")
        if is_skipped(said, policy.time_zone):
            self.refuse(
                keys,
                f"{said} does not exist in {policy.time_zone}: the clocks are put forward then. "
                "Write another hour.",
            )
        return moment_of(said, policy, is_deadline=True)


# --- lines and sentences --------------------------------------------------------------------------


def line_of(text, keys, word=""):
    """Return the number of the line at which a path of keys begins, or a word in its value.

    It is the one after the last beginning of the text that is TOML and does not have the keys yet.
    """
    lines, start = text.split("\n"), 0
    for number in range(1, len(lines) + 1):
        try:
            value = tomllib.loads("\n".join(lines[:number]) + "\n")
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            with_word = [n for n in range(start, number) if word and word in lines[n]]
            return (with_word or [start])[0] + 1
        start = number
    return 1


def syntax(text, message):
    """Return what tomllib says as a sentence that begins with the line."""
    place = re.search(r"\(at line (\d+), column (\d+)\)", message)
    number = int(place[1]) if place else text.rstrip("\n").count("\n") + 1
    lines = text.split("\n")
    line = lines[number - 1] if number <= len(lines) else ""
    what = message.split(" (at ")[0]
    if SHORT_TIME.search(line):
        return f"line {number}: a time needs seconds, as in 2026-05-01T23:59:00."
    if re.search(r"\d{4}-\d\d?-\d", line) and re.match("Invalid date|Expected newline", what):
        return f"line {number}: there is no such date or time ({what}). {A_DATE}."
    return f'line {number}: this is not TOML ({what}). Write key = value, texts in "quotes".'


def shown(value):
    """Return a value as a short text for a message."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f'"{value[:40]}"' if isinstance(value, str) else str(value)[:40]


def guess(name, names, else_write=None):
    """Return a sentence that names the nearest of some names, or says what to write."""
    near = difflib.get_close_matches(str(name), list(names), 1)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"Write {else_write or 'one of ' + ', '.join(names)}."


def unknown(name, exercises):
    """Return a sentence on an exercise that there is not."""
    return f'no exercise is called "{name}". {guess(name, exercises)}'
