"""A course's policy: deadlines, penalties, dated copies, regrades, and files that are wrong."""

import csv
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from test_grading import DOUBLE, MASTERS, copy_with, write

from helpers.files import WorkbookError
from helpers.grader import grading, hidden
from helpers.grader.course_file import find_policy, read_policy
from helpers.grader.policy import Policy, choose, judge, moment_of, units_late
from helpers.grader.regrading import regrade

BERLIN = ZoneInfo("Europe/Berlin")
TWICE = "def twice(x):\n    return x + x"
MAY_1 = datetime(2026, 5, 1, 23, 59, tzinfo=BERLIN)
DAILY = Policy("Europe/Berlin", MAY_1, percent=10, cap_percent=50)
HOURLY = Policy("Europe/Berlin", MAY_1, percent=1, per="hour", cap_percent=30)


def after(deadline, **delta):
    """Return a time so much later as it really passes, whatever the clocks do."""
    return deadline.astimezone(UTC) + timedelta(**delta)


# --- arithmetic -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "late", "total"),
    [
        ({"days": -3}, "", 20),
        ({}, "", 20),
        ({"microseconds": 900_000}, "", 20),
        ({"seconds": 1}, "1 day", 18),
        ({"days": 1}, "1 day", 18),
        ({"days": 1, "seconds": 1}, "2 days", 16),
        ({"days": 5}, "5 days", 10),
        ({"days": 60}, "60 days", 10),
    ],
)
def test_each_day_that_has_begun_costs_its_share_up_to_the_cap(delta, late, total):
    verdict = judge(DAILY, "ada", after(MAY_1, **delta), 20)
    assert (verdict.late, verdict.total, verdict.raw) == (late, total, 20)
    assert verdict.penalty == 20 - total


def test_hours_cost_by_the_hour_and_halves_of_points_stay():
    assert judge(HOURLY, "ada", after(MAY_1, minutes=61), 17).total == 16.66
    assert judge(HOURLY, "ada", after(MAY_1, hours=400), 17).penalty == 5.1


def test_grace_forgives_a_little_and_is_not_taken_off_what_is_later():
    policy = Policy("Europe/Berlin", MAY_1, percent=10, grace_minutes=15)
    assert judge(policy, "ada", after(MAY_1, minutes=15), 20).total == 20
    assert judge(policy, "ada", after(MAY_1, minutes=16), 20).total == 18
    assert judge(policy, "ada", after(MAY_1, days=1, minutes=10), 20).late == "2 days"


def test_an_extension_moves_the_deadline_of_one_student():
    policy = Policy("Europe/Berlin", MAY_1, percent=10, extensions={"ada": after(MAY_1, days=7)})
    submitted = after(MAY_1, days=8)
    assert judge(policy, "ada", submitted, 20).total == 18
    assert judge(policy, "bob", submitted, 20).total == 4


def test_what_is_later_than_accepted_gets_nothing_whatever_the_cap():
    policy = Policy("Europe/Berlin", MAY_1, percent=10, cap_percent=20, accepted_days=7)
    assert judge(policy, "ada", after(MAY_1, days=7), 20).total == 16
    verdict = judge(policy, "ada", after(MAY_1, days=7, seconds=1), 20)
    assert (verdict.total, verdict.penalty, verdict.is_accepted) == (0, 20, False)


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 18), datetime(2026, 10, 24, 18)])
def test_when_the_clocks_change_a_day_ends_at_the_same_hour_and_hours_stay_hours(day):
    deadline = day.replace(tzinfo=BERLIN)
    next_day = (day + timedelta(days=1)).replace(tzinfo=BERLIN)
    real_hours = (next_day.astimezone(UTC) - deadline.astimezone(UTC)) / timedelta(hours=1)
    assert real_hours in (23, 25)
    daily, hourly = Policy("Europe/Berlin", deadline), Policy("Europe/Berlin", deadline, per="hour")
    assert units_late(daily, deadline, next_day) == 1
    assert units_late(daily, deadline, after(next_day, seconds=1)) == 2
    assert units_late(hourly, deadline, next_day) == real_hours


def test_late_is_late_although_the_clock_was_put_back_meanwhile():
    deadline = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)  # the first of two
    assert units_late(Policy("Europe/Berlin", deadline), deadline, after(deadline, minutes=50)) == 1


def test_an_hour_that_occurs_twice_is_read_to_the_students_advantage():
    policy, twice = Policy("Europe/Berlin"), datetime(2026, 10, 25, 2, 30)
    deadline, copy = moment_of(twice, policy, is_deadline=True), moment_of(twice, policy)
    assert deadline.astimezone(UTC) - copy.astimezone(UTC) == timedelta(hours=1)


def test_a_date_alone_is_late_by_whole_days_whatever_the_hour_of_the_deadline():
    deadline = datetime(2026, 5, 1, 9, tzinfo=BERLIN)
    policy = Policy("Europe/Berlin", deadline, percent=10, grace_minutes=30)
    late = [
        judge(policy, "ada", moment_of(datetime(2026, 5, day).date(), policy, "ada"), 20).late
        for day in (1, 2, 3)
    ]
    assert late == ["", "1 day", "2 days"]


def test_best_is_the_highest_total_and_last_the_latest_that_is_accepted():
    best = Policy("Europe/Berlin", MAY_1, counts="best", percent=10, accepted_days=2)
    last = Policy("Europe/Berlin", MAY_1, counts="last", percent=10, accepted_days=2)
    handed_in = [("a", -1, 18), ("b", 1, 20), ("c", 2, 20), ("d", 3, 20)]  # days late, raw

    def chosen(policy, copies):
        times = [(key, after(MAY_1, days=days), raw) for key, days, raw in copies]
        return choose(policy, [(k, t, judge(policy, "ada", t, raw)) for k, t, raw in times])[0]

    assert (chosen(best, handed_in), chosen(last, handed_in)) == ("a", "c")
    assert (chosen(best, handed_in[1:]), chosen(last, handed_in[3:])) == ("b", "d")


# --- course.toml ----------------------------------------------------------------------------------

ZONE = 'time_zone = "Europe/Berlin"\n'
WRONG = {
    "deadlin = 2026-05-01": (1, 'Did you mean "deadline"'),
    "# no zone\ndeadline = 2026-05-01T12:00:00": (2, "there is no time zone"),
    'time_zone = "Europe/Berlim"': (1, 'Did you mean "Europe/Berlin"'),
    f"{ZONE}\ndeadline = 2026-02-30": (3, "no such date"),
    f"{ZONE}deadline = 2026-05-01T23:59": (2, "needs seconds"),
    f'{ZONE}deadline = "2026-05-01"': (2, "without quotation marks"),
    f"{ZONE}deadline = 2026-03-29T02:30:00": (2, "does not exist in Europe/Berlin"),
    f"{ZONE}deadline = 1926-05-01": (2, "the year is 1926"),
    'variants = "yes"': (1, "Write true or false"),
    'counts = "first"': (1, 'Write "last" or "best"'),
    'leave_out = [\n  "double",\n  "twise",\n]': (3, 'Did you mean "twice"'),
    'leave_out = ["double", "twice"]': (1, "no exercise is left"),
    "[points]\ndouble = 5\ntriple = 5": (3, 'no exercise is called "triple"'),
    '[points]\ndouble = "5"': (2, 'double is "5"'),
    "[points]\ndouble = -1": (2, "a number of 0 or more"),
    f"{ZONE}deadline = 2026-05-01\n[late]\npercent_per_day = 120": (4, "from 0 to 100"),
    f"{ZONE}deadline = 2026-05-01\n[late]\npercent_per_day = true": (4, "from 0 to 100"),
    f"{ZONE}deadline = 2026-05-01\n[late]\ngrace = 10": (4, "grace_minutes"),
    f"{ZONE}deadline = 2026-05-01\n[late]\npercent_per_day = 1\npercent_per_hour = 1": (5, "too"),
    "[late]\npercent_per_day = 10": (1, "without a deadline"),
    f'{ZONE}[late]\npercent_per_day = 10\ncounts = "best"': (4, "Move it above"),
    f"{ZONE}deadline = 2026-05-02\n[extensions]\nada = 2026-05-01": (4, "before the deadline"),
    f"{ZONE}[extensions]\ndeadline = 2026-05-01": (3, "Move it above"),
    f"{ZONE}extensions = 3": (2, "[extensions]"),
    f'{ZONE}counts = "last"\ncounts = "best"': (3, "not TOML"),
    "a = ": (1, "not TOML"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_refused_with_its_line_and_the_way_out(text, tmp_path):
    line, said = WRONG[text]
    (tmp_path / "course.toml").write_text(text + "\n")
    with pytest.raises(WorkbookError) as refused:
        read_policy(tmp_path / "course.toml", ["double", "twice"])
    message = str(refused.value)
    assert f"course.toml, line {line}: " in message and said in message and message[-1] in ".?"


def test_a_right_file_says_all_that_it_says(tmp_path):
    (tmp_path / "course.toml").write_text(
        f'{ZONE}deadline = 2026-05-01\ncounts = "best"\nleave_out = ["twice"]\nanswer_points = 20\n'
        "late = {percent_per_hour = 2.5, cap_percent = 40, accepted_days = 7}\n"
        '[extensions]\n"Bob Smith" = 2026-05-08T12:00:00\neve = 2026-05-08T12:00:00Z\n'
        "[points]\ndouble = 7\n"
    )
    policy = read_policy(tmp_path / "course.toml", ["double", "twice"])
    assert policy.deadline == datetime(2026, 5, 1, 23, 59, 59, tzinfo=BERLIN)
    noon = datetime(2026, 5, 8, 12, tzinfo=BERLIN)
    assert policy.extensions == {"Bob Smith": noon, "eve": noon + timedelta(hours=2)}
    assert (policy.percent, policy.per, policy.cap_percent) == (2.5, "hour", 40)
    assert (policy.accepted_days, policy.counts, policy.leave_out) == (7, "best", ("twice",))
    assert (policy.points, policy.answer_points) == ({"double": 7}, 20)


def test_the_example_in_the_guide_is_right(tmp_path):
    guide = (Path(grading.__file__).parent / "README.md").read_text()
    (tmp_path / "course.toml").write_text(guide.split("```toml\n")[1].split("```")[0])
    policy = read_policy(tmp_path / "course.toml", list(hidden.DRAWS))
    assert policy.due("Ada Lovelace") > policy.deadline and policy.percent == 10


def test_the_file_is_found_in_or_beside_the_submissions_and_two_are_one_too_many(tmp_path):
    (tmp_path / "class").mkdir()
    assert find_policy(tmp_path / "class", None, []) is None
    (tmp_path / "course.toml").write_text("answer_points = 1")
    assert find_policy(tmp_path / "class", None, []).answer_points == 1
    assert not find_policy(tmp_path / "class", None, []).variants
    (tmp_path / "other.toml").write_text("answer_points = 2\nvariants = true")
    assert find_policy(tmp_path / "class", tmp_path / "other.toml", []).variants
    assert find_policy(tmp_path / "class", tmp_path / "other.toml", []).answer_points == 2
    (tmp_path / "class" / "course.toml").write_text("")
    with pytest.raises(WorkbookError, match="Delete one"):
        find_policy(tmp_path / "class", None, [])


# --- a class --------------------------------------------------------------------------------------


class Term:
    """A class whose exercises are right unless they are stubs; no kernel runs."""

    def __init__(self, path):
        self.path, self.folder, self.out = path, path / "class", path / "out"
        self.ran = []

    def run(self, notebook, *_):
        """Stand in for nbval."""
        self.ran.append(1)
        grading_of = [dict(cell.metadata["grading"]) for cell in notebook.cells]
        stubs = {
            said["exercise"]
            for said, cell in zip(grading_of, notebook.cells)
            if "NotImplementedError" in cell.source
        }
        return (
            [
                said | {"passed": said["exercise"] not in stubs, "message": ""}
                for said in grading_of
            ],
            "",
            False,
        )

    def hand_in(self, place, answer="Because.", **sources):
        copy = copy_with(**sources)
        copy.cells[-1].source = answer
        write(self.folder / place / "part1_x.ipynb", copy)

    def say(self, text):
        (self.path / "course.toml").write_text(ZONE + text)

    def options(self):
        return {"masters": self.path / "masters", "jobs": 1, "secret": "a secret of the tests"}

    def grade(self):
        """Grade; return {name: row of grades.csv}."""
        grading.grade(self.folder, self.out, **self.options())
        return {row["submission"]: row for row in rows_of(self.out / "grades.csv")}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def term(tmp_path, monkeypatch):
    term = Term(tmp_path)
    for name in ("double", "twice"):
        monkeypatch.setitem(hidden.DRAWS, name, lambda g: [("numbers", g.uniform(1, 2))])
    monkeypatch.setattr(grading, "run_notebook", term.run)
    monkeypatch.setattr(grading, "find_sandbox", lambda unsafe: "none")
    write(tmp_path / "masters" / "part1_x.ipynb", MASTERS["part1_x"])
    return term


LATE = "deadline = 2026-05-01T12:00:00\n{}\n[late]\npercent_per_day = 10\n"


def test_dated_copies_are_graded_each_and_the_best_counts(term):
    term.hand_in("ada/2026-04-30T1200", "early", double=DOUBLE)
    term.hand_in("ada/2026-05-02T1200", "better", double=DOUBLE, twice=TWICE)
    term.hand_in("bob_2026-04-30", double=DOUBLE)
    term.hand_in("bob_2026-05-20T12-00-30", double=DOUBLE, twice=TWICE)
    term.say(LATE.format('counts = "best"'))
    rows = term.grade()
    assert list(rows["ada"])[-8:] == (
        "answers raw penalty submitted late status seconds total".split()
    )
    found = {n: [r["raw"], r["penalty"], r["total"], r["late"]] for n, r in rows.items()}
    assert found == {"ada": ["10", "1", "9", "1 day"], "bob": ["5", "0", "5", ""]}
    assert rows["ada"]["submitted"] == "2026-05-02 12:00:00"
    assert [row["answer"] for row in rows_of(term.out / "answers" / "why.csv")][0] == "better"
    page = (term.out / "feedback" / "ada.html").read_text()
    assert "2 copies were handed in" in page and "less 1 for being late" in page
    term.say(LATE.format('counts = "last"'))
    assert term.grade()["bob"]["raw"] == "10"
    assert len(term.ran) == 1 + 4, "another policy runs nothing again"


def test_the_same_copies_give_the_same_table_and_a_lost_result_is_graded_again(term):
    term.hand_in("ada/2026-04-30T1200", double=DOUBLE)
    term.hand_in("ada/2026-05-02T1200", double=DOUBLE, twice=TWICE)
    term.say(LATE.format(""))
    term.grade()
    first = (term.out / "grades.csv").read_bytes()
    results = sorted((term.out / "copies").iterdir())
    results[0].unlink()
    (term.out / "grades.csv").unlink()
    term.grade()
    assert (term.out / "grades.csv").read_bytes() == first and len(term.ran) == 1 + 2 + 1
    assert len(results) == 2 and json.loads((term.out / "results" / "ada.json").read_text())


def test_a_run_that_was_stopped_goes_on_copy_by_copy(term, monkeypatch):
    for day in (1, 2, 3):
        term.hand_in(f"ada_2026-05-0{day}", double=DOUBLE, answer=f"Answer {day}.")
    term.hand_in("ada_2026-05-03", double=DOUBLE, twice=TWICE)
    term.say(LATE.format(""))

    def stopped(*task):
        if len(term.ran) == 3:  # the master and two copies
            raise KeyboardInterrupt
        return term.run(*task)

    monkeypatch.setattr(grading, "run_notebook", stopped)
    with pytest.raises(KeyboardInterrupt):
        term.grade()
    assert not (term.out / "grades.csv").exists()
    kept = len(list((term.out / "copies").iterdir()))
    monkeypatch.setattr(grading, "run_notebook", term.run)
    assert term.grade()["ada"]["raw"] == "10"
    assert kept >= 1 and len(term.ran) == 1 + 2 + (3 - kept)


def test_a_copy_that_was_the_only_one_is_not_graded_again_when_others_come(term):
    term.say(LATE.format(""))
    term.hand_in("ada_2026-04-28", double=DOUBLE)
    term.grade()
    term.hand_in("ada_2026-04-29", double=DOUBLE, twice=TWICE)
    for _ in range(2):
        assert term.grade()["ada"]["raw"] == "10"
    assert len(term.ran) == 1 + 2


def test_without_a_date_in_the_name_the_files_time_counts_and_the_table_says_so(term):
    term.hand_in("ada", double=DOUBLE)
    os.utime(
        term.folder / "ada" / "part1_x.ipynb", (0, datetime(2026, 5, 1, 13, tzinfo=UTC).timestamp())
    )
    term.say(LATE.format(""))
    row = term.grade()["ada"]
    assert row["submitted"] == "2026-05-01 15:00:00 (the file's time)"
    assert (row["late"], row["total"]) == ("1 day", "4.5")


def test_points_are_changed_and_exercises_left_out_and_answers_belong_to_raw(term):
    term.hand_in("ada_2026-05-03T1200", double=DOUBLE, twice=TWICE)
    term.say(LATE.format('leave_out = ["twice"]') + "[points]\ndouble = 8\n")
    term.grade()
    path = term.out / "answers" / "why.csv"
    path.write_text(path.read_text().replace("Because.,,", "Because.,2,well said"))
    row = term.grade()["ada"]
    assert "twice" not in row and [row[c] for c in ("double", "answers", "raw")] == ["8", "2", "10"]
    assert (row["penalty"], row["total"]) == ("2", "8")
    said = json.loads((term.out / "course.json").read_text())
    assert said["exercises"] == {"double": 8} and len(term.ran) == 2


def test_dated_folders_beside_other_files_are_one_copy_and_a_note_says_so(term):
    term.hand_in("ada/2026-04-30T1200", double=DOUBLE)
    term.hand_in("ada/more", twice=TWICE)
    term.say(LATE.format(""))
    row = term.grade()["ada"]
    assert row["raw"] == "10" and "the file's time" in row["submitted"]
    assert "read as one copy" in (term.out / "feedback" / "ada.html").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ada_2026-02-30", "no such date"),
        ("ada_2026-03-29T0230", "does not exist in Europe/Berlin"),
    ],
)
def test_a_copy_with_an_impossible_date_is_refused_by_its_name(term, name, said):
    term.hand_in(name, double=DOUBLE)
    term.say("")
    with pytest.raises(WorkbookError, match=said) as refused:
        term.grade()
    assert name in str(refused.value) and "Rename it" in str(refused.value)


def test_without_a_file_names_with_dates_are_names(term):
    term.hand_in("ada_2026-05-01", double=DOUBLE)
    row = term.grade()["ada_2026-05-01"]
    assert list(row) == ["submission", "double", "twice", "answers", "status", "seconds", "total"]


# --- regrades -------------------------------------------------------------------------------------


def again(term, name="ada"):
    return "\n".join(regrade(name, term.folder, term.out, **term.options()))


def test_a_regrade_says_what_changed_and_why_and_keeps_a_log(term):
    term.hand_in("ada_2026-05-03T1200", double=DOUBLE)
    term.hand_in("bob_2026-05-01T1100", double=DOUBLE)
    term.say(LATE.format(""))
    term.grade()
    assert "nothing that decides a grade changed" in again(term)
    assert len(term.ran) == 1 + 2 + 1, "it is run in any case, and alone"
    term.hand_in("ada_2026-05-03T1200", double=DOUBLE, twice=TWICE)
    said = again(term)
    assert "ada: 4 points before, 8 now." in said and "twice: 0 -> 5" in said
    assert "Why: the submission changed." in said
    term.say(LATE.format("") + "[extensions]\nada = 2026-05-05\n")
    assert "Why: the policy changed (extensions)." in again(term)
    path = term.out / "answers" / "why.csv"
    path.write_text(path.read_text().replace("ada,Because.,,", "ada,Because.,2,"))
    assert "Why: points for answers changed." in again(term)
    log = rows_of(term.out / "regrades.csv")
    assert [(row["before"], row["after"]) for row in log] == [
        *(("4", "4"), ("4", "8")),
        *(("8", "10"), ("10", "12")),
    ]
    assert "the policy changed" in log[2]["why"]


def test_a_regrade_by_another_master_runs_one_student_and_leaves_the_others(term):
    for name in ("ada", "bob"):
        term.hand_in(name, double=DOUBLE)
    term.grade()
    master = copy_with(
        double="def double(x):\n    # BEGIN SOLUTION\n    return x * 2\n    # END SOLUTION"
    )
    master.cells[2:4] = MASTERS["part1_x"].cells[2:4]
    write(term.path / "masters" / "part1_x.ipynb", master)
    before = (term.out / "results" / "bob.json").read_bytes()
    assert "Why: the master changed" in again(term)
    assert (term.out / "results" / "bob.json").read_bytes() == before
    assert len(term.ran) == (1 + 2) + (1 + 1)


def test_totals_of_others_that_a_new_policy_changes_are_named(term):
    term.hand_in("ada_2026-05-01T1100", double=DOUBLE)
    term.hand_in("bob_2026-05-03T1200", double=DOUBLE)
    term.say(LATE.format(""))
    term.grade()
    term.say(LATE.format("").replace("10", "20"))
    assert "Totals of others changed, too, by the policy or answers: bob." in again(term)


def test_a_regrade_after_a_run_that_was_stopped_says_so(term, monkeypatch):
    term.hand_in("ada", double=DOUBLE)
    grading.grade(term.folder, term.out, **term.options())
    monkeypatch.setattr(grading, "check_masters", lambda *_: None)
    monkeypatch.setattr(grading, "run_notebook", lambda *_: ([], "time is up", False))
    again(term)
    monkeypatch.setattr(grading, "run_notebook", term.run)
    assert "Why: the last run ended otherwise (Stopped: time is up.)." in again(term)


def test_a_regrade_of_nobody_is_refused_with_the_nearest_name(term):
    term.hand_in("ada", double=DOUBLE)
    term.grade()
    with pytest.raises(WorkbookError, match='Did you mean "ada"'):
        again(term, "adda")
