"""Contenders that remember by slow units, long links or depth: their closed forms."""

from collections.abc import Callable, Sequence as Many
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.clockwork import Clockwork
from nnarena.models.contender import count_parameters
from nnarena.models.deep_rnn import DeepRNN
from nnarena.models.elman import Elman
from nnarena.models.leaky import Leaky
from nnarena.models.skip_rnn import SkipRNN
from nnarena.nn.parametrization import resolve


KEY = jax.random.key(0)
FEATURES, HIDDEN, LENGTH = 3, 6, 12


def drawn(*shape: int, seed: int = 1) -> jax.Array:
    return jnp.asarray(0.5 * np.random.default_rng(seed).standard_normal(shape))


def outputs(cell: Any, xs: jax.Array) -> np.ndarray:
    return np.asarray(unroll(cell, Sequence(xs)).hs)


def put(cell: Any, **fields: Any) -> Any:
    """Returns the cell with other arrays of equal shape in some of its fields."""
    for name, value in fields.items():
        old = getattr(cell, name)
        assert jax.tree.map(jnp.shape, old) == jax.tree.map(jnp.shape, value), name
        cell = eqx.tree_at(lambda part, name=name: getattr(part, name), cell, value)
    return cell


def elman(**fields: jax.Array) -> Any:
    return put(Elman(FEATURES, HIDDEN, key=KEY), **fields)


def jacobian(cell: Any, xs: jax.Array, at: Callable[[Any, jax.Array], Any]) -> Any:
    """Returns how the last output moves with a change of the state at the start."""

    @eqx.filter_jit
    def of(cell: Any, xs: jax.Array) -> jax.Array:
        ready = resolve(cell)

        def last(change: jax.Array) -> jax.Array:
            state, h = at(ready.init_state(), change), change
            for x in xs:
                state, h = ready(state, x, jnp.ones(()))
            return h

        return jax.jacobian(last)(jnp.zeros(HIDDEN))

    return np.asarray(of(cell, xs))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("alpha", [0.9, "spread", "learned"])
def test_a_leaky_unit_fades_as_a_power_of_its_alpha(alpha: Any):
    settings = {"alpha": alpha} | ({} if alpha == 0.9 else {"longest": 50})
    cell = Leaky(FEATURES, HIDDEN, **settings, key=KEY)
    cell = put(cell, recurrent_weight=jnp.zeros((HIDDEN, HIDDEN)))
    tau = np.geomspace(1.0, 50.0, HIDDEN)
    kept = np.full(HIDDEN, 0.9) if alpha == 0.9 else np.exp(-1.0 / tau)
    found = jacobian(cell, drawn(7, FEATURES), lambda state, change: state + change)
    np.testing.assert_allclose(found, np.diag(kept**7), rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("double_precision")
def test_a_leaky_unit_averages_what_drives_it():
    """A constant input ends at the mean of itself, whatever the time constant."""
    cell = put(
        Leaky(FEATURES, HIDDEN, alpha=0.5, key=KEY),
        recurrent_weight=jnp.zeros((HIDDEN, HIDDEN)),
    )
    x = drawn(FEATURES)
    hs = outputs(cell, jnp.tile(x, (60, 1)))
    np.testing.assert_allclose(hs[-1], np.tanh(x @ cell.input_weight), rtol=1e-12)


@pytest.mark.parametrize("alpha", ["spread", 0.0, "learned"])
def test_only_learned_leaks_count_as_weights(alpha: Any):
    cell = Leaky(FEATURES, HIDDEN, alpha=alpha, key=KEY)
    own = count_parameters(Elman(FEATURES, HIDDEN, key=KEY))
    assert count_parameters(cell) == own + HIDDEN * (alpha == "learned")


def test_a_unit_that_keeps_nothing_is_one_of_elmans():
    xs = drawn(LENGTH, FEATURES).astype(jnp.float32)
    cell: Any = Leaky(FEATURES, HIDDEN, alpha=0.0, key=KEY)
    shared = ("input_weight", "recurrent_weight", "bias")
    other = elman(**{name: getattr(cell, name) for name in shared})
    np.testing.assert_array_equal(outputs(cell, xs), outputs(other, xs))


@pytest.mark.usefixtures("double_precision")
def test_a_delay_of_one_is_elman_with_both_matrices():
    cell: Any = SkipRNN(FEATURES, HIDDEN, delay=1, key=KEY)
    both = cell.recurrent_weight + cell.delayed_weight
    other = elman(input_weight=cell.input_weight, recurrent_weight=both)
    xs = drawn(LENGTH, FEATURES)
    np.testing.assert_allclose(outputs(cell, xs), outputs(other, xs), atol=1e-14)


@pytest.mark.usefixtures("double_precision")
def test_a_long_link_takes_a_step_of_its_length():
    """Without the short one what reaches the end is W_d^k, every d steps alone."""
    delay, links = 3, 4
    cell: Any = put(
        SkipRNN(FEATURES, HIDDEN, delay=delay, key=KEY),
        recurrent_weight=jnp.zeros((HIDDEN, HIDDEN)),
    )
    silent = jnp.zeros((links * delay, FEATURES))  # tanh is linear about zero
    for place in range(delay):
        found = jacobian(
            cell, silent, lambda state, change, place=place: state.at[place].set(change)
        )
        power = np.linalg.matrix_power(np.asarray(cell.delayed_weight), links).T
        expected = power if place == delay - 1 else np.zeros_like(power)
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_both_links_together_drive_as_hard_as_one():
    cell: Any = SkipRNN(FEATURES, 64, key=KEY)
    for weight in (cell.recurrent_weight, cell.delayed_weight):
        np.testing.assert_allclose(weight @ weight.T, 0.5 * np.eye(64), atol=1e-5)


def test_one_group_that_always_ticks_is_elman():
    cell: Any = Clockwork(FEATURES, HIDDEN, periods=(1,), key=KEY)
    other = elman(
        input_weight=cell.input_weight,
        recurrent_weight=cell.recurrent_weight.value(),
        bias=cell.bias,
    )
    assert np.all(np.asarray(cell.recurrent_weight.value()) != 0.0)
    xs = drawn(LENGTH, FEATURES).astype(jnp.float32)
    np.testing.assert_array_equal(outputs(cell, xs), outputs(other, xs))


def test_a_group_moves_at_its_own_period():
    cell = Clockwork(FEATURES, HIDDEN, periods=(1, 3, 4), deviation=1.0, key=KEY)
    hs = outputs(cell, drawn(30, FEATURES).astype(jnp.float32))  # two cycles and half
    moved = np.diff(np.concatenate([np.zeros((1, HIDDEN), np.float32), hs]), axis=0)
    for unit, period in enumerate((1, 1, 3, 3, 4, 4)):
        ticks = np.arange(30) % period == 0
        np.testing.assert_array_equal(moved[:, unit] != 0.0, ticks)


@pytest.mark.usefixtures("double_precision")
def test_between_its_ticks_a_group_passes_a_gradient_unchanged():
    cell = Clockwork(FEATURES, HIDDEN, periods=(1, 4), key=KEY)

    def after_a_tick(state: Any, change: jax.Array) -> Any:
        return state[0] + change, jnp.ones((), jnp.int32)

    found = jacobian(cell, drawn(3, FEATURES), after_a_tick)
    np.testing.assert_array_equal(found[3:], np.eye(HIDDEN)[3:])
    assert np.abs(found[:3, :3] - np.eye(3)).max() > 0.5


def test_slow_groups_hear_no_faster_ones_and_no_link_is_counted_that_is_not():
    cell: Any = Clockwork(FEATURES, 8, periods=(1, 2, 4, 8), key=KEY)
    weight = np.asarray(cell.recurrent_weight.value())
    period = np.repeat([1, 2, 4, 8], 2)
    np.testing.assert_array_equal(weight != 0.0, period[:, None] >= period[None, :])
    assert cell.recurrent_weight.weight.size == 10 * 4  # blocks of two by two
    assert count_parameters(cell) == 10 * 4 + (FEATURES + 1) * 8
    np.testing.assert_allclose(np.std(np.asarray(cell.input_weight)), 0.1, rtol=0.4)


@pytest.mark.parametrize(
    ("units", "periods"),
    [(6, [1, 1, 2, 4, 4, 8]), (4, [1, 2, 4, 8])],
)
def test_units_are_shared_out_among_groups(units: int, periods: Many[int]):
    cell = Clockwork(FEATURES, units, key=KEY)
    np.testing.assert_array_equal(cell.period, periods)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("deep", ["stacked", "transition", "shortcut"])
def test_one_layer_is_elman(deep: Any):
    cell: Any = DeepRNN(FEATURES, HIDDEN, deep=deep, layers=1, key=KEY)
    other = elman(
        input_weight=cell.input_weight, recurrent_weight=cell.recurrent_weights[0]
    )
    xs = drawn(LENGTH, FEATURES)
    np.testing.assert_allclose(outputs(cell, xs), outputs(other, xs), atol=1e-15)


@pytest.mark.usefixtures("double_precision")
def test_a_transition_that_is_linear_within_is_elman():
    """Near zero tanh is: what is made small before it is made large after it."""
    small = 1e-5
    cell: Any = DeepRNN(FEATURES, HIDDEN, deep="transition", key=KEY)
    own, recurrent = cell.input_weight, cell.recurrent_weights[0]
    cell = put(
        cell,
        input_weight=small * own,
        recurrent_weights=(small * recurrent,),
        layer_weights=(jnp.eye(HIDDEN) / small,),
    )
    other = elman(input_weight=own, recurrent_weight=recurrent)
    xs = drawn(LENGTH, FEATURES)
    np.testing.assert_allclose(outputs(cell, xs), outputs(other, xs), atol=1e-8)


@pytest.mark.usefixtures("double_precision")
def test_a_shortcut_is_elman_where_nothing_comes_the_long_way():
    cell: Any = DeepRNN(FEATURES, HIDDEN, deep="shortcut", layers=3, key=KEY)
    zero = jnp.zeros((HIDDEN, HIDDEN))
    short = put(cell, layer_weights=(zero, zero))
    other = elman(
        input_weight=cell.shortcut_input_weight, recurrent_weight=cell.shortcut_weight
    )
    xs = drawn(LENGTH, FEATURES)
    np.testing.assert_allclose(outputs(short, xs), outputs(other, xs), atol=1e-15)
    long = put(
        cell,
        shortcut_weight=zero,
        shortcut_input_weight=jnp.zeros((FEATURES, HIDDEN)),
    )
    shared = ("input_weight", "recurrent_weights", "layer_weights", "biases")
    plain: Any = DeepRNN(FEATURES, HIDDEN, deep="transition", layers=3, key=KEY)
    plain = put(plain, **{name: getattr(cell, name) for name in shared})
    np.testing.assert_allclose(outputs(long, xs), outputs(plain, xs), atol=1e-15)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("layers", [2, 3])
def test_a_step_of_a_transition_is_as_many_jacobians_as_it_has_layers(layers: int):
    cell: Any = DeepRNN(FEATURES, HIDDEN, deep="transition", layers=layers, key=KEY)
    silent = jnp.zeros((1, FEATURES))
    found = jacobian(cell, silent, lambda state, change: (change,))
    expected = np.asarray(cell.recurrent_weights[0])
    for weight in cell.layer_weights:
        expected = expected @ np.asarray(weight)
    np.testing.assert_allclose(found, expected.T, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (Leaky, {"alpha": 1.0}, "alpha must be a number of at least 0 and below 1 or"),
        (Leaky, {"longest": 0}, "longest must be a whole number of at least 1, not 0"),
        (
            Leaky,
            {"alpha": 0.5, "longest": 50},
            "gives all units the same: leave longest",
        ),
        (SkipRNN, {"delay": 0}, "delay must be a whole number of at least 1, not 0"),
        (Clockwork, {"periods": []}, "periods is empty"),
        (Clockwork, {"periods": [1, 0]}, "periods must be a list, each a whole number"),
        (Clockwork, {"periods": [46_349, 46_351]}, "come together every 2,148,322,499"),
        (Clockwork, {"periods": [*range(1, 9)]}, "8 groups, but there are only"),
        (Clockwork, {"deviation": 0.0}, "deviation must be a number above 0, not 0"),
        (
            DeepRNN,
            {"layers": 1, "start": "random_walk"},
            "with one layer there are none",
        ),
        (DeepRNN, {"deep": "wide"}, "'wide' is none of stacked, transition, shortcut"),
        (DeepRNN, {"layers": 0}, "layers must be a whole number of at least 1, not 0"),
    ],
)
def test_a_wrong_setting_is_refused(make: Any, settings: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make(FEATURES, HIDDEN, **settings, key=KEY)
