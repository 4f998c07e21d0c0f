"""Markdown and tables -> pandoc's tree, reduced to known, harmless nodes -> typst."""

import json
import re
import secrets
import subprocess

import pypandoc

from helpers.files import WorkbookError
from helpers.report.typesetting import literal

# No raw typst, HTML or TeX, and no attributes: text that looks like them is printed as it is.
MARKDOWN = (
    "markdown_strict-raw_html+pipe_tables+backtick_code_blocks+fenced_code_blocks+tex_math_dollars+strikeout+task_lists"
    "+lists_without_preceding_blankline+intraword_underscores+space_in_atx_header+startnum+fancy_lists"
)
HARMLESS = set(
    """Str Emph Underline Strong Strikeout Superscript Subscript SmallCaps Quoted Code Space SoftBreak LineBreak Math
    Plain Para LineBlock CodeBlock BlockQuote OrderedList BulletList DefinitionList Header HorizontalRule Table
    AlignDefault AlignLeft AlignRight AlignCenter ColWidth ColWidthDefault InlineMath DisplayMath SingleQuote
    DoubleQuote Decimal DefaultStyle DefaultDelim Period OneParen TwoParens LowerAlpha UpperAlpha LowerRoman
    UpperRoman Example""".split()
)
PARTS = ("#part(", "#appendix(", "#missing(")  # typst that begins with a heading of level 1
NUMBER = re.compile(r"[-−+]?[\d,.]+(e[-+]?\d+)?( ?(%|s|ms|MB|min|±.*|\(\d+\)))?|[-–]|nan|NaN")
WITH_ATTRIBUTES = {"Code": 0, "CodeBlock": 0, "Header": 1, "Table": 0}


def read_tree(text, reader):
    """Return pandoc's tree of blocks of a text, None where pandoc gives up."""
    command = [pypandoc.get_pandoc_path(), "--sandbox", "-f", reader, "-t", "json"]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
        return json.loads(done.stdout)["blocks"] if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError):
        return None


def clean(nodes, reader, attachments):
    """Return harmless nodes for these: without attributes, pictures fetched, raw code as text."""
    return [part for node in nodes for part in clean_node(node, reader, attachments)]


def clean_node(node, reader, attachments):
    """Return harmless nodes for one, as a list: a wrapper gives its children, others one node."""
    if isinstance(node, list):
        return [clean(node, reader, attachments)]
    if not isinstance(node, dict) or "t" not in node:
        return [node]
    kind, content = node["t"], node.get("c")
    if kind == "Image":
        return [picture(content, reader, attachments)]
    if kind == "Link":
        text, (url, _) = clean(content[1], reader, attachments), content[2]
        is_web = re.match(r"https?://", url)
        return [{"t": "Link", "c": [["", [], []], text, [url, ""]]}] if is_web else text
    if kind in ("Span", "Div", "Cite", "Figure", "Note"):
        inner = content[-1] if isinstance(content, list) and content else []
        return clean(inner if isinstance(inner, list) else [inner], reader, attachments)
    if kind in ("RawBlock", "RawInline"):
        return [
            {"t": "CodeBlock" if kind == "RawBlock" else "Code", "c": [["", [], []], content[1]]}
        ]
    if kind not in HARMLESS:
        return [{"t": "Str", "c": plain_text(content)}]
    if content is None:
        return [{"t": kind}]
    if kind == "Math":  # its source is its alternative text
        alt = " ".join(content[1].split()) or "a formula"
        return [typst(f"#[#set math.equation(alt: {literal(alt)});"), node, typst("]")]
    if kind == "Table":
        content = without_attributes(content)
    content = clean(content, reader, attachments) if isinstance(content, list) else content
    if kind in WITH_ATTRIBUTES:
        content[WITH_ATTRIBUTES[kind]] = ["", [], []]
    return [{"t": kind, "c": content}]


def picture(content, reader, attachments):
    """Return an image of Markdown as typst, or its description if there is no such picture."""
    alt = plain_text(content[1]).strip()
    if name := reader.picture_of(content[2][0], attachments):
        image = f"#fit(image({literal(name)}, alt: {literal(alt)}))"
        return typst(image if alt else reader.without_text())
    return {"t": "Str", "c": f"(picture: {alt or content[2][0]})"}


def without_attributes(node):
    """Return a table's content with every [id, classes, keys and values] in it emptied."""
    if isinstance(node, list):
        if (
            len(node) == 3
            and isinstance(node[0], str)
            and all(isinstance(part, list) for part in node[1:])
        ):
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


def with_level(node, level):
    """Return a tree in which headings get `level` or, if they are smaller ones, a smaller one."""
    if isinstance(node, list):
        return [with_level(child, level) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("t") != "Header":
        return {key: with_level(value, level) for key, value in node.items()}
    number = min(6, max(level, node["c"][0] + level - 3))
    return {"t": "Header", "c": [number, ["", [], []], node["c"][2]]}


def without_gaps(pieces):
    """Lift headings that lie more than one level below the one before; in place.

    A reader that steps from heading to heading would miss the levels between.
    """
    level = 1
    for piece in pieces:
        for block in piece.blocks:
            if block["t"] == "RawBlock":
                level = 1 if block["c"][1].startswith(PARTS) else level
            elif headings := list(_headings(block)):
                for heading in headings:
                    level = heading["c"][0] = min(heading["c"][0], level + 1)


def _headings(node):
    """Yield the headings in a tree, in order."""
    if isinstance(node, dict) and node.get("t") == "Header":
        yield node
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _headings(child)


def with_aligned_digits(table):
    """Return a table with its numbers flush right, its words flush left, its rows not counted.

    pandas counts the rows of a table without names from 0; that column is left out.
    """
    columns, head, bodies = table["c"][2], table["c"][3], table["c"][4]
    rows = [row for body in bodies for row in body[3]]
    if any(len(row[1]) != len(columns) for row in [*head[1], *rows]):
        return table  # cells that span columns
    texts = [[plain_text(row[1][i][4]).strip() for row in rows] for i in range(len(columns))]
    is_counted = len(columns) > 1 and texts[0] == [str(i) for i in range(len(rows))]
    if is_counted and len(head[1]) == 1 and not plain_text(head[1][0][1][0][4]):
        for cells in (columns, texts, *(row[1] for row in [*head[1], *rows])):
            del cells[0]
        for body in bodies:
            body[1] = 0  # columns of names
    for column, values in zip(columns, texts):
        is_number = values and all(NUMBER.fullmatch(value) for value in values if value)
        column[0] = {"t": "AlignRight" if is_number else "AlignLeft"}
    return table


def raw(text):
    """Return typst of our own as a block of pandoc's tree."""
    return {"t": "RawBlock", "c": ["typst", text]}


def typst(text):
    """Return typst of our own within a line of pandoc's tree."""
    return {"t": "RawInline", "c": ["typst", text]}


def write_pieces(gathered):
    """Let pandoc write all pieces as typst, in one go.

    Mathematics that it cannot write is printed as source.
    """
    without_gaps(gathered.pieces)
    text, warnings = write_tree(gathered.pieces)
    bad = set(
        re.findall(
            r"Could not convert TeX math (.*?), rendering as TeX", " ".join(warnings.split())
        )
    )
    if bad:
        for piece in gathered.pieces:
            found = []
            piece.blocks = boxed_math(piece.blocks, bad, found)
            gathered.log += [
                f"{piece.where}: this mathematics cannot be printed: {formula}" for formula in found
            ]
        text, _ = write_tree(gathered.pieces)
    for piece, part in zip(gathered.pieces, text):
        piece.typst = part


def write_tree(pieces):
    """Return (typst of each piece, pandoc's warnings)."""
    mark = f"//{secrets.token_hex(16)}"
    blocks = [block for piece in pieces for block in (*piece.blocks, raw(mark))]
    tree = {"pandoc-api-version": [1, 23, 1], "meta": {}, "blocks": blocks}
    command = [
        pypandoc.get_pandoc_path(),
        "--sandbox",
        "-f",
        "json",
        "-t",
        "typst",
        "--wrap=preserve",
    ]
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
        return typst(f"#box(formula({literal(node['c'][1].strip())}))")
    return {
        key: boxed_math(value, bad, found) if key == "c" else value for key, value in node.items()
    }
