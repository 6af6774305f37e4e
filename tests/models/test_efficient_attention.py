"""Efficient attention in the limit in which it is a transformer's, and its settings."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import answer
from tests.dense_attention import band, masked

from nnarena.core.frozen import Frozen, is_frozen
from nnarena.core.problems import CannotPlay
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.linear_attention import LinearAttention
from nnarena.models.linformer import Linformer
from nnarena.models.longformer import GlobalAttention, Longformer
from nnarena.models.performer import Performer
from nnarena.models.transformer import Transformer
from nnarena.nn.attention import attend
from nnarena.nn.kernel_attention import directions


FEATURES, WIDTH, TIME = 3, 8, 40
KEY = jax.random.key(5)
ALIKE = ("local_attention", "linear_attention", "performer", "bigbird")
"""Those with the weights of a transformer and no others that are trained."""


def layer_of(name: str, **settings: Any) -> Any:
    return Contender(name).entry.make(FEATURES, WIDTH, key=KEY, **settings)


def sequence(time: int = TIME, present: int | None = None) -> Sequence:
    xs = np.random.default_rng(7).standard_normal((time, FEATURES))
    there = None if present is None else jnp.arange(time) < present
    return Sequence(jnp.asarray(xs, jnp.float32), present=there)


@pytest.mark.parametrize("name", ALIKE)
def test_the_encoder_is_that_of_a_transformer_weight_by_weight(name: str):
    ours = eqx.filter(layer_of(name), eqx.is_inexact_array)
    ours = eqx.filter(ours, lambda leaf: not is_frozen(leaf), is_leaf=is_frozen)
    theirs = eqx.filter(Transformer(FEATURES, WIDTH, key=KEY), eqx.is_inexact_array)
    for one, two in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("name", "settings", "more"),
    [
        *((name, {}, 0) for name in ALIKE),
        ("linformer", {"longest": 50, "rows": 6}, 2 * 50 * 6),
        ("linformer", {"longest": 50, "rows": 6, "shared": False}, 4 * 50 * 6),
        ("longformer", {"global_tokens": 0}, 0),
        ("longformer", {"global_tokens": 4}, 2 * (3 * WIDTH * WIDTH + 3 * WIDTH)),
    ],
)
def test_parameters_are_those_of_a_transformer_and_these_more(name, settings, more):
    theirs = count_parameters(Transformer(FEATURES, WIDTH, key=KEY))
    assert count_parameters(layer_of(name, **settings)) == theirs + more


@pytest.mark.parametrize("present", [None, 29])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("encoding", ["sinusoidal", "rotary"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("local_attention", {"window": TIME - 1}),
        ("longformer", {"window": TIME, "global_tokens": 0}),
        ("longformer", {"window": TIME, "global_tokens": 5}),
        ("bigbird", {"block": 4, "near": 9, "random_blocks": 0}),
        ("bigbird", {"block": 4, "near": 0, "ends": 2, "random_blocks": 9}),
    ],
    ids=str,
)
def test_with_all_in_sight_it_is_a_transformer(
    name, settings, encoding, causal, present
):
    asked = sequence(present=present)
    own = {"causal": causal, "encoding": encoding, "heads": 2}
    expected = answer(Transformer(FEATURES, WIDTH, key=KEY, **own), asked)
    found = answer(layer_of(name, **settings, **own), asked)
    np.testing.assert_allclose(found[:present], expected[:present], atol=2e-5)


@pytest.mark.parametrize("present", [None, 29])
def test_projected_by_the_identity_it_is_a_transformer(present):
    """Padded keys stay, as rows of zeros: at the identity their places are seen."""
    layer = Linformer(FEATURES, WIDTH, longest=TIME, rows=TIME, key=KEY)
    layer = eqx.tree_at(
        lambda one: [block.attention.mixing.keys for block in one.blocks],
        layer,
        [jnp.eye(TIME)] * 2,
    )
    asked = sequence(present or TIME)
    expected = answer(Transformer(FEATURES, WIDTH, key=KEY), asked)
    if present is None:
        np.testing.assert_allclose(answer(layer, asked), expected, atol=2e-5)
        return
    padded = answer(layer, sequence(present=present))
    np.testing.assert_allclose(padded[:present], answer(layer, asked), atol=2e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_a_performer_comes_nearer_to_the_softmax_with_more_features(causal: bool):
    """The error of one attention falls with the root of their number, over draws."""
    rng = np.random.default_rng(8)
    shape = (20, 2, 4)
    # The error grows exponentially with the length of vectors; of these it is small.
    parts = [jnp.asarray(0.5 * rng.standard_normal(shape), jnp.float32) for _ in "qkv"]
    exact = np.asarray(attend(*parts, causal=causal))
    layer = Performer(FEATURES, WIDTH, blocks=1, causal=causal, key=KEY)
    mixing = layer.blocks[0].attention.mixing

    @eqx.filter_jit
    def drawn(count: int, keys: jax.Array) -> jax.Array:
        def one(key: jax.Array) -> jax.Array:
            rows = Frozen(directions(count, 4, orthogonal=True, key=key))
            own = eqx.tree_at(lambda part: part.directions, mixing, rows)
            return own(*parts, None)

        return jax.lax.map(one, keys)

    errors = []
    for count in (16, 256, 4096):
        found = np.asarray(drawn(count, jax.random.split(jax.random.key(count), 30)))
        errors.append(np.sqrt(np.mean((found - exact) ** 2)))
    slopes = np.diff(np.log(errors)) / np.log(16)
    assert np.all(np.abs(slopes + 0.5) < 0.15), errors
    # The mean over draws, of so many features that the quotient's bias is below it.
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    away = np.abs(found.mean(axis=0) - exact) / error
    assert np.sqrt(np.mean(away**2)) < 1.5
    assert np.mean(error) < 0.01


@pytest.mark.parametrize("form", ["scan", "associative", "chunked"])
def test_linear_attention_is_its_recurrence(form):
    asked = sequence(present=33)
    make = lambda **more: LinearAttention(  # noqa: E731
        FEATURES, WIDTH, causal=True, key=KEY, **more
    )
    expected = answer(make(), asked)
    found = answer(make(form=form), asked)
    np.testing.assert_allclose(found[:33], expected[:33], rtol=0, atol=1e-5)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilations", [(1, 1), (1, 3), (2, 2)])
def test_first_steps_see_all_by_projections_of_their_own(dilations, causal: bool):
    """Each head against all pairs under a mask, of weights drawn anew."""
    tokens, window, time = 3, 2, 19
    rng = np.random.default_rng(9)
    made = GlobalAttention(
        WIDTH,
        window=window,
        tokens=tokens,
        dilations=dilations,
        rotary=False,
        causal=causal,
        key=KEY,
    )
    layer = jax.tree.map(
        lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)) * 0.5, made
    )
    xs = rng.standard_normal((time, WIDTH))

    def affine(linear: Any, xs: np.ndarray) -> np.ndarray:
        return xs @ np.asarray(linear.weight).T + np.asarray(linear.bias)

    q, k, v = np.split(affine(layer.project, xs).reshape(time, 6, -1), 3, axis=1)
    asked = affine(layer.overall.query, xs).reshape(time, 2, -1)
    kept = affine(layer.overall.key_value, xs).reshape(time, 4, -1)
    expected = np.zeros_like(q)
    for head, dilation in enumerate(dilations):
        seen = band(time, window, causal=causal, dilation=dilation)
        back = np.tri(time, dtype=bool) if causal else np.ones((time, time), bool)
        seen[:, :tokens] = back[:, :tokens]
        own = slice(head, head + 1)
        expected[:, own] = masked(q[:, own], k[:, own], v[:, own], seen)
        whole = masked(asked[:, own], kept[:, own], kept[:, 2:][:, own], back)
        expected[:tokens, own] = whole[:tokens]
    found = layer(jnp.asarray(xs), jnp.arange(float(time)))
    expected = affine(layer.merge, expected.reshape(time, -1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_dilation_rises_from_block_to_block_in_some_heads():
    layer = Longformer(
        FEATURES, WIDTH, blocks=4, heads=3, dilation=4, dilated_heads=2, key=KEY
    )
    found = [block.attention.dilations for block in layer.blocks]
    assert found == [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 4)]
    (only,) = Longformer(FEATURES, WIDTH, blocks=1, dilation=4, key=KEY).blocks
    assert only.attention.dilations == (4, 4)


def test_random_blocks_of_one_block_of_the_encoder_are_not_those_of_the_next():
    layer = layer_of("bigbird")
    assert [block.attention.mixing.seeds for block in layer.blocks] == [(0, 0), (0, 1)]


def test_a_performer_draws_features_for_every_block_and_none_is_trained():
    layer = Performer(FEATURES, WIDTH, key=KEY)
    first, second = (block.attention.mixing.directions for block in layer.blocks)
    assert first.array.shape == (256, 4)
    assert not np.allclose(first.array, second.array)


def test_a_linformer_refuses_causal_tasks_and_longer_sequences():
    asked = Signature(Features(3), Values(2), "every step", causal=True)
    with pytest.raises(CannotPlay, match="answers use later inputs"):
        Contender("linformer").for_signature(asked).shapes(asked, WIDTH)
    layer = Linformer(FEATURES, WIDTH, longest=20, key=KEY)
    with pytest.raises(ValueError, match="set `longest` to at least 40"):
        answer(layer, sequence())


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("local_attention", {"window": 0}, "window must be a whole number of at least"),
        (
            "linear_attention",
            {"form": "loop"},
            "form must be chunks or scan or associative or chunked",
        ),
        ("performer", {"random_features": 0}, "random_features must be a whole number"),
        ("performer", {"epsilon": -1.0}, "epsilon must be a number of at least 0"),
        ("linformer", {"rows": 0}, "rows must be a whole number of at least 1"),
        ("linformer", {"causal": True}, "causal"),
        ("bigbird", {"block": 0}, "block must be a whole number of at least 1"),
        ("longformer", {"dilation": 0}, "dilation must be a whole number of at least"),
    ],
)
def test_settings_out_of_their_range_are_refused(name, settings, words):
    with pytest.raises(ValueError, match=words):
        Contender(name, settings)
