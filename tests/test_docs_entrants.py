"""The entrants that the pages write out: each is what its page says."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.check.generation_law import check_generation
from nnarena.check.model_case import GENERATED, SIGNATURES, ModelCase
from nnarena.check.quick import quick_jit
from nnarena.core.plugins import import_file
from nnarena.core.scoring import accuracy, exact_match
from nnarena.core.types import (
    Classes,
    Example,
    Generated,
    Sequence,
    Signature,
    Tokens,
)
from nnarena.diagnostics.gradient_flow import gradient_flow, horizon
from nnarena.models import MODELS
from nnarena.models.base import AbstractFold
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.inspection import require_answers
from nnarena.nn.fold import unroll_fold
from nnarena.tasks import TASKS, AbstractTask


DOCS = Path(__file__).parents[1] / "docs"
KEY = jax.random.key(0)
WIDTH = 6


@pytest.fixture
def entrant(tmp_path, monkeypatch):
    """Imports what a page writes out under a name, and forgets it after the test."""
    for registry in (MODELS, TASKS):
        registry.discover()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))

    def import_from(page: str, name: str, registry: Any = MODELS) -> Contender | None:
        blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.S)
        entered = re.compile(rf'register\(\s*"{name}"')
        (text,) = (block for block in blocks if entered.search(block))
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        import_file(path)
        return Contender(name) if registry is MODELS else None

    return import_from


def test_the_fold_is_one_in_every_form(entrant):
    contender = entrant("plugins.md", "minimal_gate")
    for signature in SIGNATURES:
        require_answers(contender, signature, WIDTH, 17)
    cell = contender.entry.make(3, WIDTH, key=KEY)
    assert isinstance(cell, AbstractFold)
    sequence = Sequence(jax.random.normal(KEY, (17, 3)))
    step, *others = (
        quick_jit(unroll_fold)(cell, sequence, form=form).hs
        for form in ("scan", "associative", "chunked")
    )
    for other in others:
        np.testing.assert_allclose(step, other, atol=1e-5)


def test_the_frozen_network_has_only_its_frame_to_train(entrant):
    contender = entrant("trainers.md", "echo")
    signature = SIGNATURES[0]
    require_answers(contender, signature, WIDTH, 17)
    ends = 4 * WIDTH + 2 * (WIDTH + 1)  # of three features, and to two values
    assert count_parameters(contender.shapes(signature, WIDTH)) == ends


class Asked(AbstractTask):
    """Random tokens, of six at the most, and an answer of such a signature."""

    signature: Signature

    def __init__(self, signature: Signature):
        self.signature = signature

    @property
    def scoring(self):
        ask = accuracy if self.signature.generated is None else exact_match
        return ask(chance=0.2)

    def splits(self, data, *, key):
        raise NotImplementedError

    def example(self, row):
        tokens = jax.random.randint(row, (6,), 0, 5)
        there = jnp.arange(6) < jax.random.randint(row, (), 3, 7)
        once = self.signature.generated is None
        targets = jnp.array(1) if once else jnp.array([1, 2, 5, 5, 5])
        return Example(Sequence(tokens, present=there), targets)


def felt(contender: Contender, signature: Signature) -> np.ndarray:
    model = contender.build(signature, WIDTH, key=KEY)
    rows = jax.random.split(KEY, 32)
    return np.asarray(gradient_flow(model, Asked(signature), rows).norms)


def test_the_trace_shows_what_its_tokens_become(entrant):
    contender = entrant("plugins.md", "fading_bag")
    signature = Signature(Tokens(5), Classes(4))
    require_answers(contender, signature, WIDTH, 17)
    norms = felt(contender, signature)
    assert len(norms) == 6
    np.testing.assert_allclose(norms[:3] / norms[0], 0.9 ** np.arange(3.0), rtol=1e-5)
    assert horizon(norms) == 5


def test_the_decoder_obeys_its_law_and_is_diagnosed(entrant):
    contender = entrant("tasks.md", "bag_decoder")
    require_answers(contender, GENERATED, WIDTH, 17)
    check_generation(ModelCase(contender.name))
    assert isinstance(GENERATED.answers, Generated)
    norms = felt(contender, GENERATED)
    assert len(norms) == 6
    assert (norms > 0.0).all()


def test_the_task_has_a_setting_and_obeys_every_law(entrant):
    entrant("tasks.md", "recalled_first", TASKS)
    entry = TASKS["recalled_first"]
    assert dict(entry.defaults) == {"length": 8}
    make: Any = entry.make
    assert make.axis == "length"
    assert make(length=5).length == 5
    case = TaskCase("recalled_first")
    verdicts = {law.name: judge(law, case) for law in TASK_LAWS}
    assert [v.detail for v in verdicts.values() if v.passed is False] == []
