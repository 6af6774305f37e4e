"""A model is scaled to its task layer by layer, and says so in its record."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.frozen import Frozen
from nnarena.core.types import Example, Features, Sequence, Signature, Tokens, Values
from nnarena.models.base import AbstractCalibrated
from nnarena.models.bidirectional import Bidirectional
from nnarena.models.calibration import calibrating, figures_of, is_calibrated
from nnarena.models.contender import Contender
from nnarena.models.sequence import Recurrent, SequenceModel


KEY = jax.random.key(0)


class Scaled(AbstractCalibrated):
    """h = scale * x, scaled so that the largest output of the examples is 1."""

    scale: Frozen
    hidden_size: int = eqx.field(static=True)

    def init_state(self):
        return jnp.zeros(0)

    def __call__(self, state, x, dt):
        scale: Any = self.scale
        return state, scale * x

    def calibrated(self, inputs):
        largest = jnp.max(jnp.abs(inputs.xs))
        return eqx.tree_at(lambda c: c.scale, self, Frozen(1.0 / largest))

    def figures(self, inputs):
        return {"largest": jnp.max(jnp.abs(inputs.xs)) * self.scale.value()}


def scaled(scale):
    return Scaled(hidden_size=2, scale=Frozen(jnp.asarray(scale)))


def examples():
    drawn = np.random.default_rng(0).standard_normal((5, 4, 2)).astype(np.float32)
    return [Example(Sequence(jnp.asarray(xs)), jnp.zeros(2)) for xs in 7.0 * drawn]


def two_layers(key):
    del key
    layers = tuple(Recurrent(scaled(s)) for s in (3.0, 5.0))
    return SequenceModel(
        Signature(Features(2), Values(2)), layers, embed=None, head=None
    )


def test_each_layer_is_scaled_to_what_the_scaled_ones_below_put_out():
    largest = max(float(jnp.max(jnp.abs(e.question.xs))) for e in examples())
    built: Any = calibrating(two_layers, examples())(KEY)
    first, second = built.layers
    assert float(first.cell.scale.array) == pytest.approx(1.0 / largest)
    assert float(second.cell.scale.array) == pytest.approx(1.0)


def test_figures_are_means_over_the_parts_that_tell_them():
    model = two_layers(KEY)
    largest = max(float(jnp.max(jnp.abs(e.question.xs))) for e in examples())
    told = figures_of(model, examples())
    assert float(told["largest"]) == pytest.approx((3 * largest + 15 * largest) / 2)


def test_who_is_calibrated():
    signature = Signature(Tokens(9), Values(1))
    for name, given in (("lsm", {}), ("bidirectional", {"cell": "lsm"})):
        assert is_calibrated(Contender(name, given).shapes(signature, 8))
    for name in ("esn", "gru", "transformer", "encoder_decoder_transformer"):
        assert not is_calibrated(Contender(name).shapes(signature, 8))


def test_both_directions_are_calibrated():
    cells = [scaled(s) for s in (3.0, 5.0)]
    layer = Bidirectional(2, 2, key=KEY)
    layer = eqx.tree_at(
        lambda two: (two.forward, two.backward), layer, tuple(map(Recurrent, cells))
    )
    signature = Signature(Features(2), Values(4))

    def make(key):
        del key
        return SequenceModel(signature, (layer,), embed=None, head=None)

    built: Any = calibrating(make, examples())(KEY)
    both: Any = built.layers[0]
    scales = [float(one.cell.scale.array) for one in (both.forward, both.backward)]
    assert scales[0] == scales[1] != 3.0
