"""The guest against the native model: same weights, same answers, same gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="guests need torch, which is missing here")

from nnarena.core.types import Features, Sequence, Signature, Values  # noqa: E402
from nnarena.guests import torch_host  # noqa: E402
from nnarena.guests.torch_lstm import TorchLSTM  # noqa: E402
from nnarena.guests.torch_model import TorchModule  # noqa: E402
from nnarena.models import MODELS  # noqa: E402
from nnarena.models.contender import Contender  # noqa: E402
from nnarena.models.lstm import LSTM  # noqa: E402
from nnarena.nn.unroll import unroll  # noqa: E402
from nnarena.tasks.files import DataFolder  # noqa: E402
from nnarena.tasks.memory import Memory  # noqa: E402
from nnarena.training.base import fit, fit_seeds  # noqa: E402
from nnarena.training.gradient_descent import GradientDescent  # noqa: E402


FEATURES, HIDDEN, TIME, BATCH = 3, 5, 7, 4
KEY = jax.random.key(0)


@pytest.fixture
def guest() -> TorchLSTM:
    return TorchLSTM(FEATURES, HIDDEN, key=KEY)


@pytest.fixture
def native(guest) -> LSTM:
    """Our LSTM with the guest's weights."""
    weights = guest.module.weights
    return eqx.tree_at(
        lambda cell: (cell.input_weight, cell.recurrent_weight, cell.bias),
        LSTM(FEATURES, HIDDEN, key=KEY),
        (
            weights["weight_ih_l0"].T,
            weights["weight_hh_l0"].T,
            weights["bias_ih_l0"] + weights["bias_hh_l0"],
        ),
    )


@pytest.fixture
def xs() -> jax.Array:
    return jax.random.normal(jax.random.key(1), (BATCH, TIME, FEATURES))


DTS = jnp.ones(TIME)


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """Returns the numbers of examples that torch has been asked for, call by call."""
    asked: list[int] = []
    forward = torch_host._forward

    def count(make, names, tensors):
        asked.append(tensors[len(names)].shape[0])
        return forward(make, names, tensors)

    monkeypatch.setattr(torch_host, "_forward", count)
    return asked


def take(counted: list[int]) -> list[int]:
    """Returns what was counted since the last time."""
    jax.effects_barrier()
    taken = list(counted)
    counted.clear()
    return taken


def close(found, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
        found,
        expected,
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_answers_are_those_of_the_native_model(guest, native, xs, compiled):
    wrap = eqx.filter_jit if compiled else lambda function: function
    found = wrap(lambda g, x: g(Sequence(x, DTS)))(guest, xs[0])
    close(found, unroll(native, Sequence(xs[0], DTS)).hs)


def loss_of(hs):
    return jnp.sum(jnp.sin(hs) * jnp.arange(hs.size, dtype=hs.dtype).reshape(hs.shape))


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_those_of_the_native_model(guest, native, xs, compiled):
    wrap = eqx.filter_jit if compiled else lambda function: function
    of_guest, of_guest_inputs = wrap(
        eqx.filter_grad(lambda both: loss_of(both[0](Sequence(both[1], DTS))))
    )((guest, xs[0]))
    of_native, of_native_inputs = eqx.filter_grad(
        lambda both: loss_of(unroll(both[0], Sequence(both[1], DTS)).hs)
    )((native, xs[0]))
    found = of_guest.module.weights
    close(of_guest_inputs, of_native_inputs)
    close(found["weight_ih_l0"].T, of_native.input_weight)
    close(found["weight_hh_l0"].T, of_native.recurrent_weight)
    close(found["bias_ih_l0"], of_native.bias)
    close(found["bias_hh_l0"], of_native.bias)


def test_a_batch_is_one_call_and_equals_a_loop(guest, xs, counted):
    together = jax.block_until_ready(jax.vmap(lambda x: guest(Sequence(x, DTS)))(xs))
    assert take(counted) == [BATCH]
    close(together, jnp.stack([guest(Sequence(x, DTS)) for x in xs]))


def test_the_gradient_of_a_batch_is_one_call_more_and_the_sum(guest, xs, counted):
    def total(guest, xs):
        return jnp.sum(jax.vmap(lambda x: loss_of(guest(Sequence(x, DTS))))(xs))

    found = jax.block_until_ready(eqx.filter_jit(eqx.filter_grad(total))(guest, xs))
    assert take(counted) == [BATCH, BATCH]
    alone = [eqx.filter_grad(total)(guest, x[None]) for x in xs]
    close(found, jax.tree.map(lambda *parts: sum(parts[1:], parts[0]), *alone))


def test_gradients_of_every_example(guest, xs, counted):
    """Of the inputs in one call more; of the weights with a call for each."""

    def loss(weights, x):
        model = eqx.tree_at(lambda g: g.module.weights, guest, weights)
        return loss_of(model(Sequence(x, DTS)))

    weights = guest.module.weights
    of_inputs = jax.vmap(jax.grad(loss, argnums=1), (None, 0))
    found = jax.block_until_ready(of_inputs(weights, xs))
    assert take(counted) == [BATCH, BATCH]
    close(found, jnp.stack([jax.grad(loss, argnums=1)(weights, x) for x in xs]))
    take(counted)
    of_weights = jax.vmap(jax.grad(loss), (None, 0))
    found = jax.block_until_ready(of_weights(weights, xs))
    assert take(counted) == [BATCH] + [1] * BATCH
    alone = [jax.grad(loss)(weights, x) for x in xs]
    close(found, jax.tree.map(lambda *parts: jnp.stack(parts), *alone))


def test_seeds_are_an_axis_like_any_other(xs, counted):
    keys = jax.random.split(KEY, 2)
    guests = eqx.filter_vmap(lambda key: TorchLSTM(FEATURES, HIDDEN, key=key))(keys)
    alone = [TorchLSTM(FEATURES, HIDDEN, key=key) for key in keys]
    second = jax.tree.map(lambda weight: weight[1], guests.module.weights)
    close(second, alone[1].module.weights)

    def of_batch(guest, xs):
        return jax.vmap(lambda x: guest(Sequence(x, DTS)))(xs)

    mapped = eqx.filter_vmap(of_batch, in_axes=(0, None))
    found = jax.block_until_ready(mapped(guests, xs))
    assert take(counted) == [BATCH, BATCH]
    close(found, jnp.stack([of_batch(guest, xs) for guest in alone]))


def test_the_weights_start_as_torch_starts_them_and_by_the_key(guest):
    before = torch.random.get_rng_state()
    again = TorchLSTM(FEATURES, HIDDEN, key=KEY)
    other = TorchLSTM(FEATURES, HIDDEN, key=jax.random.key(1))
    assert bool(eqx.tree_equal(guest, again))
    assert not bool(eqx.tree_equal(guest, other))
    assert torch.equal(before, torch.random.get_rng_state())
    weights = np.concatenate([w.ravel() for w in guest.module.weights.values()])
    assert 0.9 < np.abs(weights).max() * np.sqrt(HIDDEN) <= 1.0


def test_integers_have_no_gradient():
    module = TorchModule(make_embedding, key=KEY)
    tokens = jnp.array([[1, 2], [2, 2]])

    def loss(module, tokens):
        return jnp.sum(jax.vmap(lambda x: module(x, shape=(2, 3)))(tokens))

    gradient = eqx.filter_grad(loss)(module, tokens).weights["weight"]
    close(gradient[:, 0], jnp.array([0.0, 1.0, 3.0, 0.0]))


def make_embedding():
    return torch.nn.Embedding(4, 3)


def test_forward_mode_is_refused_in_words(guest, xs):
    with pytest.raises(NotImplementedError, match="reverse mode only"):
        jax.jvp(lambda x: guest(Sequence(x, DTS)), (xs[0],), (xs[0],))


def training():
    task = Memory(fillers=2, classes=3)
    splits = task.splits(DataFolder(), key=jax.random.key(2))
    splits = eqx.tree_at(
        lambda s: (s.validation, s.test), splits, (splits.validation[:64],) * 2
    )
    contender = Contender("torch_lstm")

    def build(key):
        return contender.build(task.signature, 8, key=key)

    trainer = GradientDescent(steps=60, batch=16, checks=3, learning_rate=1e-2)
    return trainer, build, task, splits


def test_it_trains_as_any_contender(counted):
    keys = {"init_key": KEY, "data_key": jax.random.key(3)}
    fitted = fit(*training(), **keys)
    losses = fitted.history.validation_loss
    assert not bool(fitted.diverged)
    assert losses[-1] < 0.7 * losses[0]
    # Two calls per update of 16; 64 held-out rows at once in three checks and the test.
    asked = take(counted)
    assert asked.count(16) == 2 * 60
    assert asked.count(64) == len(asked) - 2 * 60 == 3 + 1
    again = fit(*training(), **keys)
    assert bool(eqx.tree_equal(fitted.model, again.model))


def test_seeds_train_together_as_they_train_alone():
    inits, data = jax.random.split(KEY, 2), jax.random.split(jax.random.key(3), 2)
    together = fit_seeds(*training(), init_keys=inits, data_keys=data)
    alone = fit(*training(), init_key=inits[1], data_key=data[1])
    assert float(together.test_loss[1]) == pytest.approx(
        float(alone.test_loss), rel=1e-3
    )


def test_it_stands_in_the_registry():
    entry = MODELS["torch_lstm"]
    assert (entry.family, entry.version) == ("guest", "1")
    model = Contender("torch_lstm").build(Signature(Features(2), Values(1)), 4, key=KEY)
    assert model.causal
