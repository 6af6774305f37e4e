"""What a contender carries from step to step, and how its head starts."""

from typing import Any

import jax
import numpy as np
import pytest

from nnarena.core.types import Features, Signature, Values
from nnarena.models.contender import Contender, count_state


SIGNATURE = Signature(Features(3), Values(2))


@pytest.mark.parametrize(
    ("name", "numbers", "carried"),
    [
        ("gru", {}, 6),
        ("gru", {"depth": 2}, 12),
        ("lstm", {}, 6 + 6),
        ("exp_unitary", {}, 6 + 6),  # real and imaginary parts
        ("memory_layer", {}, 2 * 6),
        ("transformer", {}, None),
        ("encoder_decoder_transformer", {}, None),
    ],
)
def test_a_state_is_counted_or_there_is_none(name, numbers, carried):
    assert count_state(Contender(name, numbers).shapes(SIGNATURE, 6)) == carried


def test_a_glorot_head_starts_as_the_layer_of_keras():
    """Keras's `Dense`: uniform within the root of 6 over inputs and outputs, bias 0."""
    sizes = Signature(Features(3), Values(10))
    model: Any = Contender("elman", {"head": "glorot"}).build(
        sizes, 64, key=jax.random.key(0)
    )
    assert not np.any(model.head.bias)
    limit = np.sqrt(6 / (64 + 10))
    assert 0.95 * limit < np.abs(model.head.weight).max() <= limit
