"""From both ends, by seven unitary parts, by gated attention: contenders by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from .attention import norm, waves
from .plain import Plain, Weights, loop
from .recurrent import elman, in_real_numbers, unitary


def bidirectional(w: Weights, xs):
    """A tanh layer from each end; returns the mean of both over time."""
    over_time = jnp.swapaxes(xs, 0, 1)
    start = jnp.zeros((len(xs), w["fU"].shape[0]))
    hs = []
    for direction, reverse in (("f", False), ("b", True)):
        own = {key: w[direction + key] for key in "WUb"}

        def step(h, x, own=own):
            return elman(own, h, x)

        hs.append(jax.lax.scan(step, start, over_time, reverse=reverse)[1])
    return jnp.mean(jnp.concatenate(hs, axis=2), axis=0)


def with_composition(w: Weights) -> Weights:
    """Adds the matrix of three diagonals, two reflections and Fourier's, of W^T."""
    n = len(w["b"])
    first, second, third = jnp.exp(1j * w["phases"])
    moved = np.random.default_rng(0).permutation(n)

    def reflect(rows, v):
        v = v / jnp.linalg.norm(v)
        return rows - 2 * (rows @ v.conj())[:, None] * v

    one, two = w["real"] + 1j * w["imag"]
    rows = jnp.fft.fft(jnp.diag(first), axis=1, norm="ortho")
    rows = second * reflect(rows, one)[:, moved]
    rows = third * reflect(jnp.fft.ifft(rows, axis=1, norm="ortho"), two)
    return {**w, "M": in_real_numbers(rows)}


def gtrxl(w: Weights, xs):
    """Two gated blocks over one segment; returns the last vector."""
    h = xs
    for block in range(2):
        own = {key[1:]: w[key] for key in w if key.startswith(str(block))}
        seen = attended(own, norm(h, own["gain"], own["shift"]))
        h = gated(own, "a", h, jax.nn.relu(seen))
        inner = norm(h, own["gain2"], own["shift2"]) @ own["up"] + own["up_bias"]
        fed = jax.nn.relu(inner) @ own["down"] + own["down_bias"]
        h = gated(own, "f", h, jax.nn.relu(fed))
    return h[:, -1]


def attended(w: Weights, xs):
    """Causal attention in two heads by content and distance."""
    batch, time, n = xs.shape
    q = (xs @ w["q"]).reshape(batch, time, 2, n // 2)
    kv = (xs @ w["kv"]).reshape(batch, time, 2, 2, n // 2)
    far = (waves(time, n)[::-1] @ w["r"]).reshape(time, 2, n // 2)
    content = jnp.einsum("bthc,bshc->bhts", q + w["u"], kv[:, :, 0])
    distance = jnp.einsum("bthc,shc->bhts", q + w["v"], far)
    scores = (content + shifted(distance)) / np.sqrt(n // 2)
    scores = jnp.where(np.tri(time, dtype=bool), scores, -jnp.inf)
    mixed = jnp.einsum("bhts,bshc->bthc", jax.nn.softmax(scores), kv[:, :, 1])
    return mixed.reshape(batch, time, n) @ w["out"]


def shifted(scores):
    """Scores by falling distance, at the places of keys: row i goes left by T-1-i."""
    batch, heads, time, _ = scores.shape
    padded = jnp.pad(scores, ((0, 0), (0, 0), (0, 0), (1, 0)))
    return padded.reshape(batch, heads, time + 1, time)[:, :, 1:].reshape(scores.shape)


def gated(w: Weights, part: str, x, y):
    """The gate of a GRU in the place of a residual."""
    of_x = x @ w[part + "x"]
    r_y, z_y, h_y = jnp.split(y @ w[part + "y"], 3, axis=2)
    r_x, z_x = jnp.split(of_x, 2, axis=2)
    r = jax.nn.sigmoid(r_x + r_y)
    z = jax.nn.sigmoid(z_x + z_y - w[part + "bias"])
    return (1 - z) * x + z * jnp.tanh(h_y + (r * x) @ w[part + "reset"])


def further(name: str, n: int) -> Plain:
    """Returns such a contender of n units."""
    match name:
        case "bidirectional":
            square = {"W": (n, n), "U": (n, n), "b": (n,)}
            shapes = {end + key: shape for end in "fb" for key, shape in square.items()}
            return Plain(shapes, bidirectional, 2 * n)
        case "urnn":
            parts = {"phases": (3, n), "real": (2, n), "imag": (2, n)}
            shapes = {**parts, "V": (n, 2 * n), "b": (n,), "start": (2 * n,)}
            prepare, start = with_composition, "start"
            return loop(unitary, shapes, (2 * n,), prepare=prepare, start=start)
        case "gtrxl":
            gates = {"x": (n, 2 * n), "y": (n, 3 * n), "reset": (n, n), "bias": (n,)}
            block = {
                **{"gain": (n,), "shift": (n,), "gain2": (n,), "shift2": (n,)},
                **{"q": (n, n), "kv": (n, 2 * n), "r": (n, n), "out": (n, n)},
                **{"u": (2, n // 2), "v": (2, n // 2)},
                **{"up": (n, 4 * n), "up_bias": (4 * n,)},
                **{"down": (4 * n, n), "down_bias": (n,)},
                **{part + key: shape for part in "af" for key, shape in gates.items()},
            }
            shapes = {
                f"{i}{key}": shape for i in range(2) for key, shape in block.items()
            }
            return Plain(shapes, gtrxl, n)
        case _:
            raise ValueError(f"{name} was not written by hand")
