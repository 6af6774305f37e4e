"""Guests keep away where their framework is missing, and cost nothing until built."""

import subprocess
import sys


def python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_where_torch_is_missing_there_is_no_guest_and_no_error():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import importlib.util\n"
        "importlib.util.find_spec = lambda name, package=None: None\n"
        "import nnarena.guests\n"
        "from nnarena.models import MODELS\n"
        "print('torch_lstm' in {entry.name for entry in MODELS})"
    )
    assert python(script).split() == ["False"]


def test_listing_guests_imports_no_torch():
    script = (
        "import sys, nnarena.guests\n"
        "from nnarena.models import MODELS\n"
        "names = [entry.name for entry in MODELS]\n"
        "print('torch' in sys.modules)"
    )
    assert python(script).split() == ["False"]
