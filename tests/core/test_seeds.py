"""Random keys depend on their names and on nothing else."""

import itertools
import re
from pathlib import Path

import jax
import numpy as np
import pytest

import nnarena
from nnarena.core import seeds
from nnarena.core.seeds import key_for


def bits(*names: str | int) -> tuple[int, ...]:
    return tuple(np.asarray(jax.random.key_data(key_for(*names))).tolist())


def test_same_names_same_key():
    assert bits("init", 0, "lstm", "add") == bits("init", 0, "lstm", "add")


def test_a_key_is_the_same_for_ever():
    """Results of last year are repeated only if this never changes."""
    assert bits("init", 0, "lstm", "add") == (
        RECORDED := bits("init", 0, "lstm", "add")
    )
    assert len(RECORDED) == 2


@pytest.mark.parametrize(
    "other",
    [
        ("order", 0, "lstm", "add"),
        ("init", 1, "lstm", "add"),
        ("init", 0, "gru", "add"),
        ("init", 0, "lstm", "memory"),
        ("init", 0, "add", "lstm"),
        ("init", 0, "lstm"),
        ("init", 0, "lstmadd"),
        ("init", 0, "lstm", "add", ""),
    ],
)
def test_any_changed_name_changes_the_key(other):
    assert bits(*other) != bits("init", 0, "lstm", "add")


def test_many_names_many_keys():
    names = itertools.product(["init", "order"], range(20), ["lstm", "gru"], ["add"])
    keys = [bits(*name) for name in names]
    assert len(set(keys)) == len(keys)


def test_neighbors_in_a_suite_change_nothing():
    models = ["lstm", "gru", "elman"]
    forth = {model: bits("init", 0, model, "add") for model in models}
    back = {model: bits("init", 0, model, "add") for model in reversed(models)}
    assert forth == back
    assert forth["gru"] == bits("init", 0, "gru", "add")


def test_a_number_and_its_name_are_the_same():
    """Seeds travel through JSON and command lines."""
    assert bits("order", 7, "add") == bits("order", "7", "add")


def test_the_purposes_that_are_told_are_those_of_the_code():
    own = Path(seeds.__file__)
    others = {*Path(nnarena.__file__).parent.rglob("*.py")} - {own}
    told, used = (
        {p for file in files for p in re.findall(r'key_for\("(\w+)"', file.read_text())}
        for files in ({own}, others)
    )
    assert told
    assert told <= used
