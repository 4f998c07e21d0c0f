"""A real JupyterLab in a real browser: `workbook lab` as a student meets it."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import nbformat
import pytest

from helpers.exercises.session import STOPPED
from helpers.files import ROOT
from helpers.grader.release import student_copy

# Lab shows a traceback as it shows stderr.
ERROR = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
CHROMIUM = (
    shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
)
# Beside a grader at work on two cores, a kernel once took over 30 seconds to its first line.
PATIENCE_MS = 180_000
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")]


@pytest.fixture
def lab(tmp_path):
    """Serve JupyterLab from a copy of the workbook; yield its address, which opens Part 1."""
    with serve_lab(tmp_path, lambda notebook: notebook, "quick") as address:
        yield address


@pytest.fixture
def unsolved_lab(tmp_path):
    """The same with a student's notebooks, in the full profile."""
    with serve_lab(tmp_path, student_copy, "full") as address:
        yield address


@pytest.fixture
def panels_lab(tmp_path):
    """The same; of each notebook no more than its last panel to touch, without what takes minutes."""
    with serve_lab(tmp_path, without_what_follows_its_panels, "quick") as address:
        yield address


LAST_PANELS = {"ec1-04", "part4-19c", "play-random", "play-hide"}  # ids of cells


def without_what_follows_its_panels(notebook):
    last = [i for i, cell in enumerate(notebook.cells) if cell.id in LAST_PANELS]
    notebook.cells = notebook.cells[: last[-1] + 1] if last else notebook.cells
    return notebook


@contextlib.contextmanager
def serve_lab(tmp_path, change, profile):
    """Serve JupyterLab from a changed copy of the workbook, without outputs; yield its address."""
    for name in ("notebooks", "helpers", "data", ".jupyter"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".cache", "__pycache__")
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A number beside a cell then says that it has run here.
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook = change(nbformat.read(path, as_version=4))
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []
        nbformat.write(notebook, path)
    settings = (
        tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    )
    settings.parent.mkdir(parents=True)
    # Otherwise Lab takes cells that are far off out of the page.
    settings.write_text('{"windowingMode": "none"}')
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WORKBOOK_PROFILE": profile}
    environment.pop("WORKBOOK_STRICT", None)
    environment |= {
        f"JUPYTERLAB_{what.upper()}_DIR": str(tmp_path / what)
        for what in ("settings", "workspaces")
    }
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--IdentityProvider.token=test",
    ]
    command = [
        sys.executable,
        "-c",
        "from helpers.commands.cli import main; main()",
        "lab",
        *options,
    ]
    log = (tmp_path / "lab.log").open("w+")
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=log, start_new_session=True
    )
    try:
        yield _wait_for_address(log, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_address(log, process, seconds=PATIENCE_MS // 1000, where="lab"):
    """Return the address that JupyterLab prints when it is up."""
    for _ in range(2 * seconds):
        log.seek(0)
        if found := re.search(rf"http://127\.0\.0\.1:\d+/{where}\S*token=\S+", log.read()):
            return found.group().replace("token=...", "token=test")
        assert process.poll() is None, "JupyterLab ended"
        time.sleep(0.5)
    raise AssertionError("JupyterLab did not start")


@pytest.fixture
def plain_page():
    """Yield a page of Chromium, of which nothing is asked."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


@pytest.fixture
def page(plain_page):
    """Yield a page for Lab, which may ask nothing of other machines."""
    asked = []
    plain_page.on("request", lambda request: asked.append(request.url))
    yield plain_page
    away = [url for url in asked if not re.match(r"(http|ws)://127\.0\.0\.1:|blob:|data:", url)]
    assert asked and not away, "a page asks nothing of other machines"


def run_all(page, notebook):
    """Run all cells of the notebook that is open, and wait for the last one; there is no error."""
    start_all(page, notebook)
    wait_for_last(page)
    assert page.locator(ERROR).count() == 0


def start_all(page, notebook):
    """Choose "Run All Cells" when the notebook is open and its kernel idle, until a cell runs."""
    page.locator(".jp-RenderedMarkdown h1", has_text=notebook).wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']:visible").wait_for()
    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    before, deadline = prompts.all_inner_texts(), time.time() + PATIENCE_MS / 1000
    while prompts.all_inner_texts() == before and time.time() < deadline:
        # On a busy machine Lab once took the choice before the notebook had its kernel: nothing ran.
        choose(page, "Run", "Run All Cells")
        page.wait_for_timeout(5000)


def choose(page, menu, item):
    """Choose an item of Lab's menu bar."""
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()


def wait_for_last(page):
    """Wait until the last cell has run."""
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    deadline = time.time() + PATIENCE_MS / 1000
    while not re.fullmatch(r"\[\d+\]:", last.inner_text().strip()) and time.time() < deadline:
        page.wait_for_timeout(500)
        last.scroll_into_view_if_needed()
    ran = re.fullmatch(r"\[\d+\]:", last.inner_text().strip())
    assert ran, f"the last cell has not run; errors: {page.locator(ERROR).all_inner_texts()}"


def screenshot(page, name):
    if folder := os.environ.get("WORKBOOK_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_part_1_opens_and_runs(lab, page):
    page.goto(lab)
    run_all(page, "Part 1")
    assert page.locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").count() > 0
    assert page.get_by_text("Jupyter news").count() == 0, "Lab asks nothing about the network"
    page.locator(".jp-RenderedMarkdown h1").first.scroll_into_view_if_needed()
    screenshot(page, "part1")


def test_a_guess_is_committed_before_the_answer_and_is_still_there(lab, page):
    page.goto(lab.replace("part1_standard_scaler", "part3_loss"))
    run_all(page, "Part 3")
    answer = page.locator(".jp-OutputArea-output", has_text="guessing among 15: log 15 =")
    compared = page.get_by_text("Your guess:").locator("visible=true")
    assert answer.count() == 0, "nothing is revealed before a commit"
    control = page.locator(".prediction").first
    control.scroll_into_view_if_needed()
    control.get_by_role("textbox").fill("2")
    control.get_by_role("button", name="Show me").click()
    control.get_by_text("Say how sure you are.").wait_for()
    screenshot(page, "prediction_open")
    assert answer.count() == 0
    control.get_by_role("button", name="middle").click()
    control.get_by_role("button", name="Show me").click()
    answer.wait_for()
    compared.first.wait_for()
    assert compared.count() == 1, "the other five wait"
    assert page.locator("details[open]").count() == 0 < page.locator("details").count()
    screenshot(page, "prediction_committed")

    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    page.locator(".jp-RenderedMarkdown h1", has_text="Part 3").wait_for()
    answer.wait_for()
    assert compared.count() == 1, "it is stored in the notebook"

    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button", has_text="Restart").click()
    run_all(page, "Part 3")
    page.get_by_text("Committed: 2 nats (confidence: middle)").wait_for()
    assert compared.count() == 1
    waiting = page.get_by_text("Commit your prediction above, or skip it.")
    assert waiting.count() == 5
    page.get_by_role("button", name="Skip, and show").first.click()
    page.get_by_text("Skipped.").wait_for()
    waiting.nth(4).wait_for(state="detached")
    screenshot(page, "prediction_again")


def test_the_studio_trains_stops_and_remembers(panels_lab, page):
    page.set_viewport_size({"width": 1100, "height": 700})
    page.goto(panels_lab.replace("part1_standard_scaler", "ec1_ablations"))
    run_all(page, "EC1")
    panel = page.locator(".wb")
    button = lambda name: panel.get_by_role("button", name=name, exact=True)
    rows, status = panel.locator("table.runs tbody tr"), panel.get_by_role("status")
    button("Train").scroll_into_view_if_needed()
    panel.locator(".pictures canvas").nth(5).wait_for()

    press(panel.get_by_label("dropout"), "ArrowRight", 2)
    assert panel.locator(".row", has_text="dropout").locator(".value").inner_text() == "0.1"
    assert panel.get_by_text("No runs yet").is_visible(), "moving a slider trains nothing"

    button("Train").click()
    panel.locator(".now", has_text=re.compile("batch [0-9]+, epoch")).wait_for()
    button("Pause").click()
    button("Go on").wait_for()
    page.wait_for_timeout(2000)  # the batch that it was at has ended
    paused = batch_of(panel)
    page.wait_for_timeout(1000)
    assert batch_of(panel) == paused and panel.locator(".maps canvas").count() == 10
    button("One step").click()
    panel.locator(".now", has_text=f"batch {paused + 1},").wait_for()
    press(panel.get_by_label("rate from here on"), "ArrowLeft", 4)
    panel.get_by_text("Learning rate 0.0025 from here on.").wait_for()
    screenshot(page, "studio_paused")
    button("Go on").click()
    rows.nth(0).wait_for()
    assert "0.004 →" in rows.nth(0).inner_text() and "best" in rows.nth(0).inner_text()

    curves = panel.locator("svg").first
    curves.hover()
    assert "run 1: batch" in panel.locator(".tip").first.inner_text()
    drawn = curves.locator("path").count()
    rows.nth(0).get_by_role("button", name="run 1: draw its curves").press("Enter")
    page.wait_for_timeout(500)
    assert (drawn, curves.locator("path").count()) == (2, 0), "the row hides its curves"
    rows.nth(0).click()

    press(panel.get_by_label("learning rate", exact=True), "End")
    button("Train").click()
    rows.filter(has_text="diverged").wait_for()
    assert panel.locator(".compare tbody tr", has_text="learning rate").count() == 1

    press(panel.get_by_label("learning rate", exact=True), "Home")
    press(panel.get_by_label("epochs"), "End")
    button("Train").click()
    panel.locator(".now", has_text="of 60").wait_for()
    button("Stop").click()
    status.filter(has_text="Stopped after").wait_for(timeout=30_000)
    screenshot(page, "studio")

    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    page.locator(".jp-RenderedMarkdown h1", has_text="EC1").wait_for()
    rows.nth(1).wait_for()
    assert rows.count() == 2, "both runs are there again"
    screenshot(page, "studio_reloaded")


def test_sliders_and_a_start_move_the_figure_while_one_drags(panels_lab, page):
    page.goto(panels_lab.replace("part1_standard_scaler", "part4_optimizer"))
    run_all(page, "Part 4")

    handle = page.locator(".widget-hslider", has_text="learning rate").locator(".noUi-handle")
    figure = page.locator(".jp-OutputArea-output img.widget-image")
    handle.scroll_into_view_if_needed()
    seen, box = {figure.get_attribute("src")}, handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + 12 * step, y)
        page.wait_for_timeout(1500)
        seen.add(figure.get_attribute("src"))
    page.mouse.up()
    assert len(seen) > 3, "it is redrawn before the mouse is let go"

    ravine = page.locator(".wb-drag").first
    start, path = ravine.get_by_role("slider", name="start"), ravine.locator("path.path")
    start.scroll_into_view_if_needed()
    before, box = path.get_attribute("d"), start.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 60, steps=5)
    wait_until(page, lambda: path.get_attribute("d") != before)
    page.mouse.up()
    screenshot(page, "ravine")
    before = path.get_attribute("d")
    press(start, "ArrowLeft")
    wait_until(page, lambda: path.get_attribute("d") != before)
    press(ravine.get_by_label("learning rate"), "End")
    ravine.get_by_text("runs away").wait_for()
    screenshot(page, "ravine_runs_away")


PIXELS = "canvas => canvas.toDataURL()"


def test_a_kernel_is_clicked_and_its_window_moved(panels_lab, page):
    page.goto(panels_lab.replace("part1_standard_scaler", "part2_simple_net"))
    run_all(page, "Part 2")
    panel = page.locator(".wb-window")
    frame, says = panel.get_by_role("slider"), panel.get_by_role("status")
    drawn, found = panel.locator("canvas").nth(0), panel.locator("canvas").nth(1)
    frame.scroll_into_view_if_needed()
    wait_until(page, lambda: len(found.evaluate(PIXELS)) > 1000 < len(drawn.evaluate(PIXELS)))
    before = says.inner_text(), frame.get_attribute("aria-valuetext")
    press(frame, "ArrowRight")
    wait_until(page, lambda: frame.get_attribute("aria-valuetext") != before[1])
    drag(page, frame, 60, 40)
    wait_until(page, lambda: says.inner_text() != before[0])

    weights, before = panel.get_by_role("button", name="weight"), found.evaluate(PIXELS)
    assert weights.count() == 25
    weights.first.click()
    wait_until(page, lambda: found.evaluate(PIXELS) != before)
    screenshot(page, "kernel")
    panel.get_by_label("Kernel:").select_option("average")
    wait_until(page, lambda: "weight 0.11," in weights.first.get_attribute("aria-label"))
    assert weights.count() == 9


def test_a_patch_is_hidden_with_the_mouse(panels_lab, page):
    page.goto(panels_lab.replace("part1_standard_scaler", "ec3_analysis"))
    run_all(page, "EC3")
    panel = page.locator(".wb-window")
    frame = panel.get_by_role("slider", name="window on the picture")
    bars = panel.locator(".bars")
    frame.scroll_into_view_if_needed()
    widths = lambda: bars.locator(".bar").evaluate_all("all => all.map(bar => bar.style.width)")
    before = widths()
    assert len(before) == 5
    drag(page, frame, 80, 60)
    wait_until(page, lambda: widths() != before)
    screenshot(page, "patch")
    before = frame.get_attribute("aria-valuetext")
    press(panel.get_by_label("Size of the patch"), "End")
    wait_until(page, lambda: "112 pixels wide" in frame.get_attribute("aria-valuetext") != before)


def drag(page, handle, right, down):
    """Drag something with the mouse, by so many pixels."""
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=5)
    page.mouse.up()


def wait_until(page, condition):
    deadline = time.time() + PATIENCE_MS / 1000
    while not condition():
        assert time.time() < deadline
        page.wait_for_timeout(100)


def press(field, key, times=1):
    for _ in range(times):
        field.press(key)


def batch_of(panel):
    """Return the number of the batch that the panel shows."""
    return int(re.search(r"batch (\d+)", panel.locator(".now").inner_text()).group(1))


def test_an_unsolved_part_runs_to_its_end_and_an_interrupt_is_one_sentence(
    unsolved_lab, page, tmp_path
):
    page.goto(unsolved_lab.replace("part1_standard_scaler", "part5_train_simple_net"))
    start_all(page, "Part 5")
    page.locator(".jp-OutputArea-output", has_text="SimpleNet on cpu").locator(
        "visible=true"
    ).last.wait_for()
    page.get_by_text(re.compile(r"[2-9]/12")).wait_for()
    choose(page, "Kernel", "Interrupt Kernel")
    stopped = page.locator(ERROR)
    stopped.wait_for()
    assert stopped.inner_text().strip() == STOPPED
    screenshot(page, "interrupted")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    assert "/12 [" not in (tmp_path / "notebooks" / "part5_train_simple_net.ipynb").read_text()

    start_all(page, "Part 5")
    wait_for_last(page)
    assert page.locator(ERROR).count() == 0
    unsolved = page.locator(".jp-OutputArea-output", has_text="accuracy: not solved yet")
    assert unsolved.count() == 2  # its check, and the cell that compares
    page.locator(".jp-RenderedMarkdown h1").first.scroll_into_view_if_needed()
    screenshot(page, "unsolved_top")
    unsolved.first.scroll_into_view_if_needed()
    screenshot(page, "unsolved_check")
