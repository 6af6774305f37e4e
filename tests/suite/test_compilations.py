"""How many programs a run compiles: none twice, and none for an operation by itself."""

import json
import os
import subprocess
import sys

import pytest


SCRIPT = """
import json, sys
import jax
from nnarena.suite.config import parse_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import make_jobs

compiled = []

def heard(event, seconds, **words):
    if event == "/jax/core/compile/backend_compile_duration":
        compiled.append(words["fun_name"])

jax.monitoring.register_event_duration_secs_listener(heard)
suite = {
    "name": "tiny",
    "models": ["elman"],
    "tasks": json.loads(sys.argv[2]),
    "seeds": 2,
    "width": 4,
    "trainer": {"steps": 4, "batch": 2, "checks": 2, **json.loads(sys.argv[3])},
}
jobs = make_jobs(parse_suite(suite, "tiny"))
planned = len(compiled)
ends = [event.kind for event in InProcess(sys.argv[1]).run(jobs)]
assert ends.count("done") == len(jobs), ends
print(json.dumps([compiled[:planned], compiled[planned:]]))
"""

ADD = [{"name": "add", "length": 6}]
DIGITS = [{"name": "digits", "chunk": 8}]

OF_A_RUN = ["start", "train", "answer", "judge", "tally"]
"""Those of a descent; the batches of both splits are as large as each other."""


def programs(folder, tasks, **trainer) -> tuple[list[str], list[str]]:
    """Returns what a new process compiles for a plan and for two seeds of its runs."""
    words = [str(folder), json.dumps(tasks), json.dumps(trainer)]
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env={**os.environ, "NNARENA_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    planned, run = json.loads(finished.stdout.splitlines()[-1])
    return planned, run


@pytest.mark.parametrize(
    ("tasks", "trainer", "expected"),
    [
        (ADD, {}, ["_folded", "keys", "draw", *OF_A_RUN]),
        (DIGITS, {}, ["_folded", "order", *OF_A_RUN]),
    ],
    ids=["drawn rows", "recorded rows"],
)
def test_a_run_compiles_what_it_says(tmp_path, tasks, trainer, expected):
    planned, run = programs(tmp_path, tasks, **trainer)
    assert planned == []
    assert sorted(run) == sorted(expected)
