"""The two ends of the frame: what embeds the inputs, and the head."""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp

from ..core.numbers import require
from ..core.problems import CannotPlay
from ..core.types import Features, Key, Signature, Tokens
from ..nn import initializers
from ..nn.joined import Embedding


Embed = Literal["linear", "none"]
Head = Literal["linear", "glorot", "none"]


def make_embed(
    kind: Embed, signature: Signature, width: int, *, key: Key
) -> Embedding | None:
    """Returns what brings the inputs to `width` numbers, or None to leave them raw.

    Raw, a token is 1 in its place and 0 in all others.

    Raises:
        ValueError: there is no such embedding.
        CannotPlay: the inputs of a task with a context were to go in raw.
    """
    require(Embed, embed=kind)
    if kind == "linear":
        return embedding(signature.inputs, width=width, key=key)
    if signature.context is not None:
        raise CannotPlay(
            "embed 'none' leaves inputs as they are, and the task's context has to be "
            "told from its question; with embed=linear it can play"
        )
    return None


def embedding(inputs: Features | Tokens, *, width: int, key: Key) -> Embedding:
    """Returns a table of tokens, or one affine map of feature vectors."""
    make = eqx.nn.Embedding if isinstance(inputs, Tokens) else eqx.nn.Linear
    return make(inputs.size, width, key=key)


def make_head(
    kind: Head, signature: Signature, hidden: int, *, key: Key
) -> eqx.nn.Linear | None:
    """Returns what brings the last layer's `hidden` numbers to the answers, or None.

    A "linear" head starts uniform within one over the root of `hidden`, as in Equinox
    and PyTorch; a "glorot" one Glorot-uniform without bias, as in Keras, at 64 numbers
    and 10 answers 2.3 times as wide.

    Raises:
        ValueError: there is no such head, or the layer's numbers are not an answer.
    """
    require(Head, head=kind)
    outputs = signature.outputs.size
    if kind in ("linear", "glorot"):
        head = eqx.nn.Linear(hidden, outputs, key=key)
        return head if kind == "linear" else _keras(head, key=key)
    if hidden != outputs:
        raise ValueError(
            f"head 'none' needs a layer of as many outputs as the task: it has "
            f"{hidden}, the task {outputs}"
        )
    return None


def _keras(head: eqx.nn.Linear, *, key: Key) -> eqx.nn.Linear:
    """Returns the map as Keras's `Dense` would start it."""
    assert head.bias is not None
    weight = initializers.glorot(head.weight.shape[1], head.weight.shape[0], key=key).T
    return eqx.tree_at(
        lambda head: (head.weight, head.bias), head, (weight, jnp.zeros_like(head.bias))
    )
