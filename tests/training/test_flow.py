"""What the loss feels of states, and penalties on it: held to dense Jacobians."""

from collections.abc import Callable
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
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Generated,
    Sequence,
    Signature,
)
from nnarena.models import MODELS
from nnarena.models.base import AbstractCell
from nnarena.models.contender import Contender
from nnarena.models.elman import Elman
from nnarena.models.sequence import Recurrent, SequenceModel
from nnarena.nn.parametrization import resolve
from nnarena.nn.trace import Nudges
from nnarena.tasks import AbstractTask, SyntheticSplits
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.flow import (
    Flow,
    flows,
    penalty_of_batch,
    still,
    watched_cells,
    why_no_flow,
)
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import watched_loss
from nnarena.training.omega import Omega, OmegaReleased


TIME, UNITS, ROWS = 7, 5, 3
SIGNATURE = Signature(Features(3), Classes(4))
NOT_CARRIED = (
    *("ar", "last_step", "window", "memory_network", "gtrxl"),
    *("transformer", "local_attention", "linear_attention", "performer"),
    *("linformer", "bigbird", "longformer", "encoder_decoder_transformer"),
    *("memory_layer_transformer", "rnn_attention_transformer"),
    *("rnn_augmented_transformer", "seq2seq", "bahdanau", "lstm_attention"),
    "pointer_network",
)
REFUSED = {
    **dict.fromkeys(NOT_CARRIED, "not all that it has do"),
    "esn": "ESN has none that moves",
    "lsm": "LSM has none that moves",
}
"""Contenders without a recurrence from step to step, or without one that learns."""

PLAYING = [entry.name for entry in MODELS if entry.name != "supervised_memory_network"]
"""Contenders that play such a task; of the other, sentences have to be named."""

READS: dict[str, Callable[[Any, Any], Array]] = {
    "ct_gru": lambda cell, state: jnp.sum(state, axis=0),
    "dnc": lambda cell, state: jnp.concatenate([state[0][0], state[2]]),
    "elman": lambda cell, state: state,
    "gru": lambda cell, state: state,
    "lstm": lambda cell, state: state[0],
    "memory_layer": lambda cell, state: state[:UNITS],
    "ncp": lambda cell, state: cell.output_scale * state[:UNITS] + cell.output_shift,
    "skip_rnn": lambda cell, state: state[-1],
    "unitary_rnn": lambda cell, state: state[:UNITS],
}
"""How each output is a function of the state left, written by hand."""

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


def cells_of(model: SequenceModel) -> list[Any]:
    """Its cells, ready for steps."""
    return [resolve(cell) for cell in watched_cells(model)]


def cell_of(model: SequenceModel) -> Any:
    (cell,) = cells_of(model)
    return cell


def felt_by(model: SequenceModel, task: AbstractTask) -> tuple[Nudges, list[Flow]]:
    """What the loss feels, and the flows of a few rows, as training finds them."""
    rows = jax.random.split(jax.random.key(2), ROWS)
    keys = jax.random.split(jax.random.key(3), ROWS)
    nudges = jax.vmap(lambda row: still(model, task.example(row)))(rows)

    def loss(nudges):
        return watched_loss(model, task, rows, nudges, keys=keys)

    felt, traces = jax.grad(loss, has_aux=True)(nudges)
    return felt, jax.vmap(lambda *done: flows(model, *done))(traces, felt)


def watched(model: SequenceModel, task: AbstractTask) -> list[Flow]:
    return felt_by(model, task)[1]


def flat(states: Any) -> Array:
    """States as vectors: (row, t, numbers)."""
    return jax.vmap(jax.vmap(lambda state: ravel_pytree(state)[0]))(states)


@eqx.filter_jit
def both_forms(model: SequenceModel, seen: list[Flow]) -> list[Array]:
    """The penalty as the paper has it, and as its authors' code."""
    forms = Omega(), OmegaReleased()
    return [penalty_of_batch([(form, 1.0)], model, seen) for form in forms]


@eqx.filter_jit
def jacobians(cell, flow: Flow) -> Array:
    """What each step left, of the state that it found: (row, t, left, found)."""

    def one(found, x, dt):
        numbers, shaped = ravel_pytree(found)

        def step(numbers):
            return ravel_pytree(cell(shaped(numbers), x, dt)[0])[0]

        return jax.jacobian(step)(numbers)

    return jax.vmap(jax.vmap(one))(flow.found, flow.xs, flow.dts)


@eqx.filter_jit
def same_flow(cell, flow: Flow, outputs: Array, read) -> tuple[Array, Array]:
    """Covectors as told, and as dense Jacobians carry them back from the outputs."""

    def slope(left):
        numbers, shaped = ravel_pytree(left)
        return jax.jacobian(lambda numbers: read(cell, shaped(numbers)))(numbers)

    own = jnp.einsum("rth,rthn->rtn", outputs, jax.vmap(jax.vmap(slope))(flow.left))
    steps, expected = jacobians(cell, flow), [own[:, -1]]
    for t in reversed(range(TIME - 1)):
        later = jnp.einsum("rl,rlf->rf", expected[0], steps[:, t + 1])
        expected.insert(0, own[:, t] + later)
    return flat(flow.covectors), jnp.stack(expected, axis=1)


def dense_ratios(cell, flow: Flow) -> np.ndarray:
    """How much longer each covector is a step earlier: (row, t)."""
    v = flat(flow.covectors)
    back = jnp.einsum("rtl,rtlf->rtf", v, jacobians(cell, flow))
    return np.asarray(jnp.linalg.norm(back, axis=-1) / jnp.linalg.norm(v, axis=-1))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("signature", [SIGNATURE, LONGER])
@pytest.mark.parametrize("name", READS)
def test_covectors_and_both_forms_are_those_of_dense_jacobians(name, signature):
    model = model_of(name, signature)
    felt, (flow,) = eqx.filter_jit(felt_by)(model, Words(signature))
    assert felt.hs is not None
    assert flow.beside is None
    pair = same_flow(cell_of(model), flow, felt.hs[0], READS[name])
    np.testing.assert_allclose(*pair, rtol=1e-8, atol=1e-13)
    paper, released = both_forms(model, [flow])
    ratios = dense_ratios(cell_of(model), flow)
    near = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-20)
    near(paper, ((ratios - 1) ** 2).sum() / ROWS)
    near(released, ((ratios**2 - 1) ** 2).mean())


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("cell", ["elman", "ct_gru"])
@pytest.mark.parametrize("answers", ["once", "every step"])
def test_each_direction_has_the_flow_of_its_own_cell(cell, answers):
    signature = Signature(Features(3), Classes(4), answers, causal=False)
    model = model_of("bidirectional", signature, cell=cell, readout="mean")
    felt, seen = eqx.filter_jit(felt_by)(model, Words(signature))
    assert felt.hs is not None
    forth, back = jnp.split(felt.hs[0], 2, axis=-1)
    for own, flow, outputs in zip(
        cells_of(model), seen, (forth, back[:, ::-1]), strict=True
    ):
        pair = same_flow(own, flow, outputs, READS[cell])
        np.testing.assert_allclose(*pair, rtol=1e-8, atol=1e-13)
    total = sum(
        ((dense_ratios(own, flow) - 1) ** 2).sum()
        for own, flow in zip(cells_of(model), seen, strict=True)
    )
    told = penalty_of_batch([(Omega(), 1.0)], model, seen)
    np.testing.assert_allclose(told, total / ROWS, rtol=1e-9)


class Peephole(AbstractCell):
    """Its output is gated by the state that it found: no function of what it leaves."""

    weight: Array
    hidden_size: int = eqx.field(static=True)

    def __init__(self):
        self.weight = jax.random.normal(jax.random.key(5), (UNITS, UNITS))
        self.hidden_size = UNITS

    def init_state(self):
        return jnp.full(UNITS, 0.3)

    def __call__(self, state, x, dt):
        left = jnp.tanh(x + state @ self.weight)
        return left, jax.nn.sigmoid(state) * left


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("signature", [SIGNATURE, LONGER])
def test_an_output_beside_the_state_is_a_further_part_of_it(signature):
    cell = Peephole()
    model = model_of("elman", signature)
    model = eqx.tree_at(lambda m: m.layers[0], model, Recurrent(cell))
    felt, (flow,) = eqx.filter_jit(felt_by)(model, Words(signature))
    assert felt.hs is not None
    assert felt.states is not None
    np.testing.assert_array_equal(flow.beside, felt.hs[0])

    def step(found, x, dt):
        return jax.jacobian(lambda s: jnp.concatenate(cell(s, x, dt)))(found)

    slopes = jax.vmap(jax.vmap(step))(flow.found, flow.xs, flow.dts)
    v = jnp.concatenate([flow.covectors, felt.hs[0]], axis=-1)
    back = jnp.einsum("rtl,rtlf->rtf", v, slopes)
    np.testing.assert_allclose(back, np.asarray(felt.states[0]), rtol=1e-9, atol=1e-13)
    ratios = jnp.linalg.norm(back, axis=-1) / jnp.linalg.norm(v, axis=-1)
    told = penalty_of_batch([(Omega(), 1.0)], model, [flow])
    np.testing.assert_allclose(told, ((ratios - 1) ** 2).sum() / ROWS, rtol=1e-9)


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
    both = model_of("bidirectional", depth=2)
    assert len(watched(both, Words())) == 4


@pytest.mark.parametrize("name", PLAYING)
def test_the_plan_asks_shapes_and_refuses_what_has_no_flow_to_move(name):
    contender = Contender(name, {}).for_signature(SIGNATURE)
    shapes = contender.shapes(SIGNATURE, 16)
    told = GradientDescent(penalties={"omega": 1.0}).accepts(shapes)
    assert (told is None) == (name not in REFUSED), told
    assert REFUSED.get(name, "") in (told or "")
    assert GradientDescent().accepts(shapes) is None


def test_generated_answers_are_refused():
    generated = Signature(Features(3), Classes(4), Generated(3, start=0, stop=1))
    shapes = Contender("gru", {}).for_signature(generated).shapes(generated, 16)
    told = why_no_flow(shapes)
    assert told is not None
    assert "answers that are generated" in told


@pytest.mark.parametrize("name", [name for name in PLAYING if name not in REFUSED])
def test_the_penalty_and_its_gradient_are_finite(name):
    model = model_of(name)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def of(model, seen):
        return penalty_of_batch([(Omega(), 1.0)], model, seen)

    value, slope = of(model, eqx.filter_jit(watched)(model, Words()))
    assert jnp.isfinite(value)
    leaves = jax.tree.leaves(slope)
    assert all(jnp.all(jnp.isfinite(leaf)) for leaf in leaves)
    assert any(jnp.any(leaf != 0) for leaf in leaves)


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
