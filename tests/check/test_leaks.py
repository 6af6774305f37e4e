"""Answers that later inputs give away are found, and those only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.rollouts import Rollout

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.check.leaks import leaking_shift
from nnarena.check.task_case import make_examples
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from nnarena.tasks import TASKS
from nnarena.tasks.cell import Cell


ROWS, TIME = 16, 12
WAVES = np.random.default_rng(0).standard_normal((ROWS, TIME + 3, 3)).astype(np.float32)
TEXT = np.random.default_rng(1).integers(5, size=(ROWS, TIME + 1)).astype(np.int32)


def examples(xs: np.ndarray, targets: np.ndarray, counted: int = 0) -> Example:
    """Returns examples of which the last `counted` answers count, or all."""
    time = targets.shape[1]
    counts = jnp.arange(time) >= time - counted if counted else None

    def one(x: jax.Array, target: jax.Array) -> Example:
        return Example(Sequence(x), target, counts)

    return jax.vmap(one)(jnp.asarray(xs), jnp.asarray(targets))


def found(xs: np.ndarray, targets: np.ndarray, counted: int = 0) -> int | None:
    inputs = Features(xs.shape[-1]) if xs.ndim == 3 else Tokens(5)
    outputs = Values(targets.shape[-1]) if targets.ndim == 3 else Classes(5)
    asked = Signature(inputs, outputs, "every step", causal=False)
    return leaking_shift(examples(xs, targets, counted), asked)


LEAKS = {
    "the next input": (WAVES[:, :-3], WAVES[:, 1:-2], 1),
    "the input three steps later": (WAVES[:, :-3], WAVES[:, 3:], 3),
    "one of its numbers, in other units": (
        WAVES[:, :-3],
        3.0 + 10.0 * WAVES[:, 1:-2, 2:],
        1,
    ),
    "the next token": (TEXT[:, :-1], TEXT[:, 1:], 1),
    "the next symbol, one-hot": (
        np.eye(5, dtype=np.float32)[TEXT[:, :-1]],
        TEXT[:, 1:],
        1,
    ),
}

SOUND = {
    "the present input": (WAVES[:, :-3], WAVES[:, :-3]),
    "an earlier input": (WAVES[:, 3:], WAVES[:, :-3]),
    "the input from the other end": (WAVES[:, :-3], WAVES[:, :-3][:, ::-1]),
    "nearly the next input": (
        WAVES[:, :-3],
        WAVES[:, 1:-2] + 0.01 * WAVES[:, :-3],
    ),
    "what never changes": (np.ones_like(WAVES), np.ones_like(WAVES)),
    "an earlier input that comes again": (
        np.tile(WAVES[:, :4], (1, 3, 1)),
        np.tile(np.roll(WAVES[:, :4], 1, axis=1), (1, 3, 1)),
    ),
    "other tokens": (TEXT[:, :-1], TEXT[::-1, 1:]),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_is_found_with_its_shift(kind):
    xs, targets, shift = LEAKS[kind]
    assert found(xs, targets) == shift


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_no_leak_is_not_taken_for_one(kind):
    assert found(*SOUND[kind]) is None


def test_an_answer_that_does_not_count_gives_nothing_away():
    xs, targets = WAVES[:, :-3], WAVES[:, 1:-2]
    halves = np.concatenate([targets[:, :6], -WAVES[::-1, 7:-2]], axis=1)
    assert found(xs, halves) is None
    assert found(xs, halves, counted=6) is None
    other = np.concatenate([-WAVES[::-1, 1:7], targets[:, 6:]], axis=1)
    assert found(xs, other, counted=6) == 1


def test_the_arena_s_own_task_leaks_in_no_form():
    for task in (Cell(length=40), Cell(length=42, blocks=3)):
        drawn = make_examples(task, jax.random.split(jax.random.key(0), 64))
        assert leaking_shift(jax.tree.map(np.asarray, drawn), task.signature) is None


@pytest.mark.parametrize("causal", [False, True])
def test_a_roll_out_has_to_be_causal(enter, causal):
    enter(TASKS, Rollout)
    law = next(law for law in TASK_LAWS if law.name == "causal")
    verdict = judge(law, TaskCase("flawed", {"causal": causal}))
    assert verdict.passed is causal
    if not causal:
        assert "the input at step t + 1 tells that of step t" in verdict.detail
        assert "say `causal=True` in the signature" in verdict.detail


def test_a_task_that_answers_once_is_not_judged():
    law = next(law for law in TASK_LAWS if law.name == "causal")
    verdict = judge(law, TaskCase("add"))
    assert verdict.passed is None
    assert "answers once, after the last step" in verdict.detail
