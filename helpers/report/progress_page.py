"""saved notebooks -> the index: each part, its question, and how far one has come in it."""

import re

from IPython.display import display

from helpers.exercises.cells import has_passed, is_unanswered, read_notebooks, tags_of
from helpers.files import NOTEBOOKS
from helpers.predictions import store

ASKS = re.compile(r'guess\.(?:number|bars|curve|order|pick)\(\s*"([\w-]+)"')
COLUMNS = ("part", "question", "exercises right", "predictions", "answers")


def show_index(folder=NOTEBOOKS):
    """Show the index of the notebooks in a folder, as they are saved."""
    text = as_markdown(rows_of(read_notebooks(folder), store.load()))
    display({"text/markdown": text, "text/plain": text}, raw=True)


def rows_of(notebooks, records):
    """Return a row for each of {stem: notebook}: a link, its question, and "1 of 3" of each kind.

    `records` are the predictions; skipped ones count as done.
    """
    rows = []
    for stem, notebook in notebooks.items():
        checks = [c for c in notebook.cells if "check" in tags_of(c) and c.cell_type == "code"]
        answers = [cell for cell in notebook.cells if "answer" in tags_of(cell)]
        asked = [id for cell in notebook.cells for id in ASKS.findall(cell.source)]
        title, question = heading_of(notebook)
        right = share([has_passed(cell) for cell in checks])
        made = share([id in records for id in asked])
        written = share([not is_unanswered(cell.source) for cell in answers])
        rows.append((f"[{title or stem}]({stem}.ipynb)", question, right, made, written))
    return rows


def heading_of(notebook):
    """Return (title, question) of a notebook's first cell; "" for what is not there."""
    source = notebook.cells[0].source if notebook.cells else ""
    found = [re.search(pattern, source, re.M) for pattern in (r"^# (.+)$", r"^\*([^*\n]+)\*$")]
    return tuple(match.group(1) if match else "" for match in found)


def share(done):
    """Return "1 of 3", with a tick where all are done; "" for none."""
    if not done:
        return ""
    return f"{sum(done)} of {len(done)}{' ✓' if all(done) else ''}"


def as_markdown(rows):
    """Return rows as a Markdown table."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
