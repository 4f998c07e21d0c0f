"""The page of a class: every number is that of grades.csv; nothing a student wrote is code to it."""

import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from made_up_class import make_class, places, write_graded, write_submissions
from typer.testing import CliRunner

from helpers.commands.cli import app
from helpers.exercises.cells import read_notebooks
from helpers.files import WorkbookError
from helpers.grader.class_data import read_class, reason_of
from helpers.grader.class_page import HERE, write_class_page
from helpers.grader.fingerprints import code_fingerprints
from helpers.grader.similar_page import similar_page, templates_of
from helpers.grader.similarity import (
    compare_answers,
    compare_code,
    compare_single_exercises,
    rareness,
)
from helpers.grader.submissions import Submission

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# What nobody else would write.
ODD = "\nodd = [divmod(k * k, 7)[0] ^ 3 for k in range(9) if k % 2]\n"
ODDER = "\nodder = {k: (k << 2) // 5 - 1 for k in sorted(odd)}\n"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def masters():
    return read_notebooks()


@pytest.fixture(scope="module")
def students(masters):
    """A made-up class of 40, of which four copied."""
    return make_class(masters, 40, seed=5, num_copies=4)


@pytest.fixture(scope="module")
def graded(masters, students, tmp_path_factory):
    """The folder of that class as grading leaves it, with its page."""
    out = tmp_path_factory.mktemp("graded")
    write_graded(students, masters, out, num_read=25)
    write_class_page(out, out / "class.html")
    return out


@pytest.fixture
def page(graded):
    return BeautifulSoup((graded / "class.html").read_text(), "html.parser")


def table_of(page, name):
    """Return a table of the page as rows of {column: text}."""
    table = page.find(id=name)
    columns = [cell.get_text(strip=True) for cell in table.thead.find_all("th")]
    for details in table.find_all("details"):  # the name alone
        details.replace_with(details.summary.get_text())
    rows = [
        [c.get_text(strip=True) for c in row.find_all(["th", "td"])] for row in table.tbody("tr")
    ]
    return [dict(zip(columns, row)) for row in rows]


def grades_of(graded):
    with (graded / "grades.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- numbers ---------------------------------------------------------------------------------------


def test_every_student_has_the_numbers_of_grades_csv(page, graded):
    shown, grades = table_of(page, "student-table"), grades_of(graded)
    for row, grade in zip(shown, grades, strict=True):
        assert row["student"] == grade["submission"] and row["status"] == grade["status"]
        for column in ("answers", "seconds", "total"):
            assert float(row[column]) == float(grade[column])
        assert float(row["exercises"]) + float(row["answers"]) == float(grade["total"])


def test_pass_rates_and_means_are_those_of_grades_csv(page, graded, masters):
    grades = pd.DataFrame(grades_of(graded))
    rows = table_of(page, "exercise-table")
    assert [row["exercise"] for row in rows] == list(templates_of(masters))
    for row in rows:
        points = grades[row["exercise"]].astype(float)
        passed = int((points == float(row["points"])).sum())
        assert int(row["passed"]) == passed
        assert row["pass rate"] == f"{100 * passed / len(points):.1f}%"
        assert float(row["mean points"]) == pytest.approx(points.mean(), abs=0.005)
    rates = page.find(id="rates-description").get_text().split("; ")
    assert rates == [f"{r['exercise']} {float(r['pass rate'][:-1]) / 100:.0%}" for r in rows]


def test_totals_in_words_are_those_of_grades_csv(page, graded):
    totals = np.array([float(row["total"]) for row in grades_of(graded)])
    said = page.find(id="totals-description").get_text()
    assert said.startswith(f"{len(totals)} students; totals from {totals.min():g} to ")
    assert f"mean {totals.mean():.1f}, median {np.median(totals):g}." in said
    assert page.find(id="mean-total").get_text() == f"{totals.mean():.1f}"


def test_each_failed_exercise_has_one_reason(page, graded, students):
    rows = table_of(page, "reason-table")
    failed = sum(bool(said) for student in students for said in student.right.values())
    assert sum(int(row["students"]) for row in rows) == failed
    assert len({(row["exercise"], row["reason"]) for row in rows}) == len(rows)


def test_answers_to_read_are_those_without_points(page, students):
    rows = table_of(page, "question-table")
    unread = sum(len(student.answers) for student in students[25:])
    assert sum(int(row["not yet read"]) for row in rows) == unread
    assert int(page.find(id="num-unread").get_text()) == unread
    assert sum(int(row["given"]) for row in rows) == sum(len(s.answers) for s in students)


def test_what_was_stopped_and_what_was_slow_is_listed(page, students):
    assert [row["student"] for row in table_of(page, "trouble-table")] == [
        "student_000",
        "student_001",
    ]
    seconds = [float(row["seconds"]) for row in table_of(page, "slow-table")]
    assert seconds == sorted((s.seconds for s in students), reverse=True)[:10]


def test_other_columns_and_another_order_of_grades_csv_change_nothing(graded, tmp_path):
    shutil.copytree(graded, tmp_path / "g")
    table = pd.read_csv(graded / "grades.csv")
    table.insert(1, "penalty", 0.5)
    table.insert(0, "raw", table["total"])
    table.to_csv(tmp_path / "g" / "grades.csv", index=False)
    assert read_class(tmp_path / "g").students == read_class(graded).students


def test_an_exercise_that_grades_csv_leaves_out_is_left_out(graded, tmp_path):
    shutil.copytree(graded, tmp_path / "g")
    table = pd.read_csv(graded / "grades.csv").drop(columns="accuracy")
    table.to_csv(tmp_path / "g" / "grades.csv", index=False)
    assert "accuracy" not in set(read_class(tmp_path / "g").exercises["exercise"])


def test_a_named_mistake_goes_before_the_message_and_numbers_make_no_difference():
    assert reason_of({"mistake": "divides by n - 1", "message": "expected 1"}) == "divides by n - 1"
    said = [reason_of({"message": f"expected shape (2,), got {x}"}) for x in ("-1.5e-3", "77")]
    assert said[0] == said[1] == "expected shape (…,), got …"


# --- a page that is safe and for all ---------------------------------------------------------------


def test_what_students_wrote_is_text_and_the_page_loads_nothing(graded, tmp_path):
    shutil.copytree(graded, tmp_path / "g")
    for path in [tmp_path / "g" / "grades.csv", *(tmp_path / "g" / "results").glob("*.json")]:
        path.write_text(path.read_text().replace("student_003", "<b>x"))
    write_class_page(tmp_path / "g", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    page = BeautifulSoup(text, "html.parser")
    assert "&lt;b&gt;x" in text and not page.find_all("b")
    assert len(page.find_all("script")) == 1
    assert not page.find_all(["link", "img", "iframe"]) and not page.find_all(src=True)
    outside = [u for u in re.findall(r"https?://[^\s\"'<>]+", text) if "www.w3.org" not in u]
    assert outside == []


def test_heads_have_scopes_sorting_has_buttons_and_drawings_have_words(page):
    for table in page.find_all("table"):
        assert all(c["scope"] == "col" and c.button for c in table.thead.find_all("th"))
        assert table.caption
    assert all(row.find("th", scope="row") for row in page.find(id="student-table").tbody("tr"))
    for drawing in page.find_all("svg"):
        assert drawing["role"] == "img"
        assert all(page.find(id=name).get_text() for name in drawing["aria-labelledby"].split())
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.nav.find_all("a")} <= set(ids)


def brightness(colour):
    """Return the relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_all_text_has_a_contrast_of_4_5_in_light_in_dark_and_on_paper():
    blocks = re.findall(r":root \{(.*?)\}", (HERE / "class_style.html").read_text(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        colours = dict(re.findall(r"--(\w+): (#\w+)", block))
        for text, ground in [
            *((t, "page") for t in ("text", "soft", "link", "bad")),
            *((t, "panel") for t in ("text", "soft")),
            ("text", "mark"),
        ]:
            light = sorted([brightness(colours[text]), brightness(colours[ground])])
            assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (text, ground, block)


def test_a_folder_that_was_not_graded_is_a_sentence(tmp_path):
    with pytest.raises(WorkbookError, match="workbook grade"):
        write_class_page(tmp_path, tmp_path / "class.html")


# --- similarity ------------------------------------------------------------------------------------

ONE = """def f(values, scale):
    \"\"\"Text.\"\"\"
    low = values.min() * 3 - scale
    high = np.square(values.max())
    return (values - low) / (high - low).clamp(1e-3)
"""
# Other names, order, spaces, brackets, numbers, comments, annotations and imports.
SAME = """import numpy as N
def f(v: list, s) -> float:
    b = ( N.square(v.max()) )  # first this
    a = (v.min() * 3) - s


    return ((v - a) / (b - a)
            .clamp(0.001))
"""


def test_names_order_comments_and_formatting_leave_no_trace():
    assert code_fingerprints(ONE) == code_fingerprints(SAME) != set()


def test_another_computation_has_other_fingerprints():
    other = ONE.replace("np.square(values.max())", "values.abs().sum() / 2")
    assert len(code_fingerprints(ONE) & code_fingerprints(other)) < len(code_fingerprints(ONE))


@pytest.mark.parametrize("source", ["", "def f(:\n  x", "x = '", "\0", "(" * 500, "%%bash\nls"])
def test_what_is_no_python_is_no_error(source):
    assert isinstance(code_fingerprints(source), set)


def alike(sources):
    """Return {pair of numbers: Pair} of submissions with one exercise, f."""
    submissions = [Submission(str(i), {"f": source}) for i, source in enumerate(sources)]
    pairs = compare_code(submissions, {"f": "def f(x):\n    raise NotImplementedError"}, 10**6)
    return {(int(pair.first), int(pair.second)): pair for pair in pairs}


def test_what_many_have_is_no_evidence_and_what_two_have_is():
    common = ["def f(x):\n    return x.mean() * 2 + x.std()"] * 18
    rare = ["def f(x):\n    return np.log(x[::3]).sum() - max(x)"] * 2
    pairs = alike(common + rare)
    assert list(pairs) == [(18, 19)]
    assert pairs[18, 19].evidence == pytest.approx(np.log2(20 / 2)) and pairs[18, 19].share == 1


def test_what_students_were_given_is_no_evidence():
    given = "def f(x):\n    raise NotImplementedError"
    assert alike([given] * 2 + ["def f(x):\n    return x + 1"] * 20) == {}


def test_planted_copies_stand_before_all_honest_pairs(students, masters):
    read = [student.submission for student in students]
    pairs = compare_code(read, templates_of(masters), 10)
    assert [place for _, place in places(students, pairs)] == [1, 2, 3, 4]


def test_half_a_copy_stands_before_honest_pairs_and_one_copied_exercise_is_listed(
    students, masters
):
    honest = [student.submission for student in students if not student.copied_from]
    source, own = honest[0], honest[1]
    copied = sorted(source.sources.keys() & own.sources.keys())[::2]
    taken = {name: source.sources[name].replace("x", "y") + ODD for name in copied}
    marked = replace(source, sources=source.sources | taken)
    half = replace(own, name="half", sources=own.sources | taken)
    one = replace(own, name="one", sources=own.sources | {copied[0]: taken[copied[0]] + ODDER})
    read = [marked, *honest[2:], half]
    (first, *_) = compare_code(read, templates_of(masters), 3)
    assert {first.first, first.second} == {source.name, "half"}
    twin = replace(source, sources=source.sources | {copied[0]: one.sources[copied[0]]})
    found = compare_single_exercises([twin, *honest[2:], one], templates_of(masters))
    named = [({pair.first, pair.second}, list(pair.parts)) for pair in found]
    assert ({source.name, "one"}, [copied[0]]) in named[:5]  # honest pairs may be as odd once


def test_an_answer_in_other_words_stands_before_honest_ones(students):
    copy = next(s for s in students if s.paraphrased)
    read = [student.submission for student in students]
    first, *_ = compare_answers(read, [copy.paraphrased])
    assert {first.first, first.second} == {copy.name, copy.copied_from}


def test_rareness_counts_and_goes_on_beyond_what_was_seen():
    values = np.r_[np.linspace(0, 1, 1000), 3.0]
    bits = rareness(values)
    assert bits[0] == 0 and bits[500] == pytest.approx(1, abs=0.01)
    assert bits[-1] > 20 and (np.diff(bits) >= 0).all()


def test_the_page_of_pairs_shows_both_as_text(students):
    read = [
        Submission("a", {"f": ONE + f"# {HOSTILE}"}, answers={"q": HOSTILE}),
        Submission("b", {"f": SAME}),
    ]
    others = [Submission(str(i), {"f": "def f(x):\n    return x"}, answers={}) for i in range(9)]
    pairs = compare_code([*read, *others], {"f": ""})
    page = similar_page([*read, *others], pairs, [])
    assert HOSTILE not in page and "b = ( N.square" in page and "not a verdict" in page


def test_the_command_reads_a_folder_and_changes_nothing_in_it(students, masters, graded, tmp_path):
    write_submissions(students[:3] + students[-1:], masters, tmp_path / "in")
    before = {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.ipynb")}
    shutil.copytree(graded, tmp_path / "g")
    done = CliRunner().invoke(app, ["class", str(tmp_path / "g"), str(tmp_path / "in")])
    assert done.exit_code == 0, done.output
    assert before == {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.ipynb")}
    assert 'href="similar.html"' in (tmp_path / "g" / "class.html").read_text()
    assert "not a verdict" in (tmp_path / "g" / "similar.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_in_a_browser_tables_sort_and_filter_and_rows_open(graded):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page, errors, requests = browser.new_page(), [], []
        page.on("pageerror", lambda error: errors.append(error))
        page.on("console", lambda message: errors.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((graded / "class.html").as_uri())
        head = page.locator("#student-table th", has_text="total")
        totals = lambda: [
            float(cell)
            for cell in page.locator("#student-table tbody td:nth-child(6)").all_inner_texts()
        ]
        wanted = sorted(float(row["total"]) for row in grades_of(graded))
        head.locator("button").click()
        assert totals() == wanted[::-1] and head.get_attribute("aria-sort") == "descending"
        head.locator("button").press("Enter")
        assert totals() == wanted and head.get_attribute("aria-sort") == "ascending"
        page.fill("#student-table-filter", "student_007")
        assert page.locator("#student-table tbody tr:visible").count() == 1
        assert page.locator("#student-table-shown").inner_text() == "1 of 40 rows shown"
        page.locator("#student-table summary:visible").click()
        assert page.locator("#student-table details[open]").is_visible()
        browser.close()
    assert errors == [] and len(requests) == 1
