"""executed notebooks -> one PDF: what their cells tagged `report` and `answer` hold, in the order of the parts.

Notebooks are untrusted. pandoc reads Markdown and tables into a tree, of which only known, harmless nodes go on to
typst; all other text goes there as string literals; pictures are decoded, or copied, into a folder of their own, the
only one that typst may read. A piece that cannot be set is printed as its source, in a box, and named in the log.
"""

import base64
import binascii
import io
import json
import re
import secrets
import subprocess
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import matplotlib
import nbformat
import pypandoc
import typst
from PIL import Image

from helpers.files import NOTEBOOKS, WorkbookError, atomic_write
from helpers.commands.run import in_order

FONTS = [Path(__file__).parent / "fonts", Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
TEMPLATE = Path(__file__).with_name("report.typ")
PROMPT = "*Write your answer here.*"  # what a student copy holds in the place of an answer
# No raw typst, HTML or TeX, and no attributes: text that looks like them is printed as it is.
MARKDOWN = (
    "markdown_strict-raw_html+pipe_tables+backtick_code_blocks+fenced_code_blocks+tex_math_dollars+strikeout+task_lists"
    "+lists_without_preceding_blankline+intraword_underscores+space_in_atx_header+startnum+fancy_lists"
)
LINE_WIDTH, MAX_LINES = 96, 80  # characters of a code line, lines of one output


@dataclass(frozen=True)
class Details:
    """What stands on the cover."""

    title: str = "Scene recognition with deep learning"
    name: str = ""
    email: str = ""
    id: str = ""
    team: str = ""


@dataclass
class Piece:
    """A part of the document: a tree of pandoc's, the source to print where it fails, and where it comes from."""

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


def make_report(output, details=Details(), folder=NOTEBOOKS, full=False):
    """Write the PDF report of the notebooks in a folder; return (what is missing, what could not be printed).

    With `full`, every notebook follows, code included. Nothing is executed. Raises WorkbookError for a folder without
    notebooks.
    """
    paths = in_order(Path(folder).glob("*.ipynb"))
    if not paths:
        raise WorkbookError(f"There are no notebooks in {folder}. Name the folder that holds them.")
    with tempfile.TemporaryDirectory() as root:
        reader = Reader(Path(folder).resolve(), Path(root))
        gathered = Gathered()
        notebooks = {path: reader.read(path, gathered) for path in paths}
        for path, notebook in notebooks.items():
            gather_report(path, notebook, reader, gathered)
        gathered.pieces.append(Piece([raw(list_missing(gathered.missing))], "", "the list of what is missing"))
        for path, notebook in notebooks.items() if full else ():
            gather_all(path, notebook, reader, gathered)
        reader.fill(gathered)
        pdf = typeset(gathered, details, Path(root))
    with atomic_write(output) as temporary:
        temporary.write_bytes(pdf)
    return gathered.missing, gathered.log


# --- notebook -> pieces ----------------------------------------------------------------------------------------------


def gather_report(path, notebook, reader, gathered):
    """Add what a notebook's tagged cells hold, and note what is missing in it."""
    if notebook is None:
        return
    cells = [(number, cell, tags_of(cell)) for number, cell in enumerate(notebook.cells, start=1)]
    wanted = [(number, cell, tags) for number, cell, tags in cells if tags & {"report", "answer", "question"}]
    note_missing(path.stem, cells, gathered.missing)
    if not wanted:
        return
    gathered.pieces.append(Piece([raw(f"#part({literal(title_of(notebook, path))})")], "", path.stem))
    for number, cell, tags in wanted:
        where = f"{path.stem}, cell {number}"
        if cell.cell_type == "markdown":
            level = 2 if "question" in tags else 3
            gathered.pieces.append(reader.markdown(cell, where, level))
            if "answer" in tags and is_unanswered(cell.source):
                gathered.pieces[-1] = Piece([raw('#absent("Not answered yet.")')], "", where)
        elif cell.cell_type == "code":
            gathered.pieces += reader.outputs(cell, where)


def gather_all(path, notebook, reader, gathered):
    """Add a whole notebook to the appendix: prose, code and outputs."""
    if notebook is None:
        return
    gathered.pieces.append(Piece([raw(f"#appendix({literal(title_of(notebook, path))})")], "", path.stem))
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"appendix, {path.stem}, cell {number}"
        if cell.cell_type == "markdown":
            gathered.pieces.append(reader.markdown(cell, where, 4))
        elif cell.cell_type == "code":
            if cell.source.strip():
                gathered.pieces.append(Piece([raw(code(cell.source, "python"))], cell.source, where))
            gathered.pieces += reader.outputs(cell, where, with_caption=False)


def tags_of(cell):
    """Return the tags of a cell as a set; metadata of another form count as none."""
    tags = cell.metadata.get("tags", [])
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def title_of(notebook, path):
    """Return the first heading of a notebook, else its name."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.match(r"#\s+(.+)", cell.source)):
            return found.group(1).strip()
    return path.stem


def is_unanswered(source):
    """Return whether an answer cell is empty or still holds the prompt."""
    return not source.replace(PROMPT, "").strip()


def note_missing(name, cells, missing):
    """Add one sentence for each question without an answer, check that does not hold, and cell that was not run."""
    unrun = [n for n, c, tags in cells if "report" in tags and c.cell_type == "code" and not c.outputs]
    if unrun:
        missing.append(f"{name}: not run, or run without a result: cell{'s' * (len(unrun) > 1)} {listed(unrun)}.")
    question = None
    for _, cell, tags in cells:
        if "question" in tags:
            if question:
                missing.append(f"{name}: no answer to “{question}”")
            question = cell.source.lstrip("# ").strip()
        elif "answer" in tags:
            if question is not None and is_unanswered(cell.source):
                missing.append(f"{name}: not answered: “{question}”")
            question = None
        elif "check" in tags and cell.cell_type == "code":
            exercise = cell.metadata.get("exercise", "?")
            text = "".join(str(out.get("text", "")) for out in cell.outputs if out.output_type == "stream")
            if text != f"{exercise}: right\n" or any(out.output_type == "error" for out in cell.outputs):
                missing.append(f"{name}: the check of {exercise} has not passed.")
    if question:
        missing.append(f"{name}: no answer to “{question}”")


def listed(numbers):
    """Return "3, 5 and 8"."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def list_missing(missing):
    """Return typst for the list of what is missing; nothing where nothing is."""
    return f"#missing(({', '.join(literal(sentence) for sentence in missing)},))" if missing else ""


# --- cell -> piece ---------------------------------------------------------------------------------------------------


class Reader:
    """Reads cells; keeps the pictures it meets in the folder `root`, where typst finds them."""

    def __init__(self, folder, root):
        self.folder, self.root, self.num_pictures, self.waiting = folder, root, 0, []

    def read(self, path, gathered):
        """Return the notebook at a path, None (and a line in the log) where it is none."""
        try:
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
            return notebook
        except Exception as error:  # a damaged file can raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
            gathered.log.append(f"{path.name} cannot be read as a notebook ({reason}); it is left out.")
            gathered.missing.append(f"{path.stem}: the file cannot be read as a notebook.")
            return None

    def markdown(self, cell, where, level):
        """Return the piece of a Markdown cell, its headings at `level`; `fill` reads it, with all others at once."""
        piece = Piece([], cell.source, where)
        attachments = cell.get("attachments", {})
        self.waiting.append((piece, "markdown", with_display_math(cell.source), level, attachments))
        return piece

    def outputs(self, cell, where, with_caption=True):
        """Return the pieces of what a code cell has shown."""
        caption = str(cell.metadata.get("caption", "")) if with_caption else ""
        shown = [output for output in cell.outputs if not is_empty(output)]
        if not shown and with_caption:
            return [Piece([raw('#absent("This cell has not been run.")')], "", where)]
        pieces = []
        for output in shown:
            is_last = output is shown[-1]
            pieces.append(self.output(output, where, caption if is_last else "", is_python(cell)))
        return pieces

    def output(self, output, where, caption, is_code):
        """Return the piece of one output: a picture, a table, text or an error."""
        if output.output_type == "error":
            text = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
            return Piece([raw(f"#failed({literal(plain(text))})")], text, where)
        if output.output_type == "stream":
            text = plain(output.text)
            return Piece([raw(captioned(code(text, "python" if is_code else ""), caption, "raw"))], text, where)
        data = output.get("data", {})
        text = plain(joined(data.get("text/plain", "")))
        for kind in ("image/svg+xml", "image/png", "image/jpeg"):
            if kind in data and (name := self.keep_picture(data[kind], kind)):
                return Piece([raw(figure(name, caption))], f"(a picture that cannot be printed) {text}", where)
        if "<table" in joined(data.get("text/html", "")):
            piece = Piece([], text, where)
            self.waiting.append((piece, "html", joined(data["text/html"]), caption, {}))
            return piece
        if "text/markdown" in data:
            piece = Piece([], text, where)
            self.waiting.append((piece, "markdown", with_display_math(joined(data["text/markdown"])), 4, {}))
            return piece
        return Piece([raw(captioned(code(text), caption, "raw"))], text, where)

    def keep_picture(self, content, kind):
        """Write a picture to the root and return its name there, None for one that is none."""
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
        """Return the name in the root of an image that Markdown names: an attachment, or a file beside the notebook."""
        if url.startswith("attachment:"):
            bundle = attachments.get(url.removeprefix("attachment:"), {})
            return next((self.keep_picture(c, kind) for kind, c in bundle.items() if kind.startswith("image/")), None)
        path = (self.folder / url).resolve()
        if "://" in url or not path.is_relative_to(self.folder) or not path.is_file():
            return None
        is_svg = path.suffix.lower() == ".svg"
        content = path.read_text(errors="replace") if is_svg else base64.b64encode(path.read_bytes()).decode()
        return self.keep_picture(content, "image/svg+xml" if is_svg else "image/png")

    def fill(self, gathered):
        """Let pandoc read all Markdown and tables that wait, side by side, and write every piece as typst."""
        with ThreadPoolExecutor() as pool:
            trees = list(
                pool.map(lambda job: read_tree(job[2], MARKDOWN if job[1] == "markdown" else "html"), self.waiting)
            )
        for (piece, kind, _, option, attachments), tree in zip(self.waiting, trees):
            if tree is None:
                piece.blocks = [raw(boxed(piece.source))]
                gathered.log.append(f"{piece.where}: pandoc cannot read it; its source is printed.")
            elif kind == "html":
                tables = [block for block in clean(tree, self, {}) if block["t"] == "Table"]
                piece.blocks = [
                    raw(f"#let caption = {literal(option)}"),
                    raw("#table-fit(caption)["),
                    *tables,
                    raw("]"),
                ]
            else:
                piece.blocks = [with_level(block, option) for block in clean(tree, self, attachments)]
        write_pieces(gathered)


def is_empty(output):
    """Return whether an output shows nothing on paper: a widget or a progress bar."""
    data = output.get("data", {})
    return output.output_type in ("display_data", "execute_result") and (
        "application/vnd.jupyter.widget-view+json" in data or not data
    )


def is_python(cell):
    """Return whether what the cell prints is code: it printed a source."""
    return "getsource" in cell.source


def joined(text):
    """Return a notebook's multi-line string as one."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def plain(text):
    """Return text without the colours of terminals, and with only the last state of lines that were written over."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", joined(text))
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.rstrip("\n").split("\n")]
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", "\n".join(lines))


def with_display_math(source):
    """Return Markdown in which an environment such as align, bare or with a star, stands between double dollars."""
    pattern = r"(?<!\$)(\n|^)(\\begin\{(align|equation|gather|multline|eqnarray)(\*?)\}.*?\\end\{\3\4\})(?!\$)"
    return re.sub(pattern, r"\1$$\2$$", source, flags=re.S)


# --- pandoc ----------------------------------------------------------------------------------------------------------

HARMLESS = set(
    """Str Emph Underline Strong Strikeout Superscript Subscript SmallCaps Quoted Code Space SoftBreak LineBreak Math
    Plain Para LineBlock CodeBlock BlockQuote OrderedList BulletList DefinitionList Header HorizontalRule Table
    AlignDefault AlignLeft AlignRight AlignCenter ColWidth ColWidthDefault InlineMath DisplayMath SingleQuote
    DoubleQuote Decimal DefaultStyle DefaultDelim Period OneParen TwoParens LowerAlpha UpperAlpha LowerRoman
    UpperRoman Example""".split()
)
WITH_ATTRIBUTES = {"Code": 0, "CodeBlock": 0, "Header": 1, "Table": 0}


def read_tree(text, reader):
    """Return pandoc's tree of blocks of a text, None where pandoc gives up."""
    command = [pypandoc.get_pandoc_path(), "--sandbox", "-f", reader, "-t", "json"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
        return json.loads(done.stdout)["blocks"] if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError):
        return None


def clean(node, reader, attachments):
    """Return a tree of harmless nodes: attributes emptied, pictures fetched, raw code and unknown nodes as text."""
    if isinstance(node, list):
        return [part for child in node for part in as_list(clean(child, reader, attachments), child)]
    if not isinstance(node, dict) or "t" not in node:
        return node
    kind, content = node["t"], node.get("c")
    if kind == "Image":
        name = reader.picture_of(content[2][0], attachments)
        alt = plain_text(content[1])
        if name:
            return {
                "t": "RawInline",
                "c": ["typst", f"#fit(image({literal(name)}, alt: {literal(alt or 'a picture')}))"],
            }
        return {"t": "Str", "c": f"(picture: {alt or content[2][0]})"}
    if kind == "Link":
        text, (url, _) = clean(content[1], reader, attachments), content[2]
        is_web = re.match(r"https?://", url)
        return {"t": "Link", "c": [["", [], []], text, [url, ""]]} if is_web else text
    if kind in ("Span", "Div", "Cite", "Figure", "Note"):
        return clean(content[-1] if isinstance(content, list) and content else [], reader, attachments)
    if kind in ("RawBlock", "RawInline"):
        return {"t": "CodeBlock" if kind == "RawBlock" else "Code", "c": [["", [], []], content[1]]}
    if kind not in HARMLESS:
        return {"t": "Str", "c": plain_text(content)}
    if content is None:
        return {"t": kind}
    if kind == "Table":
        content = without_attributes(content)
    content = clean(content, reader, attachments) if isinstance(content, list) else content
    if kind in WITH_ATTRIBUTES:
        content[WITH_ATTRIBUTES[kind]] = ["", [], []]
    return {"t": kind, "c": content}


def as_list(cleaned, original):
    """Return what `clean` made of one child as a list of children: a wrapper that fell away leaves several."""
    fell_away = isinstance(original, dict) and original.get("t") in ("Span", "Div", "Cite", "Figure", "Note", "Link")
    return cleaned if fell_away and isinstance(cleaned, list) else [cleaned]


def without_attributes(node):
    """Return a table's content with every [id, classes, keys and values] in it emptied."""
    if isinstance(node, list):
        if len(node) == 3 and isinstance(node[0], str) and all(isinstance(part, list) for part in node[1:]):
            return ["", [], []]
        return [without_attributes(child) for child in node]
    return node


def plain_text(node):
    """Return the text in a tree."""
    if isinstance(node, dict):
        return " " if node.get("t") in ("Space", "SoftBreak") else plain_text(node.get("c"))
    if isinstance(node, list):
        return "".join(map(plain_text, node))
    return node if isinstance(node, str) else ""


def with_level(block, level):
    """Return a block; a heading gets `level` or, if it is a smaller one, a smaller one."""
    if block["t"] != "Header":
        return block
    number = min(6, max(level, block["c"][0] + level - 3))
    return {"t": "Header", "c": [number, ["", [], []], block["c"][2]]}


def raw(text):
    """Return typst of our own as a block of pandoc's tree."""
    return {"t": "RawBlock", "c": ["typst", text]}


def write_pieces(gathered):
    """Let pandoc write all pieces as typst, in one go; mathematics that it cannot write is printed as source."""
    text, warnings = write_tree(gathered.pieces)
    bad = set(re.findall(r"Could not convert TeX math (.*?), rendering as TeX", " ".join(warnings.split())))
    if bad:
        for piece in gathered.pieces:
            found = []
            piece.blocks = boxed_math(piece.blocks, bad, found)
            gathered.log += [f"{piece.where}: this mathematics cannot be printed: {formula}" for formula in found]
        text, _ = write_tree(gathered.pieces)
    for piece, part in zip(gathered.pieces, text):
        piece.typst = part


def write_tree(pieces):
    """Return (typst of each piece, pandoc's warnings)."""
    mark = f"//{secrets.token_hex(16)}"
    blocks = [block for piece in pieces for block in (*piece.blocks, raw(mark))]
    tree = {"pandoc-api-version": [1, 23, 1], "meta": {}, "blocks": blocks}
    command = [pypandoc.get_pandoc_path(), "--sandbox", "-f", "json", "-t", "typst", "--wrap=preserve"]
    done = subprocess.run(command, input=json.dumps(tree), capture_output=True, text=True)
    if done.returncode:
        raise WorkbookError(f"pandoc could not write the report: {done.stderr.strip()[:300]}")
    return done.stdout.split(mark)[:-1], done.stderr


def boxed_math(node, bad, found):
    """Return a tree in which each formula of `bad` is its source in a box; add it to `found`."""
    if isinstance(node, list):
        return [boxed_math(child, bad, found) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("t") == "Math" and " ".join(node["c"][1].split()) in bad:
        found.append(node["c"][1].strip())
        return {"t": "RawInline", "c": ["typst", f"#box(formula({literal(node['c'][1].strip())}))"]}
    return {key: boxed_math(value, bad, found) if key == "c" else value for key, value in node.items()}


# --- typst -----------------------------------------------------------------------------------------------------------


def literal(text):
    """Return text as a string literal of typst: nothing in it can end the string."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def code(text, language=""):
    """Return typst for lines of code or output; long lines are broken, a long output is cut."""
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, LINE_WIDTH, **KEEP) or [""]]
    if len(lines) > MAX_LINES and not language:
        lines = [*lines[:MAX_LINES], f"... ({len(lines) - MAX_LINES} more lines)"]
    language = f", lang: {literal(language)}" if language else ""
    return f"#raw({literal(chr(10).join(lines))}, block: true{language})"


KEEP = {"drop_whitespace": False, "replace_whitespace": False, "tabsize": 4, "subsequent_indent": "    "}


def captioned(body, caption, kind):
    """Return typst for a body with a caption, if there is one."""
    return f"#with-caption({literal(caption)}, {literal(kind)})[{body}]" if caption else body


def figure(name, caption):
    """Return typst for a picture in the root, no wider than the page."""
    return f"#picture({literal(name)}, {literal(caption)})"


def boxed(source):
    """Return typst for a source that could not be set."""
    return f"#unprintable({literal(plain(source)[:3000])})"


def typeset(gathered, details, root):
    """Return the PDF; a piece that typst refuses is replaced by its source, and named in the log."""
    cover = {**details.__dict__, "date": date.today().strftime("%d %B %Y").lstrip("0")}
    values = ", ".join(f"{key}: {literal(value)}" for key, value in cover.items())
    head = TEMPLATE.read_text() + f"\n#show: report.with({values})\n"
    for attempt in range(len(gathered.pieces) + 1):
        parts = [head, *(piece.typst for piece in gathered.pieces)]
        try:
            return compile_typst("\n\n".join(parts), root)
        except typst.TypstError as error:
            culprits = find_culprits(error, parts) if attempt < 5 else []
            culprits = culprits or [i for i, piece in enumerate(gathered.pieces) if fails(head, piece, root)]
            if not culprits:
                raise WorkbookError(f"typst could not set the report: {str(error)[:300]}") from error
            for index in culprits:
                piece = gathered.pieces[index]
                piece.typst = boxed(piece.source)
                gathered.log.append(f"{piece.where}: it cannot be set ({str(error)[:80]}); its source is printed.")
    raise WorkbookError("typst could not set the report.")


def compile_typst(text, root):
    """Return the PDF of a typst document that may read nothing but what lies in `root`."""
    (root / "report.typ").write_text(text)
    return typst.compile(root / "report.typ", root=root, font_paths=FONTS, ignore_system_fonts=True, format="pdf")


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
