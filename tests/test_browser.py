"""Part 1 in a real JupyterLab, in a real browser: `workbook lab` as a student meets it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from helpers.files import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")]


@pytest.fixture
def lab(tmp_path):
    """Serve JupyterLab from a copy of the workbook; yield its address, which opens Part 1."""
    for name in ("notebooks", "helpers", "data", ".jupyter"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".cache", "__pycache__"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WORKBOOK_PROFILE": "quick"}
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--IdentityProvider.token=test"]
    command = [sys.executable, "-c", "from helpers.cli import main; main()", "lab", *options]
    log = (tmp_path / "lab.log").open("w+")
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log, start_new_session=True)
    try:
        yield _wait_for_address(log, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_address(log, process, seconds=60):
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
        yield browser.new_page(viewport={"width": 1300, "height": 1000})
        browser.close()


def test_part_1_opens_and_runs(lab, page):
    page.goto(lab)
    page.locator(".jp-RenderedMarkdown h1", has_text="Part 1").wait_for(timeout=60_000)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    last = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").last
    deadline = time.time() + 120
    while not re.fullmatch(r"\[\d+\]:", last.inner_text().strip()) and time.time() < deadline:
        page.wait_for_timeout(500)
        last.scroll_into_view_if_needed()
    assert re.fullmatch(r"\[\d+\]:", last.inner_text().strip()), "the last cell has run"
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").count() > 0
    assert page.get_by_text("Jupyter news").count() == 0, "Lab asks nothing about the network"
    if folder := os.environ.get("WORKBOOK_SCREENSHOTS"):
        page.locator(".jp-RenderedMarkdown h1").first.scroll_into_view_if_needed()
        page.screenshot(path=f"{folder}/part1.png")
