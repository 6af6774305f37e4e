"""ModReLU against its formula in complex numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.nn import unitary


@pytest.mark.parametrize("stabilizer", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-12])
def test_modrelu_is_its_complex_formula(epsilon: float, stabilizer: float):
    rng = np.random.default_rng(4)
    z = rng.standard_normal(64) + 1j * rng.standard_normal(64)
    bias = rng.uniform(-1.5, 0.5, 64)
    state = jnp.asarray(np.concatenate([np.real(z), np.imag(z)]).astype(np.float32))
    found = unitary.modrelu(
        state, jnp.asarray(bias.astype(np.float32)), epsilon, stabilizer
    )
    modulus = np.sqrt(np.abs(z) ** 2 + epsilon) + stabilizer
    expected = np.where(modulus + bias > 0.0, (modulus + bias) * z / modulus, 0.0)
    both = np.concatenate([np.real(expected), np.imag(expected)])
    assert 0 < np.sum(expected == 0.0) < 64  # both branches are met
    np.testing.assert_allclose(found, both, rtol=0, atol=2e-6)


def test_modrelu_keeps_phases_and_with_no_bias_everything():
    rng = np.random.default_rng(5)
    state = jnp.asarray(rng.standard_normal(32).astype(np.float32))
    unchanged = unitary.modrelu(state, jnp.zeros(16))
    np.testing.assert_allclose(unchanged, state, rtol=1e-6, atol=0)
    shrunk = np.asarray(unitary.modrelu(state, jnp.full(16, -0.1)))
    before = np.asarray(state[:16]) + 1j * np.asarray(state[16:])
    after = shrunk[:16] + 1j * shrunk[16:]
    alive = np.abs(after) > 0.0
    turned = np.angle(after[alive] / before[alive])
    np.testing.assert_allclose(turned, 0.0, rtol=0, atol=1e-6)


def test_modrelu_has_a_gradient_at_zero():
    def total(state, bias):
        return jnp.sum(unitary.modrelu(state, bias))

    gradients = jax.grad(total, argnums=(0, 1))(jnp.zeros(4), jnp.full(2, 0.1))
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))
