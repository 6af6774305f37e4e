"""A setting in the wrong table: the refusal says whose it is."""

import pytest

from nnarena.models.contender import Contender
from nnarena.suite.recipes import make_trainer


ELMAN = '{} is a setting of contenders, as in "elman({}=...)"'


@pytest.mark.parametrize("given", ["truncation", "truncate", "stop_every", "bptt"])
def test_a_trainer_says_that_truncation_belongs_to_a_contender(given):
    told = ELMAN.format("'truncation'", "truncation")
    with pytest.raises(ValueError, match="has no setting") as refused:
        make_trainer("gradient_descent", {given: 50})
    assert str(refused.value) == (
        f"trainer 'gradient_descent' has no setting {given!r}; {told}"
    )


@pytest.mark.parametrize(
    ("trainer", "given", "told"),
    [
        ("gradient_descent", "depth", ELMAN.format("'depth'", "depth")),
        ("gradient_descent", "radius", "'radius' is a setting of the model esn"),
        ("gradient_descent", "fillers", "'fillers' is a setting of the task"),
        ("ridge", "patience", "'patience' is a setting of the trainer"),
    ],
)
def test_a_trainer_says_whose_a_setting_is(trainer, given, told):
    with pytest.raises(ValueError, match="has no setting") as refused:
        make_trainer(trainer, {given: 1})
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("clip", "of the model dnc and of the trainer gradient_descent"),
        ("penalties", "'penalties' is a setting of the trainer gradient_descent"),
        ("lr", "'learning_rate' is a setting of the trainer gradient_descent"),
        ("fillers", "of the task"),
        ("depht", "it has: checkpoint, depth"),
        ("nonsense", "it has: checkpoint, depth"),
    ],
)
def test_a_contender_says_whose_a_setting_is(given, told):
    with pytest.raises(ValueError, match="has no setting") as refused:
        Contender("elman", {given: 1})
    assert told in str(refused.value)
