"""Contenders that generate: what they hand over, what they look at, who cannot."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.bahdanau import Bahdanau
from tests.compiled import unroll

from nnarena.core.problems import CannotPlay
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Generated,
    Sequence,
    Signature,
    Tokens,
    Values,
)
from nnarena.models import MODELS, AbstractLayer, AbstractModel
from nnarena.models.contender import Contender, count_parameters, count_state
from nnarena.models.generating import CausalDecoder, RecurrentDecoder
from nnarena.training import TRAINERS


START, STOP, LONGEST = 4, 5, 6
ANSWERS = Generated(LONGEST, START, STOP)
SIGNATURE = Signature(Tokens(5), Classes(6), ANSWERS)
ASKED = Sequence(jnp.array([3, 1, 4, 0, 2]))
KEY = jax.random.key(3)
PADDED = Sequence(
    jnp.array([3, 1, 4, 0, 2, 2, 2]), present=jnp.array([True] * 5 + [False] * 2)
)


def build(
    name: str, signature: Signature = SIGNATURE, width: int = 8, **settings
) -> Any:
    contender = Contender(name, settings).for_signature(signature)
    return contender.build(signature, width, key=KEY)


@pytest.mark.parametrize(("name", "depth"), [("gru", 1), ("lstm", 2)])
@pytest.mark.parametrize("asked", [ASKED, PADDED], ids=["whole", "padded"])
def test_the_decoder_goes_on_from_where_the_encoder_ended(name, depth, asked):
    model = build(name, depth=depth)
    hs, states = jax.vmap(model.reader.embed)(ASKED.xs), []
    for layer in model.reader.layers:
        state = layer.cell.init_state()
        outputs = []
        for x in hs:
            state, h = layer.cell(state, x, jnp.array(1.0))
            outputs.append(h)
        hs = jnp.stack(outputs)
        states.append(state)
    token, found = START, model(asked)
    for place in range(LONGEST):
        h = model.table.weight[token]
        for index, cell in enumerate(model.cells):
            states[index], h = cell(states[index], h, jnp.array(1.0))
        logits = model.head(h)
        np.testing.assert_allclose(found[place], logits, atol=1e-6)
        token = int(np.argmax(logits))
        if token == STOP:
            break


def test_cells_hand_over_their_state_and_layers_are_causal():
    assert isinstance(build("gru"), RecurrentDecoder)
    assert isinstance(build("transformer"), CausalDecoder)
    assert isinstance(build("window"), CausalDecoder)


def test_encoder_and_decoder_have_weights_of_their_own():
    model = build("gru", depth=2)
    read = [layer.cell.recurrent_weight for layer in model.reader.layers]
    said = [cell.recurrent_weight for cell in model.cells]
    for one, other in [*zip(read, said, strict=True), said]:
        assert not np.array_equal(one, other)
    assert model.reader.head is None
    assert count_state(model) == 16


@pytest.mark.parametrize("name", ["transformer", "window"])
def test_a_causal_layer_reads_question_and_answer_as_one(name):
    model = build(name)
    (layer,) = model.reader.layers
    assert layer.causal
    said, answers = [START], model(PADDED)
    for place in range(LONGEST):
        vectors = [*jax.vmap(model.reader.embed)(ASKED.xs)]
        vectors += [model.table.weight[token] for token in said]
        logits = model.head(layer(Sequence(jnp.stack(vectors)))[-1])
        np.testing.assert_allclose(answers[place], logits, atol=1e-5)
        said.append(int(np.argmax(logits)))
        if said[-1] == STOP:
            break


def test_an_encoder_decoder_is_fed_what_it_said_in_place_of_start_tokens():
    model = build("encoder_decoder_transformer")
    body = model.body
    tokens = jnp.array([START, 2, 1], jnp.int32)
    encoded, ts, present = body.remember(body.read(ASKED)[0])
    logits = body.say(tokens, encoded, ts, present)
    # The first place has seen `start` alone, the second what was said, and so on.
    for place in range(3):
        alone = body.say(tokens[: place + 1], encoded, ts, present)
        np.testing.assert_allclose(logits[place], alone[-1], atol=1e-5)
    other = body.say(tokens.at[1].set(3), encoded, ts, present)
    np.testing.assert_allclose(logits[0], other[0], atol=1e-6)
    assert float(jnp.abs(logits[1:] - other[1:]).min()) > 1e-4


CANNOT = {
    **dict.fromkeys(("ar", "memory_network"), "it generates no answers"),
    "supervised_memory_network": "it generates no answers",
    **dict.fromkeys(("bidirectional", "linformer"), "later inputs"),
    **dict.fromkeys(("esn", "linear_dynamical", "lsm"), "with embed=linear it can"),
}
"""Who cannot generate with a context as they are by default, and the reason given."""


@pytest.mark.parametrize("name", CANNOT)
def test_who_cannot_generate_with_a_context_says_why(name):
    signature = Signature(Features(3), Classes(6), ANSWERS, context=Tokens(7))
    with pytest.raises(CannotPlay, match=CANNOT[name]):
        Contender(name).for_signature(signature).shapes(signature, 8)


@pytest.mark.parametrize(
    "entry",
    [entry for entry in MODELS if entry.name not in CANNOT],
    ids=lambda entry: entry.name,
)
def test_every_other_contender_of_the_package_can_generate_with_a_context(entry):
    signature = Signature(Features(3), Classes(6), ANSWERS, context=Tokens(7))
    contender = Contender(entry.name).for_signature(signature)
    model = contender.shapes(signature, 8)
    question, context = Sequence(jnp.zeros((4, 3))), Sequence(jnp.zeros(9, int))
    answers = eqx.filter_eval_shape(model, question, context)
    assert answers.shape == (LONGEST, 6)
    assert count_parameters(model) > count_parameters(
        Contender(entry.name).shapes(Signature(Features(3), Classes(6)), 8)
    )


class Whole(AbstractModel):
    """A model of somebody who wrote it before there were contexts."""

    signature: Signature
    causal: bool = eqx.field(static=True, default=True)

    def __init__(self, signature, hidden, *, key):
        self.signature = signature

    def __call__(self, sequence, *, key=None):
        return jnp.zeros(self.signature.outputs.size)


class Backwards(AbstractLayer):
    """A layer that looks ahead, and cannot do otherwise."""

    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True, default=False)

    def __init__(self, features, hidden, *, key):
        self.hidden_size = features

    def __call__(self, sequence, *, key=None):
        return jnp.flip(sequence.xs, axis=0)


@pytest.fixture(autouse=True)
def entered(monkeypatch):
    """Registers models of somebody else's, for one test only."""
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    own = {"whole": Whole, "backwards": Backwards, "looking_back": Bahdanau}
    for name, make in own.items():
        MODELS.register(name, family="test", source="a talk")(make)


ONCE = Signature(Tokens(5), Classes(6))
STORY = Signature(Tokens(5), Classes(6), context=Tokens(5))
TOLD = Signature(Tokens(5), Classes(6), ANSWERS, context=Tokens(5))


@pytest.mark.parametrize(
    ("name", "settings", "signature", "reason"),
    [
        ("whole", {}, SIGNATURE, "it generates no answers, and the task asks for"),
        ("whole", {}, STORY, "it reads no context, and the task has one"),
        ("looking_back", {}, ONCE, "it generates its answers, and the task asks once"),
        ("looking_back", {}, TOLD, "it reads no context, and the task has one"),
        ("backwards", {}, SIGNATURE, "its answers use later inputs"),
        ("transformer", {"causal": False}, SIGNATURE, "with causal=true, or without"),
        (
            "gru",
            {"embed": "none"},
            Signature(Features(3), Values(1), context=Features(3)),
            "embed 'none' leaves inputs as they are, and the task's context has to be",
        ),
    ],
)
def test_who_cannot_play_is_refused_with_the_reason(name, settings, signature, reason):
    with pytest.raises(CannotPlay, match=reason):
        build(name, signature, **settings)


@pytest.mark.parametrize("name", ["gru", "transformer", "encoder_decoder_transformer"])
def test_ridge_fits_no_generated_answers(name):
    ridge = TRAINERS["ridge"].make()
    assert "it generates its answers" in ridge.accepts(build(name))
    assert ridge.accepts(build(name, ONCE)) is None


def test_an_attention_decoder_is_one_file():
    model = build("looking_back")
    answers = model(ASKED)
    np.testing.assert_allclose(answers, model(PADDED), atol=1e-5)
    said = jnp.argmax(answers, axis=1)
    counts = ANSWERS.until_stop(said)
    np.testing.assert_allclose(
        model.forced(said, ASKED)[counts], answers[counts], atol=1e-5
    )
    # By hand: the first class from the last state, and a mean of all states.
    hs = unroll(model.encoder, ASKED.with_xs(model.tables[0].weight[ASKED.xs])).hs
    scores = jnp.tanh((hs[-1] @ model.along)[None] + hs @ model.across) @ model.energy
    x = jnp.concatenate([model.tables[1].weight[START], jax.nn.softmax(scores) @ hs])
    wanted = model.head(model.decoder(hs[-1], x, jnp.array(1.0))[1])
    np.testing.assert_allclose(answers[0], wanted, atol=1e-5)


def test_training_draws_in_what_is_read():
    model = build("gru", depth=2, dropout=0.5)
    targets = jnp.array([1, 2, STOP, STOP, STOP, STOP])
    plain = model.forced(targets, ASKED)
    drawn = [model.forced(targets, ASKED, key=jax.random.key(k)) for k in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
    assert not np.allclose(drawn[0], plain)


@pytest.mark.parametrize("name", ["gru", "transformer", "encoder_decoder_transformer"])
def test_a_trace_answers_as_the_model_does(name):
    model, example = build(name, TOLD), Example(ASKED, jnp.array(0), context=ASKED)
    trace = model.trace(*example.asked)
    np.testing.assert_allclose(trace.answers, model(*example.asked), atol=1e-5)
    assert trace.inputs.shape == (10, 8)
