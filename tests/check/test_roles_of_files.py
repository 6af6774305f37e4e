"""How a plug-in's file says what its weights are, and what is said where it does not.

A stack of three layers, as `eqx.filter_vmap` makes it, has biases of two axes. One
layer of it has a vector, whatever the file's way to say so.
"""

import pytest

from nnarena.check import MODEL_LAWS, ModelCase, judge
from nnarena.check.model_case import SIGNATURES, WIDTH
from nnarena.core.plugins import import_file
from nnarena.core.roles import roles_by_path
from nnarena.models import MODELS
from nnarena.models.contender import Contender


FILE = '''{first}
from typing import TYPE_CHECKING, Optional

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import nnarena
{imports}

class Part(eqx.Module):
    weight: {matrix}
    {name}: {vector}


@nnarena.MODELS.register("stacked", family="test", source="a talk")
class Stacked(nnarena.AbstractLayer):
    """Three layers on the mean so far: $$h = f(f(f(x)))$$."""

    parts: Part
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True, default=True)

    def __init__(self, features: int, hidden: int, *, key):
        def make(key):
            return Part(0.3 * jax.random.normal(key, (features, features)),
                        jnp.zeros(features))
        self.parts, self.hidden_size = {make}, features

    def __call__(self, sequence, *, key=None):
        return sequence.xs
'''

PLAIN = {
    "first": "",
    "imports": "",
    "name": "shift",
    "matrix": 'Float[Array, "inputs outputs"]',
    "vector": 'Float[Array, " outputs"]',
    "make": "eqx.filter_vmap(make)(jax.random.split(key, 3))",
}
LATER = "from __future__ import annotations"
TYPES = "if TYPE_CHECKING:\n    from somewhere import Bias\n"
UNSAID = {"matrix": "jax.Array", "vector": "jax.Array"}
DECLARED = "jax.Array = eqx.field(metadata=nnarena.role(decay={}))"

KINDS = {
    "annotated": ({}, False, True),
    "annotated later": ({"first": LATER}, False, True),
    "annotated by a text": ({"vector": "'Float[Array, \" outputs\"]'"}, False, True),
    "optional, later": (
        {"first": LATER, "vector": 'Optional[Float[Array, " outputs"]]'},
        False,
        True,
    ),
    "one of two, later": (
        {"first": LATER, "vector": 'Float[Array, " outputs"] | None'},
        False,
        True,
    ),
    "declared": ({"vector": DECLARED.format(False)}, False, True),
    "declared later": (
        {"first": LATER, "vector": DECLARED.format(False)},
        False,
        True,
    ),
    "declared to be decayed": ({"vector": DECLARED.format(True)}, True, True),
    "unsaid": (UNSAID, True, None),
    "unsaid later": ({**UNSAID, "first": LATER}, True, None),
    "of a type for type checkers alone": (
        {"first": LATER, "imports": TYPES, "vector": "Bias"},
        True,
        None,
    ),
    "unsaid, but a bias by its name": ({**UNSAID, "name": "out_bias"}, True, False),
    "unsaid, in one layer": ({**UNSAID, "make": "make(key)"}, False, None),
    "unsaid, in one layer with a bias": (
        {**UNSAID, "make": "make(key)", "name": "bias"},
        False,
        True,
    ),
    "unsaid, one after the other": (
        {
            **UNSAID,
            "name": "bias",
            "make": "[make(k) for k in jax.random.split(key, 3)]",
        },
        False,
        True,
    ),
}
"""What a file says, whether its vector is decayed then, and how the law judges."""


@pytest.fixture(autouse=True)
def _leave_no_entrant(monkeypatch):
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_in_a_stack_is_none_the_less_one(tmp_path, kind):
    changes, decayed, passed = KINDS[kind]
    said = {**PLAIN, **changes}
    file = tmp_path / "stacked.py"
    file.write_text(FILE.format(**said))
    import_file(file)
    shapes = Contender("stacked").shapes(SIGNATURES[0], WIDTH)
    found = {p: one for p, one in roles_by_path(shapes).items() if ".parts" in p}
    vectors = {one.decay for p, one in found.items() if p.endswith(said["name"])}
    matrices = {one.decay for p, one in found.items() if p.endswith("weight")}
    assert (vectors, matrices) == ({decayed}, {True})
    law = next(law for law in MODEL_LAWS if law.name == "roles")
    verdict = judge(law, ModelCase("stacked"))
    assert verdict.passed is passed, verdict.detail
    if passed is not True:
        assert "annotate it by the axes that one layer has" in verdict.detail
        assert "metadata=role(decay=False)" in verdict.detail
