"""The arithmetic of matrix products in closed form; programs are traced, never run."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from nnarena.models.contender import Contender
from nnarena.tasks.add import Add
from nnarena.training.flops import matmul_flops, work
from nnarena.training.objective import batch_loss


B, N, K, M = 4, 3, 5, 7


def array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def count(function, *shapes: jax.ShapeDtypeStruct) -> int | None:
    return matmul_flops(jax.make_jaxpr(function)(*shapes))


def test_a_product_is_two_operations_per_entry_and_summand():
    assert count(jnp.matmul, array(N, K), array(K, M)) == 2 * N * K * M


def test_a_vector_is_a_matrix_of_one_row():
    assert count(jnp.matmul, array(K), array(K, M)) == 2 * K * M


def test_element_wise_work_counts_nothing():
    assert count(lambda x: jnp.sum(jnp.tanh(x) * x + 1.0), array(N, K)) == 0


def test_contracted_axes_are_contracted_and_batch_axes_are_not():
    def scores(q, k):
        return jnp.einsum("bnhd,bmhd->bhnm", q, k)

    assert count(scores, array(B, N, 2, K), array(B, M, 2, K)) == (
        2 * B * 2 * N * M * K
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_batch_multiplies(shared):
    axes = (0, None) if shared else (0, 0)
    weights = array(K, M) if shared else array(B, K, M)
    product = jax.vmap(jnp.matmul, in_axes=axes)
    assert count(product, array(B, N, K), weights) == B * 2 * N * K * M


def test_a_compiled_part_counts_as_its_content():
    assert count(jax.jit(jnp.matmul), array(N, K), array(K, M)) == 2 * N * K * M


def iterate(state, matrix):
    """Multiplies eleven times."""
    step = lambda state, _: (state @ matrix, None)  # noqa: E731
    return jax.lax.scan(step, state, length=11)[0]


def test_a_loop_counts_as_often_as_it_runs():
    assert count(iterate, array(K), array(K, K)) == 11 * 2 * K * K


def test_loops_within_loops_multiply():
    def twice(state, matrix):
        return jax.lax.scan(
            lambda state, _: (iterate(state, matrix), None), state, length=3
        )[0]

    assert count(twice, array(K), array(K, K)) == 3 * 11 * 2 * K * K


def test_the_gradient_of_a_loop_is_three_times_the_loop():
    def loss(state, matrix):
        return jnp.sum(iterate(state, matrix))

    both = jax.value_and_grad(loss, argnums=(0, 1))
    assert count(both, array(K), array(K, K)) == 3 * 11 * 2 * K * K


def dense(weights, inputs):
    return jnp.sum(jnp.square(inputs @ weights))


@pytest.mark.parametrize(("wanted", "times"), [((0, 1), 3), ((0,), 2)])
def test_a_dense_layer_is_trained_at_three_times_its_cost(wanted, times):
    """Once forward, once for the weights, and once where its inputs need gradients."""
    both = jax.value_and_grad(dense, argnums=wanted)
    assert count(both, array(K, M), array(B, K)) == times * 2 * B * K * M


def test_a_loop_of_unknown_length_has_no_count():
    def until_small(x):
        return jax.lax.while_loop(lambda x: jnp.sum(x) > 1.0, lambda x: x @ x, x)

    assert count(until_small, array(K, K)) is None
    assert count(lambda x: jax.lax.map(until_small, x), array(B, K, K)) is None


def test_a_loop_of_unknown_length_without_products_counts_nothing():
    def until_small(x):
        x = jax.lax.while_loop(lambda x: jnp.sum(x) > 1.0, lambda x: 0.5 * x, x)
        return x @ x

    assert count(until_small, array(K, K)) == 2 * K**3


def test_a_conditional_is_exact_where_its_branches_agree():
    def equal(yes, x):
        return jax.lax.cond(yes, lambda x: x @ x, lambda x: x @ (x + 1.0), x)

    def unequal(yes, x):
        return jax.lax.cond(yes, lambda x: x @ x @ x, lambda x: x @ x, x)

    flag = jax.ShapeDtypeStruct((), jnp.bool_)
    assert count(equal, flag, array(K, K)) == 2 * K**3
    assert count(unequal, flag, array(K, K)) is None
    dearest = work(jax.make_jaxpr(unequal)(flag, array(K, K)))
    assert dearest.matmul_flops == 2 * 2 * K**3


def test_a_training_step_of_an_lstm():
    r"""T steps of B examples: embedding I -> H, gates (H + H) -> 4H, head H -> O.

    Every product is done once forward, once backward for its weights, and once
    backward for its inputs, unless these are data, as under the embedding:

        3 \cdot 2 T B (H \cdot 4H + H \cdot 4H) + 2 \cdot 2 T B I H + 3 \cdot 2 B H O

    The first step's product with the zero state is done like all others.
    """
    task, length, batch, width = Add(length=6), 6, 4, 8
    model = Contender("lstm").shapes(task.signature, width)
    rows = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), batch))

    def loss(model, rows):
        return batch_loss(model, task, rows)

    gates = 3 * 2 * length * batch * (width + width) * 4 * width
    embedding = 2 * 2 * length * batch * 2 * width
    head = 3 * 2 * batch * width * 1
    step = eqx.filter_value_and_grad(loss)
    jaxpr, _, _ = eqx.filter_make_jaxpr(step)(model, rows)
    assert matmul_flops(jaxpr) == gates + embedding + head
