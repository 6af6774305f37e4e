"""Roles: what is declared holds, what is not goes by shape, wherever a weight lies."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from nnarena.core.roles import (
    Role,
    has_stacked_vectors,
    role,
    roles,
    roles_by_path,
)


KEY = jax.random.key(0)
MATRIX, VECTOR = jnp.zeros((2, 3)), jnp.zeros(3)


class Plain(eqx.Module):
    """Declares nothing."""

    matrix: Array
    vector: Array
    index: Array
    name: str


class Angles(eqx.Module):
    """Declares against what shape says."""

    theta: Array = eqx.field(metadata=role(decay=False, rate=0.5))
    entries: Array = eqx.field(metadata=role(decay=True))


class Owner(eqx.Module):
    """Declares for what lies within."""

    maps: Any = eqx.field(metadata=role(decay=True))
    slow: Any = eqx.field(metadata=role(rate=0.1))
    other: Any = None


class Pair(NamedTuple):
    left: Any
    right: Any


@jax.tree_util.register_pytree_node_class
class Box:
    """A container that names no places."""

    def __init__(self, inside: Any):
        self.inside = inside

    def tree_flatten(self):
        return (self.inside,), None

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)


def decays(tree: Any) -> dict[str, bool]:
    return {path: found.decay for path, found in roles_by_path(tree).items()}


def test_what_nobody_declares_goes_by_its_axes():
    plain = Plain(MATRIX, VECTOR, jnp.arange(3), "plain")
    assert roles_by_path(plain) == {
        "matrix": Role(decay=True, rate=1.0, declared=False),
        "vector": Role(decay=False, rate=1.0, declared=False),
    }


def test_what_is_declared_goes_before_shape():
    assert roles_by_path(Angles(MATRIX, VECTOR)) == {
        "theta": Role(decay=False, rate=0.5),
        "entries": Role(decay=True),
    }


@pytest.mark.parametrize(
    "wrap",
    [
        lambda part: [part],
        lambda part: (part, None),
        lambda part: {"a": part},
        lambda part: Pair(None, part),
        Box,
        lambda part: Box([{"b": (Box(part),)}]),
    ],
    ids=["list", "tuple", "dict", "named tuple", "container", "nested"],
)
def test_a_part_is_found_in_any_container(wrap):
    found = list(roles_by_path(wrap(Angles(MATRIX, VECTOR))).values())
    assert found == [Role(decay=False, rate=0.5), Role(decay=True)]


def test_the_outermost_declaration_decides_and_rates_multiply():
    angles = Angles(MATRIX, VECTOR)
    found = roles_by_path(Owner(maps=[angles], slow={"a": angles}, other=angles))
    assert found == {
        "maps[0].theta": Role(decay=True, rate=0.5),
        "maps[0].entries": Role(decay=True),
        "slow['a'].theta": Role(decay=False, rate=0.05),
        "slow['a'].entries": Role(decay=True, rate=0.1),
        "other.theta": Role(decay=False, rate=0.5),
        "other.entries": Role(decay=True),
    }


def test_a_rate_alone_leaves_decay_to_shape():
    found = roles_by_path(Owner(maps=None, slow=(MATRIX, VECTOR)))
    assert found == {
        "slow[0]": Role(decay=True, rate=0.1, declared=False),
        "slow[1]": Role(decay=False, rate=0.1, declared=False),
    }


LAYERS = pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (eqx.nn.Linear(2, 3, key=KEY), {"weight": True, "bias": False}),
        (eqx.nn.Embedding(5, 3, key=KEY), {"weight": False}),
        (eqx.nn.LayerNorm((2, 3)), {"weight": False, "bias": False}),
        (eqx.nn.RMSNorm((2, 3)), {"weight": False, "bias": False}),
        (eqx.nn.GroupNorm(2, 4), {"weight": False, "bias": False}),
        (eqx.nn.Conv1d(2, 3, 3, key=KEY), {"weight": True, "bias": False}),
        (eqx.nn.ConvTranspose1d(2, 3, 3, key=KEY), {"weight": True, "bias": False}),
        (eqx.nn.PReLU(), {"negative_slope": False}),
        (
            eqx.nn.GRUCell(2, 3, key=KEY),
            {"weight_ih": True, "weight_hh": True, "bias": False, "bias_n": False},
        ),
        (
            eqx.nn.LSTMCell(2, 3, key=KEY),
            {"weight_ih": True, "weight_hh": True, "bias": False},
        ),
        (
            eqx.nn.WeightNorm(eqx.nn.Linear(2, 3, key=KEY)),
            {"layer.weight": True, "layer.bias": False, "g": False},
        ),
        (
            eqx.nn.MLP(2, 3, 4, 1, key=KEY),
            {
                f"layers[{layer}].{name}": name == "weight"
                for layer in (0, 1)
                for name in ("weight", "bias")
            },
        ),
        (
            eqx.nn.MultiheadAttention(2, 4, key=KEY),
            {
                f"{part}_proj.weight": True
                for part in ("query", "key", "value", "output")
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)


@LAYERS
def test_layers_of_equinox(layer, expected):
    assert decays(layer) == expected


@LAYERS
@pytest.mark.parametrize("depth", [1, 2])
def test_a_stack_of_layers_is_decayed_as_one(layer, expected, depth):
    """As `eqx.filter_vmap` makes it, to be scanned: leading axes change no role."""
    assert decays(stack(layer, depth)) == expected


def stack(layer: Any, depth: int) -> Any:
    """Returns several layers in one, with as many axes more."""
    return jax.tree.map(
        lambda x: jnp.tile(x, (2,) * depth + (1,) * x.ndim) if eqx.is_array(x) else x,
        layer,
    )


class Annotated(eqx.Module):
    """Says of its arrays how many axes they have."""

    matrix: Float[Array, "features hidden"]
    gain: Float[Array, " hidden"] | None
    biases: tuple[Float[Array, " hidden"], ...]
    log_tau: Float[Array, ""]
    anything: Float[Array, "*batch hidden"]
    inner: Plain | Float[Array, "features hidden"]


def test_annotated_vectors_are_vectors_in_any_stack():
    part = Annotated(MATRIX, VECTOR, (VECTOR, VECTOR), jnp.zeros(()), VECTOR, VECTOR)
    own = {
        "matrix": True,
        "gain": False,
        "biases[0]": False,
        "biases[1]": False,
        "log_tau": False,
    }
    assert decays(part) == {**own, "anything": False, "inner": True}
    assert decays(stack(part, 1)) == {**own, "anything": True, "inner": True}
    within = Annotated(
        MATRIX, None, (), jnp.zeros(()), VECTOR, Plain(MATRIX, VECTOR, VECTOR, "p")
    )
    found = decays(within)
    assert (found["inner.matrix"], found["inner.vector"]) == (True, False)


def test_whose_results_a_stack_changed_is_known():
    linear, plain = eqx.nn.Linear(2, 3, key=KEY), Plain(MATRIX, VECTOR, VECTOR, "p")
    own = Annotated(MATRIX, VECTOR, (), jnp.zeros(()), VECTOR, MATRIX)
    for unchanged in (linear, plain, stack(plain, 1), own, Angles(MATRIX, VECTOR)):
        assert not has_stacked_vectors(unchanged)
    weighed = eqx.nn.WeightNorm(linear)
    for changed in (stack(linear, 1), stack(own, 1), weighed, {"a": [weighed]}):
        assert has_stacked_vectors(changed)
        assert has_stacked_vectors(
            jax.eval_shape(lambda x=changed: eqx.filter(x, eqx.is_array))
        )


def test_roles_stand_in_the_places_of_the_weights():
    tree = Owner(maps=Plain(MATRIX, VECTOR, jnp.arange(3), "p"), slow=[MATRIX, None])
    weights = eqx.filter(tree, eqx.is_inexact_array)
    assert jax.tree.structure(roles(weights)) == jax.tree.structure(weights)


def test_shapes_have_the_roles_of_their_arrays():
    angles = Angles(MATRIX, VECTOR)
    shapes = jax.eval_shape(lambda: angles)
    assert roles_by_path(shapes) == roles_by_path(angles)


class Tuned(eqx.Module):
    """Has its rate as a setting."""

    poles: Array = eqx.field(metadata=role(rate="pole_rate"))
    pole_rate: float = eqx.field(static=True)


def test_a_rate_may_be_a_setting_of_the_part():
    found = roles_by_path([Tuned(VECTOR, 0.1), Tuned(VECTOR, 1.0)])
    assert [one.rate for one in found.values()] == [0.1, 1.0]
    with pytest.raises(ValueError, match="a number above 0, not -1"):
        roles(Tuned(VECTOR, -1.0))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_is_a_number_above_zero(rate):
    with pytest.raises(ValueError, match="a relative rate is a number above 0, not"):
        role(rate=rate)
