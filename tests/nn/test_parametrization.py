"""Derived weights: found wherever they stand, and formed once per sequence."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from nnarena.core.types import Sequence
from nnarena.models.exp_unitary import ExpUnitary
from nnarena.nn.parametrization import AbstractParametrization, resolve
from nnarena.nn.unroll import unroll


FEATURES, HIDDEN, LENGTH, BATCH = 3, 5, 7, 4
OF_THE_EXPONENTIAL = {"ceil", "complex", "cond", "scan", "while"}
KEY = jax.random.key(0)


class Doubled(AbstractParametrization):
    """A weight that is twice another, for the tests."""

    raw: Float[Array, " size"]

    def value(self) -> Float[Array, " size"]:
        return 2.0 * self.raw


class Holder(eqx.Module):
    """A module with a derived weight, a plain one, and others further down."""

    derived: AbstractParametrization | Float[Array, " size"]
    plain: Float[Array, " size"]
    below: Any
    activation: Callable = jnp.tanh
    size: int = eqx.field(static=True, default=3)


def make_holder() -> Holder:
    """Returns derived weights as a field, in a dictionary, a list and a module."""
    inner = Holder(Doubled(jnp.full(3, 5.0)), jnp.full(3, 6.0), None)
    below = {"derived": Doubled(jnp.full(3, 3.0)), "list": [inner, 4, "text"]}
    return Holder(Doubled(jnp.ones(3)), jnp.full(3, 2.0), below)


def test_resolve_replaces_what_is_derived_at_any_depth():
    found = resolve(make_holder())
    np.testing.assert_array_equal(found.derived, jnp.full(3, 2.0))
    np.testing.assert_array_equal(found.below["derived"], jnp.full(3, 6.0))
    np.testing.assert_array_equal(found.below["list"][0].derived, jnp.full(3, 10.0))


def test_resolve_leaves_everything_else():
    holder = make_holder()
    found = resolve(holder)
    assert type(found) is Holder
    assert found.plain is holder.plain
    assert found.below["list"][0].plain is holder.below["list"][0].plain
    assert found.below["list"][1:] == [4, "text"]
    assert found.activation is jnp.tanh
    assert found.size == 3


def test_resolve_again_changes_nothing():
    once = resolve(make_holder())
    twice = resolve(once)
    assert jax.tree.structure(once) == jax.tree.structure(twice)
    for before, after in zip(
        jax.tree.leaves(once), jax.tree.leaves(twice), strict=True
    ):
        assert before is after


def test_resolve_of_a_derived_weight_itself_is_its_value():
    np.testing.assert_array_equal(resolve(Doubled(jnp.ones(2))), jnp.full(2, 2.0))


def test_gradients_flow_to_the_numbers_behind():
    @eqx.filter_grad
    def gradient(holder: Holder):
        ready = resolve(holder)
        squares = jnp.square(jnp.asarray(ready.derived))
        return jnp.sum(squares) + jnp.sum(ready.below["derived"])

    found = gradient(make_holder())
    np.testing.assert_array_equal(found.derived.raw, jnp.full(3, 8.0))
    np.testing.assert_array_equal(found.below["derived"].raw, jnp.full(3, 2.0))
    np.testing.assert_array_equal(found.plain, jnp.zeros(3))


@pytest.mark.parametrize("start", ["phases", "identity"])
def test_every_number_of_a_unitary_network_has_a_gradient(start: Any):
    cell = ExpUnitary(FEATURES, HIDDEN, start=start, key=KEY)
    xs, dts = observations()

    def loss(cell):
        return jnp.sum(
            unroll(cell, Sequence(xs, dts)).hs[-1] ** 2 * jnp.arange(2.0 * HIDDEN)
        )

    gradient = eqx.filter_jit(eqx.filter_grad(loss))(cell)
    for leaf in jax.tree.leaves(gradient):
        assert np.all(np.isfinite(leaf))
        assert np.all(np.abs(np.asarray(leaf)) > 1e-7)


def observations(*batch: int) -> tuple[jax.Array, jax.Array]:
    """Returns inputs and intervals, with leading axes for the callers of vmap."""
    rng = np.random.default_rng(1)
    xs = rng.standard_normal((*batch, LENGTH, FEATURES)).astype(np.float32)
    return jnp.asarray(xs), jnp.ones((*batch, LENGTH))


def inner_programs(equation: Any) -> Iterator[Any]:
    """Yields the programs that one equation of a program calls."""
    for parameter in equation.params.values():
        nested = parameter if isinstance(parameter, tuple | list) else [parameter]
        for one in nested:
            if hasattr(one, "eqns") or hasattr(one, "jaxpr"):
                yield getattr(one, "jaxpr", one)


def equations(program: Any) -> Iterator[Any]:
    """Yields all equations of a program, those of its inner programs included."""
    for equation in program.eqns:
        yield equation
        for inner in inner_programs(equation):
            yield from equations(inner)


def loop_bodies(program: Any) -> list[Any]:
    """Returns the bodies of all scans over the sequence, forward or backward."""
    return [
        next(inner_programs(equation))
        for equation in equations(program)
        if equation.primitive.name == "scan" and equation.params["length"] == LENGTH
    ]


def count(program: Any) -> Counter[str]:
    """Returns how often each primitive stands in a program."""
    return Counter(equation.primitive.name for equation in equations(program))


def programs_of(function: Callable, *arguments: Any) -> tuple[Any, Any]:
    """Returns a function's whole program and the body of its only loop over time."""
    program = jax.make_jaxpr(function)(*arguments).jaxpr
    (body,) = loop_bodies(program)
    return program, body


def outputs(cell: ExpUnitary, xs: jax.Array, dts: jax.Array) -> jax.Array:
    return unroll(cell, Sequence(xs, dts)).hs


def scan_unresolved(cell: ExpUnitary, xs: jax.Array, dts: jax.Array) -> jax.Array:
    """What the thesis did: forms the exponential at every step."""

    def step(state, observation):
        return resolve(cell)(state, *observation)

    return jax.lax.scan(step, cell.init_state(), (xs, dts))[1]


def test_exponential_is_formed_before_the_loop():
    cell = ExpUnitary(FEATURES, HIDDEN, key=KEY)
    program, body = programs_of(outputs, cell, *observations())
    assert count(program)["ceil"] == 1
    assert count(body)["dot_general"] == 2  # state and input, nothing else
    assert not OF_THE_EXPONENTIAL & count(body).keys()


def test_the_same_look_finds_an_exponential_inside_the_loop():
    cell = ExpUnitary(FEATURES, HIDDEN, key=KEY)
    _, body = programs_of(scan_unresolved, cell, *observations())
    assert count(body)["ceil"] == 1
    assert count(body)["dot_general"] > 2
    np.testing.assert_allclose(
        scan_unresolved(cell, *observations()),
        unroll(cell, Sequence(*observations())).hs,
        rtol=0,
        atol=1e-6,
    )


def test_exponential_is_outside_the_loops_of_the_gradient():
    cell = ExpUnitary(FEATURES, HIDDEN, key=KEY)
    xs, dts = observations()

    def loss(cell):
        return jnp.sum(unroll(cell, Sequence(xs, dts)).hs ** 2)

    program = jax.make_jaxpr(jax.grad(loss))(cell).jaxpr
    bodies = loop_bodies(program)
    assert len(bodies) == 2  # one forward, one backward
    assert count(program)["ceil"] == 1
    assert not any(OF_THE_EXPONENTIAL & count(body).keys() for body in bodies)


def exponent_shapes(program: Any) -> set[tuple[int, ...]]:
    """Returns the shapes of all complex matrices made, once per exponential."""
    return {
        equation.outvars[0].aval.shape
        for equation in equations(program)
        if equation.primitive.name == "complex"
    }


def test_a_batch_shares_one_exponential():
    cell = ExpUnitary(FEATURES, HIDDEN, key=KEY)
    batched = jax.vmap(outputs, in_axes=(None, 0, 0))
    program, body = programs_of(batched, cell, *observations(BATCH))
    assert exponent_shapes(program) == {(HIDDEN, HIDDEN)}
    assert not OF_THE_EXPONENTIAL & count(body).keys()
    weights = {
        equation.invars[1].aval.shape
        for equation in equations(body)
        if equation.primitive.name == "dot_general"
    }
    assert weights == {(2 * HIDDEN, 2 * HIDDEN), (FEATURES, 2 * HIDDEN)}


def test_seeds_have_an_exponential_each_outside_the_loop():
    make = jax.vmap(lambda key: ExpUnitary(FEATURES, HIDDEN, key=key))
    cells = make(jax.random.split(KEY, BATCH))
    batched = jax.vmap(outputs, in_axes=(0, None, None))
    program, body = programs_of(batched, cells, *observations())
    assert exponent_shapes(program) == {(BATCH, HIDDEN, HIDDEN)}
    assert not OF_THE_EXPONENTIAL & count(body).keys()
