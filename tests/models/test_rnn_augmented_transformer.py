"""Attention summed by an LSTM, against torch's softmax and LSTM run query by query.

`tests/oracles/record_transformers.py` records torch's answers and gradients.
"""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from nnarena.check.quick import quick_jit
from nnarena.core.types import Features, Signature, Values
from nnarena.models import rnn_augmented_transformer
from nnarena.models.contender import Contender
from nnarena.models.rnn_augmented_transformer import AugmentedAttention


WIDTH, HEADS, SIZE = 8, 2, 3
NAME = "rnn_augmented_transformer"
RECORDED = load_file(
    Path(__file__).parents[1] / "oracles" / "rnn_augmented_attention.safetensors"
)


def recorded(name: str) -> jax.Array:
    """Returns what torch answered, in double where that is computed in."""
    return jnp.asarray(RECORDED[name])


def in_our_order(prefix: str, *, summed: bool) -> list[jax.Array]:
    """Returns torch's arrays in the order of our leaves.

    Torch's LSTM has two biases; ours is their sum, and each has the gradient of ours.
    """

    def found(name: str) -> jax.Array:
        return recorded(f"{prefix}.{name}")

    def lstm(name: str) -> list[jax.Array]:
        first, second = found(f"{name}.bias_ih_l0"), found(f"{name}.bias_hh_l0")
        matrices = [found(f"{name}.weight_{kind}_l0").T for kind in ("ih", "hh")]
        return [*matrices, first + second if summed else first]

    kinds = ("weight", "bias")
    return [
        *(found(f"query.{kind}") for kind in kinds),
        *(
            jnp.concatenate([found(f"key.{kind}"), found(f"value.{kind}")])
            for kind in kinds
        ),
        *(array for head in range(HEADS) for array in lstm(f"lstms.{head}")),
        *(found(f"merge.{kind}") for kind in kinds),
    ]


def recorded_attention(*, causal: bool) -> AugmentedAttention:
    """Returns our attention with torch's weights."""
    shapes = eqx.filter_eval_shape(
        lambda key: AugmentedAttention(
            WIDTH, HEADS, SIZE, rotary=False, causal=causal, key=key
        ),
        jax.random.key(0),
    )
    theirs = in_our_order("weight", summed=True)
    assert [x.shape for x in jax.tree.leaves(shapes)] == [x.shape for x in theirs]
    return jax.tree.unflatten(jax.tree.structure(shapes), theirs)


def places(xs: jax.Array) -> jax.Array:
    """Returns the index of every vector."""
    return jnp.arange(xs.shape[0], dtype=xs.dtype)


def gather(
    attention: AugmentedAttention, queries: jax.Array, memory: jax.Array
) -> jax.Array:
    """Returns what queries gather from a memory."""
    return attention(queries, memory, places(queries), places(memory))


attend = quick_jit(gather)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kept", [0, rnn_augmented_transformer.KEPT])
@pytest.mark.parametrize("case", ["cross", "causal"])
def test_answers_and_gradients_are_those_of_torch(case: str, kept: int, monkeypatch):
    """Whether the gradient finds every step's gates again or computes them."""
    monkeypatch.setattr(rnn_augmented_transformer, "KEPT", kept)
    attention = recorded_attention(causal=case == "causal")
    names = ["queries", "memory"] if case == "cross" else ["memory"]
    inputs = [recorded(f"{case}.{name}") for name in names]

    def loss(attention_and_inputs):
        attention, inputs = attention_and_inputs
        found = gather(attention, inputs[0], inputs[-1])
        return jnp.sum(recorded(f"{case}.probe") * found), found

    probe = quick_jit(eqx.filter_grad(loss, has_aux=True))
    gradients, answers = probe((attention, inputs))
    np.testing.assert_allclose(answers, recorded(f"{case}.outputs"), rtol=0, atol=1e-11)
    expected = in_our_order(f"{case}.gradient", summed=False)
    expected += [recorded(f"{case}.gradient.{name}") for name in names]
    for found, wanted in zip(jax.tree.leaves(gradients), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def test_a_masked_place_is_counted_but_not_seen():
    """What stands later does not matter; that something stands there does."""
    attention = recorded_attention(causal=True)
    memory = recorded("cross.memory")
    other = memory.at[5:].set(1.7)
    seen, unseen = attend(attention, memory, memory), attend(attention, other, other)
    np.testing.assert_array_equal(seen[:5], unseen[:5])
    shorter = attend(attention, memory[:5], memory[:5])
    assert jnp.max(jnp.abs(seen[:5] - shorter)) > 1e-3


def test_order_is_seen_without_a_code():
    attention = recorded_attention(causal=False)
    queries, memory = recorded("cross.queries"), recorded("cross.memory")
    turned = attend(attention, queries, memory[::-1])
    assert jnp.max(jnp.abs(turned - attend(attention, queries, memory))) > 1e-2


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"heads": 0}, "heads must be a whole"),
        ({"key_size": 0}, "key_size must be a whole"),
        ({"encoder_layers": 0}, "encoder_layers must be a whole"),
    ],
)
def test_bad_numbers_are_refused_in_a_sentence(numbers: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        Contender(NAME, numbers).shapes(Signature(Features(3), Values(2)), WIDTH)


THESIS = {  # inputs, outputs, weights in all, at a width of 8
    "activity": (7, 7, 3_871),
    "add": (2, 1, 3_729),
    "walker": (17, 17, 4_121),
    "memory": (1, 10, 3_874),
    "mnist": (8, 10, 3_930),
}
