"""The controls: what they see, and their answers in double precision."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.types import Classes, Features, Sequence, Signature, Tokens, Values
from nnarena.models.contender import Contender
from nnarena.models.last_step import LastStep
from nnarena.models.window import Window


WIDTH, LENGTH = 6, 13
SIGNATURES = {
    "features": Signature(Features(3), Values(2)),
    "features, every step": Signature(
        Features(3), Values(2), "every step", causal=False
    ),
    "tokens": Signature(Tokens(5), Classes(4)),
    "tokens, every step": Signature(Tokens(5), Classes(4), "every step", causal=False),
}
SEES = {
    "last_step": ({}, 1),
    "window of one": ({"size": 1}, 1),
    "window": ({}, 8),
    "window of 3": ({"size": 3}, 3),
    "two windows of 3": ({"size": 3, "depth": 2}, 5),
    "window longer than the sequence": ({"size": LENGTH + 4}, LENGTH + 4),
}
"""Settings, and how many steps an answer sees."""


def build(case: str, signature: Signature) -> Any:
    name = "last_step" if case == "last_step" else "window"
    return Contender(name, SEES[case][0]).build(signature, WIDTH, key=jax.random.key(0))


def draw(signature: Signature, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if isinstance(signature.inputs, Tokens):
        return rng.permuted(np.arange(LENGTH) % 5).astype(np.int32)
    return rng.standard_normal((LENGTH, 3)).astype(np.float32)


def moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Returns which answers are not bit for bit what they were."""
    return (before != after).reshape(-1, before.shape[-1]).any(axis=1)


@pytest.mark.parametrize("kind", SIGNATURES)
@pytest.mark.parametrize("case", SEES)
def test_an_answer_depends_on_the_steps_of_its_window_and_on_no_other(case, kind):
    signature, seen = SIGNATURES[kind], SEES[case][1]
    answer = eqx.filter_jit(build(case, signature))
    xs, dts = draw(signature, 1), jnp.ones(LENGTH)
    before = np.asarray(answer(Sequence(jnp.asarray(xs), dts)))
    # Steps that end in an answer: all, or the last one.
    ends = np.arange(LENGTH) if "every" in kind else np.array([LENGTH - 1])
    reached = np.zeros((LENGTH, len(ends)), bool)
    for seed in range(2, 6):  # a unit that is off hides one change, hardly four
        for step in range(LENGTH):
            changed = xs.copy()
            other = draw(signature, seed)[step]
            changed[step] = (xs[step] + 1 + seed % 4) % 5 if xs.ndim == 1 else other
            after = np.asarray(answer(Sequence(jnp.asarray(changed), dts)))
            reached[step] |= moved(before, after)
    ages = ends[None] - np.arange(LENGTH)[:, None]
    np.testing.assert_array_equal(reached, (ages >= 0) & (ages < seen))


def test_elapsed_times_change_nothing():
    for case in ("last_step", "window"):
        model = build(case, SIGNATURES["features, every step"])
        xs = jnp.asarray(draw(model.signature, 1))
        times = jnp.linspace(0.1, 3.0, LENGTH)
        np.testing.assert_array_equal(model(Sequence(xs, times)), model(Sequence(xs)))


def by_hand(xs: np.ndarray, weight: np.ndarray, bias: np.ndarray, size: int):
    """Returns the outputs one step and one lag at a time, by numpy."""
    blocks = weight.reshape(size, xs.shape[1], -1)
    hs = []
    for t in range(len(xs)):
        h = bias.copy()
        for lag in range(size):
            if t - lag >= 0:  # zeros before the start add nothing
                h += xs[t - lag] @ blocks[size - 1 - lag]
        hs.append(np.maximum(h, 0.0))
    return np.stack(hs)


@pytest.mark.parametrize("length", [1, 3, LENGTH])
@pytest.mark.parametrize("size", [None, 1, 4])
def test_outputs_are_those_computed_by_hand_in_double_precision(size, length):
    rng = np.random.default_rng(0)
    lags = size or 1
    xs = rng.standard_normal((length, 3))
    weight, bias = rng.standard_normal((lags * 3, WIDTH)), rng.standard_normal(WIDTH)
    with jax.enable_x64(True):
        key = jax.random.key(0)
        layer = (
            LastStep(3, WIDTH, key=key)
            if size is None
            else Window(3, WIDTH, size=size, key=key)
        )
        layer = eqx.tree_at(
            lambda part: (part.weight, part.bias),
            layer,
            (jnp.asarray(weight), jnp.asarray(bias)),
        )
        hs = np.asarray(layer(Sequence(jnp.asarray(xs))))
    assert hs.dtype == np.float64
    expected = by_hand(xs, weight, bias, lags)
    np.testing.assert_allclose(hs, expected, rtol=1e-13, atol=1e-13)


def test_a_window_is_the_causal_convolution_of_numpy():
    """One feature, one unit: the window's weights, newest first, are the kernel."""
    rng = np.random.default_rng(1)
    xs, kernel = rng.uniform(0, 1, LENGTH), rng.uniform(0, 1, 5)
    with jax.enable_x64(True):
        layer = eqx.tree_at(
            lambda part: part.weight,
            Window(1, 1, size=5, key=jax.random.key(0)),
            jnp.asarray(kernel[::-1, None].copy()),
        )
        hs = np.asarray(layer(Sequence(jnp.asarray(xs[:, None]))))
    np.testing.assert_allclose(hs[:, 0], np.convolve(xs, kernel)[:LENGTH], rtol=1e-13)


def test_a_window_of_one_step_is_the_last_step():
    sizes = SIGNATURES["features"]
    ours, theirs = build("last_step", sizes), build("window of one", sizes)
    xs = jnp.asarray(draw(sizes, 1))
    np.testing.assert_array_equal(ours(Sequence(xs)), theirs(Sequence(xs)))


def test_an_empty_window_is_refused():
    with pytest.raises(
        ValueError, match="size must be a whole number of at least 1, not 0"
    ):
        Contender("window", {"size": 0}).shapes(SIGNATURES["features"], WIDTH)
