"""The forms of attention: one function, whatever its size and its axes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.nn import attention
from nnarena.nn.attention import attend, attend_apart
from nnarena.training.base import program_bytes


def operands(*, batch=3, queries=12, memory=12, heads=2, size=6):
    keys = jax.random.split(jax.random.key(0), 3)
    counts = queries, memory, memory
    return [
        2.0 * jax.random.normal(key, (batch, count, heads, size))
        for key, count in zip(keys, counts, strict=True)
    ]


def answer_and_gradients(form, parts):
    def loss(*parts):
        return jnp.sum(jnp.sin(jax.vmap(form)(*parts)))

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*parts)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("memory", [12, 7])
def test_every_form_is_a_mean_weighted_by_the_softmax_of_products(causal, memory):
    if causal and memory != 12:
        pytest.skip("causal attention is within one sequence")
    parts = operands(memory=memory)

    def plain(q, k, v):
        scores = jnp.einsum("qhd,khd->hqk", q, k) / q.shape[-1] ** 0.5
        seen = jnp.tri(len(q), len(k)) if causal else jnp.ones((len(q), len(k)))
        weights = jax.nn.softmax(jnp.where(seen > 0.0, scores, -jnp.inf))
        return jnp.einsum("hqk,khd->qhd", weights, v)

    wanted, gradients = answer_and_gradients(plain, parts)
    forms = attend_apart(causal), lambda q, k, v: attend(q, k, v, causal=causal)
    for form in forms:
        found, others = answer_and_gradients(form, parts)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        for one, two in zip(others, gradients, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-11)


def test_long_sequences_are_taken_one_by_one(monkeypatch):
    """The weights of a whole batch are never there at once."""
    parts = operands(batch=16, queries=128, memory=128)

    def size(pairs):
        monkeypatch.setattr(attention, "MANY_PAIRS", pairs)
        compiled = jax.jit(
            jax.grad(lambda *p: jnp.sum(jax.vmap(whole)(*p) ** 2), argnums=(0, 1, 2))
        )
        return program_bytes(compiled.lower(*parts).compile()) or 0

    def whole(q, k, v):
        return attend(q, k, v, causal=False)

    together, apart = size(2**30), size(1)
    assert together > 4 * 16 * 2 * 128 * 128  # bytes of one array of weights
    assert apart < together / 2


@pytest.mark.usefixtures("double_precision")
def test_seeds_are_an_axis_too():
    parts = [jnp.stack([p, 0.5 * p]) for p in operands()]
    form = attend_apart(False)
    both = jax.vmap(jax.vmap(form))(*parts)
    one = jax.vmap(form)(*(p[1] for p in parts))
    np.testing.assert_allclose(both[1], one, atol=1e-12)


@pytest.mark.parametrize("steps", [7, 400], ids=["together", "apart"])
def test_no_finite_value_that_comes_later_changes_a_bit(steps):
    """A value that is not finite does: zero times NaN is NaN, and the run diverged."""
    rng = np.random.default_rng(0)
    queries, keys, values = (
        jnp.asarray(rng.standard_normal((steps, 2, 4)), jnp.float32) for _ in range(3)
    )
    gather = jax.jit(partial(attend, causal=True))
    whole = gather(queries, keys, values)
    huge = gather(queries, keys.at[5:].multiply(1e15), values.at[5:].multiply(1e30))
    np.testing.assert_array_equal(huge[:5], whole[:5])
    assert not np.allclose(huge[5:], whole[5:])
