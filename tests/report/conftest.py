"""A store of made-up runs, and its page."""

import pytest
from tests.synthetic import fill_store

from nnarena.report.page import write_report
from nnarena.runs.store import DirectoryStore


HOSTILE = "<script>alert(1)</script>"
ABILITIES = {"gru": 0.93, "lstm": 0.6, HOSTILE: 0.3}


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Three contenders, one of a hostile name, with a lost run of either kind."""
    return fill_store(
        tmp_path_factory.mktemp("secret") / "runs",
        ABILITIES,
        seeds=3,
        diverged=[("lstm", "copy", 1), ("lstm", "add", 0)],
        failed=[("gru", "recall", 2)],
    )


@pytest.fixture(scope="session")
def page(store: DirectoryStore, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of the store's report."""
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    return write_report(store, path, "Arena & friends").read_text(encoding="utf-8")
