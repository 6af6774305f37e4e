"""A check in parts is the check that one program makes, to the last bit."""

import equinox as eqx
import jax
import numpy as np
import pytest

from nnarena.core.compiling import ONE_THREAD
from nnarena.models.contender import Contender
from nnarena.tasks import TASKS
from nnarena.tasks.files import DataFolder
from nnarena.training.checks import InParts, Shapes, Whole
from nnarena.training.gradient_descent import GradientDescent


def as_it_is(function, axes):
    """Adds no axis: this is one run, at one rate."""
    del axes
    return function


def assert_same_bits(one, other):
    """Every array of one tree is the other's."""
    first, second = (eqx.filter(tree, eqx.is_array_like) for tree in (one, other))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    jax.tree.map(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("name", ["add", "digits"])
def test_in_parts_a_run_has_the_bits_that_it_has_whole(name):
    numbers = {"add": {"length": 5}, "digits": {"chunk": 32}}[name]
    task, contender = TASKS[name].make(**numbers), Contender("elman")
    splits = task.splits(DataFolder(), key=jax.random.key(0))
    trainer = GradientDescent(steps=5, checks=2, batch=8)
    descent = trainer.descent(
        lambda key: contender.build(task.signature, 4, key=key), task
    )
    state, data_key = descent.start(jax.random.key(1)), jax.random.key(2)
    given = descent, splits, Shapes(state, state, data_key), ONE_THREAD
    forms = [Whole(*given, seeds=as_it_is, tried=as_it_is), InParts(*given)]
    states = [state, state]
    for first, count in [(0, 3), (3, 2)]:
        told = [
            form.check(state, first, count, data_key)
            for form, state in zip(forms, states, strict=True)
        ]
        assert_same_bits(*told)
        states = [state for state, _ in told]
    tests = [
        form.test(s.params, s.constants) for form, s in zip(forms, states, strict=True)
    ]
    assert_same_bits(*tests)
