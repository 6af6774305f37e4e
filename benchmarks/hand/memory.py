"""A contender with a memory by hand: one step for a whole batch."""

import jax
import jax.numpy as jnp
import numpy as np

from .plain import Plain, Weights


SLOTS, WORD = 128, 20
AIM = WORD + 6


def look(raw, words, before):
    """Where a head looks, by content, gate, shifts by one and sharpness."""
    key, shift = raw[:, :WORD], jax.nn.softmax(raw[:, WORD + 2 : WORD + 5], axis=1)
    strength = jax.nn.softplus(raw[:, WORD, None])
    gate = jax.nn.sigmoid(raw[:, WORD + 1, None])
    sharp = 1.0 + jax.nn.softplus(raw[:, WORD + 5, None])
    lengths = jnp.sqrt(jnp.sum(words**2, axis=2) + 1e-6)
    own = jnp.sqrt(jnp.sum(key**2, axis=1, keepdims=True) + 1e-6)
    cosine = jnp.einsum("bnm,bm->bn", words, key) / (lengths * own)
    w = gate * jax.nn.softmax(strength * cosine, axis=1) + (1.0 - gate) * before
    w = (
        shift[:, :1] * jnp.roll(w, -1, axis=1)
        + shift[:, 1:2] * w
        + shift[:, 2:] * jnp.roll(w, 1, axis=1)
    )
    w = (w + 1e-12) ** sharp
    return w / jnp.sum(w, axis=1, keepdims=True)


def ntm(w: Weights, state, x):
    """An LSTM that reads, then writes."""
    h, c, words, reading, writing, read = state
    gates = jnp.concatenate([x, read], axis=1) @ w["W"] + h @ w["U"] + w["b"]
    i, f, g, o = jnp.split(gates, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    raw = h @ w["H"] + w["d"]
    reading = look(raw[:, :AIM], words, reading)
    writing = look(raw[:, AIM : 2 * AIM], words, writing)
    read = jnp.einsum("bn,bnm->bm", reading, words)
    erase = jax.nn.sigmoid(raw[:, 2 * AIM : 2 * AIM + WORD])
    add = raw[:, 2 * AIM + WORD :]
    at = writing[:, :, None]
    words = words * (1.0 - at * erase[:, None]) + at * add[:, None]
    state = h, c, words, reading, writing, read
    return state, jnp.concatenate([h, read], axis=1)


def remembering(name: str, n: int) -> Plain:
    """Returns a contender with a memory, and n units."""
    if name != "ntm":
        raise ValueError(f"{name} was not written by hand")
    shapes = {
        **{"W": (n + WORD, 4 * n), "U": (n, 4 * n), "b": (4 * n,)},
        **{"H": (n, 2 * AIM + 2 * WORD), "d": (2 * AIM + 2 * WORD,)},
        "first": (2, n),
    }
    rng = np.random.default_rng(0)
    limit = 1.0 / np.sqrt(SLOTS + WORD)
    words = jnp.asarray(rng.uniform(-limit, limit, (SLOTS, WORD)), jnp.float32)
    read = jnp.asarray(0.01 * rng.standard_normal(WORD), jnp.float32)

    def last(w: Weights, xs):
        looks = jnp.zeros((len(xs), SLOTS))
        first = [
            jnp.broadcast_to(part, (len(xs), *part.shape))
            for part in (*w["first"], words, read)
        ]
        state = *first[:3], looks, looks, first[3]
        over_time = jnp.swapaxes(xs, 0, 1)
        return jax.lax.scan(lambda s, x: ntm(w, s, x), state, over_time)[1][-1]

    return Plain(shapes, last, n + WORD)
