"""Slow, long, deep and orthogonal recurrent contenders by hand, as `recurrent.py`."""

import jax
import jax.numpy as jnp
import numpy as np

from .plain import Plain, Weights, loop
from .recurrent import elman, rotation_shapes, unitary, with_rotations


def leaky(w: Weights, h, x):
    """Time constants from 1 to 100 over the units."""
    kept = np.exp(-1 / np.geomspace(1, 100, h.shape[1])).astype(np.float32)
    h = kept * h + (1 - kept) * elman(w, h, x)[0]
    return h, h


def skip_rnn(w: Weights, state, x):
    """The last output and that of four steps ago."""
    h = x @ w["W"] + state[:, -1] @ w["U"] + state[:, 0] @ w["R"] + w["b"]
    h = jnp.tanh(h)
    return jnp.concatenate([state[:, 1:], h[:, None]], axis=1), h


def clockwork(w: Weights, state, x):
    """Four groups at periods 1, 2, 4 and 8; `t` is in every row of a batch."""
    h, t = state
    period = _periods(h.shape[1])
    h = jnp.where(t % period == 0, elman(w, h, x)[0], h)
    return (h, t + 1), h


def _periods(n: int) -> np.ndarray:
    return np.repeat(np.float32([1, 2, 4, 8]), n // 4)


def with_links(w: Weights) -> Weights:
    """Adds the matrix of the links from slower units to faster ones."""
    period = _periods(len(w["b"]))
    places = np.nonzero(period[:, None] >= period[None, :])
    return {**w, "U": jnp.zeros((len(period),) * 2).at[places].set(w["E"])}


def deep_rnn(w: Weights, state, x):
    """Two layers, one on top of the other."""
    below, h = state
    below = jnp.tanh(x @ w["W"] + below @ w["U"] + w["b"])
    h = jnp.tanh(below @ w["V"] + h @ w["R"] + w["c"])
    return (below, h), h


def reciprocal_gated(w: Weights, state, x):
    """Each state leaks by a gate of its own and shuts the other's input."""
    c, h = state
    to_c, to_h = jnp.split(x @ w["W"], 2, axis=1)
    c_kept, h_open = jnp.split(1 - jax.nn.sigmoid(c @ w["C"] + w["b"]), 2, axis=1)
    h_kept, c_open = jnp.split(1 - jax.nn.sigmoid(h @ w["H"] + w["d"]), 2, axis=1)
    c = jax.nn.elu(c_kept * c + c_open * to_c)
    h = jax.nn.elu(h_kept * h + h_open * to_h)
    return (c, h), h


def orthogonal(w: Weights, h, x):
    """Real modReLU behind a matrix that keeps norms."""
    z = h @ w["M"] + x @ w["V"]
    h = jnp.sign(z) * jax.nn.relu(jnp.abs(z) + w["b"])
    return h, h


def with_rotation(w: Weights) -> Weights:
    """Adds the exponential of a real generator, by JAX's own function."""
    return {**w, "M": jax.scipy.linalg.expm(_skew(w))}


def with_quotient(w: Weights) -> Weights:
    """Adds the scaled Cayley transform of a real generator."""
    skew = _skew(w)
    n = len(skew)
    signs = np.where(np.arange(n) < n // 2, -1, 1).astype(np.float32)
    return {**w, "M": jnp.linalg.solve(jnp.eye(n) + skew, jnp.eye(n) - skew) * signs}


def _skew(w: Weights):
    n = len(w["b"])
    lower = jnp.zeros((n, n)).at[np.tril_indices(n, -1)].set(w["A"])
    return lower - lower.T


def historic(name: str, n: int) -> Plain:
    """Returns such a contender of n units."""
    square = {"W": (n, n), "U": (n, n), "b": (n,)}
    turned = {"A": (n * (n - 1) // 2,), "V": (n, n), "b": (n,)}
    match name:
        case "leaky":
            return loop(leaky, square, (n,))
        case "skip_rnn":
            return loop(skip_rnn, {**square, "R": (n, n)}, (4, n))
        case "clockwork":
            links = {"W": (n, n), "E": (10 * (n // 4) ** 2,), "b": (n,)}
            return loop(clockwork, links, (n,), (1,), prepare=with_links, outputs=n)
        case "deep_rnn":
            above = {"V": (n, n), "R": (n, n), "c": (n,)}
            return loop(deep_rnn, {**square, **above}, (n,), (n,))
        case "reciprocal_gated":
            wide = dict.fromkeys("WCH", (n, 2 * n))
            biases = {"b": (2 * n,), "d": (2 * n,)}
            return loop(reciprocal_gated, {**wide, **biases}, (n,), (n,))
        case "exp_rnn":
            return loop(orthogonal, turned, (n,), prepare=with_rotation)
        case "scaled_cayley":
            return loop(orthogonal, turned, (n,), prepare=with_quotient)
        case "eunn":
            shapes = rotation_shapes(n, n, 2)
            return loop(unitary, shapes, (2 * n,), prepare=with_rotations)
        case _:
            raise ValueError(f"{name} was not written by hand")
