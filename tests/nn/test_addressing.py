"""Heads of a Neural Turing Machine against closed forms, and loops of plain numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nnarena.nn.addressing import Aim, addressed, rewritten, sharpened, shifted


SLOTS, WORD = 5, 3


def one_hot(slot: int, slots: int = SLOTS) -> jax.Array:
    return jnp.eye(slots)[slot]


def aim(**changes: Any) -> Aim:
    """Returns what one head asks for: to stay where it is, unless told otherwise."""
    asked = {"key": [1.0, 0.0, 0.0], "strength": 1.0, "gate": 0.0, "sharpness": 1.0}
    shift = jnp.array([changes.pop("shift", [0.0, 1.0, 0.0])])
    found = {name: jnp.array([value]) for name, value in (asked | changes).items()}
    return Aim(
        keys=found["key"],
        strengths=found["strength"],
        gates=found["gate"],
        shifts=shift,
        sharpness=found["sharpness"],
    )


WORDS = jnp.asarray(np.random.default_rng(0).standard_normal((SLOTS, WORD)), "float32")
SOFT = jnp.array([[0.1, 0.4, 0.2, 0.25, 0.05]])


def test_a_head_that_asks_for_nothing_stays_where_it_is():
    np.testing.assert_allclose(addressed(WORDS, SOFT, aim()), SOFT, rtol=1e-5)


def test_a_sharp_key_finds_the_word_of_its_direction():
    words = jnp.diag(jnp.array([0.5, 2.0, 7.0]))
    start = jnp.full((1, 3), 1.0 / 3.0)
    for slot in range(3):
        key = 3.0 * np.eye(3)[slot]
        asked = aim(key=key, strength=200.0, gate=1.0)
        found = addressed(words, start, asked)
        np.testing.assert_allclose(found[0], one_hot(slot, 3), atol=1e-6)


def test_a_gate_halfway_is_a_mean_of_content_and_place():
    """Cosines 1 and 0 at strength ln 3: 3/4 and 1/4; before it was at 0 and 1."""
    words, before = jnp.eye(2), jnp.array([[0.0, 1.0]])
    asked = aim(key=[1.0, 0.0], strength=np.log(3.0), gate=0.5)
    found = addressed(words, before, asked)
    np.testing.assert_allclose(found[0], [0.375, 0.625], rtol=1e-5)


@pytest.mark.parametrize(("share", "step"), [(0, -1), (2, 1)])
def test_a_full_shift_turns_the_ring_by_one(share: int, step: int):
    shift = np.eye(3)[share]
    for slot in range(SLOTS):
        found = addressed(WORDS, one_hot(slot)[None], aim(shift=shift))
        np.testing.assert_allclose(found[0], one_hot((slot + step) % SLOTS), atol=1e-6)


def test_as_many_shifts_as_slots_come_back():
    looks = one_hot(2)[None]
    for _ in range(SLOTS):
        looks = addressed(WORDS, looks, aim(shift=[0.0, 0.0, 1.0]))
    np.testing.assert_allclose(looks[0], one_hot(2), atol=1e-5)


def test_shifts_are_the_papers_sum():
    """Equation 8 as it is written, with a reach of two."""
    rng = np.random.default_rng(1)
    weights, shares = rng.dirichlet(np.ones(7), 2), rng.dirichlet(np.ones(5), 2)
    expected = np.zeros_like(weights)
    for head in range(2):
        for i in range(7):
            for offset in range(-2, 3):
                moved = weights[head, (i - offset) % 7]
                expected[head, i] += moved * shares[head, offset + 2]
    found = shifted(jnp.asarray(weights, "float32"), jnp.asarray(shares, "float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sharpening_is_a_power():
    """Of 0.1, 0.4, ... at 2: 0.01, 0.16, 0.04, 0.0625, 0.0025 over 0.275."""
    found = sharpened(SOFT, jnp.array([2.0]))
    expected = np.array([0.01, 0.16, 0.04, 0.0625, 0.0025]) / 0.275
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


@pytest.mark.parametrize("sharpness", [200.0, 1e6])
def test_the_largest_weight_wins_at_last(sharpness: float):
    """0.4^200 is not a number of single precision; its share is."""
    found = sharpened(SOFT, jnp.array([sharpness]))
    np.testing.assert_allclose(found[0], one_hot(1), atol=1e-6)


EXTREME = {
    "nothing written, nothing asked": (jnp.zeros((SLOTS, WORD)), 0.0, 1.0),
    "nowhere to look": (WORDS, 0.0, 3.0),
    "one slot": (WORDS, 1.0, 50.0),
}


@pytest.mark.parametrize("case", EXTREME)
@pytest.mark.parametrize("gate", [0.0, 1e-30, 1.0])
def test_weights_and_gradients_are_finite_at_the_edges(case: str, gate: float):
    words, there, sharpness = EXTREME[case]
    before = there * one_hot(0)[None]
    zero = jnp.zeros(WORD)

    def looks(words, before, key, strength, sharpness):
        asked = aim(key=key, strength=strength, gate=gate, sharpness=sharpness)
        return addressed(words, before, asked)

    at = words, before, zero, jnp.array(0.0), jnp.array(sharpness)
    np.testing.assert_allclose(looks(*at).sum(), 1.0, rtol=1e-5)
    for part in jax.tree.leaves(jax.jacobian(looks, argnums=tuple(range(5)))(*at)):
        assert np.isfinite(part).all()


def test_a_full_erasure_at_one_slot_replaces_its_word_alone():
    add = jnp.array([[1.0, -2.0, 0.5]])
    found = rewritten(WORDS, one_hot(3)[None], jnp.ones((1, WORD)), add)
    np.testing.assert_allclose(found[3], add[0], rtol=1e-6)
    np.testing.assert_array_equal(np.delete(found, 3, 0), np.delete(WORDS, 3, 0))


def test_heads_write_in_no_order():
    rng = np.random.default_rng(2)
    writing = jnp.asarray(rng.dirichlet(np.ones(SLOTS), 3), "float32")
    erase, add = (jnp.asarray(rng.random((3, WORD)), "float32") for _ in range(2))
    found = rewritten(WORDS, writing, erase, add)
    back = rewritten(WORDS, writing[::-1], erase[::-1], add[::-1])
    np.testing.assert_allclose(found, back, rtol=1e-5)
    kept = np.prod(1.0 - np.einsum("hn,hm->hnm", writing, erase), axis=0)
    expected = np.asarray(WORDS) * kept + np.asarray(writing).T @ np.asarray(add)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@jax.jit
def wander(key) -> jax.Array:
    """Returns where two heads look over random, extreme requests, from nowhere on."""

    def step(looks, key):
        keys = jax.random.split(key, 6)
        asked = Aim(
            keys=5.0 * jax.random.normal(keys[0], (2, WORD)),
            strengths=50.0 * jax.random.uniform(keys[1], (2,)),
            gates=jax.nn.sigmoid(20.0 * jax.random.normal(keys[2], (2,))),
            shifts=jax.nn.softmax(10.0 * jax.random.normal(keys[3], (2, 3)), axis=-1),
            sharpness=1.0 + 50.0 * jax.random.uniform(keys[4], (2,)),
        )
        looks = addressed(jax.random.normal(keys[5], (SLOTS, WORD)), looks, asked)
        return looks, looks

    start = jnp.zeros((2, SLOTS))
    return jax.lax.scan(step, start, jax.random.split(key, 60))[1]


@given(st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=30)
def test_weights_stay_weights_whatever_is_asked(seed: int):
    looks = np.asarray(wander(jax.random.key(seed)))
    assert looks.min() >= 0.0
    np.testing.assert_allclose(looks.sum(axis=-1), 1.0, rtol=1e-5)
