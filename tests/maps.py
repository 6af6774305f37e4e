"""What the tests of maps share: who shows where it looks, asked what, and by whom."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnarena.check.quick import quick_jit
from nnarena.core.frozen import is_frozen
from nnarena.core.types import (
    Classes,
    Features,
    Generated,
    Sentences,
    Sequence,
    Signature,
    Tokens,
)
from nnarena.models.contender import Contender
from nnarena.nn.attention_map import AttentionMap


KEY = jax.random.key(5)
ONCE = Signature(Features(3), Classes(4))
EVERY_STEP = Signature(Features(3), Classes(4), "every step", causal=True)
ANSWERS = Generated(longest=4, start=5, stop=6)
SAYING = Signature(Tokens(5), Classes(7), ANSWERS)
WORDS = Tokens(6, Sentences(end=0, longest=3, most=4))
TOLD = Signature(WORDS, Classes(6), context=WORDS, facts=1)

ENCODERS = ("transformer", "local_attention", "longformer", "bigbird")
KERNELS = ("linear_attention", "performer")
LOOKING = {
    *("bahdanau", "lstm_attention", "pointer_network"),
    *("encoder_decoder_transformer", "rnn_augmented_transformer"),
    *(*ENCODERS, *KERNELS, "gtrxl"),
    *("memory_network", "supervised_memory_network"),
    *("ntm", "dnc", "memory_augmented_transformer"),
}
"""All that show where they look."""


def build(name: str, signature: Signature, **settings) -> Any:
    contender = Contender(name, settings).for_signature(signature)
    return contender.build(signature, 4, key=KEY)


def drawn(name: str, signature: Signature, **settings) -> Any:
    """Returns a model of large weights, which looks at some places more than others."""
    contender = Contender(name, settings).for_signature(signature)
    rng = np.random.default_rng(0)

    def draw(leaf: Any) -> Any:
        if is_frozen(leaf):  # as a first look, which is a share of the slots
            return jax.tree.map(lambda one: jnp.asarray(rng.random(one.shape)), leaf)
        return jnp.asarray(rng.standard_normal(leaf.shape), leaf.dtype)

    return jax.tree.map(draw, contender.shapes(signature, 4), is_leaf=is_frozen)


def maps_of(model: Any, *asked: Sequence) -> dict[str, AttentionMap]:
    return quick_jit(lambda model, *asked: model.attention_maps(*asked))(model, *asked)


def padded(xs: jax.Array, absent: int = 3) -> Sequence:
    """Returns steps, and behind them some that are absent."""
    longer = jnp.concatenate([xs, xs[:absent]])
    return Sequence(longer, present=jnp.arange(len(longer)) < len(xs))


QUESTION = jnp.array([4, 1])
STORY = jnp.array([1, 2, 0, 3, 2, 0, 4, 5, 0])
"""Three sentences, each with the 0 that ends it."""


def asked_of(signature: Signature, absent: int = 3) -> tuple[Sequence, ...]:
    """Returns a question of a signature, and its story, padded."""
    if signature.context is not None:
        return padded(QUESTION, min(absent, 2)), padded(STORY, absent)
    if isinstance(signature.inputs, Tokens):
        return (padded(jnp.array([3, 1, 4, 0, 2]), absent),)
    return (padded(jax.random.normal(KEY, (5, 3)), absent),)
