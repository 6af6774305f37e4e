"""Unitary matrices composed of simple ones, by 7n numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int

from ...core.roles import role
from .forms import AbstractUnitaryMap, phase
from .householder import unit_rows


class CompositionMap(AbstractUnitaryMap):
    r"""W = D_3 R_2 F^{-1} D_2 P R_1 F D_1 on columns (Arjovsky et al. 2016).

    $D = \mathrm{diag}(e^{i \omega})$, $R = 1 - 2 v v^H / |v|^2$ with a complex $v$, F
    the unitary discrete Fourier transform, P a permutation drawn once. The 7n numbers
    move W in 7n - 7 directions (length and phase of a $v$, for example, do nothing),
    so that from seven coordinates on most unitary matrices are out of reach.
    """

    phases: Float[Array, "3 n"] = eqx.field(metadata=role(decay=False))
    real: Float[Array, "2 n"] = eqx.field(metadata=role(decay=False))
    imag: Float[Array, "2 n"] = eqx.field(metadata=role(decay=False))
    permutation: Int[Array, " n"]

    def unitary(self) -> Complex[Array, "n n"]:
        diagonals, units = phase(self.phases), unit_rows(self.real, self.imag)

        def reflect(x, v):
            return x - 2.0 * jnp.sum(v.conj() * x) * v

        def act(x):
            x = reflect(jnp.fft.fft(diagonals[0] * x, norm="ortho"), units[0])
            x = diagonals[1] * x[self.permutation]
            return diagonals[2] * reflect(jnp.fft.ifft(x, norm="ortho"), units[1])

        return jax.vmap(act)(jnp.eye(len(self.permutation), dtype=units.dtype))
