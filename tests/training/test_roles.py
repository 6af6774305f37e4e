"""Roles of weights in training: the table of all contenders, and the updates."""

from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
import pytest
from jaxtyping import Array, Float
from tests.training.roles_table import table
from tests.training.test_gradient_descent import (
    DATA_KEYS,
    INIT_KEYS,
    SPLITS,
    TASK,
    TRAINER,
    build,
    descent_by_hand,
)

from nnarena.check.model_case import SIGNATURES, WIDTH
from nnarena.core.roles import Role, role, roles_by_path
from nnarena.models import AbstractModel
from nnarena.models.contender import Contender
from nnarena.training.base import fit, fit_seeds
from nnarena.training.gradient_descent import GradientDescent


def test_the_roles_of_all_contenders_are_those_on_record():
    """A change is made on purpose: see `roles_table.py`, which writes the file."""
    known = (Path(__file__).parent / "roles.txt").read_text(encoding="utf-8")
    assert table() == known


@pytest.mark.parametrize("adjacency", ["dense", "ring", "sparse", "grid:*x2"])
def test_a_memory_layer_is_decayed_alike_whoever_reads_whom(adjacency):
    contender = Contender("memory_layer", {"adjacency": adjacency})
    found = roles_by_path(contender.shapes(SIGNATURES[0], WIDTH))
    (recurrent,) = [one for path, one in found.items() if "recurrent_weight" in path]
    assert recurrent.decay


@pytest.mark.parametrize(
    "name",
    ["exponential", "thesis", "taylor", "pade", "cayley", "householder", "eunn"],
)
def test_no_number_of_a_unitary_map_is_decayed(name):
    """However it stores them: a decayed generator drifts to W = 1."""
    contender = Contender("exp_unitary", {"map": name})
    found = roles_by_path(contender.shapes(SIGNATURES[0], WIDTH))
    generating = {p: one for p, one in found.items() if ".recurrent_weight." in p}
    assert generating
    assert set(generating.values()) == {Role(decay=False)}


@pytest.mark.parametrize(
    "name",
    [
        *("exp_unitary", "unitary_rnn", "urnn", "eunn", "exp_rnn", "scaled_cayley"),
    ],
)
def test_the_rate_of_a_unitary_matrix_is_a_setting(name):
    contender = Contender(name, {"matrix_rate": 0.1})
    found = roles_by_path(contender.shapes(SIGNATURES[0], WIDTH))
    rates = {one.rate for path, one in found.items() if ".recurrent_weight." in path}
    others = {one.rate for path, one in found.items() if ".recurrent_" not in path}
    assert (rates, others) == ({0.1}, {1.0})
    with pytest.raises(ValueError, match=r"matrix_rate must be a number above 0, not"):
        Contender(name, {"matrix_rate": 0.0})


class Declared(AbstractModel):
    """The line of `test_gradient_descent`, its roles against its shapes."""

    matrix: Float[Array, "features outputs"] = eqx.field(
        metadata=role(decay=False, rate=0.25)
    )
    bias: Float[Array, " outputs"] = eqx.field(metadata=role(decay=True, rate=2.0))
    causal: bool = eqx.field(static=True)

    def __init__(self, matrix: Array, bias: Array):
        self.matrix, self.bias, self.causal = matrix, bias, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return xs[-1] @ self.matrix + self.bias


def build_declared(key) -> Declared:
    line = build(key)
    return Declared(line.matrix, line.bias)


def weights_of(model: Any) -> np.ndarray:
    """Returns slopes and offset, of each seed if there are several."""
    slopes = np.asarray(model.matrix)[..., 0]
    return np.concatenate([slopes, np.asarray(model.bias)], axis=-1)


def last_weights(trainer: GradientDescent, seed: int) -> np.ndarray:
    """Returns the weights after the last update."""
    program = trainer.compile(build_declared, TASK, SPLITS)
    state = program.start(INIT_KEYS[seed])
    for _ in range(program.checks):
        state, _ = program.advance(state, DATA_KEYS[0])
    return weights_of(state.params)


def test_decay_and_rates_are_those_declared():
    found = last_weights(TRAINER, seed=1)
    expected, _, _ = descent_by_hand(
        TRAINER, seed=1, data=0, decayed=(0, 0, 1), rates=(0.25, 0.25, 2.0)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    by_shape, _, _ = descent_by_hand(TRAINER, seed=1, data=0)
    assert not np.allclose(found, by_shape, rtol=1e-2)


def test_relative_rates_hold_beside_other_seeds_and_rates():
    recipe = GradientDescent(steps=20, batch=4, learning_rate=(0.3, 0.03), checks=4)
    alone = [
        fit(
            recipe,
            build_declared,
            TASK,
            SPLITS,
            init_key=INIT_KEYS[seed],
            data_key=DATA_KEYS[seed],
        )
        for seed in range(3)
    ]
    together = fit_seeds(
        recipe,
        build_declared,
        TASK,
        SPLITS,
        init_keys=INIT_KEYS,
        data_keys=DATA_KEYS,
    )
    program = recipe.compile(build_declared, TASK, SPLITS, seeds=3, trials_at_once=True)
    state = program.start(INIT_KEYS)
    for _ in range(program.checks):
        state, _ = program.advance(state, DATA_KEYS)
    expected = np.stack([weights_of(one.model) for one in alone])
    np.testing.assert_allclose(weights_of(together.model), expected, rtol=1e-4)
    np.testing.assert_allclose(weights_of(program.best(state)), expected, rtol=1e-4)
