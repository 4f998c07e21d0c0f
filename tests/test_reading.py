"""Reading costs seconds and little memory, whatever a notebook holds, by a process apart."""

import json
import random
from pathlib import Path

import pytest
from test_grading import MASTERS

from helpers.grader import picking, reading_process, submissions, syntax, unpacking

COURSE = submissions.course_of(MASTERS)


def code(source, **more):
    """Return a code cell as JSON has it."""
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], **more}


def notebook_of(*cells):
    """Return the text of a notebook."""
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def imports(number, word="a"):
    """Return a line of many imports."""
    return "".join(f"import {word}{n};" for n in range(number))


def read(tmp_path, text):
    """Return what the reader says of a notebook's text, with seconds and memory."""
    path = tmp_path / "part1_x.ipynb"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    (said,) = submissions.read_all({"ada": path}, COURSE)
    return said


USING_ALL = f"def double(x):\n    return [{', '.join(f'a{n}' for n in range(1000))}]"
LONG = {
    "lines for the shell": (notebook_of(*[code("a = !ls\n" * 480)] * 3), None),
    "more lines for the shell": (notebook_of(*[code("a = !ls\n" * 6000)] * 20), None),
    "4 MB of imports": (
        notebook_of(*[code(imports(3000))] * 100),
        "more than 1,000,000 characters",
    ),
    "a cell of 4 MB": (notebook_of(code(imports(350_000))), None),
    "many statements": (notebook_of(*[code("a=1;" * 12_000)] * 20), "more than 10,000 statements"),
    "a function that uses 1,000 imports": (
        notebook_of(code(imports(1000)), code(USING_ALL)),
        "double uses more than 300 other statements",
    ),
    "definitions that hang together": (
        notebook_of(
            code("\n".join(f"def f{n}():\n    f{n + 1}()" for n in range(1500))),
            code("x = f0()"),
            code("def double(y):\n    return x"),
        ),
        "hangs together too deeply",
    ),
    "a million lists": (
        notebook_of()[:-1] + ', "z": [' + "[]," * 390_000 + "[]]}",
        "too many parts",
    ),
    "lists in lists": ("[" * 10**5, "cannot be read as a notebook"),
    "text of 39 MB": (notebook_of()[:-1] + ', "z": "' + "a" * 39 * 2**20 + '"}', None),
}


@pytest.mark.parametrize("what", LONG)
def test_a_notebook_made_to_be_slow_or_large_is_read_or_refused_in_seconds(what, tmp_path):
    text, refused = LONG[what]
    said = read(tmp_path, text)
    assert said["cpu"] < 6 and said["peak_mb"] < 300
    assert refused in said["refused"] if refused else "refused" not in said, said.get("refused")


def test_beyond_its_seconds_or_memory_a_reading_ends_and_the_next_begins(tmp_path, monkeypatch):
    (tmp_path / "ada.ipynb").write_text(notebook_of(code("def double(x):\n    return x + x")))
    read = reading_process.read

    def endless(*_):
        while True:
            pass

    works = (
        (endless, reading_process.TOO_SLOW),
        (lambda *_: bytearray(2**40), reading_process.TOO_MUCH),
    )
    for work, why in works:
        monkeypatch.setattr(reading_process, "SECONDS", 1)
        monkeypatch.setattr(reading_process, "read", work)
        refused = reading_process.read_apart(tmp_path / "ada.ipynb", COURSE)["refused"]
        assert refused == why
    monkeypatch.setattr(reading_process, "read", read)
    assert "double" in reading_process.read_apart(tmp_path / "ada.ipynb", COURSE)["sources"]


def test_more_output_than_anybody_writes_is_refused(monkeypatch):
    monkeypatch.setattr(reading_process, "limit", lambda: None)
    monkeypatch.setattr(reading_process, "read", lambda *_: {"notes": ["x" * 30 * 2**20]})
    assert reading_process.read_apart("ada", COURSE)["refused"] == reading_process.TOO_SLOW


def test_the_reader_needs_no_library_and_so_starts_at_once():
    for module in (reading_process, unpacking, picking, syntax):
        text = Path(module.__file__).read_text()
        assert not any(
            f"import {name}" in text for name in ("torch", "numpy", "nbformat", "IPython")
        )


# --- a fuzzer ----------------------------------------------------------------------------------

ODD = ["", "\x00", "\u202e", "\ufeff", "😀" * 50, "e\u0301", "\ud800", "𝐝𝐨𝐮𝐛𝐥𝐞", "\u2028", "ﬁ"]
LINES = [
    *(
        "def double(x):",
        "    return 2 * x",
        "def twice(x): return x",
        "%%time",
        "!ls",
        "x = !ls",
        "list?",
    ),
    *(
        "import os",
        "from math import *",
        "'''",
        '"""',
        "(",
        ")",
        "class A:",
        "\tpass",
        "if x:",
        "lambda",
    ),
    *(
        "raise NotImplementedError",
        "f'{x!r:{y}}'",
        "a" * 3000,
        "-" * 2000 + "1",
        "[" * 150 + "]" * 150,
    ),
    *(
        "0x" + "f" * 5000,
        "1e999999999",
        "match x:",
        "    case _: pass",
        "@",
        "async def double(): await x",
    ),
]


def any_json(r, depth=0):
    """Return a random value of JSON."""
    kind = r.randrange(9 if depth < 5 else 6)
    simple = [
        None,
        True,
        r.randrange(-(10**12), 10**12),
        r.random(),
        r.choice(ODD),
        r.choice(LINES),
    ]
    if kind < 6:
        return simple[kind]
    if kind == 6:
        return [any_json(r, depth + 1) for _ in range(r.randrange(6))]
    return {
        r.choice(["source", "tags", "cells", "x", *ODD]): any_json(r, depth + 1) for _ in range(4)
    }


def any_cell(r):
    """Return a random cell, mostly of the right form."""
    source = "\n".join(r.choice([*LINES, *ODD]) for _ in range(r.randrange(12)))
    cell = code(
        source, cell_type=r.choice(["code"] * 6 + ["markdown", "raw", "heading", "x", None])
    )
    cell["id"] = r.choice(["same", "same", r.random()])
    cell["metadata"] = r.choice(
        [
            {"tags": ["exercise"], "exercise": "double"},
            {"tags": ["answer"], "question": "why"},
            {},
            any_json(r),
            {"tags": any_json(r), "exercise": any_json(r)},
        ]
    )
    if r.random() < 0.3:
        text = r.choice([source, ["a" * 1000] * 9])
        cell["outputs"] = [{"output_type": "stream", "text": text, "data": any_json(r)}] * 2
        cell["attachments"] = {"a.png": {"image/png": "A" * r.randrange(10**4)}}
    if r.random() < 0.1:
        cell[r.choice(list(cell))] = any_json(r)
    if r.random() < 0.005:
        cell["source"] = r.choice(LINES) * r.randrange(1, 20_000)
    return cell


def any_notebook(r):
    """Return a random notebook as bytes: of nbformat 3, 4 or 5, whole, cut off or spoilt."""
    cells = [any_cell(r) for _ in range(r.randrange(25))]
    version = r.choice([3, 4, 4, 4, 5, 99, None])
    top = {"cells": cells} if version != 3 else {"worksheets": [{"cells": cells}]}
    text = json.dumps(
        top | {"nbformat": version, "metadata": any_json(r)}, ensure_ascii=r.random() < 0.7
    )
    content = text.encode(r.choice(["utf-8"] * 6 + ["utf-16", "utf-32"]), "surrogatepass")
    spoil = r.randrange(10)
    if spoil == 0:
        content = content[: r.randrange(len(content))]
    if spoil == 1:
        content = bytes(r.choice([b, b, b, b, r.randrange(256)]) for b in content[:5000])
    if spoil == 2:
        content = r.choice(
            [b"", b"null", b"[]", b'"x"', b"{}", b"[" * 9000, b'{"cells": 5}', b"NaN"]
        )
    if spoil == 3:
        content += r.choice([b"}", b"\x00" * 1000, content, b" " * 10**6])
    return content


@pytest.mark.slow
def test_2000_random_notebooks_are_each_read_or_refused_in_a_sentence(tmp_path):
    r, paths = random.Random(15), {}
    for number in range(2000):
        paths[str(number)] = tmp_path / f"{number}.ipynb"
        paths[str(number)].write_bytes(any_notebook(r))
    found = list(submissions.read_all(paths, COURSE))
    refused = [said["refused"] for said in found if "refused" in said]
    slowest, largest = (max(said[what] for said in found) for what in ("cpu", "peak_mb"))
    print(f"{len(found)} files, {len(refused)} refused, {slowest:.2f} s, {largest:.0f} MB")
    assert len(found) == 2000 and slowest < 2 and largest < 300
    assert all(text.endswith(".") and len(text) < 300 for text in refused), refused
    assert 200 < len(refused) < 1500 and not any("its reading ended" in text for text in refused)
