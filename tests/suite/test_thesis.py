"""The thesis's protocol: every contender has the size that its study printed."""

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
from jaxtyping import PyTree

from nnarena.models.contender import count_parameters
from nnarena.models.memory_augmented_transformer import PostNormBlock
from nnarena.nn.ltc import Circuit
from nnarena.nn.wiring import Wiring, edges
from nnarena.runs.store import DirectoryStore
from nnarena.suite.config import load_suite, suite_names
from nnarena.suite.plan import Job, assemble, make_jobs
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import batch_loss


ROOT = Path(__file__).parents[2]


def published() -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the thesis's figures by contender and task."""
    text = resources.files("nnarena.analysis").joinpath("published.toml").read_text()
    figures = tomllib.loads(text)["studies"]["thesis"]["figures"]
    return {(figure["contender"], figure["task"]): figure for figure in figures}


PUBLISHED = published()


@cache
def planned(suite: str) -> list[Job]:
    """Returns the jobs of a packaged suite: seconds, and needed by several tests."""
    return make_jobs(load_suite(suite))


def job_of(contender: str, task: str) -> Job:
    """Returns a job of the thesis's."""
    return jobs()[contender, task]


@cache
def jobs() -> dict[tuple[str, str], Job]:
    """Returns the thesis's jobs by contender and task."""
    return {
        (job.identity.model.name, job.identity.task.name): job
        for suite in ("thesis", "thesis-cell")
        for job in planned(suite)
    }


def inputs_of(circuit: Circuit) -> int:
    """Returns how many inputs a circuit has; every one touches some neuron."""
    return int(np.max(np.asarray(circuit.sensory.source))) + 1


def with_masked_synapses(model: PyTree) -> PyTree:
    """Returns the model with a synapse between any two, as the thesis counted them."""

    def dense(node: Any) -> Any:
        if not isinstance(node, Circuit):
            return node
        features, neurons = inputs_of(node), node.recurrent.targets
        ones = np.ones((features, neurons), int), np.ones((neurons, neurons), int)
        wiring = Wiring(*map(edges, ones))
        return Circuit(wiring, method=node.method, key=jax.random.key(0))

    return jax.tree.map(dense, model, is_leaf=lambda node: isinstance(node, Circuit))


@pytest.mark.parametrize("suite", suite_names())
def test_every_packaged_suite_can_be_planned(suite):
    assert planned(suite)


def test_the_kept_runs_are_those_that_the_suite_plans_today():
    kept = {record.key for record in DirectoryStore(ROOT / "results" / "thesis")}
    assert kept <= {job.key for job in planned("thesis")}


def test_all_seventy_cells_and_the_memory_cell_are_planned():
    assert len(PUBLISHED) == 71
    assert jobs().keys() == PUBLISHED.keys()


@pytest.mark.parametrize(("contender", "task"), sorted(PUBLISHED))
def test_parameters_are_those_of_the_thesis(contender, task):
    job = job_of(contender, task)
    count = job.parameters
    if contender in ("ncp", "unitary_ncp"):
        model = assemble(job).build(jax.random.key(0))
        assert count_parameters(model) == count
        count = count_parameters(with_masked_synapses(model))
    assert count == PUBLISHED[contender, task]["parameters"]


def test_the_recipe_is_that_of_the_thesis():
    trainer = assemble(job_of("lstm", "add")).trainer
    numbers = {name: getattr(trainer, name) for name in ("batch", "learning_rate")}
    assert numbers == {"batch": 128, "learning_rate": 1e-3}
    assert load_suite("thesis").trainer["steps"] == 128 * 250
    for suite in ("thesis", "thesis-cell"):
        assert load_suite(suite).trainer == load_suite("thesis").trainer
        assert load_suite(suite).deviations


@pytest.mark.parametrize(
    ("gradient", "less"), [(1e-3, 0.003), (1e-5, 0.233), (3.84e-7, 0.864)]
)
def test_keras_s_first_update_is_smaller_as_the_deviations_say(gradient, less):
    """Keras: rate sqrt(1 - b2) / (1 - b1) m / (sqrt(v) + epsilon)."""
    trainer = assemble(job_of("lstm", "add")).trainer
    assert isinstance(trainer, GradientDescent)
    optimizer = trainer.transformation()
    weight, slope = jax.numpy.zeros(()), jax.numpy.asarray(gradient)
    with jax.numpy_dtype_promotion("standard"):
        ours, _ = optimizer.update(slope, optimizer.init(weight), weight)
    mean, square = (1 - 0.9) * gradient, (1 - 0.999) * gradient**2
    corrected = 1e-3 * np.sqrt(1 - 0.999) / (1 - 0.9)
    keras = -corrected * mean / (np.sqrt(square) + 1e-7)
    assert 1 - keras / float(np.asarray(ours)) == pytest.approx(less, rel=0.02)


def test_the_memory_cell_s_first_gradients_are_as_small_as_its_deviations_say():
    parts = assemble(job_of("memory_cell", "cell"))
    rows = jax.random.split(jax.random.key(0), 8)
    model = parts.build(jax.random.key(1))
    weights, rest = eqx.partition(model, eqx.is_inexact_array)

    def loss(weights):
        whole = eqx.combine(weights, rest)
        return batch_loss(whole, parts.task, rows)

    slopes = jax.tree.leaves(jax.jit(jax.grad(loss))(weights))
    sizes = np.abs([float(slope[0]) for slope in slopes])
    assert sizes.min() == pytest.approx(4e-7, rel=0.1)
    assert sizes.max() == pytest.approx(5e-5, rel=0.1)


def test_keras_s_attention_would_start_narrower_as_the_deviations_say():
    """Its Glorot start of (width, heads, size) counts width times both of the rest."""
    model = assemble(job_of("memory_augmented_transformer", "add")).build(
        jax.random.key(0)
    )
    blocks = jax.tree.leaves(
        model, is_leaf=lambda node: isinstance(node, PostNormBlock)
    )
    (block,) = [node for node in blocks if isinstance(node, PostNormBlock)]
    width, heads, size = 32, 2, 32
    project = np.sqrt(6 / (width * heads + width * size))
    merge = np.sqrt(6 / (heads * size + heads * width))
    assert float(abs(block.project.weight).max()) == pytest.approx(
        3.4 * project, rel=0.03
    )
    assert float(abs(block.merge.weight).max()) == pytest.approx(1.15 * merge, rel=0.03)


def test_the_memory_cell_solves_its_two_sequences_before_training():
    """The reference's simulation of the thesis's constants: 5.86e-07."""
    parts = assemble(job_of("memory_cell", "cell"))
    rows = jax.random.split(jax.random.key(0), 8)
    model = parts.build(jax.random.key(1))
    loss = jax.jit(batch_loss, static_argnums=1)(model, parts.task, rows)
    assert float(loss) == pytest.approx(5.86e-7, rel=0.02)


def test_the_small_suite_is_the_thesis_s_but_for_its_size():
    small, whole = load_suite("thesis-small"), load_suite("thesis")
    assert [model for model in whole.models if model not in small.models] == []
    sizes = {"steps", "checks"}
    assert {
        key for key in whole.trainer if small.trainer[key] != whole.trainer[key]
    } == sizes
    assert small.trainer.keys() == whole.trainer.keys()
