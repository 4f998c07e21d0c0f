"""Panels and pages for everybody: axe-core finds nothing serious in what is ours; keys are enough."""

from importlib.resources import files

import nbformat
import pytest
from nbconvert import HTMLExporter
from test_browser import lab, page, plain_page, run_all, screenshot  # noqa: F401

from helpers.files import NOTEBOOKS

# What Lab and nbconvert draw around it (prompts, code, toolbars) is theirs.
OURS = [[".jp-RenderedMarkdown"], [".jp-OutputArea-output"]]
pytestmark = pytest.mark.slow


def serious(page, include=OURS):  # noqa: F811
    """Return ["rule: how many, the first place"] of what axe-core calls serious or critical."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    page.evaluate(files(package).joinpath("axe.min.js").read_text())
    found = page.evaluate("include => axe.run({include}, {resultTypes: ['violations']})", include)[
        "violations"
    ]
    return [
        f"{v['id']}: {len(v['nodes'])}, {v['nodes'][0]['target']}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def tab_to(page, what, key="Tab", most=60):  # noqa: F811
    """Press Tab until an element with this text or name has the focus."""
    name = "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText)"
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate(f"{name}.trim()") == what:
            return
    raise AssertionError(f"Tab does not reach {what!r}")


@pytest.mark.parametrize("name", ["part5_train_simple_net", "part7_dropout"])
def test_the_html_of_a_notebook_has_no_serious_fault(name, tmp_path, plain_page):  # noqa: F811
    path = NOTEBOOKS / f"{name}.ipynb"
    html, _ = HTMLExporter().from_notebook_node(nbformat.read(path, as_version=4))
    (tmp_path / "page.html").write_text(html)
    plain_page.route("http*://**", lambda route: route.abort())
    plain_page.goto(f"file://{tmp_path}/page.html", wait_until="domcontentloaded")
    assert serious(plain_page) == []
    images = plain_page.locator(".jp-OutputArea-output img")
    alts = images.evaluate_all("all => all.map(i => i.alt)")
    assert alts and all(len(alt) > 20 and "No description" not in alt for alt in alts)


def test_a_panel_in_lab_has_names_and_its_slider_moves_by_keys(lab, page):  # noqa: F811
    page.goto(lab.replace("part1_standard_scaler", "part4_optimizer"))
    run_all(page, "Part 4")
    page.locator(".widget-hslider").first.scroll_into_view_if_needed()
    sliders = page.locator(".widget-hslider").get_by_role("slider", name="learning rate")
    assert sliders.count() == 1 and serious(page) == []
    picture = page.locator("img.widget-image")
    before = picture.get_attribute("alt")
    assert "ends at" in before and "the steps shown" in before
    sliders.focus()
    tab_to(page, "steps")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "old => document.querySelector('img.widget-image').alt !== old", arg=before
    )
    screenshot(page, "panel")
