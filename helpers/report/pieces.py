"""cell -> piece: Markdown, outputs and pictures as parts of the document."""

import base64
import binascii
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import nbformat
from PIL import Image

from helpers.alttext.display import find_img
from helpers.report.pandoc import MARKDOWN, clean, raw, read_tree, with_aligned_digits, with_level
from helpers.report.typesetting import boxed, captioned, code, figure, joined, literal, plain

PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
NOT_PRINTED = {"application/vnd.jupyter.widget-view+json", "application/javascript"}
NO_TEXT = "(A picture without an alternative text is left out here: see “What is missing”.)"


@dataclass
class Piece:
    """A part of the document: its tree from pandoc, its source, and where it comes from.

    The source is printed where the tree fails.
    """

    blocks: list
    source: str
    where: str
    typst: str = ""


@dataclass
class Gathered:
    """What the notebooks hold, and what is missing in them."""

    pieces: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    log: list = field(default_factory=list)


@dataclass(frozen=True)
class Waiting:
    """A piece whose text pandoc has not read yet."""

    piece: Piece
    text: str
    level: int = 4  # of its headings
    attachments: dict = field(default_factory=dict)  # {name: {type: content}}
    caption: str = ""  # of a table
    reader: str = MARKDOWN  # or "html"


class Reader:
    """Reads cells; keeps the pictures it meets in the folder `root`, where typst finds them."""

    def __init__(self, folder, root):
        self.folder, self.root, self.num_pictures, self.waiting = folder, root, 0, []
        self.where = ""  # what is read
        self.silent = {}  # cells of which a picture has no alternative text, in order

    def read(self, path, gathered):
        """Return the notebook at a path; None, and a line in the log, if it cannot be read."""
        try:
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
            return notebook
        except Exception as error:  # a damaged file can raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
            gathered.log.append(
                f"{path.name} cannot be read as a notebook ({reason}); it is left out."
            )
            gathered.missing.append(f"{path.stem}: the file cannot be read as a notebook.")
            return None

    def markdown(self, cell, where, level):
        """Return the piece of a Markdown cell, its headings at `level`.

        `fill` reads it, with all others at once.
        """
        piece = Piece([], cell.source, where)
        attachments = cell.get("attachments", {})
        text = with_display_math(unfolded(cell.source))
        self.waiting.append(Waiting(piece, text, level, attachments))
        return piece

    def outputs(self, cell, where, with_caption=True):
        """Return the pieces of a code cell's outputs."""
        caption = str(cell.metadata.get("caption", "")) if with_caption else ""
        shown = [o for o in cell.outputs if not is_empty(o) and not is_guess(o)]
        if not shown and with_caption:
            return [Piece([raw('#absent("This cell has not been run.")')], "", where)]
        pieces = []
        for output in shown:
            is_last = output is shown[-1]
            self.where, alt = where, alternative_text(output, cell)
            pieces.append(
                self.output(output, where, caption if is_last else "", is_python(cell), alt)
            )
        return pieces

    def output(self, output, where, caption, is_code, alt):
        """Return the piece of one output: a picture, a table, text or an error."""
        if output.output_type == "error":
            text = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
            return Piece([raw(f"#failed({literal(plain(text))})")], text, where)
        if output.output_type == "stream":
            text = without_marks(plain(output.text)) if is_code else plain(output.text)
            return Piece(
                [raw(captioned(code(text, "python" if is_code else ""), caption, "raw"))],
                text,
                where,
            )
        data = output.get("data", {})
        text = plain(joined(data.get("text/plain", "")))
        for kind, content in pictures_in(data):
            if name := self.keep_picture(content, kind):
                return Piece(
                    [raw(figure(name, caption, alt) if alt else self.without_text(caption))],
                    f"(a picture that cannot be printed) {text}",
                    where,
                )
        if "<table" in joined(data.get("text/html", "")):
            return self.table(joined(data["text/html"]), caption, where, text)
        if "text/markdown" in data:
            piece = Piece([], text, where)
            self.waiting.append(Waiting(piece, with_display_math(joined(data["text/markdown"]))))
            return piece
        return Piece([raw(captioned(code(text), caption, "raw"))], text, where)

    def without_text(self, caption=""):
        """Note that a picture of the cell that is read has no alternative text; return typst."""
        self.silent[self.where] = True
        return f"#absent({literal(f'{caption} {NO_TEXT}'.strip())})"

    def table(self, page, caption, where, text=""):
        """Return the piece of the tables in an HTML page; `fill` reads it."""
        piece = Piece([], text, where)
        self.waiting.append(Waiting(piece, page, caption=caption, reader="html"))
        return piece

    def keep_picture(self, content, kind):
        """Write a picture to the root and return its name there, None if it is damaged."""
        self.num_pictures += 1
        path = self.root / f"picture-{self.num_pictures}{'.svg' if 'svg' in kind else '.png'}"
        try:
            if "svg" in kind:
                path.write_text(joined(content))
                return path.name
            with Image.open(io.BytesIO(base64.b64decode(joined(content)))) as image:
                image.convert("RGBA").save(path, dpi=image.info.get("dpi", (96, 96)))
            return path.name
        except (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError):
            return None

    def picture_of(self, url, attachments):
        """Return the name in the root of an image that Markdown names.

        The image is an attachment, or a file beside the notebook.
        """
        if url.startswith("attachment:"):
            bundle = attachments.get(url.removeprefix("attachment:"), {})
            return next(
                (
                    self.keep_picture(c, kind)
                    for kind, c in bundle.items()
                    if kind.startswith("image/")
                ),
                None,
            )
        path = (self.folder / url).resolve()
        if "://" in url or not path.is_relative_to(self.folder) or not path.is_file():
            return None
        is_svg = path.suffix.lower() == ".svg"
        content = (
            path.read_text(errors="replace")
            if is_svg
            else base64.b64encode(path.read_bytes()).decode()
        )
        return self.keep_picture(content, "image/svg+xml" if is_svg else "image/png")

    def fill(self, gathered):
        """Let pandoc read all waiting Markdown and tables, side by side."""
        with ThreadPoolExecutor() as pool:
            trees = list(
                pool.map(lambda waiting: read_tree(waiting.text, waiting.reader), self.waiting)
            )
        for waiting, tree in zip(self.waiting, trees):
            piece = waiting.piece
            if tree is None:
                piece.blocks = [raw(boxed(piece.source))]
                gathered.log.append(f"{piece.where}: pandoc cannot read it; its source is printed.")
                continue
            self.where = piece.where
            blocks = clean(tree, self, waiting.attachments)
            if waiting.reader == "html":
                caption = raw(f"#let caption = {literal(waiting.caption)}")
                tables = [block for block in blocks if block["t"] == "Table"]
                tables = [with_aligned_digits(table) for table in tables]
                piece.blocks = [caption, raw("#table-fit(caption)["), *tables, raw("]")]
            else:
                piece.blocks = [with_level(block, waiting.level) for block in blocks]


def pictures_in(data):
    """Return (kind, content) of each picture in an output's data, the one to print first."""
    found = [(kind, data[kind]) for kind in PICTURES if kind in data]
    in_html = find_img(joined(data.get("text/html", "")))
    return [*found, ("image/png", in_html[1])] if in_html else found


def alternative_text(output, cell):
    """Return the alternative text of an output's picture: as its author, or its data, gave it."""
    metadata = output.get("metadata", {}).get("image/png", {})
    in_html = find_img(joined(output.get("data", {}).get("text/html", "")))
    for text in (cell.metadata.get("alt"), in_html and in_html[0], metadata.get("alt")):
        if isinstance(text, str) and text.strip():
            return plain(text.strip())
    return ""


def is_empty(output):
    """Return whether an output cannot be printed: a widget, a script or a progress bar."""
    data = output.get("data", {})
    return output.output_type in ("display_data", "execute_result") and (
        bool(NOT_PRINTED & data.keys()) or not any(data.values())
    )


def is_guess(output):
    """Return whether an output compares a student's guess with the truth."""
    return bool(output.get("metadata", {}).get("prediction"))


def is_python(cell):
    """Return whether the cell prints source code."""
    return "getsource" in cell.source


def without_marks(source):
    """Return an exercise's source without the marks around its solution."""
    return re.sub(r"^ *# (BEGIN|END) SOLUTION(\n|\Z)", "", source, flags=re.M).rstrip("\n")


def unfolded(source):
    """Return Markdown without `<details>`: its summary is the bold beginning of the text in it."""
    summary = r"<details><summary><b>([^<]*)</b>([^<]*)</summary>\n\n"
    return re.sub(summary, r"**\1**\2. ", source).replace("\n\n</details>", "")


def with_display_math(source):
    """Return Markdown with environments such as align and align* between double dollars."""
    pattern = r"(?<!\$)(\n|^)(\\begin\{(align|equation|gather|multline|eqnarray)(\*?)\}.*?\\end\{\3\4\})(?!\$)"
    return re.sub(pattern, r"\1$$\2$$", source, flags=re.S)
