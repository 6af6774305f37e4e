"""Gradients through time against what can be worked out by hand."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from nnarena.check.quick import quick_jit
from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import Example, Features, Sequence, Signature, Values, When
from nnarena.diagnostics.gradient_flow import gradient_flow, horizon
from nnarena.models import AbstractCell, AbstractModel
from nnarena.models.contender import Contender
from nnarena.models.sequence import Recurrent, SequenceModel
from nnarena.tasks import AbstractTask
from nnarena.tasks.files import DataFolder
from nnarena.tasks.xor import XOR


TIME, WIDTH = 12, 8
KEY = jax.random.key(0)


class Noise(AbstractTask):
    """Random features; the answer at `asked` is 0, as it is at the end, or are all.

    A padded example has 4 to 9 steps.
    """

    signature: Signature
    asked: int | None = eqx.field(static=True)
    time: int = eqx.field(static=True)
    padded: bool = eqx.field(static=True)

    def __init__(
        self,
        answers: When = "once",
        *,
        asked: int | None = -1,
        time: int = TIME,
        padded: bool = False,
    ):
        self.signature = Signature(Features(1), Values(1), answers, causal=False)
        self.asked, self.time, self.padded = asked, time, padded

    @property
    def scoring(self):
        return mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data: DataFolder, *, key):
        raise NotImplementedError

    def example(self, row: Array) -> Example:
        once, places = self.signature.answers == "once", jnp.arange(self.time)
        length = jax.random.randint(row, (), 4, 10)
        counts = None
        if not once and self.asked is not None:
            counts = places == self.asked % self.time
        return Example(
            Sequence(
                jax.random.normal(row, (self.time, 1)),
                present=places < length if self.padded else None,
            ),
            jnp.zeros((1,) if once else (self.time, 1)),
            counts,
        )


class Linear(AbstractCell):
    """h_t = a h_{t-1} + x_t, one number."""

    rate: Array
    hidden_size: int = eqx.field(static=True, default=1)

    def init_state(self):
        return jnp.zeros(1)

    def __call__(self, state, x, dt):
        del dt
        h = self.rate * state + x
        return h, h


class Whole(AbstractModel):
    """A weighted sum of all steps, by a model of its own."""

    weights: Array
    causal: bool = eqx.field(static=True, default=True)

    def __call__(self, sequence, *, key=None):
        return jnp.atleast_1d(self.weights @ sequence.xs.astype(jnp.float32))


def rows(count: int) -> Array:
    return jax.random.split(KEY, count)


@quick_jit
def answers_to(model: AbstractModel, task: AbstractTask, rows: Array) -> Array:
    return jax.vmap(lambda row: model(task.example(row).question))(rows)


@cache
def ends() -> tuple[eqx.nn.Linear, eqx.nn.Linear]:
    """Maps into a linear model and out of it."""

    @quick_jit
    def drawn(keys):
        return tuple(eqx.nn.Linear(1, 1, key=key) for key in keys)

    embed, head = drawn(jax.random.split(KEY))
    return embed, head


def linear_model(rate: float, answers: When = "once", depth: int = 1) -> SequenceModel:
    layers = tuple(Recurrent(Linear(rate=jnp.array(rate))) for _ in range(depth))
    embed, head = ends()
    return SequenceModel(
        Signature(Features(1), Values(1), answers, causal=False),
        layers,
        embed=embed,
        head=head,
    )


def slope(model: SequenceModel, task: Noise, at: int) -> float:
    """Returns dL/dh at the step that is asked, as a root mean square over rows."""
    assert model.head is not None
    answers = np.asarray(answers_to(model, task, rows(16)))
    errors = answers[:, 0] if answers.ndim == 2 else answers[:, at, 0]
    weight = np.asarray(model.head.weight)[0, 0]
    return float(np.sqrt(np.mean((2.0 * errors * weight) ** 2)))


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.25, -0.8])
def test_a_linear_recurrence_has_powers_of_its_rate(rate):
    model, task = linear_model(rate), Noise()
    flow = gradient_flow(model, task, rows(16))
    powers = abs(rate) ** np.arange(0.0, TIME)
    expected = slope(model, task, -1) * powers
    np.testing.assert_allclose(flow.norms, expected, rtol=1e-5)
    assert flow.state_norms is not None
    # A step finds the state that the step before it left: one factor more.
    np.testing.assert_allclose(flow.state_norms, abs(rate) * expected, rtol=1e-5)


def test_what_vanished_is_still_measured():
    """To 2^-99, whose square is not a number of single precision."""
    norms = np.asarray(gradient_flow(linear_model(0.5), Noise(time=100), rows(4)).norms)
    np.testing.assert_allclose(norms[-1] / norms[0], 0.5**99, rtol=1e-4)
    assert horizon(norms) == 6


def test_only_answers_that_count_are_felt():
    model, task = linear_model(0.5, "every step"), Noise("every step", asked=4)
    norms = np.asarray(gradient_flow(model, task, rows(16)).norms)
    expected = slope(model, task, 4) * 0.5 ** np.arange(0.0, 5)
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def test_two_layers_are_a_convolution_of_powers():
    """h_T of the second layer has sum_k a^(n-k) a^k = (n + 1) a^n of z_(T-n)."""
    flow = gradient_flow(linear_model(0.5, depth=2), Noise(), rows(16))
    n = np.arange(0.0, TIME)
    norms = np.asarray(flow.norms)
    np.testing.assert_allclose(norms / norms[0], (n + 1) * 0.5**n, rtol=1e-5)
    assert flow.state_norms is not None
    both = np.asarray(flow.state_norms)
    of_states = 0.5 ** (n + 1) * np.sqrt(1.0 + (n + 1) ** 2)
    np.testing.assert_allclose(both / norms[0], of_states, rtol=1e-5)


def built(name: str, task: Noise, **numbers) -> SequenceModel:
    contender = Contender(name, numbers)
    make = quick_jit(lambda key: contender.build(task.signature, WIDTH, key=key))
    model = make(KEY)
    assert isinstance(model, SequenceModel)
    return model


def test_a_unitary_network_passes_gradients_unchanged():
    task = Noise(time=100)
    model = built("exp_unitary", task)
    flow = gradient_flow(model, task, rows(8))
    assert flow.state_norms is not None
    states = np.asarray(flow.state_norms)
    np.testing.assert_allclose(states, states[-1], rtol=1e-3)
    # Of inputs it depends on the angle to the input matrix, which stretches by 8 here.
    norms = np.asarray(flow.norms)
    singular = np.linalg.svd(model.layers[0].cell.input_weight)[1]  # pyright: ignore
    assert norms.max() / norms.min() < float(singular[0] / singular[-1])
    assert horizon(norms) == 99


def test_a_contracting_network_forgets_at_its_rate():
    task = Noise(time=20)
    model = built("elman", task)
    small = eqx.tree_at(
        lambda m: (m.embed.weight, m.embed.bias),
        model,
        replace_fn=lambda weight: 1e-4 * weight,  # where tanh is the identity
    )
    halved = 0.5 * model.layers[0].cell.recurrent_weight  # pyright: ignore
    small = eqx.tree_at(lambda m: m.layers[0].cell.recurrent_weight, small, halved)
    flow = gradient_flow(small, task, rows(8))
    assert flow.state_norms is not None
    states = np.asarray(flow.state_norms)
    np.testing.assert_allclose(states[1:] / states[:-1], 0.5, rtol=1e-4)
    assert horizon(states) == 6  # 2^-6 is above one hundredth, 2^-7 below
    assert 4 <= horizon(np.asarray(flow.norms)) <= 9


def test_attention_does_not_forget_with_distance():
    task = Noise(time=100)
    flow = gradient_flow(built("transformer", task, blocks=1), task, rows(8))
    norms = np.asarray(flow.norms)
    assert flow.state_norms is None
    assert norms[1:].max() / norms[1:].min() < 10.0  # the last step is its own query
    middle = np.median(norms[40:60])
    assert 0.5 < np.median(norms[-20:]) / middle < 2.0


def test_states_that_are_several_arrays_count_together():
    task = Noise()
    flow = gradient_flow(built("lstm", task, depth=2), task, rows(4))
    assert flow.state_norms is not None
    assert flow.norms.shape == flow.state_norms.shape == (TIME,)
    assert np.all(np.asarray(flow.state_norms) > 0.0)


def test_a_disturbance_of_zero_changes_no_gradient():
    """Against differences of the loss itself, at one step of one row."""
    task = Noise("every step", asked=9)
    model, row = built("gru", task), rows(1)

    def loss(bias):
        assert model.head is not None
        example = task.example(row[0])
        hs = model.embedded(example.question.xs).at[3].add(bias)
        hs = model.layers[0](example.question.with_xs(hs))
        return jnp.mean(model.head(hs[9]) ** 2)

    steps = 1e-2 * jnp.eye(WIDTH)
    measured = quick_jit(jax.vmap(lambda e: (loss(e) - loss(-e)) / 2e-2))(steps)
    norms = gradient_flow(model, task, row).norms
    assert float(norms[9 - 3]) == pytest.approx(np.linalg.norm(measured), rel=1e-2)


@pytest.mark.parametrize(
    ("norms", "floor", "steps"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0.01, 3),
        ([5.0, 0.0, 0.0, 0.0], 0.01, 0),
        ([1.0, 0.001, 0.02, 0.0], 0.01, 2),
        ([1.0, 0.001, 0.02, 0.0], 0.5, 0),
        ([0.01, 0.1, 1.0, 9.0], 0.01, 3),
        ([0.0, 0.0], 0.01, 0),
        ([2.0], 0.01, 0),
    ],
)
def test_the_horizon_is_the_largest_lag_that_counts(norms, floor, steps):
    assert horizon(np.array(norms), floor) == steps


def test_what_is_not_finite_has_no_horizon():
    with pytest.raises(ValueError, match="not finite"):
        horizon(np.array([1.0, np.inf]))


def test_a_model_of_its_own_is_felt_through_its_inputs():
    flow = gradient_flow(Whole(weights=jnp.arange(1.0, TIME + 1.0)), Noise(), rows(16))
    norms = np.asarray(flow.norms)
    weights = np.arange(TIME, 0.0, -1.0)
    np.testing.assert_allclose(norms / norms[0], weights / TIME, rtol=1e-5)
    assert flow.state_norms is None


ALL = {"answers": "every step", "asked": None}


@pytest.mark.parametrize(
    "task", [Noise(padded=True), Noise(**ALL, padded=True), Noise(**ALL, time=16)]
)
def test_without_memory_the_horizon_is_none(task):
    """Whatever the lengths, and however many answers."""
    norms = gradient_flow(built("last_step", task), task, rows(16)).norms
    assert horizon(norms) == 0
    assert float(norms[0]) > 0.0
    assert not np.asarray(norms[1:]).any()


def test_lags_are_counted_from_the_last_step_that_is_there():
    model, task = linear_model(0.5), Noise(padded=True)
    flow = gradient_flow(model, task, rows(64))
    norms = np.asarray(flow.norms)
    assert len(norms) == 9  # the longest example
    scale = norms[0]  # over examples of every length; those that are long differ
    np.testing.assert_allclose(norms[:4], scale * 0.5 ** np.arange(0.0, 4), rtol=1e-5)
    assert horizon(norms) == 6


class OwnTable(AbstractModel):
    """Powers of 0.5 of what tokens are, by a table of its own or by ones and zeros."""

    table: Array
    head: Array  # as wide as the table is long: no table
    by_hand: bool = False
    causal: bool = True

    def __call__(self, sequence, *, key=None):
        vectors = (
            jax.nn.one_hot(sequence.xs, 2) @ self.table[:2]
            if self.by_hand
            else jax.vmap(lambda token: self.table[token])(sequence.xs)
        )
        lags = jnp.arange(sequence.length, dtype=float)[::-1]
        return (0.5**lags @ vectors) @ self.head


def tokens_rows(task: XOR):
    return task.splits(DataFolder(), key=KEY).validation[:8]


def test_tokens_that_a_model_looks_up_by_itself_are_felt():
    task = XOR(length=8)
    size = task.signature.inputs.size
    table = jax.random.normal(KEY, (size, 2))
    model = OwnTable(table=table, head=jax.random.normal(KEY, (2, 2)))
    norms = np.asarray(gradient_flow(model, task, tokens_rows(task)).norms)
    np.testing.assert_allclose(norms / norms[0], 0.5 ** np.arange(0.0, 8), rtol=1e-5)


def test_tokens_that_nobody_looks_up_are_refused():
    task = XOR(length=8)
    size = task.signature.inputs.size
    model = OwnTable(table=jnp.eye(size), head=jnp.eye(size), by_hand=True)
    with pytest.raises(ValueError, match="looks no tokens up in one of its weights"):
        gradient_flow(model, task, tokens_rows(task))
