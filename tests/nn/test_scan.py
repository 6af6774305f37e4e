from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from nnarena.core.types import Features, Signature, Values
from nnarena.models.contender import Contender
from nnarena.nn.parametrization import resolve
from nnarena.nn.scan import Checkpoint, own_vectors, scan
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


@pytest.mark.parametrize("name", ["lstm", "ct_rnn", "exp_unitary", "ncp", "dnc"])
@pytest.mark.parametrize("time", [1, 23])
def test_every_way_is_plain_autodiff(name, time):
    with jax.enable_x64(True):
        made, (xs, dts) = in_double((cell(name), data(4, time, 6)))
        hs, gradient = outputs_and_gradient(plain, made, xs, dts)
        for way in WAYS:
            loop = partial(scan, checkpoint=way)
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
    kept += [program_size(partial(scan, checkpoint=way), made, time) for way in WAYS]
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


def test_an_unknown_way_is_refused():
    xs, dts = data(1, 3, 6)
    with pytest.raises((ValueError, TypeCheckError), match=r"none.*step.*chunk"):
        scan(cell("gru"), xs[0], dts[0], checkpoint="all")  # pyright: ignore


def test_attention_has_no_steps_to_checkpoint():
    contender = Contender("transformer", {"checkpoint": "step"})
    with pytest.raises(ValueError, match="no steps to checkpoint"):
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
