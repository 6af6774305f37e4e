"""The same commands where the folder of results is a prefix of a bucket."""

import json

import pytest
from typer.testing import CliRunner

from nnarena.cli import app
from nnarena.runs.store import open_store


SUITE = """
models = ["elman"]
tasks = [{ name = "add", length = 6 }]
seeds = 2
width = 4

[trainer]
steps = 12
batch = 4
checks = 3
"""


def arena(*words: str, code: int = 0) -> str:
    """Returns what a command prints, both ways."""
    answer = CliRunner().invoke(app, list(words))
    assert answer.exit_code == code, answer.output
    return answer.stdout if "--json" in words else answer.output


@pytest.fixture
def suite(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    return str(path)


def test_from_a_run_to_the_page_and_back_to_a_folder(suite, bucket, tmp_path):
    results = f"{bucket}/my/results"
    told = arena("run", suite, "-r", results, "-w", "1")
    logs = tmp_path / "cache" / "logs"
    assert f"logs of workers: {logs}" in told.replace("\n", "")
    assert f"report: {results}/report.html" in told.replace("\n", "")
    assert "elman" in told
    assert [path.name for path in logs.rglob("worker-0.txt")] == ["worker-0.txt"]
    assert "2 of them already in" in arena("run", suite, "-r", results, "-w", "1")

    board = json.loads(arena("compare", results, "--json"))
    assert [s["contender"] for s in board["standings"]] == ["elman"]
    assert json.loads(arena("plan", suite, "-r", results, "--json"))["done"] == 2
    arena("status", results, "--json")
    assert f"report: {results}/report.html" in arena("report", results)
    arena("report", results, "-o", str(tmp_path / "page.html"))
    assert "elman" in (tmp_path / "page.html").read_text()
    arena("export", results, "--to", str(tmp_path / "paper"), "-f", "svg")
    arena("cite", results)
    arena("diagnose", results, "--json")

    assert "2 added" in arena("merge", results, str(tmp_path / "here"))
    assert list(open_store(tmp_path / "here")) == list(open_store(results))
    made = {"mine.toml", "cache", "page.html", "paper", "here"}
    assert {path.name for path in tmp_path.iterdir()} == made


def test_a_bucket_that_is_not_there_is_one_sentence(suite, bucket):
    for words in (
        ("run", suite, "-w", "1", "-r", f"{bucket}-of-nobody/results"),
        ("report", f"{bucket}-of-nobody/results"),
        ("run", suite, "-r", "ftp://host/results"),
    ):
        told = arena(*words, code=2)
        assert told.startswith("arena: ")
        assert "Traceback" not in told


def test_shards_share_a_bucket(suite, bucket):
    results = f"{bucket}/shared"
    for shard in ("1/2", "2/2"):
        arena("run", suite, "-r", results, "-w", "0", "--shard", shard)
    assert len(list(open_store(results))) == 2
