"""Forms of matrices, and what every map to unitary ones has in common."""

import abc

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from ..parametrization import AbstractParametrization


class AbstractUnitaryMap(AbstractParametrization):
    """A unitary matrix given by unconstrained numbers, or a real orthogonal one.

    It stands on the right of row vectors. Its value is real: `real_form` of a complex
    matrix, a real one as it is.
    """

    @abc.abstractmethod
    def unitary(self) -> Inexact[Array, "n n"]:
        """Returns the matrix W, complex or real."""

    def value(self) -> Float[Array, "m m"]:
        matrix = self.unitary()
        return real_form(matrix) if jnp.iscomplexobj(matrix) else matrix


def real_form(matrix: Complex[Array, "n n"]) -> Float[Array, "2*n 2*n"]:
    """Returns the real matrix that acts on [Re z, Im z] (row vectors) as W on z.

        [Re z, Im z] @ [[Re W, Im W], [-Im W, Re W]] = [Re zW, Im zW]

    One real product of this form is faster on a CPU than a complex one.
    """
    real, imag = jnp.real(matrix), jnp.imag(matrix)
    return jnp.block([[real, imag], [-imag, real]])


def nearest_unitary(matrix: Inexact[Array, "n n"]) -> Inexact[Array, "n n"]:
    """Returns W (3 - W^H W) / 2: one Newton step to the unitary polar factor of W.

    From an error e in W^H W it leaves 3/4 e^2, so that of the rounding errors of the
    squarings only those of one product are left (Higham 1986).
    """
    gram = matrix.conj().T @ matrix
    return 1.5 * matrix - 0.5 * (matrix @ gram)


def phase(angle: Float[Array, "*shape"]) -> Complex[Array, "*shape"]:
    """Returns e^{i angle}."""
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
