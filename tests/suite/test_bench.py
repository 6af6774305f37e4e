import os
import sys

import numpy as np
import pytest

from nnarena.suite.bench import Order, Timing, Turns, TurnsProblem, order_turns
from nnarena.suite.birth import birth_environment


CHILD = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps({"seconds": 0.5 * int(line)}), flush=True)
"""


def test_a_process_takes_its_turns():
    turns = Turns([sys.executable, "-c", CHILD])
    try:
        assert turns.about == {"ready": True}
        assert turns.seconds(4) == 0.5
    finally:
        turns.close()
    assert turns.process.returncode is not None


def test_a_process_that_breaks_says_why():
    with pytest.raises(TurnsProblem, match="ValueError: no such thing"):
        Turns([sys.executable, "-c", "raise ValueError('no such thing')"])


def test_ratios_are_of_pairs():
    timing = Timing(np.array([[1.0, 2.0], [10.0, 30.0], [2.0, 4.0]]))
    np.testing.assert_allclose(timing.ratios(1, 0), [2.0, 2.0, 2.5])
    np.testing.assert_allclose(timing.quartiles(0), [1.5, 2.0, 6.0])


def test_a_contender_is_timed_as_a_worker_would_run_it():
    turns = order_turns(Order(contender="elman", size=(5, 2, 4)))
    try:
        assert turns.seconds(2) > 0.0
        about = turns.about
    finally:
        turns.close()
    assert about["parameters"] == (8 * 4 + 4) + (4 * 4 + 4 * 4 + 4) + (4 * 8 + 8)
    assert about["matmul_flops"] > 0
    assert about["bytes"] > 0
    assert about["product_gflops"] > 0


def test_flags_of_the_user_stay_before_ours():
    given = {"XLA_FLAGS": "--xla_foo=1", "HOME": "/home"}
    environment = birth_environment(given)
    assert environment["HOME"] == "/home"
    flags = "--xla_foo=1 --xla_cpu_multi_thread_eigen=false"
    assert environment["XLA_FLAGS"] == flags
    assert environment["NPROC"] == "1"
    free = birth_environment(given, threads=True)
    assert free["XLA_FLAGS"] == "--xla_foo=1"
    assert free["NPROC"] == str(os.cpu_count())
    assert free["MALLOC_ARENA_MAX"] == "1"
