"""Optimizers by name: held to optax's own, on one weight, and to their words."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nnarena.core.frozen import Frozen
from nnarena.core.roles import role
from nnarena.training.gradient_descent import GradientDescent


RATE, STEPS = 0.1, 8

THEIRS = {
    "adamw": partial(optax.adamw, weight_decay=0.0),
    "adam": optax.adam,
    "sgd": optax.sgd,
    "momentum": partial(optax.sgd, momentum=0.7),
    "rmsprop": optax.rmsprop,
    "rmsprop_momentum": partial(optax.rmsprop, momentum=0.7),
    "adadelta": partial(optax.adadelta, eps=1e-8),
}


def recipe(name: str, **settings) -> GradientDescent:
    common = {"learning_rate": RATE, "schedule": "constant", "clip": 0}
    if "momentum" in name:
        common["momentum"] = 0.7
    return GradientDescent(
        **{**common, "weight_decay": 0, "optimizer": name, **settings}
    )


def descended(optimizer: optax.GradientTransformation, start, slope):
    """Returns the weights after every update of a bowl with this curvature."""

    @jax.jit
    def update(weights, state):
        gradients = jax.tree.map(lambda weight: slope * weight, weights)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    path, weights, state = [], start, optimizer.init(start)
    for _ in range(STEPS):
        weights, state = update(weights, state)
        path.append(weights)
    return jax.tree.map(lambda *leaves: np.stack(leaves), *path)


@pytest.mark.parametrize("name", THEIRS)
def test_an_optimizer_is_that_of_optax(name):
    start = jnp.array(2.0)
    ours = descended(recipe(name).transformation(), start, 0.5)
    theirs = descended(THEIRS[name](RATE), start, 0.5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert np.all(np.diff(np.append(2.0, ours)) < 0)


@pytest.mark.parametrize("name", ["rmsprop", "rmsprop_momentum"])
def test_means_of_squares_keep_what_is_said(name):
    """Of a constant gradient 1: 1 - kept^t, and the direction is one over its root."""
    kept = 0.95
    optimizer = recipe(
        name, squares_kept=kept, **({"momentum": 0.5} if "momentum" in name else {})
    ).transformation()
    state, expected = optimizer.init(jnp.zeros(())), 0.0
    for step in range(1, 4):
        updates, state = optimizer.update(jnp.ones(()), state, jnp.zeros(()))
        last = 0.5 * expected if name == "rmsprop_momentum" else 0.0
        expected = last + 1.0 / np.sqrt(1.0 - kept**step)
        assert -np.asarray(updates).item() == pytest.approx(RATE * expected, rel=1e-5)


def test_no_two_optimizers_are_the_same():
    start = jnp.full((1, 1), 2.0)
    decay = {"weight_decay": 0.1}  # without it adam and adamw are one
    ends = {
        name: descended(recipe(name, **decay).transformation(), start, 0.5)[-1, 0, 0]
        for name in THEIRS
    }
    assert len({float(end) for end in ends.values()}) == len(THEIRS)


class Weights(eqx.Module):
    """A matrix that decays, and one that does not and moves at half the rate."""

    map: jax.Array
    angles: jax.Array = eqx.field(metadata=role(decay=False, rate=0.5))


@pytest.mark.parametrize("name", THEIRS)
def test_decay_and_rate_go_by_role_with_every_optimizer(name):
    start = Weights(jnp.full((2, 2), 2.0), jnp.full((2, 2), 2.0))
    still = descended(recipe(name, weight_decay=0.1).transformation(), start, 0.0)
    np.testing.assert_array_equal(still.angles, 2.0)
    assert np.all(still.map[-1] < 2.0)
    # A larger epsilon, as adadelta's first step is lost among the digits of the weight.
    moved = descended(recipe(name, epsilon=1e-2).transformation(), start, 1.0)
    first = 2.0 - moved.map[0], 2.0 - moved.angles[0]
    np.testing.assert_allclose(first[1], 0.5 * first[0], rtol=1e-4)


def test_decay_is_apart_from_the_gradient_in_adamw_alone():
    """Adam normalizes what stands in the gradient: without slope, decay is a sign."""
    start = jnp.full((1, 1), 2.0)
    ends = {
        name: float(
            descended(recipe(name, weight_decay=0.01).transformation(), start, 0.0)[
                0, 0, 0
            ]
        )
        for name in ("adamw", "adam", "sgd")
    }
    assert ends["adamw"] == pytest.approx(2.0 - RATE * 0.01 * 2.0)
    assert ends["sgd"] == pytest.approx(2.0 - RATE * 0.01 * 2.0)
    assert ends["adam"] == pytest.approx(2.0 - RATE, rel=1e-4)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("global_norm", ([2.4, 3.2], [3.0])),  # the norm of all is 12.5
        ("weight_norm", ([3.0, 4.0], [5.0])),
        ("value", ([5.0, 5.0], [5.0])),
    ],
)
def test_gradients_are_clipped_as_they_are_said_to_be(by, expected):
    start = {"a": jnp.zeros(2), "b": jnp.zeros(1)}
    gradients = {"a": jnp.array([6.0, 8.0]), "b": jnp.array([7.5])}
    optimizer = recipe("sgd", clip=5, clip_by=by, learning_rate=1.0).transformation()

    def step(gradients) -> dict[str, np.ndarray]:
        updates, _ = optimizer.update(gradients, optimizer.init(start), start)
        return jax.tree.map(lambda leaf: -np.asarray(leaf), updates)

    clipped = step(gradients)
    np.testing.assert_allclose(clipped["a"], expected[0], rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], expected[1], rtol=1e-6)
    small = jax.tree.map(lambda leaf: leaf / 100, gradients)
    np.testing.assert_allclose(step(small)["a"], small["a"], rtol=1e-6)


def test_a_model_without_a_weight_that_moves_is_refused():
    still = {"matrix": Frozen(jnp.ones((2, 2))), "wiring": jnp.arange(3)}
    assert recipe("sgd").accepts(still) == "it has no weight that moves"
    assert recipe("sgd").accepts({**still, "bias": jnp.ones(2)}) is None
