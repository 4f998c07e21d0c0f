"""The report: complete, closed to hostile input, and a broken part costs itself alone."""

import base64
import io
import re
import shutil
import subprocess

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from helpers.alttext.display import img
from helpers.exercises.cells import PROMPT, is_unanswered
from helpers.files import NOTEBOOKS, WorkbookError
from helpers.predictions import store
from helpers.predictions.questions import Question
from helpers.report.gather import Details, make_report
from helpers.report.typesetting import literal

pytestmark = pytest.mark.skipif(
    not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed"
)


def write(folder, name, *cells):
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(new_notebook(cells=list(cells)), folder / f"{name}.ipynb")


def title(text):
    return new_markdown_cell(f"# {text}")


def question(text):
    return new_markdown_cell(f"### {text}", metadata={"tags": ["report", "question"]})


def answer(text, **options):
    return new_markdown_cell(
        text, metadata={"tags": ["report", "answer"], "question": "q"}, **options
    )


def shown(*outputs, caption="", tags=("report",), source="1", alt="what it shows"):
    metadata = {"tags": list(tags), "caption": caption, "alt": alt}
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def display(**data):
    kinds = {"svg": "image/svg+xml", "png": "image/png", "html": "text/html", "plain": "text/plain"}
    return new_output("display_data", {kinds[key]: value for key, value in data.items()})


def text_of(path):
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    return " ".join(text.split())


@pytest.fixture
def report(tmp_path):
    """Return a function that makes the report of tmp_path's notebooks: (text, missing, log)."""

    def make(**options):
        missing, log = make_report(tmp_path / "report.pdf", folder=tmp_path, **options)
        return text_of(tmp_path / "report.pdf"), missing, log

    return make


PNG = base64.b64encode(
    (lambda file: Image.new("RGB", (40, 30), "red").save(file, "PNG") or file.getvalue())(
        io.BytesIO()
    )
).decode()
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="50" height="20"><text x="1" y="12">vector</text></svg>'


def test_questions_answers_figures_tables_and_text_are_in_the_order_of_the_parts(tmp_path, report):
    write(
        tmp_path,
        "conclusion",
        title("Conclusion"),
        question("What have you learned?"),
        answer("To *look*."),
    )
    write(
        tmp_path,
        "part1_x",
        title("Part 1 · Pixels"),
        shown(display(svg=SVG), caption="A vector figure."),
        shown(display(png=PNG), caption="A picture."),
        shown(
            display(html="<table><tr><th>a</th></tr><tr><td>4711</td></tr></table>"),
            caption="A table.",
        ),
        shown(new_output("stream", name="stdout", text="accuracy 0.57\n"), caption="Accuracies."),
        question("Why?"),
        answer("Because $e^{i\\pi} = -1$, and **so on**."),
        new_markdown_cell("not for the report"),
    )
    text, missing, log = report(
        details=Details(name="Ada Lovelace", team="Engines", id="1815", email="a@b.org")
    )
    expected = "Ada Lovelace Engines 1815 a@b.org Part 1 vector figure picture 4711 0.57 Why? Because Conclusion look".split()
    for word in expected:
        assert word in text, word
    assert (
        text.rindex("Part 1 · Pixels") < text.rindex("Conclusion")
        and "not for the report" not in text
    )
    assert (missing, log) == ([], [])


def test_full_adds_code_and_everything_else(tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        title("Part 1"),
        new_code_cell("secret_name = 6 * 7"),
        new_markdown_cell("side remark"),
    )
    assert "secret_name" not in report()[0]
    text = report(full=True)[0]
    assert "secret_name" in text and "side remark" in text and "Appendix: Part 1" in text


def test_what_is_missing_is_said_in_its_place_and_listed(tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        shown(),
        question("Why one?"),
        answer(PROMPT),
        question("Why two?"),
        question("Why three?"),
        answer("Because."),
        shown(new_output("stream", name="stdout", text="it: wrong\n"), tags=("check",)),
    )
    text, missing, _ = report()
    assert missing == [
        "part1_x: not run, or run without a result: cell 1.",
        "part1_x: not answered: “Why one?”",
        "part1_x: no answer to “Why two?”",
        "part1_x: the check of ? has not passed.",
    ]
    assert "has not been run" in text and "Not answered yet" in text and "What is missing" in text


@pytest.mark.parametrize(
    ("source", "expected"), [("", True), (f"\n{PROMPT}\n", True), (f"{PROMPT} Yes.", False)]
)
def test_an_answer_with_the_prompt_alone_is_none(source, expected):
    assert is_unanswered(source) is expected


def test_a_cell_that_raised_is_shown_as_such(tmp_path, report):
    error = new_output(
        "error", ename="ValueError", evalue="\x1b[31mbad value\x1b[0m", traceback=["..."]
    )
    write(tmp_path, "part1_x", shown(error))
    assert "This cell raised an error ValueError: bad value" in report()[0]


@pytest.mark.parametrize(
    "formula", ["\\frac{1}{", "\\nosuchmacro{x}", "\\begin{align} a &= ", "{{{"]
)
def test_malformed_mathematics_is_printed_as_source_and_named(formula, tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        question("Why?"),
        answer(f"Before ${formula}$ after."),
        answer("And the next."),
    )
    text, _, log = report()
    assert "Before" in text and "after." in text and "And the next." in text
    assert any("part1_x, cell 2" in line for line in log) or formula.split("{")[0].strip(
        "\\"
    ) in text.replace(" ", "")


def test_a_bare_align_is_set_as_mathematics(tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        answer("So\n\n\\begin{align}\na &= b + 17 \\\\\nc &= d\n\\end{align}\n\nis true."),
    )
    text, _, log = report()
    assert "17" in text and "align" not in text and log == []


HOSTILE = [
    "`#panic(1)`{=typst}",
    "```{=typst}\n#panic(1)\n```",
    '#panic(1) and #read("/etc/hostname")',
    '[x]{typst:text:fill="panic(1)"}',
    "<span typst:text:fill='panic(1)'>red</span>",
    "<table typst:fill='panic(1)'><tr><td style='background-color: panic(1)'>cell</td></tr></table>",
    '::: {typst:fill="panic(1)"}\ninside\n:::',
    "\\input{/etc/passwd} \\include{x}",
    '$#panic(1)$ and $\\text{#panic(1)}$ and $"#panic(1)"$',
    '```python\n*/ #panic(1) ]] "\n```',
    "![#panic(1)](/etc/passwd) ![x](../../../etc/hostname) ![y](file:///etc/hostname)",
    '[link](javascript:alert(1)) [x]("#panic(1)")',
    "$\\href{file:///etc/passwd}{x}$ $\\class{a}{b}$ $\\unicode{x}$",
    '@panic <panic> #import "x.typ" = not a heading \\ *',
]


@pytest.mark.parametrize("source", HOSTILE)
def test_code_in_an_answer_is_text_and_never_reaches_the_typesetter(source, tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        question("Why?"),
        answer(f"start\n\n{source}\n\nend"),
        answer("the next answer"),
    )
    text, _, log = report()
    assert "start" in text and "the next answer" in text
    assert not any("panicked" in line for line in log), log
    hostname = subprocess.run(
        ["cat", "/etc/hostname"], capture_output=True, text=True
    ).stdout.strip()
    assert "root:" not in text and (not hostname or hostname not in text)


@pytest.mark.parametrize("where", ["caption", "title", "name"])
def test_code_in_captions_titles_and_names_is_text(where, tmp_path, report):
    evil = '#panic(1) "] \\ $x'
    caption = evil if where == "caption" else ""
    cells = [
        title(evil if where == "title" else "Part 1"),
        shown(display(png=PNG), caption=caption),
    ]
    write(tmp_path, "part1_x", *cells)
    text, _, log = report(details=Details(name=evil if where == "name" else ""))
    assert "#panic(1)" in text and log == []


@pytest.mark.parametrize(
    "output",
    [
        display(png="bm90IGEgcGljdHVyZQ=="),
        display(png="%%%"),
        display(svg="<svg"),
        display(
            svg='<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/hostname" width="9" height="9"/></svg>'
        ),
        display(html="<table><tr><td>" + "<table>" * 50),
        display(html="<table><script>alert(1)</script></table>"),
        display(plain="x" * 5000),
    ],
    ids=[
        "no-png",
        "no-base64",
        "broken-svg",
        "svg-reads-file",
        "nested-tables",
        "script",
        "long-line",
    ],
)
def test_a_broken_output_costs_itself_alone(output, tmp_path, report):
    write(
        tmp_path,
        "part1_x",
        shown(output, caption="It."),
        question("Why?"),
        answer("the next answer"),
    )
    write(tmp_path, "part2_y", question("And?"), answer("another part"))
    text, *_ = report()
    assert "the next answer" in text and "another part" in text


def test_a_file_that_is_no_notebook_is_named_and_the_others_are_printed(tmp_path, report):
    (tmp_path / "part1_x.ipynb").write_text("{")
    (tmp_path / "part3_z.ipynb").write_text('{"cells": 3}')
    write(tmp_path, "part2_y", question("And?"), answer("another part"))
    text, missing, log = report()
    assert "another part" in text and len(log) == 2 and "part1_x.ipynb cannot be read" in log[0]
    assert any("part3_z" in sentence for sentence in missing)


def test_attachments_and_pictures_beside_the_notebook_are_printed(tmp_path, report):
    (tmp_path / "mine.png").write_bytes(base64.b64decode(PNG))
    (tmp_path.parent / "other.png").write_bytes(base64.b64decode(PNG))
    source = "![one](attachment:a.png) ![two](mine.png) ![three](../other.png) ![four](http://127.0.0.1:9/x.png)"
    write(tmp_path, "part1_x", answer(source, attachments={"a.png": {"image/png": PNG}}))
    text, *_ = report()
    pictures = subprocess.run(
        ["pdfimages", "-list", tmp_path / "report.pdf"], capture_output=True, text=True
    ).stdout
    assert len(re.findall(r"^ +\d+ +\d+ image", pictures, flags=re.M)) == 2
    assert "(picture: three)" in text and "(picture: four)" in text


def test_wide_tables_and_long_lines_stay_on_the_page(tmp_path, report):
    cells = "".join(f"<td>column number {i}</td>" for i in range(25))
    long_line = new_output("stream", name="stdout", text="word" * 300 + "END\n")
    write(
        tmp_path,
        "part1_x",
        shown(display(html=f"<table><tr>{cells}</tr></table>")),
        shown(long_line),
    )
    text, *_ = report()
    assert "column number 24" in text and "END" in text.replace(" ", "")
    boxes = subprocess.run(
        ["pdftotext", "-bbox", tmp_path / "report.pdf", "-"], capture_output=True, text=True
    ).stdout
    assert max(float(x) for x in re.findall(r'xMax="([\d.]+)"', boxes)) < 595


def pages_of(path):
    """Return the text of each page."""
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True)
    return text.stdout.split("\f")[:-1]


def test_short_parts_share_a_page_and_code_that_fits_on_one_is_not_cut(tmp_path, report):
    lines = "\n".join(f"line_{number:02} = {number}" for number in range(1, 31))
    for number in (1, 2, 3):
        write(
            tmp_path,
            f"part{number}_x",
            title(f"Part {number} · Title"),
            question("Why?"),
            answer("Word after word. " * 60),
            shown(new_output("stream", name="stdout", text=lines), source="getsource(f)"),
        )
    report()
    pages = pages_of(tmp_path / "report.pdf")
    assert len(pages) == 4  # the cover, with the contents, and three
    assert sum("Why?" in page for page in pages[1:]) < 3
    for page in pages:
        assert page.count("line_01") == page.count("line_30")


def test_source_is_printed_line_by_line_without_the_marks_of_a_solution(tmp_path, report):
    long = f"    return '{'o' * 86}'"  # 98 characters
    source = f"def f():\n    # BEGIN SOLUTION\n{long}\n    # END SOLUTION"
    output = new_output("stream", name="stdout", text=f"{source}\n")
    write(tmp_path, "part1_x", title("Part 1"), shown(output, source="getsource(f)"))
    text, _, _ = report()
    assert long.strip() in text and "SOLUTION" not in text


def test_the_running_head_names_the_part_that_a_page_begins_with(tmp_path, report):
    file = io.BytesIO()
    Image.new("RGB", (400, 1100)).save(file, "PNG")
    tall = base64.b64encode(file.getvalue()).decode()
    for number in (1, 2):
        write(
            tmp_path, f"part{number}_x", title(f"Part {number} · Title"), shown(display(png=tall))
        )
    report()
    parts = [set(re.findall(r"Part \d", page)) for page in pages_of(tmp_path / "report.pdf")]
    assert parts[1:] == [{"Part 1"}, {"Part 2"}]


def test_a_table_has_its_digits_aligned_and_its_rows_not_counted(tmp_path, report):
    table = pd.DataFrame({"network": ["small", "a large one"], "parameters": [57, 61455]})
    named = pd.DataFrame({"accuracy": [0.5, 0.25]}, index=["small", "large"])
    html = [display(html=frame.to_html()) for frame in (table, named)]
    write(tmp_path, "part1_x", shown(html[0], caption="One."), shown(html[1], caption="Two."))
    report()
    words = subprocess.run(
        ["pdftotext", "-bbox", tmp_path / "report.pdf", "-"], capture_output=True, text=True
    ).stdout
    right = {
        word: float(x) for x, word in re.findall(r'xMax="([\d.]+)" yMax="[\d.]+">([^<]+)<', words)
    }
    assert right["57"] == pytest.approx(right["61455"], abs=0.1)
    assert right["57"] == pytest.approx(right["parameters"], abs=0.1)
    text = pages_of(tmp_path / "report.pdf")[1]
    assert re.search(r"^ *small +57$", text, flags=re.M), text
    assert re.search(r"^ *large +0.25$", text, flags=re.M), text


def test_emoji_and_symbols_have_a_font(tmp_path, report):
    write(tmp_path, "part1_x", answer("Good 🎉 and ✓ → ∞ ≤"))
    report()
    fonts = subprocess.run(
        ["pdffonts", tmp_path / "report.pdf"], capture_output=True, text=True
    ).stdout
    assert "NotoEmoji" in fonts


def test_the_pdf_claims_the_standard_and_knows_its_title_author_and_language(tmp_path, report):
    pikepdf = pytest.importorskip("pikepdf")
    write(tmp_path, "part1_x", answer("Yes."))
    report(details=Details(title="My title", name="Ada Lovelace"))
    with pikepdf.open(tmp_path / "report.pdf") as pdf:
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1" and metadata["dc:title"] == "My title"
            assert metadata["dc:creator"] == ["Ada Lovelace"]
        assert pdf.Root.MarkInfo.Marked and str(pdf.Root.Lang) == "en"
        assert pdf.Root.ViewerPreferences.DisplayDocTitle


def tags_in(path):
    """Return [(tag, its alternative text or None)] of a PDF, in reading order."""
    pikepdf = pytest.importorskip("pikepdf")
    found = []

    def walk(node):
        if isinstance(node, pikepdf.Array):
            for child in node:
                walk(child)
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                found.append((str(node.S), str(node.Alt) if "/Alt" in node else None))
            walk(node.get("/K"))

    with pikepdf.open(path) as pdf:
        walk(pdf.Root.StructTreeRoot.K)
    return found


def test_figures_and_formulas_carry_texts_tables_headers_and_headings_leave_no_gap(
    tmp_path, report
):
    table = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1.5</td></tr></tbody></table>"
    write(
        tmp_path,
        "part1_x",
        title("Part 1"),
        shown(display(html=img("Accuracy rises from 22% to 84%.", PNG)), caption="It.", alt=""),
        shown(display(png=PNG), alt="Two red streets."),
        shown(display(html=table), caption="A table."),
        question("Why?"),
        answer("Because $e^{i\\pi} = -1$.\n\n##### A deep heading\n\n> # In a quotation"),
    )
    _, missing, log = report()
    assert (missing, log) == ([], [])
    tags = tags_in(tmp_path / "report.pdf")
    figures = [alt for tag, alt in tags if tag == "/Figure"]
    assert figures == ["Accuracy rises from 22% to 84%.", "Two red streets."]
    assert [alt for tag, alt in tags if tag == "/Formula"] == ["e^{i\\pi} = -1"]
    kinds = [tag for tag, _ in tags]
    assert kinds.count("/TH") == 1 and kinds.count("/TD") == 1
    levels = [int(tag[2:]) for tag in kinds if re.fullmatch(r"/H\d", tag)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:])), levels
    assert max(levels) == 3


def test_a_picture_without_an_alternative_text_is_left_out_and_its_cell_named(tmp_path, report):
    (tmp_path / "mine.png").write_bytes(base64.b64decode(PNG))
    write(
        tmp_path,
        "part1_x",
        shown(display(png=PNG), caption="It.", alt=""),
        answer("![](mine.png) and ![a mine](mine.png)"),
        shown(display(png=PNG), caption="It.", alt="Red."),
    )
    text, missing, log = report()
    assert [sentence.split(":")[0] for sentence in missing] == [
        "part1_x, cell 1",
        "part1_x, cell 2",
    ]
    assert all("has no alternative text" in sentence for sentence in missing) and log == []
    assert "It. (A picture without an alternative text is left out here" in text
    figures = [alt for tag, alt in tags_in(tmp_path / "report.pdf") if tag == "/Figure"]
    assert figures == ["a mine", "Red."]


def test_a_folder_without_notebooks_is_named_and_an_old_report_stays(tmp_path):
    (tmp_path / "report.pdf").write_text("old")
    with pytest.raises(WorkbookError, match="no notebooks in"):
        make_report(tmp_path / "report.pdf", folder=tmp_path)
    assert (tmp_path / "report.pdf").read_text() == "old"


def test_a_question_stands_above_its_answer_and_no_guess_between_the_figures(tmp_path, report):
    asked = new_output("display_data", {"text/markdown": "**Prediction.** How many?"})
    guessed = new_output("display_data", {"text/plain": "Your guess: 4"})
    guessed.metadata = {"prediction": True}
    write(tmp_path, "part1", title("One"), shown(asked), shown(display(plain="seven"), guessed))
    text, missing, _ = report()
    assert text.index("How many?") < text.index("seven")
    assert "Your guess" not in text and missing == []


def test_a_folded_reading_is_printed_whole(tmp_path, report):
    folded = "<details><summary><b>Reading</b> (one run)</summary>\n\nIt *falls*.\n\n</details>"
    write(tmp_path, "part1", title("One"), new_markdown_cell(f"{folded}\n\n## Next\n\nMore."))
    text, _, _ = report(full=True)
    assert "Reading (one run). It falls." in text and "More." in text
    assert "details" not in text and "summary" not in text


def test_the_page_of_predictions_is_printed_if_the_student_wants_it(tmp_path, monkeypatch):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    write(notebooks, "part1", title("One"))
    monkeypatch.setattr(store, "FILE", tmp_path / "data" / "my_predictions.json")
    make_report(tmp_path / "without.pdf", folder=notebooks, with_predictions=True)
    assert "Predictions" not in text_of(tmp_path / "without.pdf"), "nothing was guessed"
    store.commit(Question("part1-x", "number", "How many <b>cats</b>?", high=10), 4.0, "high")
    store.settle("part1-x", 9)
    make_report(tmp_path / "with.pdf", folder=notebooks, with_predictions=True)
    make_report(tmp_path / "without.pdf", folder=notebooks)
    text = text_of(tmp_path / "with.pdf")
    assert "Furthest off" in text and "How many <b>cats</b>?" in text and "high" in text
    assert "cats" not in text_of(tmp_path / "without.pdf")


def test_a_string_literal_holds_every_text():
    assert literal('a"b\\c\n') == '"a\\"b\\\\c\\n"'


def test_the_workbooks_own_report_asks_every_question(tmp_path):
    missing, log = make_report(tmp_path / "report.pdf")
    text = text_of(tmp_path / "report.pdf")
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if "question" in cell.metadata.get("tags", []):
                words = re.sub(r"[`#*]", "", cell.source).replace('"', "").split()[:4]
                assert " ".join(words) in text.replace("“", "").replace("”", "").replace('"', ""), (
                    cell.source
                )
    assert (missing, log) == ([], [])


@pytest.mark.slow
def test_the_button_in_the_last_notebook_writes_the_same_report(tmp_path):
    from helpers.report.panel import ReportPanel

    panel = ReportPanel(tmp_path / "report.pdf")
    panel.fields["name"].value = "Ada Lovelace"
    panel.button.click()
    assert "report.pdf is written" in panel.status.value and not panel.button.disabled
    make_report(tmp_path / "again.pdf", Details(name="Ada Lovelace"))
    assert text_of(tmp_path / "report.pdf") == text_of(tmp_path / "again.pdf")
