"""Panels and pages for everybody: axe-core finds nothing serious in what is ours; keys are enough."""

from importlib.resources import files

import nbformat
import pytest
from nbconvert import HTMLExporter
from test_browser import (  # noqa: F401
    lab,
    page,
    panels_lab,
    plain_page,
    run_all,
    screenshot,
    wait_until,
)

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


NAME = """() => {
    const at = document.activeElement;
    return (at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || "").trim();
}"""


def tab_to(page, what, key="Tab", most=60):  # noqa: F811
    """Press Tab until an element whose name begins so has the focus."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate(NAME).startswith(what):
            return
    raise AssertionError(f"{key} does not reach {what!r}")


def press(page, *keys):  # noqa: F811
    for key in keys:
        page.keyboard.press(key)


# What a screen reader is told to say, in its order.
LISTEN = """panel => {
    window.said = [];
    new MutationObserver(changes => {
        for (const { target } of changes) {
            const region = (target.closest ? target : target.parentElement)?.closest("[aria-live]");
            if (region?.getAttribute("aria-live") === "polite") said.push(region.textContent);
        }
    }).observe(panel, { childList: true, characterData: true, subtree: true });
}"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_html_of_a_notebook_has_no_serious_fault(path, tmp_path, plain_page):  # noqa: F811
    html, _ = HTMLExporter().from_notebook_node(nbformat.read(path, as_version=4))
    (tmp_path / "page.html").write_text(html)
    plain_page.route("http*://**", lambda route: route.abort())
    plain_page.goto(f"file://{tmp_path}/page.html", wait_until="domcontentloaded")
    assert serious(plain_page) == []
    images = plain_page.locator(".jp-OutputArea-output img")
    alts = images.evaluate_all("all => all.map(i => i.alt)")
    assert all(len(alt) > 20 and "No description" not in alt for alt in alts)


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


def test_the_studio_is_run_by_keys_alone(panels_lab, page):  # noqa: F811
    page.set_viewport_size({"width": 1100, "height": 700})
    page.goto(panels_lab.replace("part1_standard_scaler", "ec1_ablations"))
    run_all(page, "EC1")
    panel, said = page.locator(".wb"), lambda: page.evaluate("said")
    panel.locator(".pictures canvas").nth(5).wait_for()
    panel.evaluate(LISTEN)
    for role, name in [("slider", "dropout"), ("combobox", "batch size"), ("button", "Train")]:
        assert panel.get_by_role(role, name=name, exact=True).count() == 1
    rows, status = panel.locator("table.runs tbody tr"), panel.get_by_role("status")

    tab_to(page, "Train")
    tab_to(page, "epochs")
    press(page, "Home")
    tab_to(page, "Train", "Shift+Tab")
    press(page, "Space")
    status.filter(has_text="Run 1:").wait_for()
    assert page.evaluate(NAME) == "Train", "the focus stays where it was"
    tab_to(page, "dropout")
    press(page, "ArrowRight", "ArrowRight")
    tab_to(page, "Train", "Shift+Tab")
    press(page, "Enter")
    status.filter(has_text="Run 2:").wait_for()

    tab_to(page, "epochs")
    press(page, "End")
    tab_to(page, "Train", "Shift+Tab")
    press(page, "Space")
    panel.locator(".now", has_text="of 60").wait_for()
    tab_to(page, "Pause")
    press(page, "Space")
    panel.get_by_role("button", name="Go on").wait_for()
    tab_to(page, "Stop")
    press(page, "Space")
    status.filter(has_text="Stopped after").wait_for()
    assert page.evaluate(NAME) == "Stop"
    heard = said()
    told = ["Training.", "Run 1:", "Training.", "Run 2:", "Training.", "Paused.", "Stopped after"]
    places = iter(heard)
    assert all(any(text.startswith(start) for text in places) for start in told), heard
    assert len(heard) < 40, "the batches of a run are not read out"

    tab_to(page, "Loss of run 1, run 2")
    press(page, "ArrowRight")
    wait_until(page, lambda: "epoch 1.0run 1: batch" in said()[-1])
    differ = panel.locator(".compare tbody tr", has_text="dropout")
    assert differ.inner_text().split() == ["dropout", "0", "0.1"]
    tab_to(page, "run 2: draw its curves")
    press(page, "Space")
    differ.wait_for(state="detached")
    hidden = panel.get_by_role("button", name="run 2: draw its curves", pressed=False)
    hidden.wait_for()
    assert page.evaluate(NAME).startswith("run 2"), "a row that is drawn anew keeps the focus"
    press(page, "Space")
    differ.wait_for()
    tab_to(page, "Remove run 2")
    press(page, "Enter")
    rows.nth(1).wait_for(state="detached")
    assert page.evaluate(NAME) == "run 1: draw its curves", "not lost with the row"
    assert serious(page) == []
    screenshot(page, "studio_by_keys")
