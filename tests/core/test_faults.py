"""What to do about an error of somebody's code, where its own words do not say it."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from nnarena.core.faults import EntrantProblem, blaming, require_constructor
from nnarena.core.frozen import Frozen
from nnarena.tasks import AbstractTask


class Reads:
    """Code of an entrant, in this file."""

    @staticmethod
    def array(weight):
        return weight.array

    @staticmethod
    def value(weight):
        return weight.value()

    @staticmethod
    def product(weight):
        return jnp.ones(2) @ weight


@pytest.mark.parametrize(
    ("method", "weight", "says"),
    [
        ("array", jnp.ones(2), "leave `.array` or `.value()` out"),
        ("value", jnp.ones(2), "leave `.array` or `.value()` out"),
        ("product", Frozen(jnp.ones(2)), "a Frozen weight is its `.value()`"),
    ],
)
@pytest.mark.parametrize("traced", [True, False])
def test_how_a_frozen_weight_is_read_is_told(method, weight, says, traced):
    read = getattr(Reads, method)
    with pytest.raises(EntrantProblem) as caught, blaming(Reads, method, "tried"):
        jax.eval_shape(read, weight) if traced else read(weight)
    assert says in str(caught.value)
    assert "test_faults.py, line" in str(caught.value)


def test_a_value_that_is_set_without_being_declared_is_told_how():
    class Set(AbstractTask):
        def __init__(self):
            me: Any = self
            me.signature = me.scoring = None

        def splits(self, data, *, key):
            raise AssertionError("it is never made")

        def example(self, row):
            raise AssertionError("it is never made")

    with pytest.raises(EntrantProblem, match=r"is declared in the class, as in `sco"):
        require_constructor(Set, "", {}, key=False)
