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


def _wait_for_address(log, process, seconds=PATIENCE_MS // 1000):
    """Return the address that JupyterLab prints when it is up."""
    for _ in range(2 * seconds):
        log.seek(0)
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab\S*token=\S+", log.read()):
            return found.group().replace("token=...", "token=test")
        assert process.poll() is None, "JupyterLab ended"
        time.sleep(0.5)
    raise AssertionError("JupyterLab did not start")


@pytest.fixture
def page():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


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
    assert compared.count() == 1, "the other three wait"
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
    assert waiting.count() == 3
    page.get_by_role("button", name="Skip, and show").first.click()
    page.get_by_text("Skipped.").wait_for()
    waiting.nth(2).wait_for(state="detached")
    screenshot(page, "prediction_again")


def test_the_studio_trains_stops_and_remembers(lab, page):
    page.set_viewport_size({"width": 1100, "height": 1000})
    page.goto(lab.replace("part1_standard_scaler", "ec1_ablations"))
    run_all(page, "EC1")
    button = lambda name: page.locator("button.jupyter-button", has_text=re.compile(f"^{name}$"))
    slider = lambda name: page.locator(".widget-hslider", has=page.get_by_text(name, exact=True))
    curves = page.locator("img.ablation-curves, .ablation-curves img")
    rows = page.locator("table.ablation-runs tbody tr")
    button("Train").scroll_into_view_if_needed()

    slider("dropout").get_by_role("slider").press("ArrowRight")
    slider("dropout").get_by_role("slider").press("ArrowRight")
    slider("dropout").get_by_text("0.10").wait_for()
    assert page.get_by_text("No runs yet").is_visible(), "moving a slider trains nothing"

    before = curves.get_attribute("src")
    button("Train").click()
    page.get_by_text(re.compile("Training: [2-9] of 10 epochs")).wait_for()
    assert curves.get_attribute("src") != before, "the curve grows while it trains"
    screenshot(page, "studio_training")
    rows.nth(0).wait_for()
    assert "0.1" in rows.nth(0).inner_text() and "best" in rows.nth(0).inner_text()

    slider("learning rate").get_by_role("slider").press("End")
    button("Train").click()
    page.locator("table.ablation-runs", has_text="diverged").wait_for()

    slider("epochs").get_by_role("slider").press("End")
    button("Train").click()
    page.get_by_text(re.compile("Training: .* of 60 epochs")).wait_for()
    button("Stop").click()
    page.get_by_text("Stopped after").wait_for(timeout=5000)
    screenshot(page, "studio")

    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()
    page.locator(".jp-RenderedMarkdown h1", has_text="EC1").wait_for()
    button("Train").scroll_into_view_if_needed()
    assert rows.count() == 2, "both runs are there again"
    screenshot(page, "studio_reloaded")


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
