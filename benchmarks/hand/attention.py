"""Transformers by hand, those that attend by a recurrent network too."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnarena.suite.training_step import FEATURES

from .plain import Plain, Shapes, Weights
from .recurrent import lstm, rotation_shapes, unitary, with_rotations


Look = Callable[[Weights, str, jax.Array, jax.Array], jax.Array]
"""Of weights, the beginning of their names, what asks and what is kept."""

Mix = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""Of queries, keys and values: (batch, time, heads, size)."""


def by_softmax(q, k, v):
    """All pairs, a softmax over each row."""
    scores = jnp.einsum("bthc,bshc->bhts", q, k) / np.sqrt(q.shape[-1])
    return jnp.einsum("bhts,bshc->bthc", jax.nn.softmax(scores), v)


def by_sums(q, k, v):
    """Sums of products with elu + 1 of the keys, read by that of the queries."""
    q, k = jax.nn.elu(q) + 1, jax.nn.elu(k) + 1
    state = jnp.einsum("bshc,bshd->bhcd", k, v)
    total = jnp.einsum("bthc,bhc->bth", q, jnp.sum(k, axis=1)) + 1e-6
    return jnp.einsum("bthc,bhcd->bthd", q, state) / total[..., None]


def transformer(w: Weights, xs, mix: Mix):
    """Two blocks of an encoder behind sinusoidal positions; returns its last vector."""
    batch, time, n = xs.shape
    h = xs + waves(time, n)
    for block in range(2):
        own = {key[1:]: w[key] for key in w if key.startswith(str(block))}
        seen = norm(h, own["gain"], own["shift"]) @ own["qkv"] + own["qkv_bias"]
        q, k, v = jnp.moveaxis(seen.reshape(batch, time, 3, 2, n // 2), 2, 0)
        mixed = mix(q, k, v)
        h = h + mixed.reshape(batch, time, n) @ own["out"] + own["out_bias"]
        inner = norm(h, own["gain2"], own["shift2"]) @ own["up"] + own["up_bias"]
        h = h + jax.nn.gelu(inner) @ own["down"] + own["down_bias"]
    return norm(h, w["gain"], w["shift"])[:, -1]


def memory_layer_transformer(w: Weights, xs):
    """One block, of which flip-flops read every query beside every value."""
    h = xs + waves(xs.shape[1], xs.shape[2])
    seen = norm(h, w["gain"], w["shift"])
    h = h + recall(w, seen) @ w["out"] + w["out_bias"]
    inner = norm(h, w["gain2"], w["shift2"]) @ w["up"] + w["up_bias"]
    h = h + jax.nn.gelu(inner) @ w["down"] + w["down_bias"]
    return norm(h, w["gain3"], w["shift3"])[:, -1]


def recall(w: Weights, seen):
    """A memory layer: what the pairs hold for every query after all values."""
    n = seen.shape[2]
    from_query, from_value = jnp.split(w["W"], 2)
    asked = seen @ from_query + w["b"]

    def opened(part, sources):
        slope, center = w[part + "slope"], w[part + "center"]
        weight = jax.nn.softplus(w[part + "weight"])
        g = weight * jax.nn.sigmoid(slope * (sources - center))
        return g * w[part + "E"], g

    def step(v, value):
        u = asked + (value @ from_value)[:, None] + v[..., :n] @ w["R"]
        driven, a = opened("in", jnp.concatenate([u, -u], axis=2))
        held, b = opened("own", v)
        taken, c = opened("across", jnp.roll(v, n, axis=2))
        capacity = jax.nn.softplus(w["C"])
        v = (capacity * v + driven + held + taken) / (capacity + a + b + c)
        return v, None

    start = jnp.zeros((*seen.shape[:2], 2 * n))
    return jax.lax.scan(step, start, jnp.swapaxes(seen, 0, 1))[0][..., :n]


def waves(time, n):
    """The sinusoidal code of positions."""
    phases = np.arange(time)[:, None] * 10_000.0 ** (-np.arange(0, n, 2) / n)
    both = np.stack([np.sin(phases), np.cos(phases)], axis=2)
    return jnp.asarray(both.reshape(time, n), jnp.float32)


def encoder_decoder(w: Weights, xs, look: Look, layers: int):
    """Some layers each, post-norm, asked by one token; returns its answer."""
    batch, time, n = xs.shape
    h = np.sqrt(n) * xs + waves(time, n)
    for layer in range(layers):
        own = {key[2:]: w[key] for key in w if key.startswith(f"e{layer}")}
        h = norm(h + look(own, "", h, h), own["gain"], own["shift"])
        h = feed(own, h)
    token = jnp.sum(w["start"], axis=0) + w["start_bias"]
    y = jnp.tile(np.sqrt(n) * token + waves(1, n), (batch, 1, 1))
    for layer in range(layers):
        own = {key[2:]: w[key] for key in w if key.startswith(f"d{layer}")}
        y = norm(y + look(own, "", y, y), own["gain"], own["shift"])
        y = norm(y + look(own, "x", y, h), own["xgain"], own["xshift"])
        y = feed(own, y)
    return y[:, 0]


def summed(w: Weights, part: str, asking, kept):
    """Attention in two heads as wide as the model."""
    batch, queries, n = asking.shape
    q = (asking @ w[part + "q"] + w[part + "q_bias"]).reshape(batch, queries, 2, n)
    seen = (kept @ w[part + "kv"] + w[part + "kv_bias"]).reshape(batch, -1, 2, 2, n)
    scores = jnp.einsum("bthc,bshc->bhts", q, seen[:, :, 0]) / np.sqrt(n)
    mixed = jnp.einsum("bhts,bshc->bthc", jax.nn.softmax(scores), seen[:, :, 1])
    mixed = mixed.reshape(batch, queries, 2 * n)
    return mixed @ w[part + "out"] + w[part + "out_bias"]


def read_by_lstm(w: Weights, part: str, asking, kept):
    """One head, whose weighted values an LSTM reads in order for every query."""
    batch, queries, n = asking.shape
    q = asking @ w[part + "q"] + w[part + "q_bias"]
    k, v = jnp.split(kept @ w[part + "kv"] + w[part + "kv_bias"], 2, axis=2)
    weights = jax.nn.softmax(jnp.einsum("btc,bsc->bts", q, k) / np.sqrt(n))
    cell = {key: w[part + key] for key in ("W", "U", "b")}

    def step(state, place):
        weight, value = place
        x = (weight[..., None] * value[:, None]).reshape(-1, n)
        return lstm(cell, state, x)[0], None

    state = (jnp.zeros((batch * queries, n)),) * 2
    places = jnp.moveaxis(weights, 2, 0), jnp.swapaxes(v, 0, 1)
    h = jax.lax.scan(step, state, places)[0][0].reshape(batch, queries, n)
    return h @ w[part + "out"] + w[part + "out_bias"]


def read_by_unitary(w: Weights, part: str, asking, kept):
    """A unitary network reads what is kept in order, every query beside it."""
    batch, queries, n = asking.shape
    names = ("odd", "even", "omega", "V", "b")
    cell = with_rotations({key: w[part + key] for key in names})

    def step(h, value):
        x = jnp.concatenate([asking, jnp.tile(value[:, None], (1, queries, 1))], 2)
        return unitary(cell, h, x.reshape(batch * queries, 2 * n))[0], None

    start = jnp.zeros((batch * queries, 2 * n))
    h, _ = jax.lax.scan(step, start, jnp.swapaxes(kept, 0, 1))
    return h[:, :n].reshape(batch, queries, n) @ w[part + "out"] + w[part + "out_bias"]


def feed(w: Weights, x):
    """A feed-forward network, added and normalized."""
    inner = jax.nn.relu(x @ w["up"] + w["up_bias"])
    added = x + inner @ w["down"] + w["down_bias"]
    return norm(added, w["gain2"], w["shift2"])


def norm(x, gain, shift):
    """Layer normalization."""
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    scale = jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    return centred * scale * gain + shift


def network_shapes(n: int) -> Shapes:
    """Returns the weights of a feed-forward network and the norm beside it."""
    return {
        **{"up": (n, 4 * n), "up_bias": (4 * n,), "down": (4 * n, n)},
        **{"down_bias": (n,), "gain2": (n,), "shift2": (n,)},
    }


def encoder(n: int, mix: Mix) -> Plain:
    """Returns the transformer of a width, or the one that mixes steps otherwise."""
    block = {
        **{"gain": (n,), "shift": (n,), "qkv": (n, 3 * n), "qkv_bias": (3 * n,)},
        **{"out": (n, n), "out_bias": (n,), **network_shapes(n)},
    }
    blocks = {f"{i}{key}": shape for i in range(2) for key, shape in block.items()}

    def last(w: Weights, xs):
        return transformer(w, xs, mix)

    return Plain({**blocks, "gain": (n,), "shift": (n,)}, last, n)


def memory_encoder(n: int) -> Plain:
    """Returns the transformer with a memory layer of a width."""
    synapse = {
        part + key: (2 * n,)
        for part in ("in", "own", "across")
        for key in ("weight", "slope", "center", "E")
    }
    shapes = {
        **{"W": (2 * n, n), "R": (n, n), "b": (n,), "C": (2 * n,), **synapse},
        **{"gain": (n,), "shift": (n,), "out": (n, n), "out_bias": (n,)},
        **{**network_shapes(n), "gain3": (n,), "shift3": (n,)},
    }
    return Plain(shapes, memory_layer_transformer, n)


def both_coders(n: int, look: Look, attention: Shapes, layers: int) -> Plain:
    """Returns encoder and decoder of a width, with some attention."""
    attention = {**attention, "out_bias": (n,), "gain": (n,), "shift": (n,)}
    cross = {"x" + key: shape for key, shape in attention.items()}
    network = network_shapes(n)
    coders = {"e": {**attention, **network}, "d": {**attention, **cross, **network}}
    shapes = {
        f"{coder}{layer}{key}": shape
        for coder, parts in coders.items()
        for layer in range(layers)
        for key, shape in parts.items()
    }
    start = {"start": (FEATURES, n), "start_bias": (n,)}

    def last(w: Weights, xs):
        return encoder_decoder(w, xs, look, layers)

    return Plain({**shapes, **start}, last, n)


def attending(name: str, n: int) -> Plain:
    """Returns a transformer of a width."""
    heads = {
        **{"q": (n, 2 * n), "q_bias": (2 * n,), "kv": (n, 4 * n), "kv_bias": (4 * n,)},
        "out": (2 * n, n),
    }
    head = {
        **{"q": (n, n), "q_bias": (n,), "kv": (n, 2 * n), "kv_bias": (2 * n,)},
        **{"W": (n, 4 * n), "U": (n, 4 * n), "b": (4 * n,), "out": (n, n)},
    }
    rotations = {**rotation_shapes(2 * n, n, min(4, n)), "out": (n, n)}
    match name:
        case "transformer":
            return encoder(n, by_softmax)
        case "linear_attention":
            return encoder(n, by_sums)
        case "memory_layer_transformer":
            return memory_encoder(n)
        case "encoder_decoder_transformer":
            return both_coders(n, summed, heads, layers=2)
        case "rnn_augmented_transformer":
            return both_coders(n, read_by_lstm, head, layers=1)
        case "rnn_attention_transformer":
            return both_coders(n, read_by_unitary, rotations, layers=1)
        case _:
            raise ValueError(f"{name} was not written by hand")
