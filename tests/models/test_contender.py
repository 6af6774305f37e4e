"""What a contender carries from step to step, counted by hand."""

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
