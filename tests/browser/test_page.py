"""The page in a real browser: everything is drawn, nothing is asked of the network."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.synthetic import fill_store

from nnarena.report.page import write_report


pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def browse(page: Path, *words: str) -> str:
    """Returns what Chromium prints after it has opened a page and let it settle."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=15000",
            f"--user-data-dir={page.parent / 'profile'}",
            *words,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    return done.stdout


@pytest.fixture
def page(tmp_path) -> Path:
    abilities = {"gru": 0.9, "lstm": 0.6, "elman": 0.2}
    store = fill_store(tmp_path / "store", abilities, seeds=3)
    return write_report(store, tmp_path / "page.html", "Arena")


def test_every_figure_is_drawn(page):
    dom = browse(page, "--dump-dom")
    specifications = re.findall(r"<figure", dom)
    drawn = re.findall(r"<svg[^>]*class=\"marks\"|<canvas[^>]*class=\"marks\"", dom)
    assert specifications
    assert len(drawn) == len(specifications)


def test_no_request_leaves_the_page(page, tmp_path):
    log = tmp_path / "net.json"
    browse(page, "--dump-dom", f"--log-net-log={log}")
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log.read_text()))
    own = {url for url in asked if "google" in url or "gvt1" in url}  # the browser's
    assert asked - own == set(), json.dumps(sorted(asked))
