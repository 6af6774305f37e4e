"""Decoders by recurrence: against torch and by hand, and where they look.

`tests/oracles/record_decoders.py` records torch's answers and gradients.
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
from nnarena.core.problems import CannotPlay
from nnarena.core.types import (
    Classes,
    Features,
    Generated,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.pointer_network import of_classes
from nnarena.nn.additive_attention import AdditiveAttention
from nnarena.nn.decoding import SURE


ORACLES = Path(__file__).parents[1] / "oracles"
KEY = jax.random.key(3)
START, STOP, LONGEST = 5, 6, 4
SIGNATURE = Signature(Tokens(5), Classes(7), Generated(LONGEST, START, STOP))
ONCE = Signature(Features(3), Values(2))
ONLINE = Signature(Features(3), Values(2), "every step", causal=True)
TOLD = Signature(Tokens(5), Classes(7), SIGNATURE.answers, context=Tokens(5))
ASKED = Sequence(jnp.array([3, 1, 4, 0, 2]))
PADDED = Sequence(jnp.array([3, 1, 4, 0, 2, 2, 2]), present=jnp.arange(7) < 5)
SAID = jnp.array([1, 4, 2, 0])
ATTENTIVE = ["bahdanau", "lstm_attention", "pointer_network"]


def build(
    name: str, signature: Signature = SIGNATURE, width: int = 8, **settings
) -> Any:
    contender = Contender(name, settings).for_signature(signature)
    return contender.build(signature, width, key=KEY)


def drawn(model: Any, seed: int = 0) -> Any:
    """Returns a model of weights so large that everything is felt."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: jnp.asarray(0.7 * rng.standard_normal(x.shape), x.dtype),
        model,
    )


def alignment(model: Any, *asked: Sequence, said: jax.Array | None = None) -> Any:
    """Returns the one map of a decoder: what each answer weighs."""
    (found,) = model.attention_maps(*asked, said=said).values()
    return found.weights


def of_lstm(found: dict[str, jax.Array], name: str, layers: int) -> list[jax.Array]:
    """Returns torch's weights of a stack in our order, two biases as their sum."""
    return [
        part
        for index in range(layers)
        for part in (
            found[f"{name}.weight_ih_l{index}"].T,
            found[f"{name}.weight_hh_l{index}"].T,
            found[f"{name}.bias_ih_l{index}"] + found[f"{name}.bias_hh_l{index}"],
        )
    ]


def of_linear(found: dict[str, jax.Array], name: str) -> list[jax.Array]:
    return [found[f"{name}.weight"], found[f"{name}.bias"]]


def in_our_order(name: str, found: dict[str, jax.Array]) -> list[jax.Array]:
    """Returns torch's arrays in the order of our fields."""
    layers = 1 if name == "pointer_network" else 2
    table = found["start"][None] if name == "pointer_network" else found["table.weight"]
    parts = [*of_linear(found, "embed"), table]
    parts += of_lstm(found, "encoder", layers) + of_lstm(found, "decoder", layers)
    if name != "seq2seq":
        attend = [found["query.weight"].T, found["key.weight"].T]
        parts += [*attend, found["energy.weight"][0]]
    if name == "pointer_network":
        return [*parts, found["stop"]]
    return parts + of_linear(found, "head")


def under(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, jax.Array]:
    return {
        key.removeprefix(prefix): jnp.asarray(value)
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
@pytest.mark.parametrize("name", ["seq2seq", "lstm_attention", "pointer_network"])
def test_answers_and_gradients_are_those_of_torch(name: str, case: str):
    tensors = load_file(ORACLES / f"{name}.safetensors")
    signature = Signature(Features(3), Classes(52), Generated(4, 50, 51))
    settings = {} if name == "pointer_network" else {"depth": 2}
    shapes = Contender(name, settings).shapes(signature, 5)
    theirs = in_our_order(name, under(tensors, "weight."))
    assert [x.shape for x in jax.tree.leaves(shapes)] == [x.shape for x in theirs]
    model = jax.tree.unflatten(jax.tree.structure(shapes), theirs)
    found = under(tensors, f"{case}.")
    xs, steps = found["inputs"], len(found["inputs"])

    def loss(model_and_inputs):
        model, xs = model_and_inputs
        answers = model.forced(found["targets"].astype(jnp.int32), Sequence(xs))
        if name == "pointer_network":  # theirs are of the steps, and the stop
            classes = jnp.append(jnp.arange(steps), 51)
            answers = answers[:, classes]
        return jnp.sum(found["probe"] * answers), answers

    probe = quick_jit(eqx.filter_grad(loss, has_aux=True))
    (of_model, of_inputs), answers = probe((model, xs))
    np.testing.assert_allclose(answers, found["outputs"], rtol=0, atol=1e-11)
    if name == "pointer_network":  # the map is the softmax of torch's scores
        maps = alignment(model, Sequence(xs), said=found["targets"].astype(jnp.int32))
        shares = jax.nn.softmax(found["outputs"], axis=1)
        np.testing.assert_allclose(maps, shares, rtol=0, atol=1e-12)
    wanted = under(tensors, f"{case}.gradient.")
    # Each of torch's two biases has the gradient of our one.
    halved = {k: v / 2 if ".bias_" in k else v for k, v in wanted.items()}
    expected = [*in_our_order(name, halved), wanted["inputs"]]
    leaves = [*jax.tree.leaves(of_model), of_inputs]
    for ours, other in zip(leaves, expected, strict=True):
        scale = np.max(np.abs(other)) + 1.0
        np.testing.assert_allclose(ours / scale, other / scale, rtol=0, atol=1e-11)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def gru(cell: Any, h: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Returns the state after a step, one gate at a time, from the paper's appendix."""
    n = len(h)
    inputs, gates, inner, bias = (
        np.asarray(part, np.float64)
        for part in (
            cell.input_weight,
            cell.gate_weight,
            cell.candidate_weight,
            cell.bias,
        )
    )
    r = sigmoid(x @ inputs[:, :n] + h @ gates[:, :n] + bias[:n])
    z = sigmoid(x @ inputs[:, n : 2 * n] + h @ gates[:, n:] + bias[n : 2 * n])
    candidate = np.tanh(x @ inputs[:, 2 * n :] + (r * h) @ inner + bias[2 * n :])
    return (1 - z) * h + z * candidate


@pytest.mark.usefixtures("double_precision")
def test_bahdanau_is_its_equations_by_hand():
    model = drawn(build("bahdanau"))
    vectors = np.asarray(model.embed.weight)[np.asarray(ASKED.xs)]
    forth, back = [], []
    h = np.zeros(8)
    for x in vectors:
        forth.append(h := gru(model.forth, h, x))
    h = np.zeros(8)
    for x in vectors[::-1]:
        back.insert(0, h := gru(model.back, h, x))
    annotations = [np.concatenate(pair) for pair in zip(forth, back, strict=True)]
    s = np.tanh(np.asarray(model.begin.weight) @ back[0] + model.begin.bias)
    asks, keys, v = (
        np.asarray(part)
        for part in (
            model.attend.query_weight,
            model.attend.key_weight,
            model.attend.energy,
        )
    )
    table = np.asarray(model.fed.weight)
    answers, maps, token = [], [], START
    for following in SAID:
        scores = np.array([v @ np.tanh(s @ asks + h @ keys) for h in annotations])
        weights = np.exp(scores) / np.exp(scores).sum()
        context = weights @ np.asarray(annotations)
        y = table[token]
        t = np.asarray(model.deep.weight) @ [*s, *y, *context] + model.deep.bias
        maxima = [max(t[2 * k], t[2 * k + 1]) for k in range(4)]
        answers.append(np.asarray(model.head.weight) @ maxima + model.head.bias)
        maps.append(weights)
        s = gru(model.cell, s, np.concatenate([y, context]))
        token = int(following)
    np.testing.assert_allclose(model.forced(SAID, ASKED), answers, atol=1e-11)
    np.testing.assert_allclose(alignment(model, ASKED, said=SAID), maps, atol=1e-12)


def test_the_authors_start_looks_everywhere_alike():
    model = build("bahdanau")
    found = alignment(model, PADDED)
    np.testing.assert_array_equal(found[:, 5:], 0.0)
    np.testing.assert_array_equal(found[:, :5], np.float32(0.2))
    deviations = {
        "embed": np.std(build("bahdanau", width=64).embed.weight) / 0.01,
        "align": np.std(build("bahdanau", width=64).attend.key_weight) / 0.001,
    }
    for deviation in deviations.values():
        assert 0.9 < deviation < 1.1
    gates = np.asarray(model.cell.gate_weight)
    np.testing.assert_allclose(gates[:, :8] @ gates[:, :8].T, np.eye(8), atol=1e-5)
    assert not np.any(model.cell.bias)
    assert build("bahdanau", ONCE).cell is None


@pytest.mark.usefixtures("double_precision")
def test_annotations_take_their_weights_with_them():
    attend = AdditiveAttention(4, 6, 5, key=KEY)
    rng = np.random.default_rng(0)
    hs, query = (
        jnp.asarray(rng.standard_normal((7, 6))),
        jnp.asarray(rng.normal(size=4)),
    )
    present, order = jnp.arange(7) < 5, jnp.asarray(rng.permutation(7))

    def looked_at(hs, present):
        weights = attend.weights(query, attend.keys(hs), present)
        return weights, weights @ hs

    weights, found = looked_at(hs, present)
    moved, again = looked_at(hs[order], present[order])
    np.testing.assert_allclose(moved, weights[order], rtol=0, atol=1e-15)
    np.testing.assert_allclose(again, found, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(weights[5:], 0.0)
    kept, scores = attend.keys(hs), []
    for key in kept[:5]:  # by hand, one place at a time
        scores.append(
            float(attend.energy @ jnp.tanh(query @ attend.query_weight + key))
        )
    wanted = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(weights[:5], wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["seq2seq", "lstm_attention", "pointer_network"])
@pytest.mark.parametrize("asked", [ASKED, PADDED], ids=["whole", "padded"])
def test_reading_backwards_is_undone_by_turning_the_source_round(name, asked):
    forwards = drawn(build(name, backwards=False))
    backwards = drawn(build(name, backwards=True))  # of the same weights
    turned = Sequence(ASKED.xs[::-1])
    answers = forwards.forced(SAID, turned)
    np.testing.assert_allclose(backwards.forced(SAID, asked), answers, atol=1e-5)
    other = forwards.forced(SAID, ASKED)
    assert float(jnp.abs(other - answers).max()) > 1e-2
    if name in ATTENTIVE:
        there = alignment(backwards, asked, said=SAID)
        found = alignment(forwards, turned, said=SAID)
        if name == "pointer_network":  # the stop stands last, however it reads
            np.testing.assert_allclose(there[:, -1], found[:, -1], atol=1e-5)
            there, found = there[:, :-1], found[:, :-1]
        found = found[:, ::-1]
        np.testing.assert_allclose(there[:, :5], found, atol=1e-5)
        np.testing.assert_array_equal(there[:, 5:], 0.0)


@pytest.mark.parametrize("depth", [1, 2])
def test_seq2seq_read_forwards_is_an_lstm_that_generates(depth):
    lstm, ours = (
        build("lstm", depth=depth),
        build("seq2seq", depth=depth, backwards=False),
    )
    parts = (
        *(lstm.reader.embed, lstm.table, lstm.head, lstm.cells),
        tuple(layer.cell for layer in lstm.reader.layers),
    )
    ours = eqx.tree_at(
        lambda m: (m.embed, m.fed, m.head, m.decoder.cells, m.encoder.cells),
        ours,
        parts,
    )
    assert count_parameters(ours) == count_parameters(lstm)
    np.testing.assert_allclose(ours(PADDED), lstm(PADDED), atol=1e-6)


def test_spread_is_that_of_all_weights():
    weights = jax.tree.leaves(
        eqx.filter(build("seq2seq", width=32, spread=0.08), eqx.is_array)
    )
    largest = [float(jnp.abs(weight).max()) for weight in weights]
    assert max(largest) <= 0.08
    assert min(largest) > 0.06


@pytest.mark.parametrize("name", ATTENTIVE)
@pytest.mark.parametrize("signature", [SIGNATURE, TOLD], ids=["alone", "told"])
def test_a_map_is_of_what_it_says_itself(name, signature):
    model = drawn(build(name, signature))
    story = () if signature.context is None else (Sequence(jnp.array([0, 3])),)
    answers = model(ASKED, *story)
    found = alignment(model, ASKED, *story)
    points = name == "pointer_network"  # at the question alone, and at the stop
    assert found.shape == (LONGEST, 5 + 1 if points else 5 + 2 * len(story))
    said = jnp.argmax(answers, axis=1)
    generated = SIGNATURE.generated
    assert generated is not None
    until = np.asarray(generated.until_stop(said))
    forced = alignment(model, ASKED, *story, said=said)
    np.testing.assert_allclose(found[until], forced[until], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm_attention", "pointer_network"])
def test_online_nothing_later_is_looked_at(name):
    model = drawn(build(name, ONLINE))
    xs = jnp.asarray(np.random.default_rng(0).standard_normal((6, 3)), jnp.float32)
    found = alignment(model, Sequence(xs))
    np.testing.assert_array_equal(found, np.tril(found))
    assert np.all(found[np.tril_indices(6)] > 0)
    assert alignment(build(name, ONCE), Sequence(xs)).shape == (1, 6)


def test_a_pointer_says_what_stands_in_the_question():
    """By hand: a class has the weights of all steps at which it stands."""
    model = drawn(build("pointer_network"))
    asked = Sequence(jnp.array([3, 1, 3, 3, 0, 0]), present=jnp.arange(6) < 5)
    logits, weights = model.forced(SAID, asked), alignment(model, asked, said=SAID)
    shares = jax.nn.softmax(logits)
    np.testing.assert_allclose(
        shares[:, 3], weights[:, [0, 2, 3]].sum(axis=1), atol=1e-6
    )
    np.testing.assert_allclose(shares[:, 1], weights[:, 1], atol=1e-6)
    np.testing.assert_allclose(shares[:, 0], weights[:, 4], atol=1e-6)
    np.testing.assert_allclose(shares[:, STOP], weights[:, -1], atol=1e-6)
    np.testing.assert_array_equal(logits[:, [2, 4, START]], -SURE)


def test_a_pointer_is_fed_what_it_pointed_at():
    tokens, places = drawn(build("pointer_network")), Features(3)
    memory, _ = tokens.encode(ASKED)
    vectors = [tokens.vector(memory, jnp.array(one)) for one in (4, START)]
    np.testing.assert_array_equal(vectors[0], tokens.embed.weight[4])
    np.testing.assert_array_equal(vectors[1], tokens.fed.weight[0])
    signature = Signature(places, Classes(7), SIGNATURE.answers)
    model = drawn(build("pointer_network", signature))
    xs = jnp.asarray(np.random.default_rng(0).standard_normal((3, 3)), jnp.float32)
    memory, _ = model.encode(Sequence(xs))
    found = model.vector(memory, jnp.array(2))
    np.testing.assert_allclose(found, model.embed(xs[2]), atol=1e-6)
    logits = model.forced(SAID, Sequence(xs))
    assert np.all(np.asarray(logits)[:, [0, 1, 2, STOP]] > -100)
    np.testing.assert_array_equal(logits[:, [3, 4, START]], -SURE)


def test_classes_without_steps_have_a_gradient_of_zero():
    means = jnp.array([[True, False], [True, False]])

    def loss(scores):
        return jax.nn.log_softmax(of_classes(scores, means))[0]

    found = jax.grad(loss)(jnp.array([0.3, -jnp.inf]))
    np.testing.assert_allclose(found, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "signature", "reason"),
    [
        (
            "pointer_network",
            {},
            Signature(Tokens(3), Classes(7), SIGNATURE.answers),
            "of the task's 5 classes 2 are not tokens of the question",
        ),
        (
            "pointer_network",
            {},
            Signature(Features(3), Classes(7), Generated(4, 0, 1)),
            "5 classes 2 are not places of its steps, counted from class 0",
        ),
        (
            "seq2seq",
            {"backwards": True},
            ONLINE,
            "with backwards=false, or without that",
        ),
        ("bahdanau", {}, ONLINE, "its answers use later inputs, and the task forbids"),
    ],
)
def test_who_cannot_play_is_refused_with_the_reason(name, settings, signature, reason):
    with pytest.raises(CannotPlay, match=reason):
        build(name, signature, **settings)


@pytest.mark.parametrize("name", ["seq2seq", "lstm_attention"])
def test_training_draws_in_what_is_read(name):
    model = build(name, depth=2, dropout=0.5)
    plain = model.forced(SAID, ASKED)
    drawn = [model.forced(SAID, ASKED, key=jax.random.key(k)) for k in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
    assert not np.allclose(drawn[0], plain)


@pytest.mark.parametrize("name", ["seq2seq", *ATTENTIVE])
@pytest.mark.parametrize("signature", [TOLD, ONCE], ids=["told", "once"])
def test_a_trace_answers_as_the_model_does(name, signature):
    model = drawn(build(name, signature))
    asked = (ASKED, PADDED) if signature is TOLD else (Sequence(jnp.ones((4, 3))),)
    trace = model.trace(*asked)
    np.testing.assert_allclose(trace.answers, model(*asked), atol=1e-5)
    assert trace.inputs.shape == (12 if signature is TOLD else 4, 8)
