"""Exponentials of skew-Hermitian matrices, exact to rounding or approximated."""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from ...core.roles import role
from ..parametrization import AbstractParametrization
from .forms import AbstractUnitaryMap, nearest_unitary


Approximation = Literal["exact", "taylor", "pade"]
"""How an exponential is formed."""

Square = Inexact[Array, "n n"]

MAX_HALVINGS = 24
"""Enough for a matrix of 1-norm 8 million; beyond it the exponential is wrong."""


class ExponentialMap(AbstractUnitaryMap):
    """W = exp(A), A skew-Hermitian; reaches every unitary matrix.

    A real A gives every rotation, but no orthogonal matrix of determinant -1. "exact"
    errs by rounding alone: in single precision W^H W - 1 stays below 2e-6 and a state
    keeps its norm over 1,000 products to about 1e-5, which is the rounding of W itself.
    "pade" of any degree is another matrix than exp(A), but as unitary; "taylor" is
    not unitary: `error_bound` says by how much either errs.
    """

    generator: AbstractParametrization = eqx.field(metadata=role(decay=False))
    approximation: Approximation = eqx.field(static=True, default="exact")
    degree: int = eqx.field(static=True, default=6)

    def unitary(self) -> Square:
        skew = self.generator.value()
        if self.approximation == "taylor":
            return taylor(skew, self.degree)
        if self.approximation == "pade":
            return nearest_unitary(pade(skew, self.degree))
        return nearest_unitary(exponential(skew))


def exponential(matrix: Square) -> Square:
    """Returns exp(A) by scaling and squaring with a Taylor polynomial.

    A is halved until its 1-norm is at most 1/2, where the remainder of degree 9
    (single precision; 15 in double) is below 3e-10 (7e-19); each squaring then doubles
    the rounding error. `jax.scipy.linalg.expm` (0.10) takes one halving too few beyond
    its threshold and errs by up to 1e-2 in single precision; it also takes twice as
    long to compile.
    """
    single = matrix.dtype in (jnp.complex64, jnp.float32)
    scaled, halvings = _halve(matrix)
    return _square(_taylor_by_thirds(scaled, 9 if single else 15), halvings)


def taylor(matrix: Square, degree: int) -> Square:
    """Returns exp(A) by scaling and squaring with a Taylor polynomial of any degree."""
    scaled, halvings = _halve(matrix)
    one = jnp.eye(len(matrix), dtype=matrix.dtype)
    total = one
    for k in range(degree, 0, -1):
        total = one + scaled @ total / k
    return _square(total, halvings)


def pade(matrix: Square, degree: int) -> Square:
    """Returns exp(A) by scaling and squaring with a diagonal Padé approximant.

    That is q(-x)^{-1} q(x): of a skew-Hermitian A it is unitary at any degree, since
    q(-A) is q(A)^H.
    """
    scaled, halvings = _halve(matrix)
    squared = scaled @ scaled
    one = jnp.eye(len(matrix), dtype=matrix.dtype)
    weights = [
        math.comb(degree, k) * math.factorial(2 * degree - k) for k in range(degree + 1)
    ]
    even, odd = jnp.zeros_like(one), jnp.zeros_like(one)
    for k in range(degree, -1, -1):
        weight = weights[k] / weights[0]
        if k % 2:
            odd = weight * one + squared @ odd
        else:
            even = weight * one + squared @ even
    odd = scaled @ odd
    return _square(jnp.linalg.solve(even - odd, even + odd), halvings)


def error_bound(approximation: Approximation, degree: int, norm: float) -> float:
    r"""Returns how far in the 2-norm an approximation may be from exp(A), but rounding.

    A is skew-Hermitian of 1-norm `norm`, halved $s$ times to $\theta \le 1/2$. On the
    imaginary axis one approximant errs by at most $\theta^{m+1} / (m+1)!$ (Taylor) or
    $(m!)^2 / ((2m)! (2m+1)!) \, \theta^{2m+1}$ (Padé), call it $\epsilon$, and $2^s$
    of them in a row by $(1 + \epsilon)^{2^s} - 1$, or $2^s \epsilon$ if they are
    unitary. The same number bounds how far W is from unitary, zero for Padé.
    """
    if approximation == "exact":
        return 0.0
    halvings = max(0, math.ceil(math.log2(2.0 * norm))) if norm else 0
    part = norm / 2.0**halvings
    if approximation == "taylor":
        error = part ** (degree + 1) / math.factorial(degree + 1)
        return math.expm1(2.0**halvings * math.log1p(error))
    twice = math.factorial(2 * degree)
    error = math.factorial(degree) ** 2 / (twice * twice * (2 * degree + 1))
    return 2.0**halvings * error * part ** (2 * degree + 1)


def _halve(matrix: Square) -> tuple[Square, Float[Array, ""]]:
    """Returns A halved to a 1-norm of at most 1/2, and how often it was."""
    norm = jnp.max(jnp.sum(jnp.abs(matrix), axis=0))
    halvings = jnp.where(norm > 0.5, jnp.ceil(jnp.log2(2.0 * norm)), 0.0)
    factor = jax.lax.stop_gradient(2.0**-halvings).astype(matrix.dtype)
    return matrix * factor, halvings


def _square(matrix: Square, times: Float[Array, ""]) -> Square:
    """Returns the matrix squared that often."""

    def square(power, index):
        # A real branch, not a select: what is not needed is not computed.
        return jax.lax.cond(index < times, lambda w: w @ w, lambda w: w, power), None

    return jax.lax.scan(square, matrix, jnp.arange(MAX_HALVINGS, dtype=times.dtype))[0]


def _taylor_by_thirds(x: Square, degree: int) -> Square:
    """Returns sum of x^k / k! up to a multiple of 3, grouped by powers of x^3."""
    one = jnp.eye(x.shape[0], dtype=x.dtype)
    squared = x @ x
    cubed = squared @ x
    total = one / math.factorial(degree)
    for k in range(degree - 3, -1, -3):
        low, middle, high = (math.factorial(k + i) for i in range(3))
        total = one / low + x / middle + squared / high + cubed @ total
    return total
