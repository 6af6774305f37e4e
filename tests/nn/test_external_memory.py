"""The DNC's memory against values worked out by hand from the paper's equations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nnarena.nn.external_memory import (
    EPSILON,
    Memory,
    Request,
    access,
    allocation,
    blank,
    content_weighting,
    linked,
    read_weighting,
    retained_usage,
)


pytestmark = pytest.mark.usefixtures("double_precision")

SLOTS, WORD, HEADS = 4, 3, 2


def one_hot(slot: int, slots: int = SLOTS) -> jax.Array:
    """Returns weights that are all on one slot."""
    return jnp.eye(slots)[slot]


def request(**parts) -> Request:
    """Returns a request that does nothing, but for what is given."""
    nothing = Request(
        lookup=jnp.zeros((HEADS + 1, WORD)),
        strengths=jnp.ones(HEADS + 1),
        erase=jnp.zeros(WORD),
        write=jnp.zeros(WORD),
        free=jnp.zeros(HEADS),
        allocation_gate=jnp.asarray(1.0),
        write_gate=jnp.asarray(0.0),
        modes=jnp.tile(jnp.array([0.0, 1.0, 0.0]), (HEADS, 1)),
    )
    for name, value in parts.items():
        nothing = eqx.tree_at(
            lambda r, name=name: getattr(r, name), nothing, jnp.asarray(value)
        )
    return nothing


def memory(**parts) -> Memory:
    """Returns a blank memory, but for what is given."""
    made = blank(SLOTS, WORD, HEADS, start=0.0)
    for name, value in parts.items():
        made = eqx.tree_at(
            lambda m, name=name: getattr(m, name), made, jnp.asarray(value)
        )
    return made


def test_a_slot_written_to_is_in_use():
    """0.5 + 0.25 - 0.5 * 0.25 = 0.625."""
    before = memory(
        usage=jnp.array([0.5, 0.0, 0.2, 1.0]), writing=jnp.array([0.25, 1.0, 0.0, 0.0])
    )
    usage = retained_usage(before, jnp.zeros(HEADS))
    np.testing.assert_allclose(usage, [0.625, 1.0, 0.2, 1.0], rtol=1e-6)


def test_a_slot_read_with_the_free_gate_open_is_free_again():
    """Of slot 1, 1 - 1 * 1 is retained, of slot 2, (1 - 0.5 * 0.4) (1 - 1 * 0.5)."""
    reading = jnp.array([[0.0, 0.0, 0.4, 0.6], [0.0, 1.0, 0.5, 0.0]])
    before = memory(usage=jnp.ones(SLOTS), reading=reading)
    usage = retained_usage(before, jnp.array([0.5, 1.0]))
    np.testing.assert_allclose(usage, [1.0, 0.0, 0.8 * 0.5, 0.7], rtol=1e-6)


def test_allocation_goes_to_the_least_used_first():
    """Of (0.2, 0.5, 0.1): slot 2 has 0.9, slot 0 0.8 * 0.1, slot 1 0.5 * 0.1 * 0.2."""
    weights = allocation(jnp.array([0.2, 0.5, 0.1]))
    np.testing.assert_allclose(weights, [0.08, 0.01, 0.9], rtol=2e-5)


def sorted_allocation(usage: np.ndarray) -> np.ndarray:
    """Returns the paper's allocation with a stable sort, in double precision."""
    used = EPSILON + (1.0 - EPSILON) * usage.astype(np.float64)
    order = np.argsort(usage, kind="stable")
    before = np.concatenate([[1.0], np.cumprod(used[order])[:-1]])
    weights = np.empty_like(used)
    weights[order] = (1.0 - used[order]) * before
    return weights


USAGES = st.lists(
    st.one_of(
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),  # ties
        st.floats(0.0, 1.0, width=32, allow_subnormal=False),
    ),
    min_size=16,
    max_size=16,
)
compiled_allocation = jax.jit(allocation)


@given(USAGES)
@settings(deadline=None, max_examples=200)
def test_allocation_by_comparing_pairs_is_that_by_sorting(usages: list[float]):
    usage = np.asarray(usages, np.float32)
    weights = np.asarray(compiled_allocation(jnp.asarray(usage)))
    np.testing.assert_allclose(weights, sorted_allocation(usage), rtol=2e-4, atol=1e-7)
    assert weights.min() >= 0.0
    assert weights.sum() <= 1.0 + 1e-6


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_equally_used_slots_are_taken_by_their_index(level: float):
    weights = np.asarray(allocation(jnp.full(SLOTS, level)))
    used = EPSILON + (1.0 - EPSILON) * level
    expected = (1.0 - used) * used ** np.arange(SLOTS)
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("usage", [[0.0] * 4, [1.0] * 4, [0.0, 1.0, 0.0, 1.0]])
def test_gradients_are_finite_where_slots_are_free_or_full(usage: list[float]):
    jacobian = np.asarray(jax.jacobian(allocation)(jnp.asarray(usage)))
    assert np.isfinite(jacobian).all()
    # With the order held, d a_j / d u_i is -1 times the product before j for i = j.
    first = int(np.argsort(usage, kind="stable")[0])
    assert jacobian[first, first] == pytest.approx(-1.0, abs=1e-4)


def test_content_is_found_by_its_direction():
    """Cosines 1, 0, -1 and 0 (nothing written there), at strength 2."""
    words = jnp.array([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, 0.0, 0.0], [0.0] * 3])
    found = content_weighting(words, jnp.array([[5.0, 0.0, 0.0]]), jnp.array([2.0]))
    powers = np.exp(2.0 * np.array([1.0, 0.0, -1.0, 0.0]))
    np.testing.assert_allclose(found[0], powers / powers.sum(), rtol=1e-5)


def written_in_order(slots: list[int]) -> tuple[jax.Array, jax.Array]:
    """Returns link and precedence after full writes to some slots in turn."""
    link, precedence = jnp.zeros((SLOTS, SLOTS)), jnp.zeros(SLOTS)
    for slot in slots:
        writing = one_hot(slot)
        link = linked(link, precedence, writing)
        precedence = (1.0 - jnp.sum(writing)) * precedence + writing
    return link, precedence


def test_links_lead_from_each_write_to_the_next():
    link, precedence = written_in_order([0, 1, 2])
    expected = np.zeros((SLOTS, SLOTS))
    expected[1, 0] = expected[2, 1] = 1.0  # [later, earlier]
    np.testing.assert_array_equal(link, expected)
    np.testing.assert_array_equal(precedence, one_hot(2))


def test_a_slot_written_again_forgets_its_old_links():
    link, precedence = written_in_order([0, 1, 2, 1])
    expected = np.zeros((SLOTS, SLOTS))
    expected[1, 2] = 1.0
    np.testing.assert_array_equal(link, expected)
    np.testing.assert_array_equal(precedence, one_hot(1))


def test_soft_writes_link_softly():
    """(1 - 0.5 - 0.25) * 0.4 + 0.5 * 0.8 at [0, 1]; 0 + 0.25 * 0.1 at [1, 0]."""
    link = jnp.zeros((SLOTS, SLOTS)).at[0, 1].set(0.4)
    writing = jnp.array([0.5, 0.25, 0.0, 0.0])
    found = linked(link, jnp.array([0.1, 0.8, 0.0, 0.0]), writing)
    np.testing.assert_allclose(found[:2, :2], [[0.0, 0.5], [0.025, 0.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("mode", "slot"), [(0, 0), (2, 2)], ids=["backward", "forward"]
)
def test_reading_goes_along_the_links(mode: int, slot: int):
    link, _ = written_in_order([0, 1, 2])
    reading = jnp.tile(one_hot(1), (HEADS, 1))
    modes = jnp.tile(jnp.eye(3)[mode], (HEADS, 1))
    words = jnp.zeros((SLOTS, WORD))
    found = read_weighting(words, link, reading, request(modes=modes))
    np.testing.assert_array_equal(found, jnp.tile(one_hot(slot), (HEADS, 1)))


def test_a_full_write_replaces_a_word_and_it_is_read_at_once():
    before = memory(
        words=jnp.full((SLOTS, WORD), 7.0), usage=jnp.array([0.9, 0.8, 0.0, 0.7])
    )
    word = jnp.array([1.0, -2.0, 0.5])
    asked = request(
        write_gate=1.0,
        write=word,
        erase=jnp.ones(WORD),
        lookup=jnp.tile(word, (HEADS + 1, 1)),
        strengths=jnp.full(HEADS + 1, 1e3),
    )
    after, reads = access(before, asked)
    np.testing.assert_allclose(after.writing, one_hot(2), atol=2e-6)
    np.testing.assert_allclose(after.words[2], word, atol=2e-5)
    np.testing.assert_allclose(after.words[0], 7.0, rtol=1e-5)
    np.testing.assert_allclose(reads, jnp.tile(word, (HEADS, 1)), atol=2e-5)


def test_a_closed_write_gate_changes_nothing():
    before = memory(words=jnp.arange(12.0).reshape(SLOTS, WORD))
    after, _ = access(before, request(write=jnp.ones(WORD), erase=jnp.ones(WORD)))
    np.testing.assert_array_equal(after.words, before.words)
    np.testing.assert_array_equal(after.writing, np.zeros(SLOTS))
    np.testing.assert_array_equal(after.link, before.link)


@eqx.filter_jit
def remember(key, steps: int) -> tuple[Memory, jax.Array]:
    """Returns memory and reads after every one of some random, extreme requests."""

    def step(state, key):
        keys = jax.random.split(key, 5)
        gates = jax.nn.sigmoid(6.0 * jax.random.normal(keys[0], (4 + WORD,)))
        drawn = Request(
            lookup=jax.random.normal(keys[1], (HEADS + 1, WORD)),
            strengths=1.0 + 20.0 * jax.random.uniform(keys[2], (HEADS + 1,)),
            erase=gates[4:],
            write=jax.random.normal(keys[3], (WORD,)),
            free=gates[:2],
            allocation_gate=gates[2],
            write_gate=gates[3],
            modes=jax.nn.softmax(4.0 * jax.random.normal(keys[4], (HEADS, 3)), axis=-1),
        )
        after, reads = access(state, drawn)
        return after, (after, reads)

    keys = jax.random.split(key, steps)
    return jax.lax.scan(step, blank(SLOTS, WORD, HEADS, start=0.0), keys)[1]


@given(st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=30)
def test_weights_stay_weights_whatever_is_asked(seed: int):
    states, reads = remember(jax.random.key(seed), 60)
    slack = 2e-5
    for weights in (states.writing, states.reading, states.precedence):
        weights = np.asarray(weights)
        assert weights.min() >= -slack
        assert weights.sum(axis=-1).max() <= 1.0 + slack
    usage, link = np.asarray(states.usage), np.asarray(states.link)
    assert usage.min() >= 0.0
    assert usage.max() <= 1.0 + slack
    assert link.min() >= -slack
    assert link.sum(axis=-1).max() <= 1.0 + slack
    assert link.sum(axis=-2).max() <= 1.0 + slack
    assert np.abs(np.diagonal(link, axis1=-2, axis2=-1)).max() == 0.0
    assert np.isfinite(np.asarray(reads)).all()
