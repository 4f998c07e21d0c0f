"""a browser -> times: how soon a figure follows the hand, and what a watched training run costs."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.files import ROOT, WorkbookError

PATIENCE_MS = 180_000  # for a kernel to start, or a run to end
TOKEN = "bench"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
DESCENT = """
import torch

from helpers import curves, plots
from helpers.live.descent import on_curve
from helpers.widgets import live_figure, slider

plots.set_style()
parabola = lambda w: w**2 - 10 * w + 25


def descend(rate, start=-4.0, momentum=0.0):
    path, velocity = [start], 0.0
    for _ in range(40):
        velocity = momentum * velocity + 2 * path[-1] - 10
        path.append(path[-1] - rate * velocity)
    return path


draw = lambda rate: curves.plot_descent(descend(rate), parabola)
live_figure(draw, rate=slider("learning rate", 0.01, -2.5, 0.1, log=True))
"""
CURVE = """
on_curve(lambda start, rate, momentum: descend(rate, start, momentum), parabola)
"""
TRAINING = """
import json
import time

from helpers.data import load_scenes, prepare
from helpers.live.curves import LiveCurves
from helpers.live.insight import Insight
from helpers.models import SimpleNet
from helpers.training import TrainConfig, fit

scenes = load_scenes(size=64)
train, val = prepare(scenes)
config = TrainConfig(num_epochs={epochs}, batch_size=32, learning_rate=1e-3)
live = LiveCurves(Insight(scenes.val.images, val.images, val.labels))
display(live)
"""
ROUNDS = """
seconds = {{"alone": [], "watched": []}}
for number in range({rounds}):
    for how, wrapped in (("alone", fit), ("watched", live.watched(fit, f"run {{number}}"))):
        torch.manual_seed(0)
        start = time.perf_counter()
        wrapped(SimpleNet(), train, val, config)
        seconds[how].append(time.perf_counter() - start)
print("SECONDS", json.dumps(seconds))
"""
# From a key to the frame after the change that it made, in ms.
WATCH_MOVES = """(target) => {
  const wb = (window.wb = { moves: [], start: null });
  document.addEventListener("keydown", () => { wb.start = performance.now(); }, true);
  new MutationObserver(() => {
    const start = wb.start;
    wb.start = null;
    if (start !== null) requestAnimationFrame(() => wb.moves.push(performance.now() - start));
  }).observe(target, { attributes: true, attributeFilter: ["src", "d"] });
}"""
# [ms, batch] whenever the panel shows another batch; null between two runs.
WATCH_BATCHES = """(target) => {
  window.wbBatches = [];
  new MutationObserver(() => {
    const found = /batch (\\d+)/.exec(target.textContent);
    window.wbBatches.push(found && [performance.now(), Number(found[1])]);
  }).observe(target, { childList: true, characterData: true, subtree: true });
}"""


def bench_widgets(num_moves=30, rounds=5, epochs=6):
    """Move a slider and a start in JupyterLab, then watch training runs; print what each took.

    Call it with nothing else running. Needs Playwright and Chromium.
    """
    cells = [DESCENT, CURVE, TRAINING.format(epochs=epochs), ROUNDS.format(rounds=rounds)]
    with open_notebook(cells) as page:
        run_first(page, len(cells) - 1)
        for what, handle, target in (
            ("a slider's figure", ".noUi-handle", "img.widget-image"),
            ("a start's path", ".wb-drag .start", ".wb-drag path.path"),
        ):
            times = times_of_moves(page, handle, target, num_moves)
            worst = f"worst {max(times):.0f} ms of {len(times)} moves"
            print(f"{what:<18} median {median(times):.0f} ms, {worst}")
        marks, seconds = watched_training(page)
    points, frames = rates_of(marks)
    print(f"{'training, watched':<18} {points:.0f} points and {frames:.1f} frames per second")
    ratios = sorted(w / a - 1 for w, a in zip(seconds["watched"], seconds["alone"]))
    spread = f"{ratios[0]:+.1%} to {ratios[-1]:+.1%} in {len(ratios)} rounds"
    print(f"{'being watched':<18} {median(ratios):+.1%} of time ({spread})")


def times_of_moves(page, handle, target, num_moves):
    """Press the right arrow key on a handle; return the ms until each new picture was drawn."""
    page.locator(target).first.evaluate(WATCH_MOVES)
    page.locator(handle).first.scroll_into_view_if_needed()
    page.locator(handle).first.focus()
    for number in range(num_moves):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"window.wb.moves.length > {number}")
    return page.evaluate("window.wb.moves")


def watched_training(page):
    """Run the last cell; return ([[ms, batch] or None], {"alone": seconds, "watched": seconds})."""
    page.locator(".wb .now").evaluate(WATCH_BATCHES)
    page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    said = page.locator(".jp-OutputArea-output", has_text="SECONDS")
    said.wait_for()
    return page.evaluate("window.wbBatches"), json.loads(said.inner_text().partition("SECONDS")[2])


def rates_of(marks):
    """Return (points, frames) per second of [ms, batch] marks, in which None ends a run."""
    points = frames = ms = 0
    for before, after in zip(marks, marks[1:]):
        if before and after and after[1] >= before[1]:
            points, frames, ms = (
                points + after[1] - before[1],
                frames + 1,
                ms + after[0] - before[0],
            )
    return 1000 * points / ms, 1000 * frames / ms


# --- JupyterLab in a browser ----------------------------------------------------------------------


def run_first(page, count):
    """Run the first code cells of the open notebook, one after the other."""
    page.locator(".jp-RenderedMarkdown h1").wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']:visible").wait_for()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    for number in range(count):
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        prompt = cells.nth(number).locator(".jp-InputPrompt", has_text=f"[{number + 1}]:")
        prompt.wait_for()


@contextmanager
def open_notebook(sources):
    """Yield a browser's page on which a new notebook with these code cells is open in Lab."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise WorkbookError("This benchmark needs Playwright: pip install playwright.") from error
    names = ("chromium", "google-chrome", "chromium-browser")
    chromium = next(filter(None, map(shutil.which, names)), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        cells = [new_markdown_cell("# Bench"), *(new_code_cell(s.strip()) for s in sources)]
        notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
        nbformat.write(notebook, Path(folder) / "bench.ipynb")
        with serve_lab(folder) as address:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{address}/lab/tree/bench.ipynb?token={TOKEN}")
            yield page
            browser.close()


@contextmanager
def serve_lab(folder):
    """Serve JupyterLab in a folder; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
    ]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment["JUPYTER_CONFIG_PATH"] = str(ROOT / ".jupyter")  # asks no network
    for what in ("settings", "workspaces"):
        environment[f"JUPYTERLAB_{what.upper()}_DIR"] = str(Path(folder) / f".{what}")
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api?token={TOKEN}", process)
        yield address
    finally:
        process.terminate()
        process.wait()


def wait_for(url, process):
    """Wait until an address answers."""
    for _ in range(PATIENCE_MS // 500):
        try:
            return urlopen(url).read()
        except URLError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    raise WorkbookError("JupyterLab did not start.")
