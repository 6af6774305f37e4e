"""Self-attention, and what it may gather by in the place of a softmax."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, require
from ..core.types import Key, Times
from . import positions
from .attention import (
    Memory,
    Present,
    Queries,
    attend,
    glorot_linear,
    weights_by,
)
from .linear import affine


class AbstractMixing(eqx.Module):
    """How the heads of self-attention gather from keys and values: all that differs.

    Made with `(heads, size, *, causal, key)`. Linear in the values. What is not
    `present` changes no output of what is.
    """

    @abc.abstractmethod
    def __call__(
        self, queries: Queries, keys: Memory, values: Memory, present: Present
    ) -> Queries:
        """Returns what every query gathers, head by head."""

    def weights(
        self, queries: Queries, keys: Memory, present: Present
    ) -> Float[Array, "heads queries memory"] | None:
        """Returns how much every query weighs each key; None if by no shares of 1."""
        return weights_by(lambda units: self(queries, keys, units, present), keys)


class Softmax(AbstractMixing):
    """softmax(Q K^T / sqrt(size)) V over all steps, or over those so far."""

    causal: bool = eqx.field(static=True)

    def __init__(self, heads: int, size: int, *, causal: bool, key: Key):
        del heads, size, key  # it has no weights
        self.causal = causal

    def __call__(self, queries, keys, values, present):
        return attend(queries, keys, values, causal=self.causal, present=present)


class SelfAttention(eqx.Module):
    """softmax(Q K^T / sqrt(d)) V in `heads` heads (Vaswani et al. 2017, 3.2).

    One fused matrix makes queries, keys and values. A head is `width / heads` wide,
    rounded up to an even number, so that any width may meet any number of heads.
    `make_mixing` is an `AbstractMixing` that gathers in the place of the softmax.

    Raises:
        ValueError: there is to be no head.
    """

    project: eqx.nn.Linear
    merge: eqx.nn.Linear
    mixing: AbstractMixing
    heads: int = eqx.field(static=True)
    rotary: bool = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        heads: int,
        make_mixing: Callable[..., AbstractMixing] = Softmax,
        *,
        rotary: bool,
        causal: bool,
        key: Key,
    ):
        size = head_size(width, heads)
        first, second = jax.random.split(key)
        self.project = glorot_linear(width, 3 * heads * size, key=first)
        self.merge = glorot_linear(heads * size, width, key=second)
        mixing_key = jax.random.fold_in(key, 1)
        self.mixing = make_mixing(heads, size, causal=causal, key=mixing_key)
        self.heads, self.rotary = heads, rotary

    def __call__(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "time width"]:
        queries, keys, values = split_heads(
            self.project, xs, ts, self.heads, rotary=self.rotary
        )
        mixed = self.mixing(queries, keys, values, present)
        return affine(self.merge, mixed.reshape(xs.shape[0], -1))

    def weights(
        self, xs: Float[Array, "time width"], ts: Times, present: Present = None
    ) -> Float[Array, "heads time time"] | None:
        """Returns how much every step weighs each; None if by no shares of 1."""
        queries, keys, _ = split_heads(
            self.project, xs, ts, self.heads, rotary=self.rotary
        )
        return self.mixing.weights(queries, keys, present)


def head_size(width: int, heads: int) -> int:
    """Returns how wide a head of self-attention is: even, and no smaller than a share.

    Raises:
        ValueError: there is to be no head.
    """
    require(AtLeastOne, heads=heads)
    return 2 * -(-width // (2 * heads))


def split_heads(
    project: eqx.nn.Linear,
    xs: Float[Array, "time width"],
    ts: Times,
    heads: int,
    *,
    rotary: bool,
) -> tuple[Queries, Memory, Memory]:
    """Returns queries, keys and values by one fused map, the first two turned."""
    projected = affine(project, xs).reshape(xs.shape[0], 3, heads, -1)
    queries, keys, values = projected[:, 0], projected[:, 1], projected[:, 2]
    if rotary:
        queries = positions.rotate(queries, ts)
        keys = positions.rotate(keys, ts)
    return queries, keys, values
