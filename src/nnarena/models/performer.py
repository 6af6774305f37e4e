"""An encoder whose attention estimates the softmax by random features (FAVOR+)."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AtLeastOne, NotNegative, held
from ..core.types import Key
from ..nn.attention import Present
from ..nn.kernel_attention import directions, exponents, gathered, only_present
from ..nn.positions import Positions
from ..nn.self_attention import AbstractMixing, SelfAttention
from . import MODELS
from .encoder import AbstractEncoder, stacked


SAFE = 60.0
"""exp of this, summed over any number of keys, is a number of single precision."""


class PositiveFeatures(AbstractMixing):
    """Attention by phi(x) = exp(w . x - |x|^2 / 2), an estimate of the softmax's.

    Of the factors by which features may be scaled, since they cancel, the highest of a
    query's own and of all keys' is taken as 1. What is not there has none, and with
    `causal` no query may feel the highest of later keys: then it is a bound by w alone.
    """

    directions: Frozen
    epsilon: float = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        heads: int,
        size: int,
        *,
        features: int,
        orthogonal: bool,
        epsilon: float,
        causal: bool,
        key: Key,
    ):
        del heads  # all share the features
        drawn = directions(features, size, orthogonal=orthogonal, key=key)
        self.directions = Frozen(drawn)
        self.epsilon, self.causal = epsilon, causal

    def __call__(self, queries, keys, values, present):
        rows = self.directions.value()
        asked, kept = exponents(queries, rows), exponents(keys, rows)
        highest = jnp.max(asked, axis=-1, keepdims=True)
        asked = jnp.exp(asked - jax.lax.stop_gradient(highest)) + self.epsilon
        kept = jnp.exp(kept - self._level(kept, rows, present)) + self.epsilon
        kept = only_present(kept, present)
        return gathered(asked, kept, values, causal=self.causal)

    def _level(
        self, kept: Array, rows: Float[Array, "features size"], present: Present
    ) -> Array:
        """Returns what is taken off the exponents of keys."""
        if self.causal:
            bound = 0.5 * jnp.max(jnp.sum(rows**2, axis=1))
            return jnp.maximum(bound - SAFE, 0.0)
        there = None if present is None else present[:, None, None]
        highest = jnp.max(
            kept, axis=(0, 2), keepdims=True, where=there, initial=-jnp.inf
        )
        return jax.lax.stop_gradient(highest)


@MODELS.register("performer", family="attention", source="choromanski2021rethinking")
class Performer(AbstractEncoder):
    r"""A transformer whose softmax is estimated by random features, at linear cost.

    $$\begin{aligned}
    y_i &= \frac{\phi(q_i) \sum_j \phi(k_j)^T v_j}{\phi(q_i) \cdot \sum_j \phi(k_j)},
    \quad \phi(x)_r = \exp\big(w_r \cdot \hat x - |\hat x|^2 / 2\big),
    \quad \hat x = x / d^{1/4} \\
    \mathbb{E}_w \, \phi(q)_r \phi(k)_r &= \exp(q \cdot k / \sqrt{d}),
    \quad w_r \sim \mathcal{N}(0, 1)
    \end{aligned}$$

    The mean over the `random_features` $w_r$ is the weight that the softmax of
    `transformer` would give, but for an error that falls with the root of their number
    and rises with $|q|$ and $|k|$ exponentially. With `orthogonal`, sets of $d$ of them
    stand at right angles, each by itself still normal, which makes the error smaller.
    Where `linear_attention` takes another kernel, this one aims at the softmax's own
    numbers, by `random_features` numbers of each query and key.

    `epsilon` is added to every feature, the highest being 1. The other settings are
    those of `transformer`, and so is the encoder around the attention, with as many
    weights: features are `Frozen`, drawn once per block from the key of the weights,
    for all its heads.

    Departs from the paper where `transformer` does, and in that the features are not
    drawn again in training; the authors do so every so many steps, as a setting. They
    scale features by the highest $w_r \cdot \hat x$, of keys that of all steps, later
    ones too. Here it is by the highest feature, and with `causal` by a bound that no
    input moves. Such a scale cancels but for `epsilon`, theirs too 1e-6.
    """

    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        blocks: AtLeastOne = 2,
        heads: AtLeastOne = 2,
        random_features: AtLeastOne = 256,
        orthogonal: bool = True,
        epsilon: NotNegative = 1e-6,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        make_mixing = partial(
            PositiveFeatures,
            features=random_features,
            orthogonal=orthogonal,
            epsilon=epsilon,
        )
        make_attention = partial(SelfAttention, hidden, heads, make_mixing)
        self.blocks, self.norm, self.enter, self.position = stacked(
            features,
            hidden,
            [make_attention] * blocks,
            expansion=expansion,
            encoding=encoding,
            longest=longest,
            causal=causal,
            key=key,
        )
        self.hidden_size, self.causal = hidden, causal
