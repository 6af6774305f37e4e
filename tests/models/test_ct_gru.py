"""The continuous-time GRU against its equations, element by element, and closed forms.

The loop below follows Mozer et al. (2017) in numpy's double precision, one unit and
one scale at a time; it shares no line with the contender.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.ct_gru import CTGRU


FEATURES, HIDDEN, SCALES, LENGTH = 3, 4, 6, 30
ROOT = math.sqrt(10.0)
KEY = jax.random.key(0)
WEIGHTS = ("scale_weight", "scale_bias", "content_weight", "content_bias")

Arrays = dict[str, np.ndarray]


def draw_weights(per_scale: bool) -> Arrays:
    """Returns weights that single precision holds, predicting times of 0.1 to 1000."""
    rng = np.random.default_rng(21)
    predictions = 2 * HIDDEN * (SCALES if per_scale else 1)
    shapes = [(FEATURES + HIDDEN, predictions), (predictions,)]
    shapes += [(FEATURES + HIDDEN, HIDDEN), (HIDDEN,)]
    draws = [rng.standard_normal(shape) for shape in shapes]
    draws[1] = 2.0 + 2.0 * draws[1]
    return {
        name: draw.astype(np.float32).astype(float)
        for name, draw in zip(WEIGHTS, draws, strict=True)
    }


def make_cell(weights: Arrays, per_scale: bool = True) -> CTGRU:
    """Returns a cell of these weights, in the precision that JAX is set to."""
    cell = CTGRU(FEATURES, HIDDEN, scales=SCALES, per_scale=per_scale, key=KEY)
    return eqx.tree_at(
        lambda c: tuple(getattr(c, name) for name in WEIGHTS),
        cell,
        tuple(jnp.asarray(weights[name]) for name in WEIGHTS),
    )


def draw_sequence() -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs, and times between 0.01 and 100."""
    rng = np.random.default_rng(22)
    xs = rng.standard_normal((LENGTH, FEATURES)).astype(np.float32).astype(float)
    dts = (10.0 ** rng.uniform(-2, 2, LENGTH)).astype(np.float32).astype(float)
    return xs, dts


def share(log_taus: list[float]) -> list[float]:
    """Returns the weight of every scale, given what was predicted for each."""
    near = [math.exp(-((log_taus[i] - i * math.log(ROOT)) ** 2)) for i in range(SCALES)]
    return [value / sum(near) for value in near]


def predicted(weights: Arrays, gate: int, unit: int, scale: int, seen: list) -> float:
    """Returns ln tau of one gate (0 retrieves, 1 stores), unit and scale."""
    per_gate = weights["scale_bias"].size // 2
    row = scale if per_gate > HIDDEN else 0
    column = gate * per_gate + row * HIDDEN + unit
    matrix, bias = weights["scale_weight"], weights["scale_bias"]
    return bias[column] + sum(v * matrix[j, column] for j, v in enumerate(seen))


def loop(weights: Arrays, xs: np.ndarray, dts: np.ndarray) -> np.ndarray:
    """Returns h after every observation."""
    traces = [[0.0] * SCALES for _ in range(HIDDEN)]
    outputs = []
    for x, dt in zip(xs, dts, strict=True):
        seen = [*x, *(sum(unit) for unit in traces)]
        retrieve, store = (
            [
                share([predicted(weights, gate, u, i, seen) for i in range(SCALES)])
                for u in range(HIDDEN)
            ]
            for gate in (0, 1)
        )
        recalled = [
            sum(r * trace for r, trace in zip(retrieve[u], traces[u], strict=True))
            for u in range(HIDDEN)
        ]
        content = np.array([*x, *recalled]) @ weights["content_weight"]
        for u in range(HIDDEN):
            q = math.tanh(content[u] + weights["content_bias"][u])
            for i in range(SCALES):
                kept = (1.0 - store[u][i]) * traces[u][i] + store[u][i] * q
                traces[u][i] = kept * math.exp(-dt / ROOT**i)
        outputs.append([sum(unit) for unit in traces])
    return np.array(outputs)


@pytest.mark.parametrize("per_scale", [True, False])
@pytest.mark.parametrize(("double", "tolerance"), [(True, 1e-13), (False, 5e-6)])
def test_states_are_those_of_the_equations(
    double: bool, tolerance: float, per_scale: bool
):
    weights, (xs, dts) = draw_weights(per_scale), draw_sequence()
    expected = loop(weights, xs, dts)
    with jax.enable_x64(double):
        cell = make_cell(weights, per_scale)
        hs = np.asarray(unroll(cell, Sequence(jnp.asarray(xs), jnp.asarray(dts))).hs)
    assert hs.dtype == (np.float64 if double else np.float32)
    assert np.max(np.abs(expected)) > 0.5
    np.testing.assert_allclose(hs, expected, rtol=0, atol=tolerance)


def test_one_prediction_per_unit_is_the_same_for_all_its_scales():
    """The paper's form is the default one with equal columns for every scale."""
    few = draw_weights(per_scale=False)
    many = dict(few)
    for name in ("scale_weight", "scale_bias"):
        rows = few[name].reshape(-1, 2, 1, HIDDEN)
        many[name] = np.tile(rows, (1, 1, SCALES, 1)).reshape(*few[name].shape[:-1], -1)
    xs, dts = (jnp.asarray(part, jnp.float32) for part in draw_sequence())
    per_unit = unroll(make_cell(few, per_scale=False), Sequence(xs, dts)).hs
    np.testing.assert_allclose(
        unroll(make_cell(many), Sequence(xs, dts)).hs, per_unit, atol=2e-6
    )


def step(cell: CTGRU, state: jax.Array, dt: float) -> jax.Array:
    """Returns the traces after one observation."""
    return cell(state, jnp.asarray([0.3, -1.0, 2.0]), jnp.float32(dt))[0]


def test_weights_of_storage_sum_to_one():
    """Into an empty memory, without time to fade, all of q is stored and no more."""
    weights = draw_weights(per_scale=True)
    cell = make_cell(weights)
    found = jnp.sum(step(cell, cell.init_state(), 0.0), axis=0)
    content = np.array([0.3, -1.0, 2.0]) @ weights["content_weight"][:FEATURES]
    q = np.tanh(content + weights["content_bias"])
    np.testing.assert_allclose(found, q, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dt", [0.0, 0.1, 1.0, 20.0])
def test_every_scale_decays_with_its_own_time_constant(dt: float):
    rng = np.random.default_rng(23)
    cell = make_cell(draw_weights(per_scale=True))
    state = jnp.asarray(rng.standard_normal((SCALES, HIDDEN)), jnp.float32)
    taus = np.array([1.0, ROOT, 10.0, 10 * ROOT, 100.0, 100 * ROOT])
    expected = np.asarray(step(cell, state, 0.0)) * np.exp(-dt / taus)[:, None]
    np.testing.assert_allclose(step(cell, state, dt), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [0, SCALES - 1])
def test_a_time_beyond_the_ends_means_the_scale_at_the_end(scale: int):
    """What stands there is replaced by q, what stands in other scales stays."""
    weights = draw_weights(per_scale=False)
    weights["scale_weight"][:] = 0.0
    weights["scale_bias"][:] = 100.0 if scale else -100.0
    before = jnp.full((SCALES, HIDDEN), 7.0)
    after = np.asarray(step(make_cell(weights, per_scale=False), before, 0.0))
    others = np.arange(SCALES) != scale
    np.testing.assert_array_equal(after[others], 7.0)
    assert np.all(np.abs(after[scale]) <= 1.0)


THESIS = {  # inputs, outputs, weights in all, at 32 units of 8 scales
    "activity": (7, 7, 21_991),
    "add": (2, 1, 19_073),
    "walker": (17, 17, 27_761),
    "memory": (1, 10, 18_826),
    "mnist": (8, 10, 22_634),
}
