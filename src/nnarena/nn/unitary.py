"""Maps from unconstrained numbers to unitary matrices."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..core.types import Key
from .parametrization import AbstractParametrization


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


class ExponentialMap(AbstractParametrization):
    """W = exp(A), A skew-Hermitian, in real form; reaches every unitary matrix.

    The exponential is `jax.scipy.linalg.expm`: scaling and squaring with Pade
    approximants of order 3 to 13 (Higham 2005; Al-Mohy & Higham 2009).
    """

    raw: Float[Array, "n n"]

    def value(self) -> Float[Array, "twice twice"]:
        return real_form(self.unitary())

    def unitary(self) -> Complex[Array, "n n"]:
        """Returns the complex matrix W."""
        return jax.scipy.linalg.expm(skew_hermitian(self.raw))


def random_phases(size: int, *, key: Key) -> ExponentialMap:
    """A start with W = diag(e^{i theta}), theta uniform in (-pi, pi)."""
    theta = jax.random.uniform(key, (size,), minval=-jnp.pi, maxval=jnp.pi)
    return ExponentialMap(jnp.diag(theta / 2.0))  # the diagonal of U + U^T doubles it


def identity(size: int) -> ExponentialMap:
    """A start with W = I, as in the thesis."""
    return ExponentialMap(jnp.zeros((size, size)))


def modrelu(
    z: Float[Array, " twice"], bias: Float[Array, " n"], epsilon: float = 1e-5
) -> Float[Array, " twice"]:
    """Returns max(|z| + b, 0) z / |z| on [Re z, Im z] (Arjovsky et al. 2016).

    |z| is sqrt(Re^2 + Im^2 + epsilon), so that the gradient exists at z = 0.
    """
    real, imag = jnp.split(z, 2)
    modulus = jnp.sqrt(real**2 + imag**2 + epsilon)
    factor = jax.nn.relu(modulus + bias) / modulus
    return jnp.concatenate([real * factor, imag * factor])
