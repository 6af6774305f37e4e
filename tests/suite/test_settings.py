"""Every number among the settings of the arena means something, or is refused in time.

Before anything is trained or compiled, in one sentence: what, where, what would do.
"""

import math
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import jax
import pytest
from hypothesis import given, settings, strategies as st

from nnarena.core.numbers import AboveZero, Share, Trials, fitting
from nnarena.core.problems import SuiteProblem
from nnarena.core.registry import Entry, Registry
from nnarena.models import MODELS
from nnarena.models.contender import FRAME_SETTINGS
from nnarena.suite.config import parse_suite
from nnarena.suite.plan import Job, assemble, plan_suite
from nnarena.tasks import TASKS
from nnarena.training import TRAINERS


TRAINER = {"steps": 4, "batch": 4, "checks": 1}
NUMBERS = (int, float)

MEANT = {
    -1: {"forget_bias", "start", "gtrxl.gate_bias"},
    0: {
        *("forget_bias", "start", "wiring_seed", "rtol", "atol", "stabilizer"),
        *(
            "exp_unitary.input_scale",
            "ncp.input_scale",
            "unitary_cell.input_scale",
            "unitary_ncp.input_scale",
            "unitary_rnn.input_scale",
            "sparsity",
            "recurrent_command",
            "backbone_layers",
        ),
        *("esn.radius", "esn.bias", "gtrxl.memory", "gtrxl.gate_bias", "leaky.alpha"),
        *("linear_dynamical.gain", "lsm.strength", "lsm.inhibitory"),
        "scaled_cayley.negatives",
        *("bigbird.near", "bigbird.ends", "bigbird.random_blocks"),
        *("bigbird.pattern_seed", "longformer.global_tokens"),
        *("longformer.dilated_heads", "performer.epsilon"),
        *("memory_network.hops", "memory_network.time_noise"),
        *("memory_network.linear_start", "ntm.reach", "halve_after", "squares_kept"),
        *("dropout", "fillers", "washout"),
        *("warmup", "gradient_descent.clip", "weight_decay", "min_gain", "momentum"),
    },
}
"""The settings for which minus one, and zero, means something."""

Case = tuple[Registry, str, str]


def is_numeric(kind: Any) -> bool:
    """Whether a number may stand there by itself."""
    if get_origin(kind) is Annotated:
        return is_numeric(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return any(map(is_numeric, get_args(kind)))
    return kind in NUMBERS


def has_range(kind: Any) -> bool:
    """Whether every number in a type has limits."""
    if get_origin(kind) is Annotated:
        bare, *extras = get_args(kind)
        limited = any(getattr(extra, "metadata", ()) for extra in extras)
        return limited if is_numeric(bare) else has_range(bare)
    return kind not in (*NUMBERS, Any) and all(map(has_range, get_args(kind)))


def own(registry: Registry) -> Iterator[Entry]:
    return (entry for entry in registry if not entry.outside)


def cases() -> Iterator[Case]:
    """Yields every number among the settings of the package's entrants."""
    for registry in (MODELS, TASKS, TRAINERS):
        for entry in own(registry):
            for name, kind in entry.kinds.items():
                if is_numeric(kind):
                    yield registry, entry.name, name
    for name, shared in FRAME_SETTINGS.items():
        if is_numeric(shared.kind):
            yield MODELS, "elman", name


BESIDE = {
    **{key: {"solver": "tsit5"} for key in ("rtol", "atol", "max_steps")},
    **{key: {"schedule": "halving"} for key in ("halve_every", "halve_after")},
    **{key: {"schedule": "plateau"} for key in ("drop_checks", "drop_factor")},
    **{key: {"optimizer": "rmsprop_momentum"} for key in ("momentum", "squares_kept")},
}
"""What a setting has an effect with, where it has none by default."""

CASES = list(cases())
IDS = [f"{entrant}.{name}" for _, entrant, name in CASES]


def plan(case: Case, value: Any) -> list[Job]:
    """Returns the jobs of a suite in which one setting has a value.

    Raises:
        SuiteProblem: it is refused.
    """
    registry, entrant, name = case
    chosen = {"name": entrant, name: value, **BESIDE.get(name, {})}
    content: dict[str, Any] = {
        "name": "mine",
        "models": [chosen if registry is MODELS else "elman"],
        "tasks": [chosen if registry is TASKS else {"name": "add", "length": 6}],
        "seeds": 1,
        "width": 4,
        "trainer": {**TRAINER, **chosen} if registry is TRAINERS else TRAINER,
    }
    return plan_suite(parse_suite(content, "mine"))[0]


def test_every_number_of_the_arena_declares_its_range():
    kinds = {
        f"{entry.name}.{name}": kind
        for registry in (MODELS, TASKS, TRAINERS)
        for entry in own(registry)
        for name, kind in entry.kinds.items()
    }
    kinds |= {f"frame.{name}": one.kind for name, one in FRAME_SETTINGS.items()}
    del kinds["bidirectional.settings"]  # held to the ranges of the cell that it names
    assert not [name for name, kind in kinds.items() if not has_range(kind)]
    assert len(CASES) > 90


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("value", [-1, 0, math.nan, math.inf, -math.inf])
def test_a_value_means_something_or_is_refused_in_a_sentence(case, value):
    _, entrant, name = case
    if {name, f"{entrant}.{name}"} & MEANT.get(value, set()):
        (job,) = plan(case, value)
        assembled = assemble(job)
        splits = None
        if job.identity.task.name not in ("activity", "mnist", "walker"):
            splits = assembled.task.splits(None, key=jax.random.key(0))  # pyright: ignore
        if splits is not None:
            assembled.trainer.work(assembled.build, assembled.task, splits)
        return
    with pytest.raises(SuiteProblem) as refused:
        plan(case, value)
    sentence = str(refused.value)
    assert sentence.startswith("suite mine: ")
    assert "\n" not in sentence
    assert entrant in sentence
    assert name in sentence
    assert "must be" in sentence or "needs" in sentence
    assert f"not {value}" in sentence or f"not {float(value)}" in sentence


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(CASES),
    value=st.one_of(
        st.integers(max_value=0),
        st.floats(max_value=0.0),
        st.sampled_from([math.nan, math.inf, True, "1", [], {}, [-1.0]]),
    ),
)
def test_whatever_is_out_of_range_ends_in_a_plan_or_in_a_sentence(case, value):
    said = ""
    try:
        jobs = plan(case, value)
    except SuiteProblem as refused:
        jobs, said = [], str(refused)
    assert jobs or (said.startswith("suite mine: ") and "\n" not in said)


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        ({"learning_rate": []}, "learning_rate must be a number above 0 or a list"),
        ({"learning_rate": [1e-3, 1e-3]}, "none twice, not [0.001, 0.001]"),
        ({"learning_rate": [1e-3, -1e-3]}, "each a number above 0"),
        ({"learning_rate": [1e-3, math.nan]}, "not [0.001, nan]"),
        (
            {"warmup": 1.5},
            "warmup must be a number of at least 0 and of at most 1",
        ),
        ({"drop_factor": 5}, "drop_factor must be a number above 0 and below 1, not 5"),
        ({"drop_factor": 1}, "drop_factor must be a number above 0 and below 1, not 1"),
        ({"momentum": 1}, "momentum must be a number of at least 0 and below 1, not 1"),
        ({"batch": 0}, "batch must be a whole number of at least 1, not 0"),
        ({"batch": 2.5}, "batch must be a whole number of at least 1, not 2.5"),
        ({"weight_decay": True}, "weight_decay must be a number of at least 0, not Tr"),
        ({"penalties": {"l1": -1.0}}, "penalties must be a table, each a number of at"),
        ({"name": "ridge", "strengths": []}, "strengths must be a number above 0 or"),
        ({"name": "ridge", "strengths": [1.0, 1.0]}, "none twice, not [1.0, 1.0]"),
    ],
)
def test_recipes_that_make_no_sense_are_refused_before_any_run(trainer, words):
    content = {"name": "mine", "models": ["elman"], "tasks": ["add"], "width": 4}
    with pytest.raises(SuiteProblem) as refused:
        plan_suite(parse_suite({**content, "trainer": trainer}, "mine"))
    name = trainer.get("name", "gradient_descent")
    assert str(refused.value).startswith(f"suite mine: trainer {name}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "setting"), [("gradient_descent", "learning_rate"), ("ridge", "strengths")]
)
def test_the_order_of_what_is_tried_makes_no_other_run(name, setting):
    """They are tried from the lowest on, and of equals the lowest holds."""
    content = {"name": "mine", "models": ["elman"], "tasks": ["add"], "width": 4}

    def keys(several: list[float]) -> list[str]:
        trainer = {"name": name, setting: several}
        jobs, _ = plan_suite(parse_suite({**content, "trainer": trainer}, "mine"))
        return [job.key for job in jobs]

    assert keys([1e-3, 3e-3, 1e-2]) == keys([1e-2, 1e-3, 3e-3])
    assert keys([1e-3, 3e-3]) != keys([1e-3, 1e-2])
    assert keys([1e-3]) != keys([1e-3, 1e-2])


@pytest.mark.parametrize("name", ["lstm", "transformer", "add", "gradient_descent"])
def test_without_a_registry_the_same_words_are_said(name):
    registry = next(one for one in (MODELS, TASKS, TRAINERS) if name in one)
    make: Any = registry[name].make
    wrong: dict[str, Any] = {
        "lstm": {"forget_bias": math.inf},
        "transformer": {"heads": 0},
        "add": {"length": 1},
        "gradient_descent": {"clip": -1.0},
    }[name]
    sizes = (3, 4) if registry is MODELS else ()
    key = {"key": jax.random.key(0)} if registry is MODELS else {}
    ((setting, value),) = wrong.items()
    with pytest.raises(ValueError, match=rf"^{setting} must be a .*, not {value}$"):
        make(*sizes, **wrong, **key)


def test_ranges_are_told_in_words():
    for kind, value, words in (
        (AboveZero, 0.0, "must be a number above 0, not 0.0"),
        (Share, 2, "must be a number of at least 0 and of at most 1, not 2"),
        (Trials, [2, 1], None),
        (float, math.nan, "must be a number, not nan"),
    ):
        if words is None:
            assert fitting(kind, value) == [2.0, 1.0]
            continue
        with pytest.raises(ValueError, match=words):
            fitting(kind, value)
