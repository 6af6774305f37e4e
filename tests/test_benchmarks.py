"""Benchmarks reach into the package: what moves there must move here, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SMALLEST = {
    "scan.py": ["3", "2", "4", "elman"],
    "folds.py": ["8", "2", "4"],
    "omega.py": ["3", "2", "4", "elman"],
    "closed_form.py": ["ar", "--rows", "40", "--length", "4", "--width", "2"],
    "transformer.py": ["3", "2", "4"],
    "by_hand.py": [
        *("elman", "transformer", "linear_attention", "gtrxl", "urnn"),
        *("--size", "3,2,4", "--rounds", "1"),
    ],
    "attention_lengths.py": ["--lengths", "8,16", "--rounds", "1"],
    "unitary.py": ["--units", "4", "--capacity", "2", "--length", "3", "--batch", "2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("script", SMALLEST)
def test_a_benchmark_runs_at_its_smallest(script: str):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *SMALLEST[script]],
        env=os.environ | {"PYTHONPATH": str(BENCHMARKS.parent / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 2  # a head, and what was measured
