"""Additive attention over encoded steps, as one file written by the protocol alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import nnarena
from nnarena.models.gru import GRU


class Bahdanau(nnarena.AbstractDecoder):
    r"""A decoder that looks at all encoded steps at each of its own.

    $$\alpha_{ij} = \mathrm{softmax}_j\, v \tanh(W s_{i-1} + U h_j), \quad
    s_i = \mathrm{GRU}(s_{i-1}, [y_{i-1}; \sum_j \alpha_{ij} h_j])$$
    """

    tables: tuple[eqx.nn.Embedding, eqx.nn.Embedding]
    encoder: GRU
    decoder: GRU
    along: Float[Array, "hidden hidden"]
    across: Float[Array, "hidden hidden"]
    energy: Float[Array, " hidden"]
    head: eqx.nn.Linear
    signature: nnarena.Signature
    causal: bool = eqx.field(static=True, default=False)

    def __init__(self, signature: nnarena.Signature, hidden: int, *, key):
        keys = jax.random.split(key, 8)
        outputs = signature.outputs.size
        self.tables = (
            eqx.nn.Embedding(signature.inputs.size, hidden, key=keys[0]),
            eqx.nn.Embedding(outputs, hidden, key=keys[1]),
        )
        self.encoder = GRU(hidden, hidden, key=keys[2])
        self.decoder = GRU(2 * hidden, hidden, key=keys[3])
        spread = hidden**-0.5
        self.along = spread * jax.random.normal(keys[4], (hidden, hidden))
        self.across = spread * jax.random.normal(keys[5], (hidden, hidden))
        self.energy = spread * jax.random.normal(keys[6], (hidden,))
        self.head = eqx.nn.Linear(hidden, outputs, key=keys[7])
        self.signature = signature

    def encode(self, sequence, *, key=None):  # pyright: ignore  (it reads no context)
        del key  # nothing is drawn
        vectors = sequence.with_xs(jax.vmap(self.tables[0])(sequence.xs))
        seen = nnarena.unroll(self.encoder, vectors)
        return (seen.hs, seen.hs @ self.across, sequence.present), seen.last

    def step(self, memory, state, token):
        hs, keys, present = memory
        scores = jnp.tanh((state @ self.along)[None] + keys) @ self.energy
        if present is not None:
            scores = jnp.where(present, scores, -jnp.inf)
        gathered = jax.nn.softmax(scores) @ hs
        x = jnp.concatenate([self.tables[1](token), gathered])
        state, h = self.decoder(state, x, jnp.ones(()))
        return state, self.head(h)
