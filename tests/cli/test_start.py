"""Results are read where no accelerator stack is installed, by every command."""

import subprocess
import sys

from tests.synthetic import fill_store


CODE = """
import sys
from nnarena.cli import app
for words in {commands}:
    app(words, standalone_mode=False)
    found = {{"jax", "torch", "equinox", "optax", "nnarena.models"}} & set(sys.modules)
    assert not found, (words, found)
"""


def test_results_are_read_without_an_accelerator_stack(tmp_path):
    fill_store(tmp_path / "store", {"gru": 0.9, "lstm": 0.5}, tasks=["copy"], seeds=2)
    store = str(tmp_path / "store")
    commands = [
        ["compare", store],
        ["cite", store],
        ["report", store, "-o", str(tmp_path / "page.html")],
        ["export", store, "--to", str(tmp_path / "paper"), "-f", "json"],
    ]
    code = CODE.format(commands=commands)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
