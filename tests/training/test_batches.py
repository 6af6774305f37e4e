"""The order of training rows is a pure function of key and position.

Where a check begins and how long it is changes nothing. Recorded rows come once per
epoch; sizes are such that batches straddle epochs and checks.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nnarena.training.batches import Order


SIZES = [(7, 4, 4), (4, 6, 2), (6, 2, 3)]
"""Rows, batch and steps of a check: straddling, a batch above an epoch, dividing."""

few = settings(max_examples=15, deadline=None, database=None)
seeds = st.integers(0, 2**31 - 1)


@cache
def check_of(size: int | None, batch: int, span: int):
    """Returns the compiled function from key and first step to a check's rows."""

    def rows_of_check(key, first):
        rows = None if size is None else (jnp.arange(size), 10 * jnp.arange(size))
        order = Order(rows, first=first, span=span, batch=batch, key=key)
        return jax.vmap(lambda index: order.at(first + index))(jnp.arange(span))

    return jax.jit(rows_of_check)


fold_in_all = jax.jit(jax.vmap(jax.random.fold_in, in_axes=(None, 0)))


@partial(jax.jit, static_argnums=2)
def permutation_of(key, epoch, size):
    """Returns the order of one epoch, by the definition."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), size)


def recorded(size: int, batch: int, span: int, seed: int, checks: int) -> np.ndarray:
    """Returns the rows of the first checks, one after another."""
    check = check_of(size, batch, span)
    key = jax.random.key(seed)
    parts = [check(key, jnp.int32(n * span)) for n in range(checks)]
    for rows, tenfold in parts:
        np.testing.assert_array_equal(10 * rows, tenfold)
    return np.concatenate([np.asarray(rows).reshape(-1) for rows, _ in parts])


@pytest.mark.parametrize(("size", "batch", "span"), SIZES)
@few
@given(seed=seeds)
def test_every_epoch_visits_every_row_once(size, batch, span, seed):
    seen = recorded(size, batch, span, seed, checks=6)
    epochs = seen[: len(seen) // size * size].reshape(-1, size)
    assert len(epochs) >= 6
    np.testing.assert_array_equal(
        np.sort(epochs), np.tile(np.arange(size), (len(epochs), 1))
    )
    assert len({tuple(epoch) for epoch in epochs}) > 1, "all epochs have one order"


@few
@given(seed=seeds, first=st.integers(0, 10_000))
def test_recorded_rows_are_those_of_the_epochs_permutation(seed, first):
    size, batch, span = SIZES[0]
    rows, _ = check_of(size, batch, span)(jax.random.key(seed), jnp.int32(first))
    positions = first * batch + np.arange(span * batch)
    epochs = {int(position) // size for position in positions}
    key = jax.random.key(seed)
    permutations = {n: permutation_of(key, n, size) for n in epochs}
    expected = [permutations[p // size][p % size] for p in positions.tolist()]
    np.testing.assert_array_equal(np.asarray(rows).reshape(-1), expected)


@few
@given(seed=seeds)
def test_recorded_rows_do_not_know_the_length_of_a_check(seed):
    whole = recorded(7, 4, 24, seed, checks=1)
    np.testing.assert_array_equal(recorded(7, 4, 4, seed, checks=6), whole)


@few
@given(seed=seeds, first=st.integers(0, 100_000))
def test_drawn_rows_are_their_positions(seed, first):
    rows = check_of(None, 4, 3)(jax.random.key(seed), jnp.int32(first))
    assert rows.shape == (3, 4)
    positions = first * 4 + np.arange(12)
    expected = fold_in_all(jax.random.key(seed), positions)
    np.testing.assert_array_equal(
        jax.random.key_data(rows).reshape(12, -1), jax.random.key_data(expected)
    )


def test_drawn_rows_do_not_know_the_length_of_a_check():
    key = jax.random.key(3)
    whole = check_of(None, 4, 6)(key, jnp.int32(12))
    halves = map(partial(check_of(None, 4, 3), key), jnp.array([12, 15]))
    assert bool(jnp.all(whole == jnp.concatenate(list(halves))))


def test_another_key_is_another_order():
    one, other = (recorded(7, 4, 4, seed, checks=6) for seed in (1, 2))
    assert not np.array_equal(one, other)
