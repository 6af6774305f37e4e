"""What a contender carries from step to step, and how its head starts."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import answer

from nnarena.core.problems import CannotPlay
from nnarena.core.types import Classes, Features, Sequence, Signature, Tokens, Values
from nnarena.models.contender import (
    Contender,
    count_parameters,
    count_state,
    fit_width,
)


SIGNATURE = Signature(Features(3), Values(2))


@pytest.mark.parametrize(
    ("name", "numbers", "carried"),
    [
        ("gru", {}, 6),
        ("gru", {"depth": 2}, 12),
        ("lstm", {}, 6 + 6),
        ("exp_unitary", {}, 6 + 6),  # real and imaginary parts
        ("memory_layer", {}, 2 * 6),
        ("transformer", {}, None),
        ("encoder_decoder_transformer", {}, None),
    ],
)
def test_a_state_is_counted_or_there_is_none(name, numbers, carried):
    assert count_state(Contender(name, numbers).shapes(SIGNATURE, 6)) == carried


@pytest.mark.parametrize(
    ("name", "numbers", "words"),
    [
        ("gru", {"start": "keras"}, "gru: start 'keras' is none of gates, matrix"),
        ("cfc", {"mode": "gated"}, "mode 'gated' is none of default, no_gate, pure"),
        ("lstm", {"readout": "first"}, "readout 'first' is none of last, mean"),
        ("memory_layer", {"control": "tanh"}, "'tanh' is none of synapse, current"),
        ("elman", {"checkpoint": "all"}, "'all' is none of none, step, chunk"),
        ("exp_unitary", {"fourier": "False"}, "fourier must be true or false, not 'Fa"),
        (
            "ncp",
            {"unfolds": 6.5},
            "unfolds must be a whole number of at least 1, not 6.5",
        ),
        (
            "ncp",
            {"inter": True},
            "inter must be a whole number of at least 1 or null, not T",
        ),
        (
            "unitary_rnn",
            {"input_scale": "part"},
            "must be a number of at least 0 or parts or null",
        ),
    ],
)
def test_values_that_a_number_cannot_be_are_refused(name, numbers, words):
    with pytest.raises(ValueError, match=words):
        Contender(name, numbers)


@pytest.mark.parametrize("depth", [0, -1])
def test_a_contender_has_a_layer(depth):
    with pytest.raises(ValueError, match="depth must be a whole number of at least 1"):
        Contender("gru", {"depth": depth}).shapes(SIGNATURE, 6)


def test_a_glorot_head_starts_as_the_layer_of_keras():
    """Keras's `Dense`: uniform within the root of 6 over inputs and outputs, bias 0."""
    sizes = Signature(Features(3), Values(10))
    model: Any = Contender("elman", {"head": "glorot"}).build(
        sizes, 64, key=jax.random.key(0)
    )
    assert not np.any(model.head.bias)
    limit = np.sqrt(6 / (64 + 10))
    assert 0.95 * limit < np.abs(model.head.weight).max() <= limit


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("unitary_rnn", {"capacity": 32}),
        ("exp_unitary", {"map": "householder", "capacity": 20}),
        ("unitary_rnn", {"capacity": 8}),
    ],
)
@pytest.mark.parametrize("budget", [4_000, 20_000])
def test_a_budget_is_met_where_few_units_cannot_be_built(name, numbers, budget):
    """Of N units there are at most N layers of rotations, or reflections."""
    contender = Contender(name, numbers)
    width = fit_width(contender, SIGNATURE, parameters=budget)
    near = [
        abs(count_parameters(contender.shapes(SIGNATURE, w)) - budget)
        for w in (width, width + 1)
    ]
    assert near[0] <= near[1]
    assert near[0] < 0.1 * budget


def test_what_can_never_be_built_is_refused_with_its_reason():
    never = Contender("exp_unitary", {"capacity": 2})
    with pytest.raises(ValueError, match="map 'exponential' has no capacity, but 2"):
        fit_width(never, SIGNATURE, parameters=1_000)


@pytest.mark.parametrize(
    ("name", "numbers", "words"),
    [
        ("transformer", {"blocks": 0}, "blocks must be a whole"),
        ("memory_layer_transformer", {"blocks": 0}, "blocks must be a whole"),
        ("transformer", {"heads": -2}, "heads must be a whole number"),
        ("ct_rnn", {"tau": 0.0}, "tau must be a number above 0"),
    ],
)
def test_what_would_be_another_model_is_refused(name, numbers, words):
    with pytest.raises(ValueError, match=words):
        Contender(name, numbers).shapes(SIGNATURE, 6)


TOKENS = Signature(Tokens(5), Classes(4), "every step", causal=False)


def test_a_frame_may_have_defaults_that_are_a_contender_s_own():
    assert Contender("esn").settings["embed"] == "none"
    assert Contender("gru").settings["embed"] == "linear"
    assert Contender("esn").entry.baseline(Contender("esn").frame)["embed"] == "none"
    raw, mapped = (
        count_parameters(Contender("esn", given).shapes(SIGNATURE, 6))
        for given in ({}, {"embed": "linear"})
    )
    assert (raw, mapped) == (2 * (6 + 1), 2 * (6 + 1) + 6 * (3 + 1))


def test_a_token_as_it_is_is_one_among_zeros():
    contender = Contender("gru", {"embed": "none"})
    tokens = contender.build(TOKENS, 6, key=jax.random.key(0))
    vectors = Signature(Features(5), Classes(4), "every step", causal=False)
    of_vectors = contender.build(vectors, 6, key=jax.random.key(0))
    xs = jnp.array([3, 0, 4, 4])
    np.testing.assert_array_equal(
        answer(tokens, Sequence(xs)), answer(of_vectors, Sequence(jnp.eye(5)[xs]))
    )


def test_inputs_as_they_are_leave_no_room_for_a_context():
    asked = replace(TOKENS, context=Tokens(5))
    with pytest.raises(CannotPlay, match="with embed=linear it can play"):
        Contender("esn").shapes(asked, 6)
    assert Contender("esn", {"embed": "linear"}).shapes(asked, 6)
