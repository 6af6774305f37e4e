"""A fold is one recurrence, in whatever form it is taken."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from tests.folds import MinimalGate

from nnarena.check.quick import quick_jit
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import count_state
from nnarena.models.sequence import Recurrent, SequenceModel
from nnarena.nn.fold import Form, unroll_fold
from nnarena.nn.unroll import Checkpoint, unroll


FEATURES, HIDDEN = 3, 5
PARALLEL: list[Form] = ["associative", "chunked"]


def make(key: int = 0) -> MinimalGate:
    return MinimalGate(FEATURES, HIDDEN, key=jax.random.key(key))


def draw(time: int, present: int | None = None) -> Sequence:
    keys = jax.random.split(jax.random.key(1))
    there = None if present is None else jnp.arange(time) < present
    return Sequence(
        jax.random.normal(keys[0], (time, FEATURES)),
        jax.random.uniform(keys[1], (time,), minval=0.1, maxval=2.0),
        there,
    )


def by_hand(cell: MinimalGate, sequence: Sequence) -> np.ndarray:
    """Returns the states one step at a time, in double precision by numpy."""
    gate, weight = (np.asarray(w, float) for w in (cell.gate_weight, cell.weight))
    h, hs = np.zeros(HIDDEN), []
    for x, dt in zip(np.asarray(sequence.xs, float), sequence.dts, strict=True):
        kept = (1.0 / (1.0 + np.exp(x @ gate))) ** float(dt)
        h = kept * h + (1.0 - kept) * (x @ weight)
        hs.append(h)
    return np.stack(hs)


@pytest.mark.parametrize("time", [1, 2, 17, 300])
@pytest.mark.parametrize("form", ["scan", *PARALLEL])
def test_every_form_is_the_recurrence_by_hand(form, time):
    sequence = draw(time)
    found = quick_jit(unroll_fold)(make(), sequence, form=form, states=True)
    expected = by_hand(make(), sequence)
    np.testing.assert_allclose(found.hs, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(found.states), expected, rtol=0, atol=1e-5)


def total(cell, sequence, form, checkpoint):
    made = unroll_fold(cell, sequence, form=form, checkpoint=checkpoint)
    return jnp.sum(jnp.sin(made.hs))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("checkpoint", ["none", "step", "chunk"])
@pytest.mark.parametrize("form", PARALLEL)
def test_gradients_are_those_of_the_scan(form: Form, checkpoint: Checkpoint):
    cell, sequence = make(), draw(17)
    gradient = quick_jit(eqx.filter_grad(total))
    wanted = gradient(cell, sequence, "scan", "none")
    found = gradient(cell, sequence, form, checkpoint)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-11)


@pytest.mark.parametrize("form", ["scan", *PARALLEL])
def test_the_state_stays_where_steps_are_absent(form):
    found = unroll_fold(make(), draw(17, present=11), form=form, states=True)
    expected = by_hand(make(), draw(17))[:11]
    np.testing.assert_allclose(found.hs[:11], expected, rtol=0, atol=1e-5)
    states = np.asarray(found.states)
    np.testing.assert_array_equal(states[11:], [states[10]] * 6)


def test_what_happens_between_steps_takes_the_scan():
    """A nudge of a state moves the later ones by what is kept of it."""
    layer, sequence = Recurrent(make()), draw(6)
    nudges = jnp.zeros((6, HIDDEN)).at[2].set(1.0)
    moved = layer.unroll(sequence, nudges=nudges, states=True).states
    still = layer.unroll(sequence, states=True).states
    kept = jax.vmap(lambda x, dt: make().element(x, dt)[0])(sequence.xs, sequence.dts)
    expected = np.cumprod(np.asarray(kept)[2:], axis=0)
    assert moved is not None
    assert still is not None
    np.testing.assert_allclose((moved - still)[2:], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(moved[:2], still[:2])


def test_its_state_has_a_size():
    model = SequenceModel(
        Signature(Features(FEATURES), Values(HIDDEN)),
        (Recurrent(make()),),
        embed=None,
        head=None,
    )
    assert count_state(model) == HIDDEN
    answer = model(draw(9))
    np.testing.assert_allclose(answer, by_hand(make(), draw(9))[-1], rtol=0, atol=1e-5)


def test_an_unknown_form_is_refused():
    with pytest.raises(
        (ValueError, TypeCheckError), match=r"scan.*associative.*chunked"
    ):
        unroll_fold(make(), draw(3), form="tree")  # pyright: ignore


def test_the_plain_scan_of_a_cell_is_the_derived_step():
    cell, sequence = make(), draw(4)
    hs = unroll(cell, sequence).hs
    state = cell.init_state()
    for index in range(4):
        state, h = cell(state, sequence.xs[index], sequence.dts[index])
        np.testing.assert_allclose(h, hs[index], rtol=0, atol=1e-6)
