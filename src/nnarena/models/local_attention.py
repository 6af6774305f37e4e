"""An encoder whose attention looks no further than a window."""

from functools import partial

import equinox as eqx

from ..core.numbers import AtLeastOne, held
from ..core.types import Key
from ..nn.attention import attend
from ..nn.positions import Positions
from ..nn.self_attention import AbstractMixing, SelfAttention
from ..nn.window_attention import windowed
from . import MODELS
from .encoder import AbstractEncoder, stacked


class Local(AbstractMixing):
    """softmax over the keys of a window, a band of all pairs; only that is computed."""

    window: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, heads: int, size: int, *, window: int, causal: bool, key: Key):
        del heads, size, key  # it has no weights
        self.window, self.causal = window, causal

    def __call__(self, queries, keys, values, present):
        if self.window >= len(keys) - 1:
            return attend(queries, keys, values, causal=self.causal, present=present)
        return windowed(
            queries, keys, values, present, window=self.window, causal=self.causal
        ).divided()


@MODELS.register("local_attention", family="attention", source="luong2015effective")
class LocalAttention(AbstractEncoder):
    r"""A transformer in which every step looks at its neighbors alone.

    $$y_i = \sum_{|i - j| \le w} a_{ij} v_j, \quad
    a_{ij} \propto \exp(q_i \cdot k_j / \sqrt{d})$$

    A step sees `window` steps on each side of itself, or before it if `causal`, and
    what is further away through the blocks above: `blocks` times the window at most.
    The cost grows with the length times the window. With a window as long as the
    sequence it is the attention of `transformer`; `longformer` adds steps that see and
    are seen by all.

    The window slides: each step stands in the middle of its own. Other forms that are
    called local have blocks of steps that share what they see, so that a step at the
    edge of its block sees less. The other settings are those of `transformer`, and so
    is the encoder around the attention, with as many weights.

    The paper's "local-m" is such a window of a decoder over what its encoder read, at
    the place of the same number; here one sequence looks at itself. Departs from it in
    all else as `transformer` does from its own paper.
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
        window: AtLeastOne = 16,
        expansion: AtLeastOne = 4,
        encoding: Positions = "sinusoidal",
        longest: AtLeastOne = 1_024,
        causal: bool = False,
        key: Key,
    ):
        make_attention = partial(
            SelfAttention, hidden, heads, partial(Local, window=window)
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
