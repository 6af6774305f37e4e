"""Entrants of an installed package: found by the entry points that `docs` describes."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.strangers import CELL, TASK


PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder in which the package of the page is installed, without a network."""
    site = tmp_path_factory.mktemp("site")
    (written,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    project = tomllib.loads(written)["project"]
    package = site / "fader_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("RATE = 0.1\n")
    late = CELL.replace("{name}", "fader").replace("= 0.1,", "= RATE,")
    (package / "cells.py").write_text("from .parts import RATE\n" + late)
    (package / "tasks.py").write_text(TASK.replace("{name}", "first"))
    info = site / f"fader_models-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\n"
        f"Version: {project['version']}\n"
    )
    points = [
        line
        for group, named in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{k} = {v}" for k, v in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    return site


def arena(site: Path, *words: str, cwd: Path) -> str:
    """Returns what the command says where the package is installed."""
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "nnarena", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_entrants_are_listed_run_and_restored(site, tmp_path):
    names = [row["name"] for row in json.loads(arena(site, *LIST, cwd=tmp_path))]
    assert "fader" in names
    words = ["-m", "fader(rate=0.2)", "-t", "first", "-s", "1", "--steps", "4"]
    arena(site, "run", "smoke", *words, "-w", "1", "-r", "out", cwd=tmp_path)
    (path,) = (tmp_path / "out" / "records").glob("*.json")
    record = json.loads(path.read_text())
    assert record["result"]["outcome"] == "finished"
    assert record["provenance"]["plugins"] == []
    assert record["identity"]["model"]["settings"] == {"rate": 0.2}
    version = record["identity"]["model"]["version"]
    (row,) = json.loads(arena(site, "diagnose", "-r", "out", "--json", cwd=tmp_path))
    assert (row["contender"], row["task"]) == ("fader", "first")
    (site / "fader_models" / "parts.py").write_text("RATE = 0.3\n")
    shown = json.loads(arena(site, "show", "fader", "--json", cwd=tmp_path))
    assert shown["settings"]["rate"] == 0.3
    assert shown["version"].startswith("text-")
    assert shown["version"] != version, "what it imports of its own package counts"


LIST = ("list", "models", "--json")
