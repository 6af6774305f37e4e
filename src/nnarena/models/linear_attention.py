"""An encoder whose attention is a kernel instead of a softmax: linear in the length."""

from functools import partial
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key, Sequence
from ..nn.attention import Memory, Queries
from ..nn.fold import Form, unroll_fold
from ..nn.kernel_attention import (
    Asked,
    Kept,
    divided,
    elu_features,
    gathered,
    only_present,
    with_ones,
)
from ..nn.positions import Positions
from ..nn.self_attention import AbstractMixing, SelfAttention
from . import MODELS
from .base import AbstractFold
from .encoder import AbstractEncoder, stacked


EPSILON = 1e-6
"""What the authors add to the sum of the weights."""


class KernelFold(AbstractFold):
    """Causal attention by a kernel, as a recurrence: a step adds phi(k)^T [v, 1].

    It reads phi(q), phi(k) and v of all heads side by side. The state is one matrix per
    head, features by values and a 1; what a step does is added to it, and so steps
    combine.
    """

    heads: int = eqx.field(static=True)
    features: int = eqx.field(static=True)
    size: int = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)
    epsilon: float = eqx.field(static=True)

    def __init__(self, heads: int, features: int, size: int, *, epsilon: float = 0.0):
        self.heads, self.features, self.size = heads, features, size
        self.hidden_size, self.epsilon = heads * size, epsilon

    @staticmethod
    def steps(asked: Asked, kept: Kept, values: Memory) -> Float[Array, "time read"]:
        """Returns what the fold reads of a sequence."""
        parts = (part.reshape(len(part), -1) for part in (asked, kept, values))
        return jnp.concatenate(list(parts), axis=1)

    def init_state(self):
        return jnp.zeros((self.heads, self.features, self.size + 1))

    def element(self, x, dt):
        del dt  # a discrete model: one observation is one step
        count = self.heads * self.features
        kept = x[count : 2 * count].reshape(self.heads, self.features)
        values = x[2 * count :].reshape(1, self.heads, self.size)
        return kept[:, :, None] * with_ones(values)[0][:, None, :]

    def combine(self, earlier, later):
        return earlier + later

    def act(self, state, element):
        return state + element

    def read(self, state, x):
        asked = x[: self.heads * self.features].reshape(self.heads, self.features)
        sums = jnp.einsum("hm,hmd->hd", asked, state)
        return divided(sums, self.epsilon).reshape(-1)


class LinearMixing(AbstractMixing):
    """Means of the values by the weights phi(q) . phi(k), with phi = elu + 1."""

    causal: bool = eqx.field(static=True)
    form: Literal["chunks"] | Form = eqx.field(static=True)

    def __init__(
        self,
        heads: int,
        size: int,
        *,
        form: Literal["chunks"] | Form = "chunks",
        causal: bool,
        key: Key,
    ):
        del heads, size, key  # it has no weights
        self.causal, self.form = causal, form

    def __call__(self, queries, keys, values, present):
        asked, kept = elu_features(queries), elu_features(keys)
        if self.form == "chunks" or not self.causal:
            kept = only_present(kept, present)
            return gathered(asked, kept, values, causal=self.causal, epsilon=EPSILON)
        return self._by_steps(asked, kept, values, present)

    def _by_steps(self, asked: Asked, kept: Kept, values: Memory, present) -> Queries:
        _, heads, features = asked.shape
        fold = KernelFold(heads, features, values.shape[2], epsilon=EPSILON)
        steps = Sequence(fold.steps(asked, kept, values), present=present)
        assert self.form != "chunks"
        return unroll_fold(fold, steps, form=self.form).hs.reshape(values.shape)


@MODELS.register(
    "linear_attention", family="attention", source="katharopoulos2020transformers"
)
class LinearAttention(AbstractEncoder):
    r"""A transformer whose weights are products of features, so that sums do for all.

    $$y_i = \frac{\phi(q_i) \sum_j \phi(k_j)^T v_j}{\phi(q_i) \cdot \sum_j \phi(k_j)},
    \quad \phi(x) = \mathrm{elu}(x) + 1$$

    Where a `transformer` weighs every pair of steps by a softmax, the sums over the
    keys are formed once, features by values in size, and every query reads them: the
    cost grows with the length and not with its square. Weights are broad, as no pair
    can stand out as an exponential does. With `causal` the sums run along the sequence:
    it is a recurrence whose state they are (`KernelFold`), an `AbstractFold`.

    `form` says how the causal sums are computed, not what: in "chunks" by products, or
    as a fold in one of its forms ("scan", "associative", "chunked"), of which each
    keeps a state per step for the gradient. The other settings are those of
    `transformer`, and so is the encoder around the attention, with as many weights.

    Departs from the paper where `transformer` does. "rotary" turns queries and keys
    before the features, so that these stay above 0. The sum of the weights has 1e-6
    added, as in the authors' code. Elapsed times count where the encoding reads them.
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
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        form: Literal["chunks"] | Form = "chunks",
        causal: bool = False,
        key: Key,
    ):
        make_attention = partial(
            SelfAttention, hidden, heads, partial(LinearMixing, form=form)
        )
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
