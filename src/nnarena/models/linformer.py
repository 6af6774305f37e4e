"""An encoder whose keys and values are projected to a fixed number of rows."""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn import initializers
from ..nn.attention import attend
from ..nn.positions import Positions
from ..nn.self_attention import AbstractMixing, SelfAttention
from . import MODELS
from .encoder import AbstractEncoder, stacked


class Projected(AbstractMixing):
    """softmax(Q (E K)^T / sqrt(size)) F V: rows are sums over all steps by position.

    `values` is F, or None where E does for both.
    """

    keys: Float[Array, "longest rows"]
    values: Float[Array, "longest rows"] | None

    def __init__(
        self,
        heads: int,
        size: int,
        *,
        rows: int,
        longest: int,
        shared: bool,
        causal: bool,
        key: Key,
    ):
        del heads, size  # all share the projection
        assert not causal, "every row is a sum over all steps"
        two = initializers.glorot(longest, rows, gates=1 if shared else 2, key=key)
        self.keys, self.values = two[:, :rows], None if shared else two[:, rows:]

    def __call__(self, queries, keys, values, present):
        steps, longest = len(keys), len(self.keys)
        if steps > longest:
            raise ValueError(
                f"a projection of {longest} steps has no weights for {steps}; set "
                f"`longest` to at least {steps}"
            )
        if present is not None:
            there = present[:, None, None]
            keys, values = jnp.where(there, keys, 0.0), jnp.where(there, values, 0.0)
        of_values = self.keys if self.values is None else self.values
        rows = jnp.einsum("tr,thd->rhd", self.keys[:steps], keys)
        kept = jnp.einsum("tr,thd->rhd", of_values[:steps], values)
        return attend(queries, rows, kept, causal=False)

    def weights(self, queries, keys, present):
        """Returns None: steps count by what E and F say, which may be below 0."""
        del queries, keys, present


@MODELS.register("linformer", family="attention", source="wang2020linformer")
class Linformer(AbstractEncoder):
    r"""A transformer that attends to a few learned sums of all steps.

    $$y_i = \mathrm{softmax}\big(q_i (E K)^T / \sqrt{d}\big) F V,
    \quad E, F \in \mathbb{R}^{r \times n}$$

    Keys and values of all $n$ steps are projected to `rows` $r$ of them, by weights of
    their positions alone, and a query looks at those: the cost grows with the length,
    as it does in `performer`, but by a projection that is learned. With $r = n$ and $E
    = F = 1$ it is the attention of `transformer`.

    $E$ has weights for `longest` steps, of which a shorter sequence uses the first: it
    knows no step beyond, and they count, `longest` times `rows` of each block. So
    `longest` is best set to the length of the task. `shared` takes $F = E$; all heads
    share them. Every row sums over all steps, so that it has no causal form, and a
    causal task refuses it. What is not there is taken out before the projection.

    The other settings are those of `transformer`, and so is the encoder around the
    attention. The paper projects to 128 rows and more, at 512 steps and more, and
    proves what it does for random $E$; here both are smaller, for smaller tasks, and
    $E$ starts Glorot-uniform. It can share one $E$ among all blocks too, which is not
    built. Departs from it else where `transformer` does.
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
        rows: AtLeastOne = 16,
        shared: bool = True,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 256,
        key: Key,
    ):
        make_attention = partial(
            SelfAttention,
            hidden,
            heads,
            partial(Projected, rows=rows, longest=longest, shared=shared),
        )
        self.blocks, self.norm, self.enter, self.position = stacked(
            features,
            hidden,
            [make_attention] * blocks,
            expansion=expansion,
            encoding=encoding,
            longest=longest,
            causal=False,
            key=key,
        )
        self.hidden_size, self.causal = hidden, False
