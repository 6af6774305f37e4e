"""What `import nnarena` offers: all that an entrant is made of, seen by editors too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnarena


WANTED = {
    *("run", "leaderboard", "MODELS", "TASKS", "TRAINERS"),
    *("AbstractCell", "AbstractLayer", "AbstractModel", "AbstractTask"),
    *("AbstractForecast", "AbstractTrainer", "AbstractParametrization"),
    *("Example", "Signature", "Features", "Tokens", "Classes", "Values"),
    *("Splits", "SyntheticSplits", "Scoring", "accuracy", "mean_squared_error"),
    *("DataFolder", "LocalFolder", "DataProblem", "CannotPlay", "role"),
}
"""What is written about in `docs` and the README, at the least."""


def seen_by_type_checkers() -> dict[str, str]:
    """Returns the names in the block for type checkers, and whence they come."""
    tree = ast.parse(Path(nnarena.__file__).read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found = {}
    for line in block.body:
        assert isinstance(line, ast.ImportFrom)
        for alias in line.names:
            assert alias.asname == alias.name, "only such an alias is seen outside"
            found[alias.name] = line.module
    return found


def test_all_that_an_entrant_needs_is_there():
    assert set(nnarena.__all__) >= WANTED
    for name in nnarena.__all__:
        assert getattr(nnarena, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        nnarena.Nothing  # noqa: B018


def test_type_checkers_see_the_same_names_from_the_same_places():
    assert seen_by_type_checkers() == nnarena._HOMES
    assert set(dir(nnarena)) >= set(nnarena.__all__)


def test_python_m_nnarena_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "nnarena", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    from importlib.metadata import version

    assert done.stdout.strip() == version("neural-network-arena")
