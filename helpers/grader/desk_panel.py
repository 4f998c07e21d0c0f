"""a Desk -> a panel in Lab: it shows what the desk says and passes keys on. Wiring only."""

import json
from pathlib import Path

import anywidget
import nbformat
import traitlets

from helpers.files import atomic_write
from helpers.grader.answer_files import find_questions
from helpers.grader.desk import Desk

HERE = Path(__file__).parent
NOTEBOOK = "desk.ipynb"
CELL = """# Shift+Enter opens the desk.
from helpers.grader.desk_panel import DeskPanel

DeskPanel(".", beside=3)"""


class DeskPanel(anywidget.AnyWidget):
    """The answers in the folder `graded`, `beside` of them next to each other, read by keys.

    Every key is answered once its mark is on disk.
    """

    _esm = HERE / "desk.js"
    _css = HERE / "desk.css"
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, graded=".", beside=3):
        self.desk = Desk(graded, beside)
        super().__init__(state=self.desk.view())
        self.on_msg(self._hear)

    def _hear(self, _, message, __):
        if message["what"] != "hello":
            self.desk.do(message["what"], *message["with"])
            self.state = self.desk.view()
        self.send({"done": message["number"], "view": message["view"]})


def write_notebook(graded):
    """Write the notebook that opens the desk into the folder `graded`; return its path.

    One that is there stays. Raises WorkbookError where there is nothing to read.
    """
    find_questions(graded)
    path = Path(graded) / NOTEBOOK
    if not path.exists():
        cell = nbformat.v4.new_code_cell(CELL, id="desk")
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(notebook, indent=1) + "\n")
    return path
