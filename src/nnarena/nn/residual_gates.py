"""What may stand in the place of a residual's sum."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from . import initializers


GateName = Literal["gru", "input", "output", "highway", "sigtanh", "sum"]
"""The gates of Parisotto et al. (2020), 3.2, and the residual's plain sum."""

MATRICES: dict[GateName, tuple[int, int]] = {
    "gru": (2, 3),
    "input": (1, 0),
    "output": (1, 0),
    "highway": (1, 0),
    "sigtanh": (0, 2),
    "sum": (0, 0),
}
"""How many matrices act on x, what was there, and how many on y, what a part makes."""

Rows = Float[Array, "time width"]


class ResidualGate(eqx.Module):
    """g(x, y), with s the logistic function, W of x, V of y and b of the start.

        gru       (1 - z) x + z tanh(y V_3 + (r x) U),
                  r = s(x W_1 + y V_1), z = s(x W_2 + y V_2 - b)
        input     s(x W) x + y
        output    x + s(x W - b) y
        highway   s(x W + b) x + (1 - s(x W + b)) y
        sigtanh   x + s(y V_1 - b) tanh(y V_2)
        sum       x + y

    The larger b, the nearer to g(x, y) = x. It starts at `bias`, matrices
    Glorot-uniform each by itself. "gru" has 6 width^2 + width numbers.
    """

    of_x: Float[Array, "width gates"] | None
    of_y: Float[Array, "width gates"] | None
    of_reset: Float[Array, "width width"] | None
    bias: Float[Array, " width"] | None
    name: GateName = eqx.field(static=True)

    def __init__(self, name: GateName, width: int, *, bias: float, key: Key):
        keys = jax.random.split(key, 3)
        counts = (*MATRICES[name], int(name == "gru"))
        self.of_x, self.of_y, self.of_reset = (
            initializers.glorot(width, width, gates=gates, key=own) if gates else None
            for gates, own in zip(counts, keys, strict=True)
        )
        biased = name not in ("input", "sum")
        self.bias = jnp.full(width, bias) if biased else None
        self.name = name

    def __call__(self, x: Rows, y: Rows) -> Rows:
        open_, s = self._opened, jax.nn.sigmoid
        bias = 0.0 if self.bias is None else self.bias[None]
        match self.name:
            case "gru":
                return self._gru(x, y)
            case "input":
                return s(open_(x, self.of_x)) * x + y
            case "output":
                return x + s(open_(x, self.of_x) - bias) * y
            case "highway":
                kept = s(open_(x, self.of_x) + bias)
                return kept * x + (1.0 - kept) * y
            case "sigtanh":
                share, added = jnp.split(open_(y, self.of_y), 2, axis=1)
                return x + s(share - bias) * jnp.tanh(added)
            case "sum":
                return x + y

    def _gru(self, x: Rows, y: Rows) -> Rows:
        assert self.of_reset is not None
        assert self.bias is not None
        of_y_r, of_y_z, of_y = jnp.split(self._opened(y, self.of_y), 3, axis=1)
        of_x_r, of_x_z = jnp.split(self._opened(x, self.of_x), 2, axis=1)
        r = jax.nn.sigmoid(of_x_r + of_y_r)
        z = jax.nn.sigmoid(of_x_z + of_y_z - self.bias[None])
        return (1.0 - z) * x + z * jnp.tanh(of_y + (r * x) @ self.of_reset)

    def _opened(
        self, rows: Rows, matrix: Float[Array, "width gates"] | None
    ) -> Float[Array, "time gates"]:
        """Returns what a gate's matrices make of rows."""
        assert matrix is not None
        return rows @ matrix
