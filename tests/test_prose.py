"""A number in a notebook's text is one that some output, code or result of the workbook shows."""

import re

import pandas as pd
import pytest

from helpers.exercises.cells import read_notebooks
from helpers.files import RESULTS
from helpers.results import load_result

NOTEBOOKS = read_notebooks()
DECIMAL = re.compile(r"(?<![\w.,/·*^-])(\d+\.\d+)(?![\w.]*\d)(%?)")
REFERENCE = {"0.481", "0.747", "0.5827", "0.8308", "0.876", "0.955"}  # of the course's report
KNOWN = {  # what no run that is stored gives
    "part1_standard_scaler": {"0.0067", "0.0816"},  # worked out by hand in the text
    "part3_loss": {"88.7"},  # the logarithm of the largest float32
    "part7_dropout": {"0.648", "0.009"},  # an earlier recipe: see data/README.md
    "part8_alexnet": {"1.28", "16.8"},  # millions of ImageNet's images; of parameters
    # Differences of two numbers of a table; a sampling error; quantiles of the normal distribution.
    "ec1_ablations": {"0.37", "0.20", "0.17", "0.029", "1.96", "0.84"},
}


def numbers_in(text):
    """Return the numbers of a text, whatever separates their thousands."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return [float(number) for number in re.findall(r"\d+\.?\d*(?:e[-+]?\d+)?", text)]


def shown_by(notebook):
    """Return the numbers that a notebook's code cells hold and print."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = [o.get("text") or o.get("data", {}).get("text/plain") for o in cell.outputs]
            texts += [cell.source, *filter(None, outputs)]
    return numbers_in("\n".join(texts))


def results():
    """Return the numbers of the saved results: each seed's, means, deviations and gaps."""
    found = []
    for path in RESULTS.glob("*/*.csv"):
        found += pd.read_csv(path)["mean"].tolist()
    for path in RESULTS.glob("*/*.json"):
        runs = pd.DataFrame(load_result(path.stem, path.parent.name)["runs"])
        ends = runs[["train_accuracy", "val_accuracy"]]
        found += [*ends.to_numpy().flatten(), *ends.mean(), *ends.std().fillna(0)]
        found.append(ends.mean()["train_accuracy"] - ends.mean()["val_accuracy"])
    return found


@pytest.fixture(scope="module")
def shown():
    """All numbers that the workbook shows."""
    return results() + [number for notebook in NOTEBOOKS.values() for number in shown_by(notebook)]


def missing_from(text, shown, known=frozenset()):
    """Return the decimal numbers of a text that nothing shows; headings count exercises."""
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    missing = []
    for number, percent in set(DECIMAL.findall(text)):
        if number in REFERENCE | known:
            continue
        digits = len(number.partition(".")[2])
        scales = (1, 100) if percent else (1,)
        if not any(f"{scale * v:.{digits}f}" == number for v in shown for scale in scales):
            missing.append(number + percent)
    return sorted(missing)


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_numbers_in_the_text_are_shown_somewhere(stem, shown):
    text = "\n".join(c.source for c in NOTEBOOKS[stem].cells if c.cell_type == "markdown")
    assert missing_from(text, shown, KNOWN.get(stem, set())) == []


def test_a_number_that_nothing_shows_is_found():
    text = "# 5.2 a heading\nIt has 0.568 and 25.1%, not 0.572. 0.876 is the reference's."
    assert missing_from(text, [0.5678, 0.2512]) == ["0.572"]
