from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import Contender
from nnarena.nn.parametrization import resolve
from nnarena.nn.unroll import Checkpoint, own_vectors, unroll
from nnarena.runs.identity import entrant_of
from nnarena.training.base import program_bytes


WAYS: list[Checkpoint] = ["none", "step", "chunk"]


def cell(name, hidden=6):
    signature = Signature(Features(3), Values(2))
    model = Contender(name).build(signature, hidden, key=jax.random.key(0))
    return model.layers[0].cell  # pyright: ignore[reportAttributeAccessIssue]


def in_double(tree):
    """Returns the tree with real numbers of 64 bits, where rounding hides nothing."""

    def double(leaf):
        real = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(float if real else complex)

    return jax.tree.map(lambda a: double(a) if eqx.is_inexact_array(a) else a, tree)


def data(batch, time, features):
    keys = jax.random.split(jax.random.key(1))
    xs = jax.random.normal(keys[0], (batch, time, features))
    return xs, jax.random.uniform(keys[1], (batch, time), minval=0.1, maxval=2.0)


def outputs(cell, xs, dts, **ways):
    return unroll(cell, Sequence(xs, dts), **ways).hs


def plain(cell, xs, dts):
    ready = resolve(cell)
    return jax.lax.scan(lambda h, o: ready(h, *o), ready.init_state(), (xs, dts))[1]


def outputs_and_gradient(loop, cell, xs, dts):
    weights, rest = eqx.partition(cell, eqx.is_inexact_array)

    @jax.jit
    def both(weights):
        def loss(weights):
            run = jax.vmap(lambda x, dt: loop(eqx.combine(weights, rest), x, dt))
            hs = run(xs, dts)
            return jnp.mean(jnp.sin(hs)), hs

        return jax.grad(loss, has_aux=True)(weights)

    gradient, hs = both(weights)
    return np.asarray(hs), gradient


@pytest.mark.parametrize(
    ("name", "time"),
    [
        *((name, 23) for name in ("lstm", "ct_rnn", "exp_unitary", "ncp", "dnc")),
        *((name, 1) for name in ("lstm", "exp_unitary")),  # less than a chunk
    ],
)
def test_every_way_is_plain_autodiff(name, time):
    with jax.enable_x64(True):
        made, (xs, dts) = in_double((cell(name), data(4, time, 6)))
        hs, gradient = outputs_and_gradient(plain, made, xs, dts)
        for way in WAYS:
            loop = partial(outputs, checkpoint=way)
            found, other = outputs_and_gradient(loop, made, xs, dts)
            np.testing.assert_allclose(found, hs, atol=1e-14)
            for one, two in zip(
                jax.tree.leaves(gradient), jax.tree.leaves(other), strict=True
            ):
                scale = 1e-12 + np.max(np.abs(one))
                np.testing.assert_allclose(two / scale, one / scale, atol=1e-13)


def program_size(loop, cell, time) -> int:
    xs, dts = data(8, time, 32)
    weights, rest = eqx.partition(cell, eqx.is_inexact_array)

    def loss(weights):
        whole = eqx.combine(weights, rest)
        return jnp.mean(jax.vmap(lambda x, dt: loop(whole, x, dt))(xs, dts) ** 2)

    size = program_bytes(jax.jit(jax.grad(loss)).lower(weights).compile())
    assert size is not None
    return size


def test_each_way_keeps_less_than_the_one_before():
    made, time = cell("lstm", 32), 900
    kept = [program_size(plain, made, time)]
    kept += [program_size(partial(outputs, checkpoint=way), made, time) for way in WAYS]
    # Autodiff keeps 13 vectors per step; dear ones are 7; the state and outputs fewer.
    assert kept[0] > 1.2 * kept[1]
    assert kept[1] > 1.3 * kept[2]
    assert kept[2] > 1.1 * kept[3]


def test_copies_of_vectors_are_the_vectors():
    made = cell("ct_rnn")
    for number in (0.0, -3.0, np.inf):
        own = own_vectors(made, jnp.array(number))
        for one, two in zip(jax.tree.leaves(made), jax.tree.leaves(own), strict=True):
            np.testing.assert_array_equal(one, two)


def test_synapses_are_shared_by_all_examples_of_a_batch():
    """Their vectors get no axis of examples; those of the neurons themselves do."""
    made = resolve(cell("ncp"))
    numbers = jnp.ones(5)
    own: Any = jax.vmap(
        lambda number: own_vectors(made, number).circuit.leak_potential
    )(numbers)
    assert own.shape == (5, *made.circuit.leak_potential.shape)  # pyright: ignore
    axes = jax.make_jaxpr(
        jax.vmap(lambda n: own_vectors(made, n).circuit.recurrent.slope, out_axes=None)
    )(numbers)
    assert axes.out_avals[0].shape == made.circuit.recurrent.slope.shape


@pytest.mark.parametrize("name", ["gru", "lstm", "exp_unitary"])
def test_the_state_stays_where_steps_are_absent(name):
    made, (xs, dts) = cell(name), data(1, 9, 6)
    whole = unroll(made, Sequence(xs[0], dts[0]), states=True)
    padded = unroll(
        made, Sequence(xs[0], dts[0], jnp.arange(9) < 5), states=True, checkpoint="step"
    )
    np.testing.assert_allclose(padded.hs[:5], whole.hs[:5], rtol=0, atol=1e-6)
    for one, two in zip(
        jax.tree.leaves(padded.states), jax.tree.leaves(whole.states), strict=True
    ):
        np.testing.assert_allclose(one[:5], two[:5], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(one[5:], [one[4]] * 4)


def test_padding_that_would_explode_leaves_gradients_finite():
    made = cell("ct_rnn")
    xs, there = jnp.ones((40, 6)).at[3:].set(jnp.inf), jnp.arange(40) < 3

    def loss(cell):
        hs = unroll(cell, Sequence(jnp.where(there[:, None], xs, 1e30), None, there)).hs
        return jnp.sum(hs[2])

    for leaf in jax.tree.leaves(eqx.filter_grad(loss)(made)):
        assert np.isfinite(leaf).all()


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("checkpoint", WAYS)
@pytest.mark.parametrize("every", [1, 3, 7, 20])
def test_truncation_cuts_the_gradient_and_no_output(every, checkpoint):
    """Of inputs: only those since the last cut reach a step, as in a run of their own.

    The state at the cut is what it was, and has no gradient.
    """
    made, (xs, dts) = in_double((cell("gru"), data(1, 20, 6)))
    xs, dts = xs[0], dts[0]

    def last(xs, stop_every):
        made_of = unroll(
            made, Sequence(xs, dts), checkpoint=checkpoint, stop_every=stop_every
        )
        return jnp.sum(made_of.hs[-1])

    whole, truncated = (jax.value_and_grad(last)(xs, s) for s in (None, every))
    np.testing.assert_allclose(truncated[0], whole[0], rtol=1e-14)
    cut = 19 // every * every
    np.testing.assert_allclose(truncated[1][cut:], whole[1][cut:], rtol=1e-9)
    np.testing.assert_array_equal(truncated[1][:cut], 0.0)
    assert cut == 0 or np.all(np.any(np.asarray(whole[1][:cut]) != 0.0, axis=1))


def test_truncation_is_a_setting_of_recurrent_contenders():
    signature = Signature(Features(3), Values(2))
    model = Contender("gru", {"truncation": 4}).build(
        signature, 6, key=jax.random.key(0)
    )
    felt = jax.grad(lambda xs: jnp.sum(model(Sequence(xs))))(jnp.ones((10, 3)))
    np.testing.assert_array_equal(felt[:8], 0.0)
    assert np.all(np.any(np.asarray(felt[8:]) != 0.0, axis=1))
    with pytest.raises(ValueError, match="truncation must be a whole number of at"):
        outputs(cell("gru"), *(part[0] for part in data(1, 3, 6)), stop_every=0)


def test_an_unknown_way_is_refused():
    xs, dts = data(1, 3, 6)
    with pytest.raises((ValueError, TypeCheckError), match=r"none.*step.*chunk"):
        outputs(cell("gru"), xs[0], dts[0], checkpoint="all")


def test_attention_has_no_steps_to_checkpoint():
    contender = Contender("transformer", {"checkpoint": "step"})
    with pytest.raises(ValueError, match="is not a recurrence, and checkpoint"):
        contender.build(Signature(Features(3), Values(2)), 8, key=jax.random.key(0))


@pytest.mark.parametrize(
    ("given", "keyed"),
    [
        ({}, {}),
        ({"checkpoint": "none"}, {}),
        ({"checkpoint": "chunk"}, {"checkpoint": "chunk"}),
    ],
)
def test_how_to_compute_enters_a_key_only_if_changed(given, keyed):
    contender = Contender("elman", given)
    baseline = contender.entry.baseline(contender.frame)
    assert entrant_of("elman", "1", contender.settings, baseline).settings == keyed
