"""pieces -> typst -> PDF: what cannot be set is printed as its source."""

import re
import textwrap
from datetime import date
from pathlib import Path

import matplotlib
import typst

from helpers.files import WorkbookError

FONTS = [Path(__file__).parent / "fonts", Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
TEMPLATE = Path(__file__).with_name("report.typ")
LINE_WIDTH, MAX_LINES = 100, 80  # characters of a code line, lines of one output


def joined(text):
    """Return a notebook's multi-line string as one."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def plain(text):
    """Return text without the colours of terminals; of overwritten lines, the last state stays."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", joined(text))
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.rstrip("\n").split("\n")]
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", "\n".join(lines))


def literal(text):
    """Return text as a string literal of typst: nothing in it can end the string."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def code(text, language=""):
    """Return typst for lines of code or output; long lines are broken, a long output is cut."""
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, LINE_WIDTH, **KEEP) or [""]
    ]
    if len(lines) > MAX_LINES and not language:
        lines = [*lines[:MAX_LINES], f"... ({len(lines) - MAX_LINES} more lines)"]
    language = f", lang: {literal(language)}" if language else ""
    return f"#raw({literal(chr(10).join(lines))}, block: true{language})"


KEEP = {
    "drop_whitespace": False,
    "replace_whitespace": False,
    "tabsize": 4,
    "subsequent_indent": "    ",
}


def captioned(body, caption, kind):
    """Return typst for a body with a caption, if there is one."""
    return f"#with-caption({literal(caption)}, {literal(kind)})[{body}]" if caption else body


def figure(name, caption, alt):
    """Return typst for a picture in the root, no wider than the page, and what it shows."""
    return f"#picture({literal(name)}, {literal(caption)}, {literal(alt)})"


def boxed(source):
    """Return typst for a source that could not be set."""
    return f"#unprintable({literal(plain(source)[:3000])})"


def typeset(gathered, details, root):
    """Return the PDF.

    A piece that typst refuses is replaced by its source, and named in the log.
    """
    cover = {**details.__dict__, "date": date.today().strftime("%d %B %Y").lstrip("0")}
    values = ", ".join(f"{key}: {literal(value)}" for key, value in cover.items())
    head = TEMPLATE.read_text() + f"\n#show: report.with({values})\n"
    for attempt in range(len(gathered.pieces) + 1):
        parts = [head, *(piece.typst for piece in gathered.pieces)]
        try:
            return compile_typst("\n\n".join(parts), root)
        except typst.TypstError as error:
            culprits = find_culprits(error, parts) if attempt < 5 else []
            culprits = culprits or [
                i for i, piece in enumerate(gathered.pieces) if fails(head, piece, root)
            ]
            if not culprits:
                raise WorkbookError(
                    f"typst could not set the report: {str(error)[:300]}"
                ) from error
            for index in culprits:
                piece = gathered.pieces[index]
                piece.typst = boxed(piece.source)
                gathered.log.append(
                    f"{piece.where}: it cannot be set ({str(error)[:80]}); its source is printed."
                )
    raise WorkbookError("typst could not set the report.")


def compile_typst(text, root):
    """Return the PDF of a typst document that may read nothing but what lies in `root`."""
    (root / "report.typ").write_text(text)
    options = {"root": root, "font_paths": FONTS, "ignore_system_fonts": True, "format": "pdf"}
    return typst.compile(root / "report.typ", pdf_standards=["ua-1"], **options)


def find_culprits(error, parts):
    """Return the numbers of the pieces in whose lines typst found an error."""
    starts, line = [], 1
    for part in parts:
        starts.append(line)
        line += part.count("\n") + 2
    found = set()
    for number in re.findall(r"report\.typ:(\d+):", str(getattr(error, "diagnostic", ""))):
        index = max(i for i, start in enumerate(starts) if start <= int(number))
        found.add(index - 1)
    return sorted(index for index in found if index >= 0)


def fails(head, piece, root):
    """Return whether a piece alone cannot be set."""
    try:
        compile_typst(f"{head}\n\n{piece.typst}", root)
        return False
    except typst.TypstError:
        return True
