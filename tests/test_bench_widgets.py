"""How panels are measured: the sums without a browser, and all of it in a real one."""

import re

import pytest
from test_browser import CHROMIUM

from helpers.maker.bench_widgets import bench_widgets, rates_of


def test_points_and_frames_are_counted_within_runs_only():
    first = [[0, 1], [100, 5], [200, 9]]
    second = [[9000, 2], [9100, 6]]
    assert rates_of([None, *first, None, *second, None]) == (12 / 0.3, 3 / 0.3)
    assert rates_of([*first, *second]) == (12 / 0.3, 3 / 0.3), "a new run starts at a lower batch"


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_panels_are_measured_in_a_browser(capsys, monkeypatch):
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    monkeypatch.setenv("WORKBOOK_PROFILE", "quick")
    bench_widgets(num_moves=3, rounds=1, epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:18].strip() for line in lines] == [
        "a slider's figure",
        "a start's path",
        "training, watched",
        "being watched",
    ]
    assert all(re.search(r"\d+ ms of 3 moves|[1-9]\d* points|%", line) for line in lines)
