"""A sliding window against all pairs under a mask, and what it costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.dense_attention import band, first_of, heads_of, in_jax, masked

from nnarena.nn.window_attention import merged, part_of, windowed
from nnarena.training.base import program_bytes


TIME = 45


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("window", [1, 3, 16, 20, TIME - 1, 3 * TIME])
def test_a_window_is_a_mask_over_all_pairs(window: int, dilation: int, causal: bool):
    parts = heads_of(np.random.default_rng(0), TIME)
    seen = band(TIME, window, causal=causal, dilation=dilation)
    found = windowed(
        *in_jax(parts), None, window=window, causal=causal, dilation=dilation
    ).divided()
    np.testing.assert_allclose(found, masked(*parts, seen), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("dilation", [1, 3])
def test_what_is_not_there_is_not_seen(dilation: int):
    """The last steps are padding, further from some than the window: finite, all."""
    parts, there, window = heads_of(np.random.default_rng(1), TIME), 17, 4
    present = np.arange(TIME) < there

    def loss(q: jax.Array, k: jax.Array, v: jax.Array):
        found = windowed(
            *(q, k, v, jnp.asarray(present)),
            window=window,
            causal=False,
            dilation=dilation,
        ).divided()
        return jnp.sum(found[:there] ** 2), found

    gradients, found = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(*in_jax(parts))
    short = first_of(parts, there)
    seen = band(there, window, causal=False, dilation=dilation)
    np.testing.assert_allclose(found[:there], masked(*short, seen), rtol=0, atol=1e-12)
    for one in gradients:
        assert np.isfinite(one).all()
        assert not np.any(one[there:])


@pytest.mark.usefixtures("double_precision")
def test_parts_over_different_keys_merge_to_the_whole():
    queries, keys, values = map(jnp.asarray, heads_of(np.random.default_rng(2), 9))
    scores = 300.0 * jnp.einsum("qhd,khd->hqk", queries, keys)  # shares that vanish
    seen = jnp.ones((9, 9), bool).at[0, :4].set(False)
    whole = part_of(scores, seen[None], values).divided()
    cuts = (slice(0, 4), slice(4, 9))
    parts = [part_of(scores[..., cut], seen[None, :, cut], values[cut]) for cut in cuts]
    np.testing.assert_allclose(merged(parts).divided(), whole, rtol=1e-12)


def test_no_more_than_the_window_is_computed():
    """Memory and products of the gradient grow with the length, not its square."""

    def compiled(time: int):
        def loss(q, k, v):
            return jnp.sum(
                windowed(q, k, v, None, window=16, causal=False).divided() ** 2
            )

        operands = [jnp.zeros((time, 2, 8))] * 3
        program = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(*operands).compile()
        costs = program.cost_analysis() or {}
        return program_bytes(program) or 0, costs["flops"]

    (small, few), (large, many) = compiled(512), compiled(4096)
    assert large < 9 * small
    assert large < 4096 * 4096 * 4  # one array of all pairs of one head
    assert many < 9 * few
