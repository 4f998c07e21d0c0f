"""Part 1 in a real JupyterLab, in a real browser: `workbook lab` as a student meets it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from helpers.files import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")]


@pytest.fixture
def lab(tmp_path):
    """Serve JupyterLab from a copy of the workbook; yield the address that opens Part 1."""
    for name in ("notebooks", "helpers", "data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".cache", "__pycache__"))
    code = "from helpers.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WORKBOOK_PROFILE": "quick"}
    command = [sys.executable, "-c", code, "lab", "--no-browser", "--allow-root", "--ServerApp.port_retries=50"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if match := re.search(r"http://(localhost|127\.0\.0\.1):\d+/lab/tree/\S+token=\w+", line):
                yield match.group()
                break
        else:
            pytest.fail("JupyterLab did not start")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture
def page():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser.new_page(viewport={"width": 1300, "height": 1000})
        browser.close()


def test_part_1_opens_and_runs(lab, page):
    page.goto(lab)
    page.get_by_text("Part 1 · StandardScaler").first.wait_for(timeout=60_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    deadline = time.time() + 120
    while not re.fullmatch(r"\[\d+\]:", last.inner_text().strip()) and time.time() < deadline:
        page.wait_for_timeout(500)
        last.scroll_into_view_if_needed()
    if folder := os.environ.get("WORKBOOK_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/part1.png")
    assert re.fullmatch(r"\[\d+\]:", last.inner_text().strip()), "the last cell has run"
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").count() > 0
