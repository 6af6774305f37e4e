"""Skew-Hermitian matrices, A^H = -A, whose exponentials are unitary."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from ...core.roles import role
from ..parametrization import AbstractParametrization


class SkewHermitian(AbstractParametrization):
    """A from n^2 real numbers, which is the dimension of U(n); none is idle.

    The strictly lower triangle of `raw` fills the antisymmetric real part, the upper
    triangle with its diagonal the symmetric imaginary part:

        A = (L - L^T) + i (U + U^T),   L = tril(raw, -1), U = triu(raw).
    """

    raw: Float[Array, "n n"] = eqx.field(metadata=role(decay=False))

    def value(self) -> Complex[Array, "n n"]:
        return skew_hermitian(self.raw)


class Triangle(AbstractParametrization):
    """A = T - T^H from a lower triangle T of complex numbers, as in the thesis.

    Of n (n + 1) / 2 entries only the first are trained, as many as there are numbers
    in `real` and `imag`; the rest are zero. Their order is that of
    `fill_triangular` in TensorFlow Probability: [1, ..., 6] becomes
    [[4, 0, 0], [6, 5, 0], [3, 2, 1]]. The real parts of the diagonal cancel, so that
    n of the n^2 + n numbers are idle.
    """

    real: Float[Array, " trained"] = eqx.field(metadata=role(decay=False))
    imag: Float[Array, " trained"] = eqx.field(metadata=role(decay=False))
    size: int = eqx.field(static=True)

    def value(self) -> Complex[Array, "n n"]:
        rest = self.size * (self.size + 1) // 2 - len(self.real)
        entries = jnp.pad(jax.lax.complex(self.real, self.imag), (0, rest))
        rows = jnp.concatenate([entries[self.size :], entries[::-1]])
        lower = jnp.tril(rows.reshape(self.size, self.size))
        return lower - lower.conj().T


class SkewSymmetric(AbstractParametrization):
    """A real A = L - L^T, whose exponential is a rotation, from n (n - 1) / 2 numbers.

    They fill the strictly lower triangle L row by row.
    """

    raw: Float[Array, " numbers"] = eqx.field(metadata=role(decay=False))

    def value(self) -> Float[Array, "n n"]:
        size = (1 + math.isqrt(1 + 8 * len(self.raw))) // 2
        below = np.tril_indices(size, -1)
        lower = jnp.zeros((size, size), self.raw.dtype).at[below].set(self.raw)
        return lower - lower.T


def in_planes(numbers: Float[Array, " planes"], size: int) -> SkewSymmetric:
    """Returns A that is [[0, a], [-a, 0]] on the planes (0, 1), (2, 3), ... in turn.

    Its exponential turns each plane by a. Of an odd number of units the last rests.
    """
    first = 2 * np.arange(len(numbers))
    places = first * (first + 1) // 2 + first  # row `first + 1`, column `first`
    entries = jnp.zeros(size * (size - 1) // 2, numbers.dtype)
    return SkewSymmetric(entries.at[places].set(-numbers))


def skew_hermitian(raw: Float[Array, "n n"]) -> Complex[Array, "n n"]:
    """Returns the matrix of `SkewHermitian`."""
    lower, upper = jnp.tril(raw, -1), jnp.triu(raw)
    return jax.lax.complex(lower - lower.T, upper + upper.T)


def diagonal_places(size: int) -> Int[np.ndarray, " size"]:
    """Returns which entries of a `Triangle` are on its diagonal."""
    entries = np.arange(size * (size + 1) // 2)
    rows = np.concatenate([entries[size:], entries[::-1]])
    return np.diagonal(rows.reshape(size, size)).copy()
