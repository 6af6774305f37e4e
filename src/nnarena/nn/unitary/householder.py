"""Unitary matrices as products of reflections."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from ...core.roles import role
from .forms import AbstractUnitaryMap, phase


class HouseholderMap(AbstractUnitaryMap):
    r"""W = H_1 ... H_k D, H_j = 1 - 2 v_j v_j^H / |v_j|^2 (Mhammedi et al. 2017).

    The first j - 1 coordinates of $v_j$ are zero, as in a QR decomposition. With real
    vectors W is orthogonal of determinant $(-1)^k$ and D = 1; with complex ones, k =
    n - 1 and $D = \mathrm{diag}(e^{i \omega})$ every unitary matrix is reached. k
    reflections span $k (2n - k - 1) + n$ dimensions of U(n), half of it less n of O(n).

    The product is 1 - V S^{-1} V^H of all unit vectors at once, S the strictly upper
    triangle of V^H V plus one half (Joffrain et al. 2006).
    """

    real: Float[Array, " numbers"] = eqx.field(metadata=role(decay=False))
    imag: Float[Array, " numbers"] | None = eqx.field(metadata=role(decay=False))
    phases: Float[Array, " n"] | None = eqx.field(metadata=role(decay=False))
    size: int = eqx.field(static=True)
    reflections: int = eqx.field(static=True)

    def unitary(self) -> Inexact[Array, "n n"]:
        units = self._units()
        one = jnp.eye(self.reflections, dtype=units.dtype)
        overlaps = jnp.triu(units.conj().T @ units, 1) + 0.5 * one
        halves = jax.scipy.linalg.solve_triangular(overlaps, units.conj().T)
        product = jnp.eye(self.size, dtype=units.dtype) - units @ halves
        return product if self.phases is None else product * phase(self.phases)[None, :]

    def _units(self) -> Inexact[Array, "n reflections"]:
        """Returns the vectors as columns of length one."""
        places = np.triu_indices(self.reflections, 0, self.size)

        def placed(numbers):
            shape = self.reflections, self.size
            return jnp.zeros(shape, numbers.dtype).at[places].set(numbers)

        imag = None if self.imag is None else placed(self.imag)
        return unit_rows(placed(self.real), imag).T


def unit_rows(
    real: Float[Array, "rows n"], imag: Float[Array, "rows n"] | None
) -> Inexact[Array, "rows n"]:
    """Returns rows brought to length one; a row of zeros stays so."""
    parts = jnp.stack([real] if imag is None else [real, imag])
    tiny = jnp.finfo(parts.dtype).tiny
    # The largest number first, so that no square leaves the range of floats.
    largest = jnp.max(jnp.abs(parts), axis=(0, 2), keepdims=True)
    parts = parts / jax.lax.stop_gradient(jnp.maximum(largest, tiny))
    squares = jnp.sum(parts**2, axis=(0, 2), keepdims=True)
    parts = parts / jnp.sqrt(jnp.maximum(squares, tiny))
    return parts[0] if imag is None else jax.lax.complex(parts[0], parts[1])


def vector_numbers(size: int, reflections: int) -> int:
    """Returns how many numbers the vectors have that are not zero by construction."""
    return reflections * size - reflections * (reflections - 1) // 2
