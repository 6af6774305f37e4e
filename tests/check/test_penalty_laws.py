"""Penalties keep their laws, and those made to break one break it alone."""

import json
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from typer.testing import CliRunner

from nnarena.check import PENALTY_LAWS, PenaltyCase, check_penalty, judge
from nnarena.cli import app
from nnarena.core.faults import EntrantProblem
from nnarena.training import PENALTIES
from nnarena.training.penalties import AbstractPenalty


CALLS = count()


class Quiet(AbstractPenalty):
    """The mean size of the hidden numbers."""

    def __call__(self, model: Any, example, *, key):
        return jnp.mean(jnp.abs(model.hidden(example.question, key=key)))


class Noisy(AbstractPenalty):
    """Noise by the key, of the weights."""

    def __call__(self, model: Any, example, *, key):
        weight = model.head.weight
        return jnp.sum(weight * jax.random.normal(key, weight.shape))


class Forgetful(AbstractPenalty):
    """Another number at every trace."""

    def __call__(self, model: Any, example, *, key):
        return jnp.sum(model.head.weight**2) * float(next(CALLS))


class Cornered(AbstractPenalty):
    """A root, which has no gradient at 0."""

    def __call__(self, model: Any, example, *, key):
        return jnp.sqrt(jnp.sum((model.head.weight * 0.0) ** 2))


class Several(AbstractPenalty):
    """A number for each weight."""

    def __call__(self, model: Any, example, *, key):
        return jnp.abs(model.head.weight)


def test_the_package_s_own_holds_all():
    verdicts = list(check_penalty("l1"))
    assert [verdict.law for verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) == len(PENALTY_LAWS)


@pytest.mark.parametrize(
    ("make", "broken", "skipped"),
    [
        (Quiet, {}, {"generates"}),  # a decoder has no `hidden`
        (Noisy, {}, set()),
        (Forgetful, {"decided": "to give the same penalty, but they gave"}, set()),
        (
            Cornered,
            dict.fromkeys(("finite", "generates"), "expected a finite gradient"),
            set(),
        ),
    ],
)
def test_a_flawed_penalty_breaks_its_laws(enter, make, broken, skipped):
    enter(PENALTIES, make, source="tibshirani1996regression")
    case = PenaltyCase("flawed")
    case.require_sound()
    verdicts = {law.name: judge(law, case) for law in PENALTY_LAWS}
    told = {name: v.detail for name, v in verdicts.items() if v.passed is False}
    assert told.keys() == broken.keys()
    assert all(part in told[name] for name, part in broken.items())
    assert {name for name, v in verdicts.items() if v.passed is None} == skipped


def test_what_is_no_number_is_told_with_its_place(enter):
    enter(PENALTIES, Several)
    with pytest.raises(EntrantProblem, match=r"line \d+: Several.__call__ returned"):
        PenaltyCase("flawed").require_sound()


def test_a_file_of_a_penalty_alone_is_checked(tmp_path, monkeypatch):
    PENALTIES.discover()
    monkeypatch.setattr(PENALTIES, "_entries", dict(PENALTIES._entries))
    file = tmp_path / "sums.py"
    file.write_text(
        "import jax.numpy as jnp\nimport nnarena\n\n\n"
        '@nnarena.PENALTIES.register("sums", family="penalty", source="a talk")\n'
        "class Sums(nnarena.AbstractPenalty):\n"
        '    """The sum of the readout."""\n\n'
        "    def __call__(self, model, example, *, key):\n"
        "        return jnp.sum(jnp.tanh(example.question.xs))\n"
    )
    answer = CliRunner().invoke(app, ["check", str(file), "--json"])
    assert answer.exit_code == 0, answer.output
    verdicts = {v["law"]: v for v in json.loads(answer.stdout)}
    assert {v["entrant"] for v in verdicts.values()} == {"sums"}
    assert verdicts["documented"]["passed"]
    refused = CliRunner().invoke(app, ["check", f"{file}:sums(rate=1)"])
    assert refused.exit_code == 2
    assert "a penalty has no settings" in refused.output
