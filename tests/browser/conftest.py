"""A page in a real browser: Chromium as it is installed, driven by playwright."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.synthetic import fill_large_store, fill_store

from nnarena.report.page import write_report


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
WAIT = 120_000
"""Milliseconds until a page is given up."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed, so no page is looked at")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three contenders, one run of which diverged."""
    abilities = {"gru": 0.9, "lstm": 0.6, "elman": 0.2}
    folder = tmp_path_factory.mktemp("small")
    store = fill_store(
        folder / "store", abilities, seeds=3, diverged=[("gru", "add", 1)]
    )
    return write_report(store, folder / "page.html", "Arena")


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 20 contenders on 12 tasks with two seeds: 480 runs."""
    folder = tmp_path_factory.mktemp("large")
    store = fill_large_store(folder / "store", seeds=2)
    return write_report(store, folder / "page.html", "Arena")


class Visit:
    """A page that has drawn everything, with what it said and what it asked for."""

    def __init__(self, context: BrowserContext, file: Path):
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("body[data-drawn=all]", timeout=WAIT)


@pytest.fixture
def visit(browser: Browser, file: Path) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Visit(context, file)
    context.close()
