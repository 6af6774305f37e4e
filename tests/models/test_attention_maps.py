"""Where contenders look: a law of all, and what those that show it have in common.

That maps are those of the answers is held by `test_maps_are_used.py`.
"""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.maps import (
    EVERY_STEP,
    LOOKING,
    ONCE,
    SAYING,
    TOLD,
    asked_of,
    build,
    drawn,
    maps_of,
    padded,
)

from nnarena.check.quick import quick_jit
from nnarena.core.scoring import accuracy
from nnarena.core.types import Example, Sequence
from nnarena.diagnostics.attention import NoMaps, attention_maps
from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.models.local_attention import LocalAttention
from nnarena.tasks import AbstractTask


KEY = jax.random.key(5)
PAGE = Path(__file__).parents[2] / "docs/attention.md"


class Rows(AbstractTask):
    """Rows are three steps of features, and every answer is the first class."""

    def __init__(self):
        pass

    @property
    def signature(self):
        return ONCE

    @property
    def scoring(self):
        return accuracy(chance=0.25)

    def splits(self, data, *, key):
        raise NotImplementedError

    def example(self, row):
        return Example(Sequence(row), jnp.array(0))


@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_every_contender_shows_maps_or_says_that_it_has_none(name):
    if name in LOOKING:
        return  # the laws below are of these
    contender = Contender(name, {}).for_signature(ONCE)
    shapes = contender.shapes(ONCE, 4)
    with pytest.raises(NoMaps, match="it has no attention to show: nothing in it"):
        attention_maps(shapes, Rows(), jnp.ones((1, 3, 3)))


def test_the_page_lists_all_that_show_where_they_look():
    rows = re.findall(r"^\| (`.*?`) \| `", PAGE.read_text(encoding="utf-8"), re.M)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(listed) == len(set(listed))
    assert set(listed) == LOOKING


STEPWISE = sorted(LOOKING - {"bahdanau", "supervised_memory_network"})
"""Those that can answer step by step and look at no later one."""

GENERATING = (
    *("bahdanau", "lstm_attention", "pointer_network"),
    *("encoder_decoder_transformer", "rnn_augmented_transformer"),
    *("transformer", "gtrxl", "ntm", "memory_augmented_transformer"),
)
"""Those that generate by themselves, and some that the shared frames let generate."""

CASES = [
    *((name, EVERY_STEP) for name in STEPWISE),
    *((name, SAYING) for name in GENERATING),
    ("supervised_memory_network", TOLD),
]


@pytest.mark.parametrize(
    ("name", "signature"), CASES, ids=[f"{name} {how.when}" for name, how in CASES]
)
def test_weights_are_shares_of_what_may_be_seen(name, signature):
    """Of absent and of later places they are exactly 0: the others have all of 1."""
    model = drawn(name, signature)
    asked = asked_of(signature)
    there = int(asked[-1].there.sum())
    found = maps_of(model, *asked)
    assert found
    for one in found.values():
        weights = np.asarray(one.weights)
        assert np.all(weights >= 0)
        of_steps = one.rows == "steps" or signature is EVERY_STEP
        kept = weights[:there] if of_steps else weights
        if name == "dnc":  # which may write nothing, and read less than all
            assert np.all(kept.sum(axis=1) < 1 + 1e-5)
        else:  # linear_attention divides by 1e-6 more
            np.testing.assert_allclose(kept.sum(axis=1), 1.0, atol=1e-4)
        if one.places[0] in ("steps", "question"):
            np.testing.assert_array_equal(kept[:, there : there + 3], 0.0)
        if one.places == ("sentences",):
            np.testing.assert_array_equal(kept[:, 3:], 0.0)
        if signature is EVERY_STEP and one.places == ("steps",):
            np.testing.assert_array_equal(kept, np.tril(kept))


def test_what_weighs_nothing_changes_no_answer():
    """Of one block, whose window begins 2 steps before the last."""
    model = drawn("local_attention", ONCE, blocks=1, window=2)
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
    model = drawn(name, ONCE, slots=5)
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
    model = drawn("transformer", SAYING)
    found = maps_of(model, padded(jnp.array([3, 1, 4])))
    for one in found.values():
        assert one.places == ("steps", "said")
        said = np.asarray(one.weights)[:, 6:]
        np.testing.assert_array_equal(said, np.tril(said))
        assert np.all(np.diagonal(said) > 0)
