"""What models and penalties draw in training, and what is frozen in it."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from tests.training.test_gradient_descent import (
    DATA_KEYS,
    INIT_KEYS,
    SPLITS,
    TASK,
    TRAINER,
    assert_same_bits,
    build,
)

from nnarena.core.frozen import Frozen, trainable
from nnarena.core.plugins import import_file
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models import AbstractModel
from nnarena.models.contender import Contender, count_parameters
from nnarena.nn.parametrization import resolve
from nnarena.suite.config import parse_suite
from nnarena.suite.plan import assemble, make_jobs
from nnarena.training import gradient_steps
from nnarena.training.base import arrays_by_path, fit, fit_seeds
from nnarena.training.batches import Order
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import batch_loss, evaluate


SIGNATURE = Signature(Features(2), Values(1))
RECIPE = GradientDescent(steps=6, batch=4, checks=2, learning_rate=0.05)


def dropping(share: float, depth: int = 2):
    """Returns what builds a network with dropout after each layer."""
    contender = Contender("elman", {"dropout": share, "depth": depth})
    return lambda key: contender.build(SIGNATURE, 6, key=key)


def fitted(make, recipe=RECIPE, *, seed=0, data=0):
    keys = {"init_key": INIT_KEYS[seed], "data_key": DATA_KEYS[data]}
    return fit(recipe, make, TASK, SPLITS, **keys)


def test_the_key_changes_no_number_of_a_model_that_draws_nothing(monkeypatch):
    with_keys = fitted(dropping(0.0))

    def keyless(model, task, rows, *, keys):
        assert keys is not None
        return batch_loss(model, task, rows)

    monkeypatch.setattr(gradient_steps, "batch_loss", keyless)
    without = fitted(dropping(0.0))
    assert_same_bits(with_keys.history, without.history)
    assert_same_bits(with_keys.model, without.model)
    assert_same_bits(with_keys.test_loss, without.test_loss)


def test_dropout_draws_anew_for_every_example_and_step_and_the_same_again():
    order = Order(None, first=jnp.array(0), span=1, batch=4, key=DATA_KEYS[0])
    other = Order(None, first=jnp.array(0), span=1, batch=4, key=DATA_KEYS[1])
    drawn = [
        tuple(np.asarray(jax.random.key_data(key)).tolist())
        for one in (order, other)
        for step in range(3)
        for key in (*one.keys_at(jnp.array(step)), *one.at(jnp.array(step)))
    ]
    assert len(set(drawn)) == 2 * 3 * 2 * 4  # nor is any the key of a row
    again = order.keys_at(jnp.array(2))
    assert tuple(np.asarray(jax.random.key_data(again[0])).tolist()) in drawn


def test_dropout_trains_otherwise_and_again_alike():
    one, again, none = (fitted(dropping(share)) for share in (0.5, 0.5, 0.0))
    assert_same_bits(one.model, again.model)
    assert_same_bits(one.history, again.history)
    assert not np.array_equal(one.history.train_loss, none.history.train_loss)
    dropped, whole = (arrays_by_path(run.model) for run in (one, none))
    assert not np.array_equal(dropped[".head.weight"], whole[".head.weight"])


def test_evaluation_drops_nothing():
    """The validation figures are those of the whole network."""
    run = fitted(dropping(0.5))
    best = list(run.history.step).index(run.history.best_step[-1])
    whole = jax.tree.unflatten(
        jax.tree.structure(dropping(0.0)(INIT_KEYS[0])), jax.tree.leaves(run.model)
    )
    seen = evaluate(whole, TASK, SPLITS.validation, batch=64)
    assert float(run.history.validation_loss[best]) == pytest.approx(
        float(seen.mean_loss), rel=1e-5
    )


def test_dropout_leaves_out_the_share_that_it_says_and_keeps_the_mean():
    xs = jnp.ones((2_000, 2))
    contender = Contender("window", {"dropout": 0.3, "head": "none", "size": 1})
    signature = Signature(Features(2), Values(5), "every step", causal=False)
    model = contender.build(signature, 5, key=INIT_KEYS[0])
    whole, dropped = model(Sequence(xs)), model(Sequence(xs), key=DATA_KEYS[0])
    alive = np.asarray(whole) != 0
    assert alive.any()
    out = np.asarray(dropped)[alive] == 0
    assert out.mean() == pytest.approx(0.3, abs=0.02)
    kept = np.asarray(dropped)[alive][~out]
    np.testing.assert_allclose(kept, np.asarray(whole)[alive][~out] / 0.7, rtol=1e-5)


def test_seeds_beside_each_other_drop_as_alone():
    together = fit_seeds(
        RECIPE, dropping(0.5), TASK, SPLITS, init_keys=INIT_KEYS, data_keys=DATA_KEYS
    )
    for seed in range(3):
        alone = fitted(dropping(0.5), seed=seed, data=seed)
        np.testing.assert_allclose(
            together.history.train_loss[:, seed], alone.history.train_loss, rtol=1e-4
        )


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_impossible_dropout_is_refused(share):
    with pytest.raises(ValueError, match="dropout must be a number of at least 0 and"):
        dropping(share)(INIT_KEYS[0])


PENALTY = '''
import jax
import jax.numpy as jnp

import nnarena


@nnarena.PENALTIES.register("far", family="penalty", source="a test")
class Far(nnarena.AbstractPenalty):
    """The squared answer of the model."""

    def __call__(self, model, example, *, key):
        answer = model(example.question, key=key)
        return jnp.sum(answer**2)
'''


@pytest.fixture
def far(tmp_path):
    """A file with a penalty of a user's own."""
    file = tmp_path / "far.py"
    file.write_text(PENALTY)
    import_file(file)
    return file


def test_a_penalty_of_a_file_is_added_to_the_loss_and_not_to_the_curve(far):
    free = fitted(build, TRAINER, seed=0)
    recipe = replace(TRAINER, penalties={"far": 3.0})
    pulled = fitted(build, recipe, seed=0)
    examples = jax.vmap(TASK.example)(SPLITS.validation)
    mean_square = [
        float(jnp.mean(jax.vmap(run.model)(examples.question) ** 2))
        for run in (free, pulled)
    ]
    assert mean_square[1] < 0.7 * mean_square[0]
    # The first batch meets the same weights: its loss is the task's in both.
    one = replace(recipe, steps=1, checks=1)
    two = replace(one, penalties=None)
    losses = [float(fitted(build, each).history.train_loss[0]) for each in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_l1_is_the_gradient_of_the_sizes_of_decayed_weights():
    """On one step of plain descent, a penalty of strength s moves a map by s x rate."""
    common = {"steps": 1, "checks": 1, "batch": 4, "learning_rate": 0.1}
    plain = GradientDescent(
        **common, optimizer="sgd", schedule="constant", weight_decay=0.0, clip=0
    )
    ends = []
    for penalties in (None, {"l1": 0.5}):
        program = replace(plain, penalties=penalties).compile(build, TASK, SPLITS)
        state, _ = program.advance(program.start(INIT_KEYS[0]), DATA_KEYS[0])
        ends.append(state.params)
    signs = jnp.sign(build(INIT_KEYS[0]).matrix)
    np.testing.assert_allclose(
        ends[0].matrix - ends[1].matrix, 0.1 * 0.5 * signs, rtol=1e-4
    )
    np.testing.assert_allclose(ends[0].bias, ends[1].bias, rtol=1e-6)


def test_a_penalty_is_part_of_what_a_run_is(far):
    def planned(**trainer):
        suite = {
            "name": "penalties",
            "models": ["elman"],
            "tasks": ["add"],
            "width": 4,
            "seeds": 1,
            "trainer": {"steps": 5, **trainer},
        }
        (job,) = make_jobs(parse_suite(suite, "here"))
        return job

    free, pulled, packaged = (
        planned(penalties=p) for p in ({}, {"far": 1}, {"l1": 0.1})
    )
    assert free.key == planned().key
    assert len({free.key, pulled.key, packaged.key}) == 3
    assert packaged.identity.trainer.version == free.identity.trainer.version
    assert pulled.identity.trainer.settings["penalties"] == {"far": 1.0}
    version = pulled.identity.trainer.version
    assert version.startswith(f"{free.identity.trainer.version}, far text-")
    trainer = assemble(pulled).trainer
    assert isinstance(trainer, GradientDescent)
    assert trainer.penalties == {"far": 1.0}
    stale = pulled.identity.trainer.model_copy(update={"version": "2, far text-old"})
    identity = pulled.identity.model_copy(update={"trainer": stale})
    with pytest.raises(ValueError, match="was version 2, far text-old when"):
        assemble(pulled.model_copy(update={"identity": identity}))


class Fixed(AbstractModel):
    """A trained map of a frozen one."""

    frozen: Frozen
    matrix: Float[Array, "features outputs"]
    causal: bool = eqx.field(static=True)

    def __init__(self, key):
        self.frozen = Frozen(jax.random.normal(key, (2, 2)))
        self.matrix, self.causal = jnp.ones((2, 1)), True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return xs[-1] @ self.frozen.value() @ self.matrix


def test_what_is_frozen_is_not_moved_and_not_counted_and_saved_all_the_same():
    start = Fixed(INIT_KEYS[0])
    assert count_parameters(start) == 2
    recipe = replace(RECIPE, weight_decay=0.5, optimizer="sgd", penalties={"l1": 0.1})
    for optimizer in ("sgd", "adamw"):
        model = fitted(Fixed, replace(recipe, optimizer=optimizer)).model
        ends = arrays_by_path(model)
        np.testing.assert_allclose(ends[".frozen.array"], start.frozen.array, rtol=1e-6)
        assert not np.any(ends[".matrix"] == 1.0)


def test_no_gradient_flows_into_what_is_frozen():
    start = Fixed(INIT_KEYS[0])
    question = Sequence(jnp.ones((3, 2)))
    slopes = eqx.filter_grad(lambda model: jnp.sum(model(question)))(start)
    np.testing.assert_array_equal(slopes.frozen.array, 0.0)
    assert np.all(np.asarray(slopes.matrix) != 0)
    assert trainable(start).matrix is True
    assert trainable(start).frozen.array is False
    whole = eqx.filter_grad(lambda model: jnp.sum(resolve(model).frozen))(start)
    np.testing.assert_array_equal(whole.frozen.array, 0.0)


def test_an_array_of_numpy_is_frozen_as_one_of_jax():
    assert eqx.is_array(Frozen(np.ones(2)).array)
