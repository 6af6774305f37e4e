"""Parity, counted by hand and by brute force."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Classes, Tokens
from nnarena.suite.config import Choice, parse_suite
from nnarena.suite.plan import make_jobs
from nnarena.tasks.files import DataFolder
from nnarena.tasks.xor import XOR


def examples(task: XOR, rows) -> tuple[np.ndarray, np.ndarray]:
    """Returns bits and answers of rows."""
    found = jax.jit(jax.vmap(task.example))(jnp.asarray(rows))
    return np.asarray(found.question.xs), np.asarray(found.targets)


def splits(length: int) -> Any:
    return XOR(length=length).splits(DataFolder(), key=jax.random.key(5))


@pytest.mark.parametrize("length", [8, 11, 32, 64])
def test_the_answer_is_the_exclusive_or_of_all_bits(length: int):
    bits, targets = examples(XOR(length=length), splits(length).test)
    assert bits.shape[1] == length
    assert set(np.unique(bits)) == {0, 1}
    np.testing.assert_array_equal(targets, np.bitwise_xor.reduce(bits, axis=1))


@pytest.mark.parametrize("length", [8, 12])
def test_every_short_stream_is_in_one_split_and_in_no_other(length: int):
    parts = splits(length)
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows.tolist()) == list(range(2**length))
    bits, _ = examples(XOR(length=length), rows)
    assert len(np.unique(bits, axis=0)) == 2**length
    assert len(parts.test) == len(parts.validation) == 2**length // 8


def test_the_longest_list_tests_on_2_000_streams():
    parts = splits(20)
    assert [len(parts.test), len(parts.validation)] == [2_000, 2_000]
    assert len(parts.train) == 2**20 - 4_000
    # Either answer is as frequent: a standard deviation is 22 of 2,000 streams.
    _, targets = examples(XOR(length=20), parts.test)
    assert abs(int(targets.sum()) - 1_000) < 90


def test_all_bits_but_one_leave_the_answer_open():
    """Of all streams, those that agree in all other places have either answer."""
    numbers = np.arange(2**8, dtype=np.uint32)
    _, targets = examples(XOR(length=8), numbers)
    for place in range(8):
        assert (targets != targets[numbers ^ (1 << place)]).all()


def test_the_length_of_the_thesis_is_the_default():
    task = XOR()
    assert task.length == 64
    assert task.signature.inputs == Tokens(2)
    assert task.signature.outputs == Classes(2)
    assert (task.scoring.chance, task.scoring.solved) == (0.5, 0.9)


@pytest.mark.parametrize("length", [1, 7, 21, 31])
def test_lengths_whose_tested_streams_would_be_met_are_refused(length: int):
    with pytest.raises(ValueError, match="of 8 to 20, or of at least 32, not"):
        XOR(length=length)


def test_only_results_of_short_streams_have_a_new_version():
    def version(length: int) -> str:
        setup = {"name": "x", "models": ["elman"], "seeds": 1, "width": 2}
        task = Choice(name="xor", settings={"length": length}).model_dump()
        (job,) = make_jobs(parse_suite({**setup, "tasks": [task]}, "x"))
        return job.identity.task.version

    assert [version(8), version(64)] == ["2", "1"]
