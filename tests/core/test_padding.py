"""What stands in the padding of a sequence: nothing that reaches an answer."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Features, Sequence, Signature, Tokens, Values
from nnarena.models.contender import Contender


PRESENT = jnp.arange(6) < 4


def padded(value: float, present: jax.Array | None = PRESENT) -> Sequence:
    xs = jnp.asarray(np.random.default_rng(0).standard_normal((6, 2)), jnp.float32)
    dts = jnp.full(6, 0.5)
    return Sequence(xs.at[4:].set(value), dts.at[4:].set(value), present)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_padding_is_zeros_one_unit_of_time_apart(value):
    sequence = padded(value)
    np.testing.assert_array_equal(sequence.xs[4:], 0.0)
    np.testing.assert_array_equal(sequence.dts, [0.5] * 4 + [1.0] * 2)
    again = sequence.with_xs(jnp.full((6, 3), value))
    np.testing.assert_array_equal(again.xs[4:], 0.0)


def test_tokens_are_padded_with_a_token():
    sequence = Sequence(jnp.array([3, 1, 2, 4, -1, 99]), None, PRESENT)
    assert sequence.xs.tolist() == [3, 1, 2, 4, 0, 0]


def test_without_padding_nothing_is_done():
    sequence = padded(np.nan, present=None)
    assert np.isnan(np.asarray(sequence.xs[4:])).all()
    plain = eqx.filter_make_jaxpr(lambda xs: Sequence(xs).xs)(sequence.xs)[0]
    assert not plain.jaxpr.eqns or "select_n" not in str(plain)


@pytest.mark.parametrize("answers", ["once", "every step"])
@pytest.mark.parametrize(
    "name", ["transformer", "encoder_decoder_transformer", "gru", "ct_rnn"]
)
def test_no_padding_reaches_an_answer_or_a_gradient(name, answers):
    signature = Signature(Features(2), Values(2), answers, causal=False)
    model = Contender(name).build(signature, 4, key=jax.random.key(0))

    @eqx.filter_jit
    def loss_and_gradient(model, sequence):
        def loss(model):
            found = model(sequence)
            there = True if answers == "once" else PRESENT[:, None]
            return jnp.sum(jnp.where(there, found, 0.0) ** 2)

        return eqx.filter_value_and_grad(loss)(model)

    zero, clean = loss_and_gradient(model, padded(0.0))
    for value in (np.nan, np.inf):
        loss, gradient = loss_and_gradient(model, padded(value))
        assert loss == zero
        jax.tree.map(np.testing.assert_array_equal, gradient, clean)


def test_tokens_beyond_the_table_do_no_harm():
    signature = Signature(Tokens(5), Values(2))
    model = Contender("elman").build(signature, 4, key=jax.random.key(0))
    answers = [
        model(Sequence(jnp.array([3, 1, 2, 4, filler, filler]), None, PRESENT))
        for filler in (0, 99, -1)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
