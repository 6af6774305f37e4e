"""Maps are those of the answers: times the values they are what the layer puts out.

Those of `memory_network` are held to its equations in `test_memory_network.py`, those
of `ntm` and `dnc` to what was read in `test_attention_maps.py`.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.maps import (
    ANSWERS,
    ENCODERS,
    EVERY_STEP,
    KERNELS,
    KEY,
    ONCE,
    SAYING,
    TOLD,
    asked_of,
    build,
    drawn,
    maps_of,
    padded,
)

from nnarena.check.quick import quick_jit
from nnarena.core.types import Sequence
from nnarena.models.sequence import Recurrent
from nnarena.nn.attention_map import AttentionMap
from nnarena.nn.linear import affine
from nnarena.nn.parametrization import resolve
from nnarena.nn.self_attention import split_heads
from nnarena.nn.unroll import unroll


XS = jax.random.normal(jax.random.key(7), (11, 3))
SMALL = {
    "local_attention": {"window": 2},
    "longformer": {"window": 2, "global_tokens": 2},
    "bigbird": {"block": 2, "near": 1, "random_blocks": 1},
}
"""Settings at which a sequence of 8 to 11 steps is not seen whole."""

PLACES = np.arange(11)
NEAR = np.abs(PLACES[:, None] - PLACES[None]) <= 2
FIRST = PLACES < 2
SEEN = {"local_attention": NEAR, "longformer": NEAR | FIRST[:, None] | FIRST[None]}
"""Which pairs of 11 steps are seen with these, where that is not drawn."""


def of_block(maps: dict[str, AttentionMap], number: int) -> jax.Array:
    """Returns the maps of the heads of one block: (heads, steps, steps)."""
    own = [maps[name].weights for name in maps if name.startswith(f"block {number}")]
    return jnp.stack(own)


def merged(linear: Any, heads: jax.Array, values: jax.Array) -> jax.Array:
    """Returns maps times values, merged by a part of the layer."""
    mixed = jnp.einsum("hqk,khd->qhd", heads, values)
    return affine(linear, mixed.reshape(len(mixed), -1))


def of_values(attention: Any, xs: jax.Array, ts: jax.Array, heads: Any) -> jax.Array:
    """Returns maps times the values of self-attention."""
    rotary = attention.rotary
    values = split_heads(attention.project, xs, ts, len(heads), rotary=rotary)[2]
    mixed = merged(attention.merge, heads, values)
    if (few := getattr(attention, "tokens", 0)) == 0:
        return mixed
    own = attention.overall(xs[:few], xs, ts[:few], ts)[2]  # values of the first steps
    return mixed.at[:few].set(merged(attention.merge, heads[:, :few], own))


CASES = [
    ("transformer", ONCE, {"blocks": 2}),
    ("local_attention", EVERY_STEP, {}),
    ("longformer", ONCE, {"dilation": 2, "heads": 3}),
    ("longformer", EVERY_STEP, {}),
    ("bigbird", ONCE, {}),
    ("bigbird", EVERY_STEP, {}),
    ("linear_attention", ONCE, {}),
    ("linear_attention", EVERY_STEP, {"form": "scan"}),
    ("performer", EVERY_STEP, {}),
]


@pytest.mark.parametrize(("name", "signature", "settings"), CASES)
def test_an_encoder_puts_out_its_maps_times_its_values(name, signature, settings):
    assert {case[0] for case in CASES} == {*ENCODERS, *KERNELS}
    settings = {"blocks": 1, **SMALL.get(name, {}), **settings}
    layer = drawn(name, signature, **settings).layers[0]
    sequence = padded(jax.random.normal(jax.random.key(7), (8, 4)))

    def both(layer: Any, sequence: Sequence) -> Any:
        maps, ts = layer.attention_maps(sequence), layer.position.places(sequence.dts)
        xs = layer.position(sequence.xs, ts)
        for number, block in enumerate(layer.blocks, 1):
            normed = jax.vmap(block.attention_norm)(xs)
            xs = xs + of_values(block.attention, normed, ts, of_block(maps, number))
            fed = jax.nn.gelu(affine(block.widen, jax.vmap(block.feed_norm)(xs)))
            xs = xs + affine(block.narrow, fed)
        return layer(sequence), jax.vmap(layer.norm)(xs)

    put_out, rebuilt = quick_jit(both)(layer, sequence)
    np.testing.assert_allclose(rebuilt[:8], put_out[:8], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", ENCODERS[1:])
def test_at_the_limit_maps_are_those_of_dense_attention(name):
    """With a window as long as the sequence, and the same weights."""
    limit = {"longformer": {"window": 11, "global_tokens": 0}, "bigbird": {"near": 11}}
    dense = drawn("transformer", ONCE)
    whole = drawn(name, ONCE, **limit.get(name, {"window": 11}))
    expected, found = maps_of(dense, Sequence(XS)), maps_of(whole, Sequence(XS))
    assert expected.keys() == found.keys()
    for key, one in expected.items():
        np.testing.assert_allclose(found[key].weights, one.weights, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS[1:])
def test_sparse_maps_are_the_dense_ones_over_what_is_seen(name):
    """Of fresh weights and in the first block, where both read the same."""
    models = build("transformer", ONCE), build(name, ONCE, **SMALL[name])
    dense, found = (
        np.asarray(of_block(maps_of(one, Sequence(3.0 * XS)), 1)) for one in models
    )
    seen = found > 0
    assert not seen.all()
    if name in SEEN:
        np.testing.assert_array_equal(seen, np.stack([SEEN[name]] * 2))
    shares = np.where(seen, dense, 0.0)
    shares = shares / shares.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found, shares, atol=1e-5)


def segmented(segment: int, memory: int) -> Any:
    return drawn("gtrxl", EVERY_STEP, segment=segment, memory=memory).layers[0]


def test_a_gated_transformer_puts_out_its_maps_times_its_values():
    """Over segments too: what was kept of the past are the same vectors."""
    layer, sequence = segmented(3, 4), Sequence(jax.random.normal(KEY, (11, 4)))

    def both(layer: Any, sequence: Sequence) -> Any:
        maps, xs = layer.attention_maps(sequence), sequence.xs
        for number, block in enumerate(layer.blocks, 1):
            heads, part = of_block(maps, number), block.attention
            normed = jax.vmap(block.attention_norm)(xs)
            values = jnp.split(normed @ part.key_value_weight, 2, axis=1)[1]
            mixed = jnp.einsum(
                "hqk,khd->qhd", heads, values.reshape(len(xs), len(heads), -1)
            )
            attended = mixed.reshape(len(xs), -1) @ part.merge_weight
            ys = block.attention_gate(xs, jax.nn.relu(attended))
            widened = affine(block.widen, jax.vmap(block.feed_norm)(ys))
            fed = affine(block.narrow, jax.nn.relu(widened))
            xs = block.feed_gate(ys, jax.nn.relu(fed))
        return layer(sequence), xs

    put_out, rebuilt = quick_jit(both)(layer, sequence)
    np.testing.assert_allclose(rebuilt, put_out, rtol=2e-4, atol=2e-4)


def test_segments_show_what_one_long_one_shows_as_far_as_they_are_kept():
    sequence = Sequence(jax.random.normal(KEY, (11, 4)))
    whole, kept, short = (
        maps_of(segmented(*sizes), sequence) for sizes in ((11, 0), (3, 9), (3, 4))
    )
    for name, one in whole.items():
        np.testing.assert_allclose(kept[name].weights, one.weights, atol=1e-5)
        # Steps 7 to 9, a segment, see themselves and the 4 steps before it.
        seen = np.asarray(short[name].weights)[6:9] > 0
        np.testing.assert_array_equal(seen, np.tri(3, 11, 6, dtype=bool) & (PLACES > 1))


def test_a_row_of_a_memory_transformer_is_what_its_output_is_made_of():
    model = drawn("memory_augmented_transformer", ONCE, rows=3)
    cell, xs = model.layers[0].cell, jax.random.normal(KEY, (5, 4))

    def both(cell: Any, xs: jax.Array) -> Any:
        told = Recurrent(cell).unroll(Sequence(xs), states=True)
        assert told.states is not None
        maps = Recurrent(cell).attention_maps(Sequence(xs))
        found = jnp.concatenate([cell.init_state()[None], told.states[:-1]])
        ready = resolve(cell)
        block, tokens = ready.block, jax.vmap(ready._tokens)(found, xs)
        heads = jnp.stack([one.weights for one in maps.values()], axis=1)
        values = jax.vmap(lambda one: block.projected(one)[2])(tokens)
        mixed = jnp.einsum("thk,tkhd->thd", heads, values).reshape(len(xs), -1)
        seen = jax.vmap(block.norm)(tokens[:, 0] + jax.vmap(block.merge)(mixed))
        fed = jax.vmap(block.narrow)(jax.nn.relu(jax.vmap(block.widen)(seen)))
        return told.hs, jax.vmap(block.norm)(seen + fed)

    put_out, rebuilt = quick_jit(both)(cell, xs)
    np.testing.assert_allclose(rebuilt, put_out, rtol=2e-4, atol=2e-4)


def test_generated_answers_look_from_the_states_that_the_question_left():
    """The first answer of a cell finds the rows that reading has written."""
    model = drawn("memory_augmented_transformer", SAYING, rows=3)
    asked = asked_of(SAYING)

    def both(model: Any, *asked: Sequence) -> Any:
        (cell,), (state,) = model.encode(*asked)
        tokens = cell._tokens(state, model.table(jnp.array(ANSWERS.start)))
        return model.attention_maps(*asked), cell.block.weights(tokens)[:, 0]

    maps, first = quick_jit(both)(model, *asked)
    found = [one.weights[0] for name, one in maps.items() if "answering" in name]
    np.testing.assert_allclose(np.stack(found), first, atol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau", "lstm_attention", "pointer_network"])
def test_an_alignment_blends_what_a_decoder_answers_by(name):
    """Were every step what the map blends of them, the answer would be the same."""
    model, asked = drawn(name, ONCE), asked_of(ONCE)

    def both(model: Any, *asked: Sequence) -> Any:
        (alignment,) = model.attention_maps(*asked).values()
        memory, state = model.remember(model.read(*asked)[0])
        blend = jnp.broadcast_to(alignment.weights[0] @ memory.hs, memory.hs.shape)
        start = model.fed(jnp.array(0))
        even = replace(memory, hs=blend)
        said = model.say(even, state, start, memory.present)[1]
        return model(*asked), said.answer

    answer, blended = quick_jit(both)(model, *asked)
    np.testing.assert_allclose(blended, answer, rtol=2e-4, atol=2e-4)


def test_what_a_pointer_says_is_where_it_points():
    """The probability of a class is the weight of all the steps that mean it."""
    model, (question,) = drawn("pointer_network", SAYING), asked_of(SAYING)
    maps, answers = quick_jit(lambda m, q: (m.attention_maps(q), m(q)))(model, question)
    (alignment,) = maps.values()
    means = jax.nn.one_hot(jnp.append(question.xs, ANSWERS.stop), 7)
    until = int(ANSWERS.until_stop(jnp.argmax(answers, axis=1)).sum())
    np.testing.assert_allclose(
        jax.nn.softmax(answers)[:until], (alignment.weights @ means)[:until], atol=1e-5
    )


@pytest.mark.parametrize(
    "name", ["encoder_decoder_transformer", "rnn_augmented_transformer"]
)
def test_an_encoder_with_a_decoder_sums_its_values_by_its_maps(name):
    """The one adds them up, an LSTM of the other reads them one by one."""
    model = drawn(name, ONCE, heads=2)
    question = Sequence(XS)

    def both(model: Any, question: Sequence) -> Any:
        steps, _ = model.body.read(question)
        ts = model.body.position.places(steps.dts)
        xs = model.body.scaled(steps.xs, ts)
        part, maps = model.body.encoder[0].attention, model.attention_maps(question)
        found = [maps[f"encoder 1, head {head}"].weights for head in (1, 2)]
        values = part.project(xs, xs, ts, ts)[2]
        if not hasattr(part, "cells"):
            mixed = [one @ values[:, head] for head, one in enumerate(found)]
        else:
            mixed = [
                jax.vmap(lambda row, c=cell, v=values[:, head]: last(c, row, v))(one)
                for head, (one, cell) in enumerate(zip(found, part.cells, strict=True))
            ]
        return part(xs, xs, ts, ts), affine(part.merge, jnp.concatenate(mixed, axis=1))

    put_out, rebuilt = quick_jit(both)(model, question)
    np.testing.assert_allclose(rebuilt, put_out, rtol=2e-4, atol=2e-4)


def last(cell: Any, row: jax.Array, values: jax.Array) -> jax.Array:
    return unroll(cell, Sequence(row[:, None] * values)).hs[-1]


def test_what_was_looked_up_are_the_facts_of_the_answer():
    """Of three sentences two, one after the other; the map is in the order of time."""
    model = drawn("supervised_memory_network", TOLD)
    question, story = asked_of(TOLD)

    def both(model: Any, question: Sequence, story: Sequence) -> Any:
        (hops,) = model.attention_maps(question, story).values()
        asked, stored = model._read(question, story)
        facts = hops.weights[:, :3] @ stored.bags[:3][::-1]
        return hops.weights, model(question, story), model._answer(asked, facts)

    weights, answer, rebuilt = quick_jit(both)(model, question, story)
    assert set(np.unique(weights)) == {0.0, 1.0}
    np.testing.assert_allclose(rebuilt, answer, rtol=1e-5)
