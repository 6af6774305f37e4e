"""Contenders on tasks where an answer may use no later input."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.rollouts import enter_backwards

from nnarena.check.quick import quick_jit
from nnarena.core.problems import CannotPlay
from nnarena.core.types import Features, Sequence, Signature, Values, When
from nnarena.models import MODELS, AbstractModel
from nnarena.models.contender import Contender, fit_width


LENGTH, WIDTH = 9, 6

FELT = 5e-6
"""A change that no rounding makes."""

SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"blocks": 2},
    "local_attention": {"window": 8},
    "linear_attention": {},
    "performer": {"random_features": 16},
    "bigbird": {"block": 2},
    "longformer": {"window": 8},
    "memory_layer_transformer": {"blocks": 2},
    "encoder_decoder_transformer": {"encoder_layers": 2, "decoder_layers": 2},
    "rnn_augmented_transformer": {"encoder_layers": 2, "decoder_layers": 2},
    "rnn_attention_transformer": {"encoder_layers": 2, "decoder_layers": 2},
    "seq2seq": {"depth": 2},
    "lstm_attention": {"depth": 2},
    "pointer_network": {"depth": 2},
}
"""Those that have a setting for it; two layers, as a second one may undo the first."""

LOOKING_AHEAD = {"bahdanau", "bidirectional", "linformer"}
"""Those that cannot do otherwise."""


def signature(answers: When = "every step", *, causal: bool = True) -> Signature:
    return Signature(Features(3), Values(2), answers, causal)


def drawn(contender: Contender, asked: Signature) -> AbstractModel:
    """Returns a small contender whose weights are all drawn here: nothing compiles."""
    rng = np.random.default_rng(2)
    return jax.tree.map(
        lambda x: jnp.asarray(0.5 * rng.standard_normal(x.shape), x.dtype),
        contender.shapes(asked, WIDTH),
    )


@quick_jit
def answer(model: AbstractModel, xs: jax.Array) -> jax.Array:
    return model(Sequence(xs))


def inputs(seed: int) -> jax.Array:
    values = np.random.default_rng(seed).standard_normal((LENGTH, 3))
    return jnp.asarray(values, jnp.float32)


def test_these_have_a_setting_for_it():
    assert {e.name for e in MODELS if "causal" in e.defaults} == set(SMALL)


PLAYING = [entry.name for entry in MODELS if entry.name != "supervised_memory_network"]
"""Contenders that play such a task; of the other, sentences have to be named."""


@pytest.mark.parametrize("name", PLAYING)
def test_every_contender_of_the_arena_can_play_but_those_that_look_ahead(name):
    asked = signature()
    contender = Contender(name).for_signature(asked)
    if name in LOOKING_AHEAD:
        with pytest.raises(CannotPlay):
            contender.shapes(asked, 8)
        assert not contender.shapes(signature(causal=False), 8).causal
        return
    assert contender.given == ({"causal": True} if name in SMALL else {})
    assert contender.shapes(asked, 8).causal


@pytest.mark.parametrize("name", SMALL)
def test_an_answer_is_the_same_whatever_comes_later_or_nothing(name):
    asked = signature()
    model = drawn(Contender(name, SMALL[name]).for_signature(asked), asked)
    xs, others = inputs(0), inputs(1)
    whole = answer(model, xs)
    assert np.ptp(whole, axis=0).min() > 1e-3
    for step in (1, 4, LENGTH - 1):
        mixed = answer(model, jnp.concatenate([xs[:step], others[step:]]))
        np.testing.assert_allclose(mixed[:step], whole[:step], rtol=0, atol=1e-6)
        assert np.abs(mixed[step:] - whole[step:]).max() > FELT
    short = answer(model, xs[:4])
    np.testing.assert_allclose(short, whole[:4], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_an_answer_given_once_sees_all(name):
    """A mask within the sequence hides nothing from what comes after it."""
    asked = signature("once")
    contender = Contender(name, SMALL[name])
    assert contender.for_signature(asked) == contender
    made = Contender(name, {**SMALL[name], "causal": True})
    xs, others = inputs(0), inputs(1)
    model = drawn(made, asked)
    usual = answer(model, xs)
    for step in (0, 4, LENGTH - 1):
        changed = answer(model, xs.at[step].set(others[step]))
        assert np.abs(changed - usual).max() > FELT, step


@pytest.mark.parametrize("name", SMALL)
def test_what_is_given_stays_and_is_refused(name):
    asked, given = signature(), {**SMALL[name], "causal": False}
    contender = Contender(name, given)
    assert contender.for_signature(asked) == contender
    words = "use later inputs, and the task forbids that; with causal=true, or without"
    with pytest.raises(CannotPlay, match=words):
        contender.shapes(asked, WIDTH)
    with pytest.raises(CannotPlay, match=words):
        contender.build(asked, WIDTH, key=jax.random.key(0))
    contender.shapes(signature(causal=False), WIDTH)
    contender.shapes(signature("once"), WIDTH)


def test_who_was_not_made_causal_is_not_built():
    """There is no way around planning."""
    with pytest.raises(CannotPlay):
        Contender("transformer").shapes(signature(), WIDTH)
    with pytest.raises(CannotPlay):
        fit_width(Contender("transformer"), signature(), parameters=1_000)


def test_a_layer_without_the_setting_cannot_play(monkeypatch):
    enter_backwards(monkeypatch)
    contender, asked = Contender("backwards"), signature()
    assert contender.for_signature(asked) == contender
    with pytest.raises(CannotPlay) as refused:
        contender.shapes(asked, WIDTH)
    assert (
        str(refused.value) == "its answers use later inputs, and the task forbids that"
    )
    contender.shapes(signature("once"), WIDTH)
