"""Efficient attention against published implementations, recorded in `tests/oracles`.

`record_efficient.py` there makes the files: of performer-pytorch, linformer, and the
formula of linear attention's paper.
"""

from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from nnarena.core.frozen import Frozen
from nnarena.models.linear_attention import LinearMixing
from nnarena.models.linformer import Projected
from nnarena.models.performer import PositiveFeatures
from nnarena.nn.self_attention import AbstractMixing, SelfAttention


pytestmark = pytest.mark.usefixtures("double_precision")

ORACLES = Path(__file__).parents[1] / "oracles"
KEY = jax.random.key(0)
HEADS, SIZE, WIDTH = 2, 4, 8
ROWS, LONGEST = 5, 24
PARTS = ("queries", "keys", "values")


def load(name: str) -> dict[str, jax.Array]:
    found = load_file(ORACLES / f"{name}.safetensors")
    return {key: jnp.asarray(value) for key, value in found.items()}


def answers(mixing: AbstractMixing, oracle: dict[str, jax.Array]):
    """Returns what a mixing gathers of the recorded heads, and its probed gradients."""

    def probed(queries: jax.Array, keys: jax.Array, values: jax.Array):
        mixed = mixing(queries, keys, values, None)
        return jnp.sum(mixed * oracle["probe"]), mixed

    graded: Callable = eqx.filter_jit(jax.grad(probed, argnums=(0, 1, 2), has_aux=True))
    return graded(*(oracle[name] for name in PARTS))


def require_recorded(case: str, mixing: AbstractMixing, oracle: dict[str, jax.Array]):
    gradients, mixed = answers(mixing, oracle)
    expected = oracle[f"{case}.outputs"]
    assert np.ptp(expected, axis=0).min() > 0.02
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=1e-11)
    for name, one in zip(PARTS, gradients, strict=True):
        expected = oracle[f"{case}.gradient.{name}"]
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", ["whole", "causal"])
def test_a_performer_is_that_of_performer_pytorch(case: str):
    """Of the same directions, with nothing added to the features."""
    oracle = load("performer")
    mixing = PositiveFeatures(
        HEADS,
        SIZE,
        features=len(oracle["directions"]),
        orthogonal=True,
        epsilon=0.0,
        causal=case == "causal",
        key=KEY,
    )
    directions = Frozen(oracle["directions"])
    mixing = eqx.tree_at(lambda part: part.directions, mixing, directions)
    require_recorded(case, mixing, oracle)


@pytest.mark.parametrize("case", ["whole", "causal"])
def test_linear_attention_is_the_formula_of_its_paper(case: str):
    mixing = LinearMixing(HEADS, SIZE, causal=case == "causal", key=KEY)
    require_recorded(case, mixing, load("linear_attention"))


def test_a_linformer_is_that_of_linformer():
    """The whole self-attention: its maps have no bias but the last."""
    oracle = load("linformer")

    def make_mixing(heads: int, size: int, **more) -> Projected:
        return Projected(heads, size, rows=ROWS, longest=LONGEST, shared=False, **more)

    ours = SelfAttention(WIDTH, HEADS, make_mixing, rotary=False, causal=False, key=KEY)
    maps = [oracle[f"weight.to_{kind}.weight"] for kind in "qkv"]
    theirs = (
        jnp.concatenate(maps),
        jnp.zeros(3 * WIDTH),
        oracle["weight.to_out.weight"],
        oracle["weight.to_out.bias"],
        oracle["weight.proj_k"],
        oracle["weight.proj_v"],
    )

    def parts(attention: SelfAttention):
        mixing = attention.mixing
        assert isinstance(mixing, Projected)
        project, merge = attention.project, attention.merge
        linear = (project.weight, project.bias, merge.weight, merge.bias)
        return (*linear, mixing.keys, mixing.values)

    for one, two in zip(parts(ours), theirs, strict=True):
        assert one is not None
        assert one.shape == two.shape
    ours, xs = eqx.tree_at(parts, ours, theirs), oracle["inputs"]
    found = eqx.filter_jit(ours)(xs, jnp.arange(float(len(xs))))
    np.testing.assert_allclose(found, oracle["outputs"], rtol=0, atol=1e-11)
