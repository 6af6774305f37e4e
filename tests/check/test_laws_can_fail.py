"""Every law is broken by an entrant made to break it, and by no innocent one."""

import itertools
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check import MODEL_LAWS, TASK_LAWS, ModelCase, TaskCase, Verdict, judge
from nnarena.core.registry import Registry
from nnarena.core.scoring import Scoring, accuracy
from nnarena.core.types import Classes, Example, Signature, Tokens
from nnarena.models import MODELS, AbstractCell, AbstractLayer
from nnarena.tasks import TASKS, AbstractTask, Splits
from nnarena.tasks.files import DataFolder, DataProblem


@pytest.fixture
def enter(monkeypatch):
    """Registers an entrant as "flawed", for one test only."""

    def enter(registry: Registry, make: type, source: str = "a talk in the hall"):
        registry.discover()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.register("flawed", family="test", source=source)(make)

    return enter


def broken(verdicts: list[Verdict]) -> dict[str, str]:
    """Returns the broken laws with the sentence that says how."""
    found = {v.law: v.detail for v in verdicts if v.passed is False}
    for sentence in found.values():
        assert "\n" not in sentence
        assert "expected" in sentence or "declared" in sentence
    return found


def broken_by_model(**numbers: Any) -> dict[str, str]:
    case = ModelCase("flawed", numbers)
    return broken([judge(law, case) for law in MODEL_LAWS])


def broken_by_task() -> dict[str, str]:
    case = TaskCase("flawed")
    return broken([judge(law, case) for law in TASK_LAWS])


Flaw = Callable[[jax.Array, jax.Array], jax.Array]
calls = itertools.count()


def layer_with(
    flaw: Flaw = lambda hs, dts: hs,
    *,
    causal: bool = True,
    outputs: int = 32,
    start: Callable[..., jax.Array] = jax.random.normal,
) -> type:
    """Returns a sound layer with one flaw, which may change its outputs at the end."""
    declared = causal

    class Flawed(AbstractLayer):
        r"""$$h_t = \tanh(W \sum_{s \le t} x_s / t)$$"""  # noqa: D400, D403, D415

        weight: jax.Array
        hidden_size: int = eqx.field(static=True, default=outputs)
        causal: bool = eqx.field(static=True, default=declared)

        def __init__(self, features: int, hidden: int, *, key):
            del hidden
            self.weight = start(key, (features, outputs))
            self.hidden_size, self.causal = outputs, declared

        def __call__(self, xs, dts, *, key=None):
            steps = jnp.arange(1.0, xs.shape[0] + 1.0)[:, None]
            return flaw(jnp.tanh(jnp.cumsum(xs, axis=0) / steps @ self.weight), dts)

    return Flawed


@jax.custom_jvp
def smooth_only_away_from_zero(x):
    return x


@smooth_only_away_from_zero.defjvp
def _(primals, tangents):
    return primals[0], tangents[0] * jnp.nan


@jax.custom_batching.custom_vmap
def center_over_batch(hs):
    return hs


@center_over_batch.def_vmap
def _(axis_size, in_batched, hs):
    return hs - jnp.mean(hs, axis=0, keepdims=True), True


FLAWED_LAYERS = {
    "none": (layer_with(), {}),
    "reads the end first": (
        layer_with(lambda hs, dts: jnp.flip(hs, axis=0)),
        {"causal": "features, answered every step: declared causal, but a change"},
    ),
    "needlessly not causal": (
        layer_with(causal=False),
        {"causal": "declared not causal, but no change of later inputs"},
    ),
    "one step too many": (
        layer_with(lambda hs, dts: jnp.concatenate([hs, hs[-1:]])),
        {"shapes": "expected answers of shape (1, 2) in float32, but got (2, 2)"},
    ),
    "mixes the batch": (
        layer_with(lambda hs, dts: hs + 0.5 * center_over_batch(hs)),
        {"vmap": "expected the same answers to a sequence alone and beside others"},
    ),
    "gradient is no number": (
        layer_with(lambda hs, dts: smooth_only_away_from_zero(hs)),
        {
            "gradients": "but that of `embed.weight` is not",
            "overfits": "but the loss was no longer finite at step 1",
        },
    ),
    "deaf": (
        layer_with(lambda hs, dts: 0.0 * hs),
        {"overfits": "to fall below a tenth of its start within 400 steps"},
    ),
    "no chance in its weights": (
        layer_with(start=lambda key, shape: jnp.eye(*shape)),
        {"keys": "expected another key to give other weights, but they are the same"},
    ),
    "breaks after a pause": (
        layer_with(lambda hs, dts: jnp.where(dts[:, None] > 2.5, jnp.inf, hs)),
        {"irregular times": "but the answer at step"},
    ),
    "as large as it likes": (
        layer_with(outputs=3_000),
        {"width": "a budget of 3,000 cannot be met"},
    ),
    "raises": (
        layer_with(lambda hs, dts: hs / 0 if hs.shape[0] == 2 else hs),
        {},
    ),
}


@pytest.mark.parametrize("flaw", FLAWED_LAYERS)
def test_a_flawed_layer_breaks_its_law_and_no_other(enter, flaw):
    make, expected = FLAWED_LAYERS[flaw]
    enter(MODELS, make)
    found = broken_by_model()
    assert set(found) == set(expected), found
    for law, words in expected.items():
        assert words in found[law]
