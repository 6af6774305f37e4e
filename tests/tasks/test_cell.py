"""The flip-flop: its rule followed pulse by pulse, and a model that learns it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nnarena
from nnarena.core.seeds import key_for
from nnarena.models.contender import Contender
from nnarena.tasks.cell import Cell
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.losses import Loss


def draw(task: Cell, count: int):
    rows = jax.random.split(jax.random.key(3), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(task.example))(rows))


@pytest.mark.parametrize(("length", "rate"), [(1, 0.5), (30, 0.1), (12, 1.0)])
def test_the_target_is_the_channel_of_the_last_pulse(length, rate):
    examples = draw(Cell(length=length, rate=rate), 50)
    for xs, targets, mask in zip(
        examples.question.xs, examples.targets, examples.counts, strict=True
    ):
        held = None
        for x, target, counts in zip(xs, targets, mask, strict=True):
            assert sorted(set(x.tolist())) in ([0.0], [0.0, 1.0])  # one channel at most
            held = int(np.argmax(x)) if x.any() else held
            assert bool(counts) == (held is not None)
            np.testing.assert_array_equal(target, np.eye(2)[held] if counts else 0.0)


def test_pulses_come_at_the_rate_on_both_channels():
    pulses = draw(Cell(length=100, rate=0.2), 400).question.xs
    pulsed, count = pulses.sum(axis=-1), 400 * 100
    assert abs(pulsed.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / count)
    share = pulses[..., 0].sum() / pulsed.sum()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / pulsed.sum())


def test_a_sequence_without_a_draw_gets_one_pulse():
    pulses = draw(Cell(length=8, rate=1e-9), 400).question.xs.sum(axis=-1)
    np.testing.assert_array_equal(pulses.sum(axis=1), 1.0)
    # Any of the 8 steps, alike: within 4 standard errors.
    np.testing.assert_allclose(
        pulses.mean(axis=0), 1 / 8, atol=4 * np.sqrt(7 / 64 / 400)
    )


@pytest.mark.parametrize("numbers", [{"length": 0}, {"rate": 0.0}, {"rate": 1.5}])
def test_impossible_numbers_are_refused(numbers):
    with pytest.raises(
        ValueError, match=r"must be a (whole number of at|number above 0)"
    ):
        Cell(**numbers)


def test_a_constant_answer_scores_the_variance_of_a_bit():
    examples = draw(Cell(length=40), 200)
    errors = np.square(examples.targets - 0.5).mean(axis=-1)
    assert errors[examples.counts].tolist() == [0.25] * int(examples.counts.sum())


def test_gru_learns_to_answer_at_every_step():
    task = Cell(length=24, rate=0.15)
    splits = task.splits(DataFolder(), key=key_for("data", "cell"))
    contender = Contender("gru", {})
    fitted = fit(
        GradientDescent(steps=200, batch=16, checks=2, learning_rate=1e-2),
        partial(_build, contender, task),
        task,
        splits,
        init_key=jax.random.key(0),
        data_key=jax.random.key(1),
    )
    assert not bool(fitted.diverged)
    assert float(fitted.test_score) < 0.5 * task.scoring.chance
    example = task.example(jax.random.key(9))
    assert fitted.model(example.question).shape == (24, 2)


def _build(contender: Contender, task: Cell, key: jax.Array):
    return contender.build(task.signature, 16, key=key)


def test_the_leaderboard_ranks_answers_at_every_step(tmp_path):
    board = nnarena.run(
        ["gru", "elman"],
        [{"name": "cell", "length": 8, "rate": 0.5}],
        seeds=2,
        width=4,
        results=tmp_path,
        steps=4,
        batch=4,
        checks=2,
    )
    text = str(board)
    assert "gru" in text
    assert "elman" in text
    assert "cell" in text


def test_what_does_not_count_is_not_learned_from():
    """The steps before the first pulse have no gradient."""
    example = Cell(length=20, rate=0.05).example(jax.random.key(4))
    assert example.counts is not None
    first = int(np.argmax(example.counts))
    assert first > 0

    def loss(answers):
        loss = Loss(Cell().signature.outputs)
        return loss.sums(answers, example.targets, example.judged("every step")).value

    gradient = jax.grad(loss)(jnp.full((20, 2), 0.3))
    assert np.all(np.asarray(gradient)[:first] == 0.0)
    assert np.all(np.asarray(gradient)[first:] != 0.0)
