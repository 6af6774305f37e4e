"""Where contenders look: laws of all that say it, and that they use what they show."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check.quick import quick_jit
from nnarena.core.frozen import is_frozen
from nnarena.core.types import Classes, Features, Generated, Sequence, Signature, Tokens
from nnarena.models import MODELS
from nnarena.models.base import AbstractCell, AbstractLayer, AbstractModel
from nnarena.models.contender import Contender
from nnarena.models.local_attention import LocalAttention
from nnarena.nn.attention_map import AttentionMap


KEY = jax.random.key(5)
ONCE = Signature(Features(3), Classes(4))
ONLINE = Signature(Features(3), Classes(4), "every step", causal=True)
START, STOP, LONGEST = 5, 6, 4
SAYING = Signature(Tokens(5), Classes(7), Generated(LONGEST, START, STOP))

LOOKING = {
    *("bahdanau", "lstm_attention", "pointer_network"),
    *("encoder_decoder_transformer", "rnn_augmented_transformer"),
    *("transformer", "local_attention"),
    *("memory_network", "ntm", "dnc"),
}
"""All that show where they look."""


def build(name: str, signature: Signature, **settings) -> Any:
    contender = Contender(name, settings).for_signature(signature)
    return contender.build(signature, 4, key=KEY)


def drawn(model: Any) -> Any:
    """Returns a model of large weights, which looks at some places more than others."""
    rng = np.random.default_rng(0)

    def draw(leaf: Any) -> Any:
        if not eqx.is_inexact_array(leaf):  # what is frozen stays: a memory at first
            return leaf
        return jnp.asarray(rng.standard_normal(leaf.shape), leaf.dtype)

    return jax.tree.map(draw, model, is_leaf=is_frozen)


def maps_of(model: Any, *asked: Sequence) -> dict[str, AttentionMap]:
    return quick_jit(lambda model, *asked: model.attention_maps(*asked))(model, *asked)


def padded(xs: jax.Array, absent: int = 3) -> Sequence:
    """Returns steps, and behind them some that are absent."""
    longer = jnp.concatenate([xs, xs[:absent]])
    return Sequence(longer, present=jnp.arange(len(longer)) < len(xs))


def test_all_others_show_nothing():
    """A contender that can show where it looks is entered above."""
    silent = {c.attention_maps for c in (AbstractModel, AbstractLayer, AbstractCell)}
    xs, found = Sequence(jnp.ones((3, 3))), set()
    for entry in MODELS:
        if getattr(entry.make, "attention_maps", None) in {None, *silent}:
            continue
        shapes = Contender(entry.name, {}).for_signature(ONCE).shapes(ONCE, 4)
        if eqx.filter_eval_shape(lambda m: m.attention_maps(xs), shapes):
            found.add(entry.name)
    assert found == LOOKING


@pytest.mark.parametrize("name", sorted(LOOKING))
def test_weights_are_shares_of_what_is_there(name):
    """Columns of absent steps are exactly 0: the others have all of the weight."""
    model = drawn(build(name, SAYING if name != "memory_network" else ONLINE))
    xs = jnp.array([3, 1, 4, 0, 2])
    if name == "memory_network":
        xs = jax.random.normal(KEY, (5, 3))
    found = maps_of(model, padded(xs))
    assert found
    for one in found.values():
        weights = np.asarray(one.weights)
        assert np.all(weights >= 0)
        every_step = one.rows == "steps" or model.signature.generated is None
        kept = weights[:5] if every_step else weights
        if name == "dnc":  # which may write nothing, and read less than all
            assert np.all(kept.sum(axis=1) < 1 + 1e-5)
        else:
            np.testing.assert_allclose(kept.sum(axis=1), 1.0, atol=1e-5)
        if one.places[0] in ("steps", "question"):
            np.testing.assert_array_equal(kept[:, 5:8], 0.0)


@pytest.mark.parametrize("name", ["transformer", "encoder_decoder_transformer"])
def test_what_may_not_look_ahead_has_zeros_above_the_diagonal(name):
    model = build(name, ONLINE)  # of weights so small that no share is lost
    found = maps_of(model, Sequence(jax.random.normal(KEY, (6, 3))))
    assert found
    for one in found.values():
        np.testing.assert_array_equal(one.weights, np.tril(one.weights))
        assert np.all(np.asarray(one.weights)[np.tril_indices(6)] > 0)


def test_what_weighs_nothing_changes_no_answer():
    """Of one block, whose window begins 2 steps before the last."""
    signature = Signature(Features(3), Classes(4))
    model = drawn(build("local_attention", signature, blocks=1, window=2))
    assert isinstance(model.layers[0], LocalAttention)
    xs = jax.random.normal(KEY, (7, 3))
    found = maps_of(model, Sequence(xs))
    last = np.stack([one.weights[-1] for one in found.values()]).max(axis=0)
    np.testing.assert_array_equal(last > 0, [False] * 4 + [True] * 3)
    ask = quick_jit(lambda model, xs: model(Sequence(xs)))
    answers = ask(model, xs)
    for place, weighs in enumerate(last > 0):
        changed = ask(model, xs.at[place].add(3.0))
        assert bool(jnp.any(changed != answers)) == weighs, place


@pytest.mark.parametrize("name", ["ntm", "dnc"])
def test_what_was_read_is_what_the_shown_weights_blend(name):
    model = drawn(build(name, ONCE, slots=5))
    sequence = Sequence(jax.random.normal(KEY, (6, 3)))

    def both(model):
        trace = model.trace(sequence)
        return trace.states[0], model.attention_maps(sequence)

    states, maps = quick_jit(both)(model)
    reading = np.stack([one.weights for n, one in maps.items() if "read" in n], axis=1)
    if name == "ntm":  # which reads before it writes: what a step found
        first = np.asarray(model.layers[0].cell.words.value())[None]
        words = np.concatenate([first, states[1][:-1]])
        reads = states[3]
    else:
        words, reads = np.asarray(states[1].words), states[2]
    blended = np.einsum("ths,tsw->thw", reading, words).reshape(len(reads), -1)
    assert np.all(np.isfinite(blended))
    np.testing.assert_allclose(blended, reads, atol=1e-5)


def test_a_fresh_alignment_is_even():
    """With v = 0, as its authors start it, all places weigh alike."""
    (found,) = maps_of(build("bahdanau", SAYING), Sequence(jnp.arange(5))).values()
    np.testing.assert_array_equal(found.weights, np.float32(0.2))


def test_a_language_model_looks_at_what_it_has_said():
    """Each class at the steps, the start and the classes before it."""
    model = drawn(build("transformer", SAYING))
    found = maps_of(model, padded(jnp.array([3, 1, 4])))
    for one in found.values():
        assert one.places == ("steps", "said")
        said = np.asarray(one.weights)[:, 6:]
        np.testing.assert_array_equal(said, np.tril(said))
        assert np.all(np.diagonal(said) > 0)
