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
        compiled.append(words["fun_name"].removeprefix("jit(").removesuffix(")"))

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

FIRST = ["folded", "is_known", "true_divide"]
"""Those of a process: for keys, whether XLA has an option, and for a mean."""

SUMS = ["is_known"]
"""Whether XLA has an option for sums, where a step has mostly sums of few numbers."""

OF_A_DESCENT = ["start", "train", "answer", "judge", "tally"]
"""One answers both splits, whose batches are as large as each other."""

OF_A_SEARCH = ["_first", "_judged", "_next", "_told"]


def programs(folder, tasks, **trainer) -> tuple[list[str], list[str]]:
    """Returns what a new process compiles for a plan and for two seeds of its runs."""
    words = [str(folder / "results"), json.dumps(tasks), json.dumps(trainer)]
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env={**os.environ, "NNARENA_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    planned, run = json.loads(finished.stdout.splitlines()[-1])
    return planned, run


@pytest.mark.parametrize(
    ("tasks", "trainer", "expected"),
    [
        (ADD, {}, [*SUMS, "keys", "draw", *OF_A_DESCENT]),
        (
            ADD,
            {"learning_rate": [1e-3, 1e-2]},
            [*SUMS, "keys", "draw", *OF_A_DESCENT, *OF_A_SEARCH],
        ),
        (DIGITS, {}, ["order", *OF_A_DESCENT]),
    ],
    ids=["drawn rows", "several rates", "recorded rows"],
)
def test_two_runs_compile_so_many_programs(tmp_path, tasks, trainer, expected):
    planned, run = programs(tmp_path, tasks, compiled="quickly", **trainer)
    assert planned == []
    assert sorted(run) == sorted([*FIRST, *expected])
