"""Who sums in a compiled program; programs are traced and compiled, never run."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from nnarena.models.contender import Contender
from nnarena.tasks.add import Add
from nnarena.training.compiling import OWN_SUMS, QUICKLY, step_options, sum_options
from nnarena.training.gradient_descent import GradientDescent


def options(function, *shapes):
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return sum_options(jax.make_jaxpr(function)(*arrays))


@pytest.mark.parametrize("axis", [1, 2])
def test_sums_of_few_numbers_are_xlas(axis):
    assert options(lambda x: jnp.sum(x, axis=axis), (5, 8, 8)) == OWN_SUMS


def test_sums_of_many_numbers_are_left_where_they_are():
    assert options(lambda x: jnp.sum(x, axis=1), (5, 64, 8)) == {}


def test_no_sum_changes_nothing():
    assert options(jnp.tanh, (5, 8)) == {}


def test_who_sums_is_decided_however_it_is_compiled():
    step = jax.make_jaxpr(lambda x: jnp.sum(x, axis=1))(jnp.ones((5, 8, 8)))
    assert step_options(step, "well") == OWN_SUMS
    assert step_options(step, "quickly") == {**OWN_SUMS, **QUICKLY}


def test_an_operation_without_results_is_no_sum():
    def telling(x):
        jax.debug.callback(lambda _: None, x)
        return jnp.sum(x, axis=1)

    assert options(telling, (5, 8, 8)) == OWN_SUMS


@pytest.mark.parametrize(("turns", "expected"), [(1, {}), (9, OWN_SUMS)])
def test_a_loops_sums_count_as_often_as_it_runs(turns, expected):
    def few_in_a_loop(x, y):
        def step(x, _):
            return x + jnp.sum(x, axis=0, keepdims=True), None

        return jax.lax.scan(step, x, length=turns)[0], jnp.sum(y)

    assert options(few_in_a_loop, (8, 4), (64,)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ct_gru", OWN_SUMS), ("dnc", OWN_SUMS), ("lstm", {}), ("transformer", {})],
)
def test_what_contenders_sum_decides(name, expected):
    task = Add(length=50)
    build = partial(build_contender, Contender(name), task.signature)
    descent = GradientDescent(batch=32).descent(build, task)
    rows = jax.random.split(jax.random.key(0), 32)
    assert sum_options(descent.trace_step(rows)) == expected


def test_xla_obeys():
    """Or the option has changed, and nobody would be told."""

    def summed(x):
        return jnp.sum(x * 2.0, axis=1)

    def program(**options):
        lowered = jax.jit(summed).lower(jnp.ones((64, 64, 128)))
        return lowered.compile(**options).as_text() or ""

    assert "ynn_fusion" in program()
    assert "ynn_fusion" not in program(compiler_options=OWN_SUMS)


def build_contender(contender, signature, key):
    return contender.build(signature, 32, key=key)
