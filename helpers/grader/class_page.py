"""graded/ -> one page of HTML on the class, which needs nothing else. Nothing is changed."""

import base64
import hashlib
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup, escape

from helpers.files import WorkbookError
from helpers.grader.class_data import read_class
from helpers.grader.class_figures import draw, plot_rates, plot_totals
from helpers.grader.tables import write_text

HERE = Path(__file__).parent


def write_class_page(graded, page, similar=None):
    """Write the page of the class in the folder `graded`; `similar` is the path of the other page.

    Raises WorkbookError where `graded` does not hold a graded class.
    """
    course = read_class(Path(graded))
    if not course.students:
        raise WorkbookError(f"{graded} holds no graded submission. Run `workbook grade` first.")
    write_text(page, render("class_page.html", course=course, similar=similar, **figures(course)))


def figures(course):
    """Return the page's drawings as Markup."""
    totals, exercises = np.array(course.totals, float), course.exercises
    mean, median = totals.mean(), np.median(totals)
    said = (
        f"{len(totals)} students; totals from {totals.min():g} to {totals.max():g}, "
        f"mean {mean:.1f}, median {median:g}."
    )
    found = {
        "totals_figure": draw(
            lambda ax: plot_totals(totals, mean, ax),
            (7, 4.2),
            "totals",
            "Distribution of totals",
            said,
        ),
        "totals_said": said,
        "rates_figure": "",
    }
    if len(exercises):
        names, rates = list(exercises["exercise"]), list(exercises["rate"])
        alternative = "; ".join(f"{name} {rate:.0%}" for name, rate in zip(names, rates))
        found["rates_figure"] = draw(
            lambda ax: plot_rates(names, rates, ax),
            (7, 1 + 0.27 * len(names)),
            "rates",
            "Pass rate per exercise",
            escape(alternative),
        )
    return {name: Markup(text) if "figure" in name else text for name, text in found.items()}


def render(template, **values):
    """Return a page from a template beside this file; all values are escaped.

    The page may load nothing and run no script but its own.
    """
    options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, **options)
    environment.filters["plain"] = plain
    script = (HERE / "class_script.html").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values |= {"script": Markup(script), "script_digest": digest}
    return environment.get_template(template).render(**values)


def plain(value, digits=1):
    """Return a number as people write it: whole where it is whole, a dash for none."""
    if value is None or value != value:
        return "–"
    return f"{value:g}" if float(value).is_integer() else f"{value:.{digits}f}"
