"""EM as a trainer: of sequences of unequal lengths from a system that is known."""

from functools import cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.training.test_linear_system import PAIR
from tests.training.test_ridge import KEYS, run

import nnarena
from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Generated,
    Sequence,
    Signature,
    Values,
)
from nnarena.models.contender import Contender
from nnarena.runs.plans import read_refusals
from nnarena.runs.store import open_store
from nnarena.tasks import AbstractTask, Splits
from nnarena.tasks.files import DataFolder
from nnarena.training.em import EM
from nnarena.training.em_program import filter_of, fitted, in_units, started
from nnarena.training.linear_system import settled_gain
from nnarena.training.ridge import Ridge


TIME, ROWS = 12, 60
RECIPE = EM(iterations=6, checks=6, rows=ROWS, batch=16, strengths=(1e-8, 1e-2))
NOISES = {"m": PAIR.spread, "w": PAIR.state_noise, "u": PAIR.input_noise}


class Hidden(AbstractTask):
    """Say the state before the next input; every second example is cut short."""

    signature: Signature
    padding: int = eqx.field(static=True, default=0)

    def __init__(self, *, padding: int = 0):
        self.signature = Signature(Features(3), Values(2), "every step", causal=True)
        self.padding = padding

    @property
    def scoring(self):
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        del data, key
        return Splits(*(jnp.arange(start, start + ROWS) for start in (0, 100, 200)))

    def example(self, row):
        keys = dict(
            zip(NOISES, jax.random.split(jax.random.key(row), len(NOISES)), strict=True)
        )
        a, c = jnp.asarray(PAIR.transition), jnp.asarray(PAIR.observation)

        def noise(name, *shape):
            root = np.linalg.cholesky(NOISES[name])
            drawn = jax.random.normal(keys[name], (*shape, len(root)))
            return drawn @ jnp.asarray(root.T, drawn.dtype)

        def step(state, push):
            return state @ a.astype(state.dtype) + push, state

        last, states = jax.lax.scan(step, noise("m"), noise("w", TIME))
        xs = states @ c.astype(states.dtype) + noise("u", TIME)
        targets = jnp.concatenate([states[1:], last[None]])
        there = jnp.arange(TIME + self.padding) < jnp.where(row % 2, TIME, TIME // 2)
        xs, targets = (
            jnp.pad(part, ((0, self.padding), (0, 0)), constant_values=9.0)
            for part in (xs, targets)
        )
        return Example(Sequence(xs, present=there), targets)


def contender(name: str = "linear_dynamical", **settings) -> Contender:
    return Contender(name, settings)


def build(key):
    return contender().build(Hidden().signature, 2, key=key)


@cache
def ended(padding: int = 0):
    """Returns the program of a run, its states and its checks."""
    task = Hidden(padding=padding)
    program = RECIPE.compile(build, task, task.splits(DataFolder(), key=KEYS[2]))
    return program, *run(program, KEYS[0], KEYS[1])


def rows() -> list[np.ndarray]:
    """Returns the inputs that are there, of all rows."""
    examples = jax.jit(jax.vmap(Hidden().example))(jnp.arange(ROWS))
    xs = np.asarray(examples.question.xs, np.float64)
    return [
        xs[parity::2, : TIME if parity else TIME // 2].swapaxes(0, 1)
        for parity in (0, 1)
    ]


def test_the_curve_shows_a_loss_of_the_inputs_that_never_rises():
    _, states, checks = ended()
    losses = [float(check.figures["negative_log_likelihood"]) for check in checks]
    assert len(losses) == 6
    assert all(after < before for before, after in pairwise(losses))
    batches = -(-ROWS // RECIPE.batch)
    assert [int(check.step) for check in checks] == [batches * n for n in range(1, 7)]
    first = filter_of(jax.jit(build)(KEYS[0]))
    weights = (np.asarray(w) for w in (first.transition, first.observation))
    system, _, loss = fitted(started(*weights), in_units(rows()), 6, start="zero")
    assert losses[-1] == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_allclose(states[-1].system.transition, system.transition, 1e-4)


def test_the_filter_is_that_of_the_system_at_the_best_check():
    program, states, checks = ended()
    best = [int(check.step) for check in checks].index(int(checks[-1].best_step))
    model = eqx.combine(
        program.best(states[-1]),
        eqx.filter(jax.jit(build)(KEYS[0]), eqx.is_array, inverse=True),
    )
    system = states[best + 1].system
    cell = filter_of(model)
    for found, wanted in (
        (cell.transition, system.transition),
        (cell.observation, system.observation),
        (cell.gain, settled_gain(system)),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_its_forecast_of_the_state_is_nearly_that_of_the_true_filter():
    """A readout of random filters stays further off."""
    task = Hidden()
    splits = task.splits(DataFolder(), key=KEYS[2])
    error = float(min(check.validation_loss for check in ended()[2]))
    ridge = Ridge(steps=4, batch=16, checks=1, strengths=RECIPE.strengths)
    _, random = run(ridge.compile(build, task, splits), KEYS[0], KEYS[1])
    truth = true_error()
    assert truth < error < 1.1 * truth
    assert error < float(random[0].validation_loss)


def true_error() -> float:
    """Returns the mean squared error of the settled filter of the true system."""
    splits, task = Hidden().splits(DataFolder(), key=KEYS[2]), Hidden()
    examples = jax.jit(jax.vmap(task.example))(splits.validation)
    xs = np.asarray(examples.question.xs)
    state, gain, squares = np.zeros((ROWS, 2)), settled_gain(PAIR), []
    for t in range(TIME):
        error = xs[:, t] - state @ PAIR.observation
        state = state @ PAIR.transition + error @ gain
        squares.append((state - np.asarray(examples.targets)[:, t]) ** 2)
    there = np.asarray(examples.question.present)
    return float(np.stack(squares, axis=1)[there].mean())


def test_padding_changes_nothing():
    (program, states, _), (_, padded, _) = ended(), ended(padding=5)
    for a, b in zip(
        jax.tree.leaves(program.best(states[-1])),
        jax.tree.leaves(program.best(padded[-1])),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


ONCE = Signature(Features(3), Values(2))


@pytest.mark.parametrize(
    ("asked", "signature"),
    [
        (contender("gru"), ONCE),
        (contender("esn"), ONCE),
        (contender("linear_dynamical", depth=2), ONCE),
        (contender("transformer"), ONCE),
        (
            contender("linear_dynamical", embed="linear"),
            Signature(Features(3), Classes(4), Generated(3, start=0, stop=1)),
        ),
    ],
)
def test_what_is_no_filter_of_its_inputs_is_refused_with_the_reason(asked, signature):
    assert EM().accepts(asked.shapes(signature, 8)) == (
        "a linear system is fitted to inputs that one linear filter reads, and it is "
        "no such filter, as linear_dynamical is one of depth 1"
    )


def test_a_filter_with_a_head_is_accepted():
    for settings in ({}, {"embed": "linear"}, {"readout": "mean"}):
        asked = contender("linear_dynamical", **settings)
        assert EM().accepts(asked.shapes(ONCE, 8)) is None
    bare = contender("linear_dynamical", head="none").shapes(ONCE, 2)
    assert "no linear map named 'head'" in str(EM().accepts(bare))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"iterations": 0}, "iterations must be a whole number"),
        ({"rows": 0}, "rows must be a whole number"),
        ({"strengths": (0.0,)}, "strengths must be a number above 0 or"),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        EM(**settings)


def test_a_suite_runs_it_and_says_who_cannot_play(tmp_path):
    board = nnarena.run(
        ["linear_dynamical", "elman"],
        ["add(length=6)"],
        seeds=1,
        width=4,
        results=tmp_path,
        trainer="em(iterations=4, rows=64)",
        steps=20,
        checks=2,
    )
    store = open_store(tmp_path)
    (record,) = list(store)
    assert record.identity.trainer.name == "em"
    assert record.result.outcome == "finished"
    assert record.result.chosen["strength"] in EM().strengths
    history = store.history(record.key)
    assert history is not None
    curve = history.series
    assert curve["step"] == [4.0, 8.0]  # batches of 32: 64 rows, twice for each check
    assert len(curve["negative_log_likelihood"]) == 2
    (refusal,) = read_refusals(store)
    assert "elman cannot play" in refusal.label
    assert "em cannot train it: a linear system is fitted" in str(board)
