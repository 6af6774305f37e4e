"""Recurrent contenders by hand: one step of each for a whole batch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from .plain import Plain, Shapes, Weights, loop


def elman(w: Weights, h, x):
    """tanh(x W + h U + b)."""
    h = jnp.tanh(x @ w["W"] + h @ w["U"] + w["b"])
    return h, h


def lstm(w: Weights, state, x):
    """The usual four gates in one matrix."""
    h, c = state
    i, f, g, o = jnp.split(x @ w["W"] + h @ w["U"] + w["b"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru(w: Weights, h, x):
    """Reset after the product."""
    a, b = x @ w["W"] + w["b"], h @ w["U"] + w["c"]
    ar, az, an = jnp.split(a, 3, axis=1)
    br, bz, bn = jnp.split(b, 3, axis=1)
    r, z = jax.nn.sigmoid(ar + br), jax.nn.sigmoid(az + bz)
    h = z * h + (1 - z) * jnp.tanh(an + r * bn)
    return h, h


def ct_rnn(w: Weights, h, x):
    """Euler in six steps over an interval of one."""
    drive = x @ w["W"] + w["b"]
    for _ in range(6):
        h = h + (w["s"] * jnp.tanh(drive + h @ w["U"]) - h) / 6
    return h, h


def ode_lstm(w: Weights, state, x):
    """An LSTM whose output drives Euler in four steps."""
    h, c = state
    i, f, g, o = jnp.split(x @ w["W"] + h @ w["U"] + w["b"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    drive = (jax.nn.sigmoid(o) * jnp.tanh(c)) @ w["V"] + w["d"]
    for _ in range(4):
        h = h + (w["s"] * jnp.tanh(drive + h @ w["R"]) - h) / 4
    return (h, c), h


def ct_gru(w: Weights, state, x):
    """Eight traces per unit, each map one matrix."""
    h, (batch, scales, hidden) = jnp.sum(state, axis=1), state.shape
    log_tau = jnp.arange(scales)[:, None] * np.log(10) / 2
    chosen = jnp.concatenate([x, h], axis=1) @ w["W"] + w["b"]
    chosen = chosen.reshape(batch, 2, scales, hidden)
    weights = jax.nn.softmax(-((chosen - log_tau) ** 2), axis=2)
    recalled = jnp.sum(weights[:, 0] * state, axis=1)
    q = jnp.tanh(jnp.concatenate([x, recalled], axis=1) @ w["Q"] + w["c"])[:, None]
    s = weights[:, 1]
    state = ((1 - s) * state + s * q) * jnp.exp(-jnp.exp(-log_tau))
    return state, jnp.sum(state, axis=1)


def cfc(w: Weights, h, x):
    """A backbone of one layer, four heads in one matrix, and the gate of the time."""
    z = jnp.concatenate([x, h], axis=1) @ w["W"] + w["b"]
    heads = 1.7159 * jnp.tanh(0.666 * z) @ w["V"] + w["c"]
    f, g, slope, shift = jnp.split(heads, 4, axis=1)
    f, g = jnp.tanh(f), jnp.tanh(g)
    h = f + jax.nn.sigmoid(slope + shift) * (g - f)
    return h, h


def unitary(w: Weights, h, x):
    """modReLU(h W + x V) in real numbers."""
    z = h @ w["M"] + x @ w["V"]
    re, im = jnp.split(z, 2, axis=1)
    modulus = jnp.sqrt(re**2 + im**2 + 1e-5)
    kept = jax.nn.relu(modulus + w["b"]) / modulus
    h = jnp.concatenate([kept * re, kept * im], axis=1)
    return h, h


def linear_dynamical(w: Weights, m, x):
    """The state moves on, corrected by what it did not foresee."""
    m = m @ w["A"] + (x - m @ w["C"]) @ w["K"]
    return m, m


def with_reservoir(n: int, w: Weights) -> Weights:
    """Adds random matrices that no gradient moves."""
    rng = np.random.default_rng(0)
    fixed = {
        "W": rng.uniform(-1.0, 1.0, (n, n)),
        "U": 0.9 / np.sqrt(n) * rng.standard_normal((n, n)),
        "b": rng.uniform(-0.2, 0.2, n),
    }
    return {**w, **{key: jnp.asarray(one, jnp.float32) for key, one in fixed.items()}}


def with_exponential(w: Weights) -> Weights:
    """Adds the unitary matrix of a sequence, as a real one of twice the size."""
    lower, upper = jnp.tril(w["A"], -1), jnp.triu(w["A"])
    turn = jax.scipy.linalg.expm(lower - lower.T + 1j * (upper + upper.T))
    return {**w, "M": in_real_numbers(turn)}


def in_real_numbers(turn):
    """Returns what a complex matrix does to [Re h, Im h]."""
    top = jnp.concatenate([turn.real, turn.imag], axis=1)
    bottom = jnp.concatenate([-turn.imag, turn.real], axis=1)
    return jnp.concatenate([top, bottom])


def with_rotations(w: Weights) -> Weights:
    """Adds the matrix of layers of rotations of pairs, by turning the unit vectors."""
    n = len(w["omega"])
    turn = jnp.eye(n, dtype=jnp.complex64)
    for layer in range(len(w["odd"][0]) + len(w["even"][0])):
        theta, phi = w["even" if layer % 2 else "odd"][:, layer // 2]
        first, end = layer % 2, layer % 2 + 2 * len(theta)
        p, q = turn[:, first:end:2], turn[:, first + 1 : end : 2]
        q = jnp.exp(1j * phi) * q
        c, s = jnp.cos(theta), jnp.sin(theta)
        pairs = jnp.stack([c * p - s * q, s * p + c * q], axis=2).reshape(n, -1)
        turn = jnp.concatenate([turn[:, :first], pairs, turn[:, end:]], axis=1)
    return {**w, "M": in_real_numbers(turn * jnp.exp(1j * w["omega"]))}


def rotation_shapes(features: int, n: int, layers: int) -> Shapes:
    """Returns the weights of a unitary network of rotations."""
    return {
        "odd": (2, (layers + 1) // 2, n // 2),
        "even": (2, layers // 2, (n - 1) // 2),
        **{"omega": (n,), "V": (features, 2 * n), "b": (n,)},
    }


def unitary_rnn(w: Weights, h, x):
    """The same, of which the real part is handed out."""
    h, _ = unitary(w, h, x)
    return h, h[:, : h.shape[1] // 2]


def recurrent(name: str, n: int) -> Plain:
    """Returns a recurrent contender of n units."""
    gates = {"W": (n, 4 * n), "U": (n, 4 * n), "b": (4 * n,)}
    square = {"W": (n, n), "U": (n, n), "b": (n,)}
    reset = {"W": (n, 3 * n), "U": (n, 3 * n), "b": (3 * n,), "c": (3 * n,)}
    flow = {"V": (n, n), "d": (n,), "R": (n, n), "s": (n,)}
    traces = {"W": (2 * n, 16 * n), "b": (16 * n,), "Q": (2 * n, n), "c": (n,)}
    heads = {"W": (2 * n, n), "b": (n,), "V": (n, 4 * n), "c": (4 * n,)}
    turned = {"A": (n, n), "V": (n, 2 * n), "b": (n,)}
    match name:
        case "elman":
            return loop(elman, square, (n,))
        case "lstm":
            return loop(lstm, gates, (n,), (n,))
        case "gru":
            return loop(gru, reset, (n,))
        case "ct_rnn":
            return loop(ct_rnn, {**square, "s": (n,)}, (n,))
        case "ct_gru":
            return loop(ct_gru, traces, (8, n))
        case "ode_lstm":
            return loop(ode_lstm, {**gates, **flow}, (n,), (n,))
        case "cfc":
            return loop(cfc, heads, (n,))
        case "linear_dynamical":
            return loop(linear_dynamical, dict.fromkeys("ACK", (n, n)), (n,))
        case "esn":
            return loop(elman, {}, (n,), prepare=partial(with_reservoir, n))
        case "exp_unitary":
            return loop(unitary, turned, (2 * n,), prepare=with_exponential)
        case "unitary_rnn":
            shapes = rotation_shapes(n, n, min(16, n))
            prepare = with_rotations
            return loop(unitary_rnn, shapes, (2 * n,), prepare=prepare, outputs=n)
        case _:
            raise ValueError(f"{name} was not written by hand")
