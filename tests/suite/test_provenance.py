"""What is said of where a run happened."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nnarena.suite import provenance


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """The module where it would lie if it was installed inside a repository."""
    file = tmp_path / ".venv" / "provenance.py"
    file.parent.mkdir()
    shutil.copy(provenance.__file__, file)
    git(tmp_path, "init")
    (tmp_path / "notes.txt").write_text("somebody's own work")
    git(tmp_path, "add", "notes.txt")
    git(tmp_path, "commit", "-m", "begun")
    monkeypatch.setattr(provenance, "__file__", str(file))
    return file


def git(folder: Path, *words: str) -> None:
    settings = ("user.name=a", "user.email=a@b", "commit.gpgsign=false")
    given = [word for setting in settings for word in ("-c", setting)]
    command = ["git", *given, *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_a_repository_around_an_installed_package_is_not_its_commit(file):
    assert provenance.commit.__wrapped__() is None


def test_the_commit_of_the_package_s_own_checkout_is_told(file):
    git(file.parent, "add", file.name)
    git(file.parent, "commit", "-m", "the package")
    commit = provenance.commit.__wrapped__()
    assert commit is not None
    assert len(commit) == 12
    file.write_text("# changed")
    assert provenance.commit.__wrapped__() == f"{commit}-dirty"
