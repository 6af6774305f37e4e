"""Forms of complex matrices: skew-Hermitian, real, and nearest to unitary."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float


def skew_hermitian(raw: Float[Array, "n n"]) -> Complex[Array, "n n"]:
    """Returns A with A^H = -A from n^2 real numbers, which is the dimension of U(n).

    The strictly lower triangle of `raw` fills the antisymmetric real part, the upper
    triangle with its diagonal the symmetric imaginary part:

        A = (L - L^T) + i (U + U^T),   L = tril(raw, -1), U = triu(raw).
    """
    lower, upper = jnp.tril(raw, -1), jnp.triu(raw)
    return jax.lax.complex(lower - lower.T, upper + upper.T)


def real_form(matrix: Complex[Array, "n n"]) -> Float[Array, "2*n 2*n"]:
    """Returns the real matrix that acts on [Re z, Im z] (row vectors) as W on z.

        [Re z, Im z] @ [[Re W, Im W], [-Im W, Re W]] = [Re zW, Im zW]

    One real product of this form is faster on a CPU than a complex one.
    """
    real, imag = jnp.real(matrix), jnp.imag(matrix)
    return jnp.block([[real, imag], [-imag, real]])


def nearest_unitary(matrix: Complex[Array, "n n"]) -> Complex[Array, "n n"]:
    """Returns W (3 - W^H W) / 2: one Newton step to the unitary polar factor of W.

    From an error e in W^H W it leaves 3/4 e^2, so that of the rounding errors of the
    squarings only those of one product are left (Higham 1986).
    """
    gram = matrix.conj().T @ matrix
    return 1.5 * matrix - 0.5 * (matrix @ gram)
