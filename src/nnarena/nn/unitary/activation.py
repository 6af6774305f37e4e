"""The activation of unitary and orthogonal networks."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def modrelu(
    z: Float[Array, " twice"],
    bias: Float[Array, " n"],
    epsilon: float = 1e-5,
    stabilizer: float = 0.0,
) -> Float[Array, " twice"]:
    """Returns max(m + b, 0) z / m on [Re z, Im z] (Arjovsky et al. 2016), m = |z|.

    |z| is sqrt(Re^2 + Im^2 + epsilon), so that the gradient exists at z = 0. A
    `stabilizer` is added to it: m = |z| + stabilizer, which bounds the gradient there.
    """
    real, imag = jnp.split(z, 2)
    modulus = jnp.sqrt(real**2 + imag**2 + epsilon) + stabilizer
    factor = jax.nn.relu(modulus + bias) / modulus
    return jnp.concatenate([real * factor, imag * factor])


def real_modrelu(z: Float[Array, " n"], bias: Float[Array, " n"]) -> Float[Array, " n"]:
    """Returns sign(z) max(|z| + b, 0): modReLU of real numbers, exact at z = 0.

    There its gradient is zero, as that of torch's sign and abs is.
    """
    return jnp.sign(z) * jax.nn.relu(jnp.abs(z) + bias)
