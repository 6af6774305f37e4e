"""Splits in batches: no row is lost, and few programs answer all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.compiling import ONE_THREAD
from nnarena.metrics import Mean
from nnarena.training.held_out import Answering, in_batches
from nnarena.training.objective import Judged


def doubled(weight, rows) -> Judged:
    """Returns twice each row as its loss."""
    return jax.vmap(lambda row: Judged(Mean(weight * row, row), row))(rows)


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [(60, [60]), (120, [120]), (131, [64, 64, 3]), (360, [120, 120, 120])],
    ids=str,
)
def test_all_rows_come_in_their_order(rows, sizes):
    numbers = np.arange(rows, dtype=np.float32)
    batches = in_batches(numbers, 64)
    assert [batch.shape[0] for batch in batches] == sizes
    answering = Answering(doubled, ONE_THREAD)
    shape = answering.compile((jnp.float32(2.0),), batches)
    answered = answering((jnp.float32(2.0),), batches)
    assert jax.tree.map(np.shape, answered) == jax.tree.map(np.shape, shape)
    np.testing.assert_array_equal(answered.in_turn.loss.total, 2.0 * numbers)


def test_two_splits_share_the_programs_of_their_sizes():
    compiled = []

    def counted(weight, rows):
        compiled.append(rows.shape[0])  # traced once for each program
        return doubled(weight, rows)

    answering = Answering(counted, ONE_THREAD)
    for rows in (1_000, 2_000, 250):
        ones = np.ones(rows, np.float32)
        answering.compile((jnp.float32(2.0),), in_batches(ones, 64))
    assert compiled == [125]
