"""What the loss feels of states, and penalties on it: held to dense Jacobians."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jaxtyping import Array
from tests.training.test_gradient_descent import DATA_KEYS

from nnarena.core.scoring import accuracy
from nnarena.core.types import Classes, Example, Features, Sequence, Signature
from nnarena.models import MODELS
from nnarena.models.contender import Contender
from nnarena.models.elman import Elman
from nnarena.models.sequence import SequenceModel
from nnarena.nn.parametrization import resolve
from nnarena.tasks import AbstractTask, SyntheticSplits
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.flow import Flow, flows, penalty_of_batch, still, why_no_flow
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import watched_loss
from nnarena.training.omega import Omega, OmegaReleased


TIME, UNITS, ROWS = 7, 5, 3
SIGNATURE = Signature(Features(3), Classes(4))
WATCHED = {
    *("cfc", "clockwork", "ct_rnn", "deep_rnn", "elman", "esn", "eunn", "exp_rnn"),
    *("exp_unitary", "gru", "leaky", "linear_dynamical", "lsm", "lstm"),
    *("memory_cell", "ode_lstm", "reciprocal_gated", "scaled_cayley", "urnn"),
}
"""Contenders of cells whose output is a part of their state."""

LONGER = Signature(Features(3), Classes(4), "every step", causal=True)


class Words(AbstractTask):
    """Name one of four classes after noise; there may be two steps of padding."""

    signature: Signature
    padded: bool = eqx.field(static=True)

    def __init__(self, signature: Signature = SIGNATURE, *, padded: bool = False):
        self.signature, self.padded = signature, padded

    @property
    def scoring(self):
        return accuracy(chance=0.25)

    def splits(self, data, *, key):
        del data
        return SyntheticSplits(rows=None, validation=8, test=8).draw(key=key)

    def example(self, row):
        xs = 0.7 * jax.random.normal(row, (TIME, 3))
        steps = () if self.signature.answers == "once" else (TIME,)
        targets = jax.random.randint(jax.random.fold_in(row, 1), steps, 0, 4)
        if not self.padded:
            return Example(Sequence(xs), targets)
        xs = jnp.concatenate([xs, 9 * jnp.ones((2, 3))])
        return Example(Sequence(xs, present=jnp.arange(TIME + 2) < TIME), targets)


def model_of(name: str, signature: Signature = SIGNATURE, **settings) -> SequenceModel:
    contender = Contender(name, settings)
    model = contender.build(signature, UNITS, key=jax.random.key(1))
    assert isinstance(model, SequenceModel)
    return model


def cell_of(model: SequenceModel) -> Any:
    """Its one cell, ready for steps."""
    place = model.placed_cells[0]
    assert place is not None
    return resolve(place.cell)


def watched(model: SequenceModel, task: AbstractTask) -> list[Flow]:
    """The flows of a few rows, as training finds them."""
    rows = jax.random.split(jax.random.key(2), ROWS)
    keys = jax.random.split(jax.random.key(3), ROWS)
    nudges = jax.vmap(lambda row: still(model, task.example(row)))(rows)

    def loss(nudges):
        return watched_loss(model, task, rows, nudges, keys=keys)

    felt, traces = jax.grad(loss, has_aux=True)(nudges)
    return jax.vmap(lambda *done: flows(model, *done))(traces, felt)


def jacobian(cell, flow: Flow, row: int, t: int) -> Array:
    """What the state that step t left is of the one that it found: (left, found)."""
    found = jax.tree.map(lambda leaf: leaf[row, t], flow.found)
    flat, shaped = ravel_pytree(found)

    def step(flat):
        left, _ = cell(shaped(flat), flow.xs[row, t], flow.dts[row, t])
        return ravel_pytree(left)[0]

    return jax.jacobian(step)(flat)


def covector(flow: Flow, row: int, t: int) -> Array:
    at = jax.tree.map(lambda leaf: leaf[row, t], flow.covectors)
    return ravel_pytree(at)[0]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "ct_rnn"])
def test_covectors_are_products_of_dense_jacobians(name):
    model = model_of(name)
    (flow,) = watched(model, Words())
    cell = cell_of(model)
    for row in range(ROWS):
        for t in range(TIME - 1, 0, -1):
            expected = covector(flow, row, t) @ jacobian(cell, flow, row, t)
            np.testing.assert_allclose(
                covector(flow, row, t - 1), expected, rtol=1e-9, atol=1e-12
            )


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("signature", [SIGNATURE, LONGER])
def test_both_forms_are_those_of_dense_jacobians(name, signature):
    model = model_of(name, signature)
    seen = watched(model, Words(signature))
    cell = cell_of(model)
    ratios = np.array(
        [
            [
                np.linalg.norm(v @ jacobian(cell, seen[0], row, t)) / np.linalg.norm(v)
                for t in range(TIME)
                for v in [np.asarray(covector(seen[0], row, t))]
            ]
            for row in range(ROWS)
        ]
    )
    paper = penalty_of_batch([(Omega(), 1.0)], model, seen)
    np.testing.assert_allclose(paper, ((ratios - 1) ** 2).sum() / ROWS, rtol=1e-9)
    released = penalty_of_batch([(OmegaReleased(), 2.0)], model, seen)
    np.testing.assert_allclose(released, 2 * ((ratios**2 - 1) ** 2).mean(), rtol=1e-9)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("size", [0.9, 1.0, 1.2])
def test_of_a_scaled_rotation_it_is_known(size):
    """At rest tanh is linear: of W = a Q every norm is multiplied by a."""
    model = model_of("elman")
    rotated = size * cell_of(model).recurrent_weight
    model = eqx.tree_at(lambda m: m.layers[0].cell.recurrent_weight, model, rotated)
    model = eqx.tree_at(
        lambda m: (m.embed.weight, m.embed.bias),
        model,
        replace_fn=jnp.zeros_like,
    )
    seen = watched(model, Words())
    paper = penalty_of_batch([(Omega(), 1.0)], model, seen)
    released = penalty_of_batch([(OmegaReleased(), 1.0)], model, seen)
    np.testing.assert_allclose(paper, TIME * (size - 1) ** 2, atol=1e-12)
    np.testing.assert_allclose(released, (size**2 - 1) ** 2, atol=1e-12)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("penalty", [Omega(), OmegaReleased()])
def test_only_the_recurrent_map_moves_and_as_differences_say(penalty):
    """The immediate derivative: states and covectors are held fixed."""
    model = model_of("elman")
    seen = watched(model, Words())

    def value(model):
        return penalty_of_batch([(penalty, 1.0)], model, seen)

    slope = eqx.filter_grad(value)(model)
    weight = slope.layers[0].cell.recurrent_weight
    others = eqx.tree_at(
        lambda m: m.layers[0].cell.recurrent_weight, slope, replace_fn=jnp.zeros_like
    )
    assert all(not jnp.any(leaf) for leaf in jax.tree.leaves(others))
    assert jnp.max(jnp.abs(weight)) > 1e-3
    for place in ((0, 1), (3, 3)):

        def moved(by, place=place):
            return value(
                eqx.tree_at(
                    lambda m: m.layers[0].cell.recurrent_weight,
                    model,
                    replace_fn=lambda w: w.at[place].add(by),
                )
            )

        np.testing.assert_allclose(
            weight[place], (moved(1e-6) - moved(-1e-6)) / 2e-6, rtol=1e-6, atol=1e-8
        )


@pytest.mark.usefixtures("double_precision")
def test_the_formula_of_elman_is_its_jacobian():
    model = model_of("elman")
    (flow,) = watched(model, Words())
    cell = cell_of(model)
    assert isinstance(cell, Elman)
    one = jax.tree.map(lambda leaf: leaf[0], flow)
    at = (one.found, one.xs, one.dts)
    told = jax.vmap(
        lambda f, x, dt, left, v: (
            cell.pulled_back(f, x, dt, left=left, covector=v),
            super(Elman, cell).pulled_back(f, x, dt, left=left, covector=v),
        )
    )(*at, one.left, one.covectors)
    np.testing.assert_allclose(*told, rtol=1e-10)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["elman", "gru"])
def test_padding_and_the_size_of_the_loss_change_nothing(name):
    model = model_of(name)
    whole, padded = watched(model, Words()), watched(model, Words(padded=True))
    larger = [
        eqx.tree_at(lambda f: f.covectors, one, replace_fn=lambda v: 1e3 * v)
        for one in whole
    ]
    for penalty in (Omega(), OmegaReleased()):
        told = partial(penalty_of_batch, [(penalty, 1.0)], model)
        np.testing.assert_allclose(told(padded), told(whole), rtol=1e-9)
        np.testing.assert_allclose(told(larger), told(whole), rtol=1e-9)


@pytest.mark.usefixtures("double_precision")
def test_where_the_gradient_is_cut_nothing_flows():
    model = model_of("elman", truncation=3)
    (flow,) = watched(model, Words())
    sizes = jnp.linalg.norm(flow.covectors, axis=-1)
    last = jnp.arange(TIME) // 3 == (TIME - 1) // 3
    assert jnp.all((sizes > 0) == last[None])


def test_two_layers_have_a_flow_each():
    model = model_of("elman", depth=2)
    assert len(watched(model, Words())) == 2


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("transformer", {}, "needs layers that are cells|is no cell"),
        ("dnc", {}, "is no array of its own in its state"),
        ("skip_rnn", {}, "is no array of its own in its state"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_its_reason(name, settings, reason):
    trainer = GradientDescent(penalties={"omega": 1.0})
    model = model_of(name, **settings)
    told = trainer.accepts(model)
    assert told is not None
    assert any(part in told for part in reason.split("|"))
    assert GradientDescent().accepts(model) is None
    assert why_no_flow(model_of("gru")) is None


@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_the_plan_asks_shapes_and_gets_the_answer_of_the_model(name):
    contender = Contender(name, {}).for_signature(SIGNATURE)
    shapes = contender.shapes(SIGNATURE, 16)
    told = GradientDescent(penalties={"omega": 1.0}).accepts(shapes)
    assert (told is None) == (name in WATCHED), told


def test_a_run_lowers_it(tmp_path):
    """Weights that shrink every gradient are drawn towards those that do not."""
    task = Words()

    def build(key):
        model = Contender("elman", {}).build(SIGNATURE, UNITS, key=key)
        return eqx.tree_at(
            lambda m: m.layers[0].cell.recurrent_weight,
            model,
            replace_fn=lambda w: w / 2,
        )

    def trained(**penalties):
        trainer = GradientDescent(
            steps=60,
            batch=4,
            checks=2,
            learning_rate=0.05,
            optimizer="sgd",
            schedule="constant",
            clip=0.0,
            penalties=penalties or None,
        )
        splits = task.splits(DataFolder(tmp_path), key=jax.random.key(4))
        return fit(
            trainer,
            build,
            task,
            splits,
            init_key=jax.random.key(0),
            data_key=DATA_KEYS[0],
        )

    def omega(model):
        return float(penalty_of_batch([(Omega(), 1.0)], model, watched(model, task)))

    plain, drawn = trained(), trained(omega=1.0)
    assert omega(drawn.model) < 0.8 * omega(plain.model)
