"""The encoder-decoder of Vaswani et al. (2017), its attention a replaceable part."""

import math
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core.numbers import AtLeastOne, require
from ..core.roles import role
from ..core.types import Features, Key, Sequence, Signature, Times, Tokens
from .attention import AbstractAttention, Present, glorot_linear
from .joined import Context, Embedding, before, make_context
from .linear import affine, embedded
from .positions import PositionCode, Positions


EPSILON = 1e-6
"""What keeps a layer norm from dividing by zero, as in the thesis."""

Vectors = Float[Array, "time width"]


AttentionMaker = Callable[..., AbstractAttention]
"""Called with `rotary`, `causal` and `key`, makes the attention of one place."""


class FeedForward(eqx.Module):
    """Two affine maps with a ReLU between, for every step alike."""

    widen: eqx.nn.Linear
    narrow: eqx.nn.Linear

    def __init__(self, width: int, expansion: int, *, key: Key):
        widen_key, narrow_key = jax.random.split(key)
        self.widen = glorot_linear(width, expansion * width, key=widen_key)
        self.narrow = glorot_linear(expansion * width, width, key=narrow_key)

    def __call__(self, xs: Vectors) -> Vectors:
        return affine(self.narrow, jax.nn.relu(affine(self.widen, xs)))


class EncoderLayer(eqx.Module):
    """Attention of a sequence to itself and a feed-forward network, post-norm."""

    attention: AbstractAttention
    attention_norm: eqx.nn.LayerNorm
    feed: FeedForward
    feed_norm: eqx.nn.LayerNorm

    def __init__(
        self, width: int, expansion: int, attention: AbstractAttention, *, key: Key
    ):
        self.attention = attention
        self.attention_norm = eqx.nn.LayerNorm(width, eps=EPSILON)
        self.feed = FeedForward(width, expansion, key=key)
        self.feed_norm = eqx.nn.LayerNorm(width, eps=EPSILON)

    def __call__(self, xs: Vectors, ts: Times, present: Present = None) -> Vectors:
        mixed = self.attention(xs, xs, ts, ts, present)
        xs = jax.vmap(self.attention_norm)(xs + mixed)
        return jax.vmap(self.feed_norm)(xs + self.feed(xs))


class DecoderLayer(eqx.Module):
    """As an encoder layer, with attention to what was encoded in between."""

    attention: AbstractAttention
    attention_norm: eqx.nn.LayerNorm
    cross: AbstractAttention
    cross_norm: eqx.nn.LayerNorm
    feed: FeedForward
    feed_norm: eqx.nn.LayerNorm

    def __init__(
        self,
        width: int,
        expansion: int,
        attention: AbstractAttention,
        cross: AbstractAttention,
        *,
        key: Key,
    ):
        self.attention, self.cross = attention, cross
        self.attention_norm = eqx.nn.LayerNorm(width, eps=EPSILON)
        self.cross_norm = eqx.nn.LayerNorm(width, eps=EPSILON)
        self.feed = FeedForward(width, expansion, key=key)
        self.feed_norm = eqx.nn.LayerNorm(width, eps=EPSILON)

    def __call__(
        self,
        ys: Float[Array, "queries width"],
        ys_ts: Float[Array, " queries"],
        encoded: Vectors,
        ts: Times,
        present: Present = None,
        asking: Present = None,
    ) -> Float[Array, "queries width"]:
        """Returns the vectors of the queries, of which those `asking` are there."""
        ys = self.asked(ys, ys_ts, asking)
        gathered = self.cross(ys, encoded, ys_ts, ts, present)
        ys = jax.vmap(self.cross_norm)(ys + gathered)
        return jax.vmap(self.feed_norm)(ys + self.feed(ys))

    def asked(
        self,
        ys: Float[Array, "queries width"],
        ys_ts: Float[Array, " queries"],
        asking: Present = None,
    ) -> Float[Array, "queries width"]:
        """Returns what looks at the encoded: queries that have seen each other."""
        seen = self.attention(ys, ys, ys_ts, ys_ts, asking)
        return jax.vmap(self.attention_norm)(ys + seen)


class EncoderDecoder(eqx.Module):
    """Encodes a sequence, then asks it with start tokens, all in one pass.

    A start token is a vector of ones as wide as the answer. A task that answers once
    gets one, at place 0, and is answered at its place. A task that answers at every
    step gets one per step, at the step's own place: they are told apart by the
    position code alone, so that with the encoding "none" every step gets the same
    answer. No answer is fed back, unless it is generated: then what was said stands in
    the place of the start tokens, each class as the one 1 of a vector as wide as the
    answer, and asks at places from 0 on.

    A context is encoded before the question, as one sequence (`nnarena.nn.joined`).

    Inputs and start tokens are embedded at sqrt(width) times their size. A table of
    tokens starts from normal numbers of variance 1 / width, affine maps Glorot-uniform.
    The decoder's attention to itself is causal. The encoder looks in both directions
    and a start token at all that was encoded, unless `causal`: then no step looks at a
    later one. A token that asks once comes after the last step and sees all of them.
    """

    embed: Embedding
    context: Context | None
    start: eqx.nn.Linear = eqx.field(metadata=role(decay=False))  # a token, not a map
    position: PositionCode
    encoder: tuple[EncoderLayer, ...]
    decoder: tuple[DecoderLayer, ...]
    head: eqx.nn.Linear
    signature: Signature

    def __init__(
        self,
        signature: Signature,
        width: int,
        *,
        attention: AttentionMaker,
        expansion: int,
        encoder_layers: int,
        decoder_layers: int,
        encoding: Positions,
        longest: int,
        causal: bool,
        key: Key,
    ):
        layers = {"encoder_layers": encoder_layers, "decoder_layers": decoder_layers}
        require(AtLeastOne, expansion=expansion, **layers)
        keys = iter(jax.random.split(key, 4 + 2 * encoder_layers + 3 * decoder_layers))
        answers = signature.outputs.size
        embed_key = next(keys)
        self.embed = _embedding(signature.inputs, width=width, key=embed_key)
        self.context = make_context(
            signature, partial(_embedding, width=width), key=embed_key
        )
        self.start = glorot_linear(answers, width, key=next(keys))
        self.position = PositionCode(encoding, width, longest=longest, key=next(keys))
        self.head = glorot_linear(width, answers, key=next(keys))

        def attend(*, causal: bool) -> AbstractAttention:
            return attention(rotary=self.position.rotary, causal=causal, key=next(keys))

        self.encoder = tuple(
            EncoderLayer(width, expansion, attend(causal=causal), key=next(keys))
            for _ in range(encoder_layers)
        )
        online = causal and signature.answers == "every step"
        self.decoder = tuple(
            DecoderLayer(
                width,
                expansion,
                attend(causal=True),
                attend(causal=online),
                key=next(keys),
            )
            for _ in range(decoder_layers)
        )
        self.signature = signature

    def __call__(
        self, sequence: Sequence, context: Sequence | None = None
    ) -> Float[Array, " outputs"] | Float[Array, "time outputs"]:
        """Returns one answer, or one per step, as the signature asks."""
        return self.answer(*self.read(sequence, context))

    def read(
        self, sequence: Sequence, context: Sequence | None = None
    ) -> tuple[Sequence, Int[Array, " steps"] | None]:
        """Returns the vectors of all inputs, and the places of the question's.

        Before their size and places are set. None stands for a question alone.
        """
        question = sequence.with_xs(embedded(self.embed, sequence.xs))
        return before(self.context, context, question, self.embed)

    def answer(
        self, steps: Sequence, places: Int[Array, " steps"] | None
    ) -> Float[Array, " outputs"] | Float[Array, "time outputs"]:
        """Returns the answer to inputs that are embedded already."""
        encoded, ts, present = self.remember(steps)
        if self.signature.answers == "once":
            return self.decode(jnp.zeros_like(ts[:1]), encoded, ts, present)[-1]
        answers = self.decode(ts, encoded, ts, present, present)
        return answers if places is None else answers[places]

    def remember(self, steps: Sequence) -> tuple[Vectors, Times, Present]:
        """Returns what the encoder makes of embedded inputs, and where they stand."""
        ts, present = self.position.places(steps.dts), steps.present
        return self.encode(steps.xs, ts, present), ts, present

    def say(
        self,
        tokens: Int[Array, " answers"],
        encoded: Vectors,
        ts: Times,
        present: Present = None,
    ) -> Float[Array, "answers outputs"]:
        """Returns the logits after each class of an answer so far."""
        ys, places = self.spoken(tokens, ts)
        return self._decoded(ys, places, encoded, ts, present)

    def spoken(
        self, tokens: Int[Array, " answers"], ts: Times
    ) -> tuple[Float[Array, "answers width"], Float[Array, " answers"]]:
        """Returns what asks where classes were said, and its places."""
        outputs = self.start.weight.shape[1]
        classes = jax.nn.one_hot(tokens, outputs, dtype=self.start.weight.dtype)
        places = jnp.arange(len(tokens), dtype=ts.dtype)
        return self.scaled(affine(self.start, classes), places), places

    def encode(self, vectors: Vectors, ts: Times, present: Present = None) -> Vectors:
        """Returns what the encoder makes of embedded inputs at their places."""
        hs = self.scaled(vectors, ts)
        for layer in self.encoder:
            hs = layer(hs, ts, present)
        return hs

    def decode(
        self,
        places: Float[Array, " queries"],
        encoded: Vectors,
        ts: Times,
        present: Present = None,
        asking: Present = None,
    ) -> Float[Array, "queries outputs"]:
        """Returns the answers asked for by start tokens at some places.

        `present` says what is there of the encoded, `asking` of the tokens.
        """
        ys = self.started(places)
        return self._decoded(ys, places, encoded, ts, present, asking)

    def started(
        self, places: Float[Array, " queries"]
    ) -> Float[Array, "queries width"]:
        """Returns the start tokens that ask at some places."""
        token = self.start(jnp.ones(self.start.in_features, self.start.weight.dtype))
        return self.scaled(jnp.tile(token, (places.shape[0], 1)), places)

    def _decoded(
        self,
        ys: Float[Array, "queries width"],
        places: Float[Array, " queries"],
        encoded: Vectors,
        ts: Times,
        present: Present = None,
        asking: Present = None,
    ) -> Float[Array, "queries outputs"]:
        """Returns what the decoder and the head make of vectors that ask."""
        for layer in self.decoder:
            ys = layer(ys, places, encoded, ts, present, asking)
        return affine(self.head, ys)

    def scaled(self, vectors: Vectors, ts: Times) -> Vectors:
        """Returns vectors at the size of the first layer's, and their places."""
        return self.position(math.sqrt(vectors.shape[1]) * vectors, ts)


def _embedding(inputs: Features | Tokens, *, width: int, key: Key) -> Embedding:
    """A table of tokens, or one affine map of feature vectors."""
    if not isinstance(inputs, Tokens):
        return glorot_linear(inputs.size, width, key=key)
    table = jax.random.normal(key, (inputs.size, width)) / math.sqrt(width)
    return eqx.nn.Embedding(weight=table)
