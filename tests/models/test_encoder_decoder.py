"""The encoder-decoder against torch's layers, and what position codes tell.

`tests/oracles/record_transformers.py` records torch's answers and gradients.
"""

from pathlib import Path
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from nnarena.check.quick import quick_jit
from nnarena.core.types import (
    Classes,
    Features,
    Sequence,
    Signature,
    Tokens,
    Values,
    When,
)
from nnarena.models.base import AbstractModel
from nnarena.models.contender import Contender, count_parameters
from nnarena.nn.positions import Positions


ORACLES = Path(__file__).parents[1] / "oracles"
FEATURES, WIDTH, ANSWERS = 3, 8, 4
NAME = "encoder_decoder_transformer"
HEADS = {"encoder_decoder": (1, None), "encoder_decoder_of_two_heads": (2, WIDTH // 2)}
Numbers = dict[str, jax.Array]


def of_linear(found: Numbers, name: str) -> list[jax.Array]:
    """Returns torch's weight and bias of one part."""
    return [found[f"{name}.weight"], found[f"{name}.bias"]]


def of_attention(found: Numbers, name: str) -> list[jax.Array]:
    """Returns torch's fused projections cut into queries and the rest."""
    matrix, bias = found[f"{name}.in_proj_weight"], found[f"{name}.in_proj_bias"]
    query, rest = (matrix[:WIDTH], bias[:WIDTH]), (matrix[WIDTH:], bias[WIDTH:])
    return [*query, *rest, *of_linear(found, f"{name}.out_proj")]


def in_our_order(found: Numbers) -> list[jax.Array]:
    """Returns torch's arrays in the order of our leaves: that of our fields."""

    def layer(name: str, *, decodes: bool) -> list[jax.Array]:
        norms = [
            of_linear(found, f"{name}.norm{index}")
            for index in (1, 2, 3)[: 2 + decodes]
        ]
        cross = (
            of_attention(found, f"{name}.multihead_attn") + norms[1] if decodes else []
        )
        return [
            *of_attention(found, f"{name}.self_attn"),
            *norms[0],
            *cross,
            *of_linear(found, f"{name}.linear1"),
            *of_linear(found, f"{name}.linear2"),
            *norms[-1],
        ]

    return [
        *of_linear(found, "embed"),
        *of_linear(found, "start"),
        *(a for i in (0, 1) for a in layer(f"encoder.layers.{i}", decodes=False)),
        *(a for i in (0, 1) for a in layer(f"decoder.layers.{i}", decodes=True)),
        *of_linear(found, "head"),
    ]


class Oracle:
    """One recorded file, and our model with its weights."""

    def __init__(self, name: str):
        self.tensors = load_file(ORACLES / f"{name}.safetensors")
        self.heads, self.key_size = HEADS[name]

    def __getitem__(self, key: str) -> jax.Array:
        return jnp.asarray(self.tensors[key])

    def under(self, prefix: str) -> list[jax.Array]:
        """Returns all arrays of a kind, in the order of our leaves."""
        keys = [key for key in self.tensors if key.startswith(f"{prefix}.")]
        return in_our_order({key.removeprefix(f"{prefix}."): self[key] for key in keys})

    def model(self, answers: When) -> AbstractModel:
        """Returns our model, asked once or at every step, with torch's weights."""
        signature = Signature(
            Features(FEATURES), Values(ANSWERS), answers, causal=False
        )
        numbers = {"heads": self.heads, "key_size": self.key_size}
        shapes = Contender(NAME, numbers).shapes(signature, WIDTH)
        wanted, theirs = jax.tree.leaves(shapes), self.under("weight")
        assert [x.shape for x in wanted] == [x.shape for x in theirs]
        return jax.tree.unflatten(jax.tree.structure(shapes), theirs)


@quick_jit
def answer(model: AbstractModel, xs: jax.Array, dts: jax.Array) -> jax.Array:
    """Returns what a model answers."""
    return model(Sequence(xs, dts))


def ones(xs: jax.Array) -> jax.Array:
    """Returns one unit of time per step."""
    return jnp.ones(xs.shape[0])


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("encoder_decoder", "short"),
        ("encoder_decoder", "long"),
        ("encoder_decoder_of_two_heads", "short"),
    ],
)
def test_answers_and_gradients_are_those_of_torch(name: str, case: str):
    oracle = Oracle(name)

    def loss(model_and_inputs):
        model, xs = model_and_inputs
        answers = model(Sequence(xs))
        return jnp.sum(oracle[f"{case}.probe"] * answers), answers

    model, xs = oracle.model("every step"), oracle[f"{case}.inputs"]
    probe = quick_jit(eqx.filter_grad(loss, has_aux=True))
    (of_model, of_inputs), answers = probe((model, xs))
    np.testing.assert_allclose(answers, oracle[f"{case}.outputs"], rtol=0, atol=1e-11)
    expected = oracle.under(f"{case}.gradient")
    leaves = [*jax.tree.leaves(of_model), of_inputs]
    for found, wanted in zip(
        leaves, [*expected, oracle[f"{case}.gradient.inputs"]], strict=True
    ):
        scale = np.max(np.abs(wanted)) + 1.0
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_one_token_is_answered_as_by_torch(case: str):
    oracle = Oracle("encoder_decoder")
    xs = oracle[f"{case}.inputs"]
    found = answer(oracle.model("once"), xs, ones(xs))
    np.testing.assert_allclose(found, oracle[f"{case}.once"], rtol=0, atol=1e-11)


SMALL: dict[str, Any] = {
    NAME: {"encoder_layers": 1, "decoder_layers": 1},
    "transformer": {"blocks": 1, "readout": "mean"},
}


def build(name: str = NAME, *, answers: When = "once", width: int = WIDTH, **numbers):
    """Returns a small contender whose weights are all drawn here: nothing compiles."""
    signature = Signature(Features(FEATURES), Values(ANSWERS), answers, causal=False)
    shapes = Contender(name, SMALL[name] | numbers).shapes(signature, width)
    rng = np.random.default_rng(2)
    return jax.tree.map(
        lambda x: jnp.asarray(0.5 * rng.standard_normal(x.shape), x.dtype), shapes
    )


def draw(length: int, seed: int = 0) -> jax.Array:
    """Returns random feature vectors."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.standard_normal((length, FEATURES)), float)


@pytest.mark.parametrize("encoding", get_args(Positions))
@pytest.mark.parametrize("name", SMALL)
def test_order_is_seen_by_any_code_and_time_by_its_own(name: str, encoding: str):
    """Without a code the inputs may change places, and no other code feels time."""
    model = build(name, encoding=encoding)
    xs = draw(9)
    usual = answer(model, xs, ones(xs))
    shuffled = answer(model, xs[np.random.default_rng(1).permutation(9)], ones(xs))
    faster = answer(model, xs, 0.3 * ones(xs))
    by_order, by_time = (float(jnp.max(jnp.abs(usual - y))) for y in (shuffled, faster))
    assert by_order < 1e-5 if encoding == "none" else by_order > 1e-3
    assert by_time > 1e-3 if encoding == "time" else by_time == 0.0


@pytest.mark.usefixtures("double_precision")
def test_without_a_code_every_step_gets_the_same_answer():
    xs = draw(7)
    same = answer(build(answers="every step", encoding="none"), xs, ones(xs))
    np.testing.assert_allclose(same, jnp.tile(same[:1], (7, 1)), rtol=0, atol=1e-12)
    told = answer(build(answers="every step", encoding="rotary"), xs, ones(xs))
    assert jnp.max(jnp.abs(told - told[:1])) > 1e-3


@pytest.mark.usefixtures("double_precision")
def test_asked_once_is_asked_first():
    """The decoder looks back only: its first token does not feel the others."""
    xs = draw(7)
    once = answer(build(answers="once"), xs, ones(xs))
    always = answer(build(answers="every step"), xs, ones(xs))
    np.testing.assert_allclose(once, always[0], rtol=0, atol=1e-12)


def test_tokens_are_looked_up_as_large_as_their_code():
    signature = Signature(Tokens(500), Classes(4))
    numbers = SMALL[NAME] | {"encoding": "none"}
    make = quick_jit(lambda key: Contender(NAME, numbers).build(signature, 64, key=key))
    model: Any = make(jax.random.key(0))
    assert abs(8.0 * float(jnp.std(model.body.embed.weight)) - 1.0) < 0.02


@pytest.mark.parametrize("name", SMALL)
def test_a_learned_code_has_its_length_and_says_so(name: str):
    plain = count_parameters(build(name, encoding="none"))
    model = build(name, encoding="learned", longest=6)
    assert count_parameters(model) == plain + 6 * WIDTH
    assert eqx.filter_eval_shape(model, Sequence(draw(6))).shape == (ANSWERS,)
    with pytest.raises(ValueError, match="6 steps cannot tell 7 apart; set `longest`"):
        eqx.filter_eval_shape(model, Sequence(draw(7)))


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"heads": 0}, "heads must be a whole"),
        ({"key_size": 0}, "key_size must be a whole"),
        ({"expansion": 0}, "expansion must be a whole"),
        ({"encoder_layers": 0}, "encoder_layers must be a whole"),
        ({"decoder_layers": -1}, "decoder_layers must be a whole"),
        ({"encoding": "rotary", "key_size": 3}, "odd"),
        ({"longest": 0}, "longest must be a whole"),
    ],
)
def test_bad_numbers_are_refused_in_a_sentence(numbers: dict[str, Any], sentence: str):
    signature = Signature(Features(FEATURES), Values(ANSWERS))
    with pytest.raises(ValueError, match=sentence):
        Contender(NAME, numbers).shapes(signature, WIDTH)


def test_any_width_may_be_turned():
    """A head as wide as an odd model is rounded up to whole pairs."""
    model: Any = build(encoding="rotary", width=5)
    assert model.body.encoder[0].attention.project.size == 6
    assert eqx.filter_eval_shape(model, Sequence(draw(4))).shape == (ANSWERS,)


THESIS = {  # inputs, outputs, weights in all, at a width of 16
    "activity": (7, 7, 22_167),
    "add": (2, 1, 21_889),
    "walker": (17, 17, 22_657),
    "memory": (1, 10, 22_170),
    "mnist": (8, 10, 22_282),
}
