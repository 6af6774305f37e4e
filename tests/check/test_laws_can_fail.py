"""Every law of models is broken by a model made to break it, and by no other."""

from collections.abc import Callable, Iterator
from itertools import count

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.bahdanau import Bahdanau

from nnarena.check import MODEL_LAWS, ModelCase, judge, model_laws
from nnarena.core.types import Features, Signature
from nnarena.models import MODELS, AbstractCell, AbstractLayer, AbstractModel
from nnarena.models.decoder import AbstractParallelDecoder
from nnarena.models.last_step import LastStep
from nnarena.nn.parametrization import AbstractParametrization


Flaw = Callable[[jax.Array, jax.Array], jax.Array]


def layer_with(
    flaw: Flaw = lambda hs, dts: hs,
    *,
    causal: bool = True,
    outputs: int = 32,
    start: Callable[..., jax.Array] = jax.random.normal,
) -> type:
    """Returns a sound layer, or one with a flaw that changes its outputs at the end."""
    declared = causal

    class Flawed(AbstractLayer):
        r"""The mean so far: $$h_t = \tanh(W \sum_{s \le t} x_s / t)$$."""

        weight: jax.Array
        hidden_size: int = eqx.field(static=True)
        causal: bool = eqx.field(static=True)

        def __init__(self, features: int, hidden: int, *, key):
            del hidden
            self.weight = start(key, (features, outputs))
            self.hidden_size, self.causal = outputs, declared

        def __call__(self, sequence, *, key=None):
            xs, dts = sequence.xs, sequence.dts
            steps = jnp.arange(1.0, xs.shape[0] + 1.0)[:, None]
            return flaw(jnp.tanh(jnp.cumsum(xs, axis=0) / steps @ self.weight), dts)

    return Flawed


class SaysWhatItIsAsked(AbstractLayer):
    r"""What was and what comes, whatever it is told: $$h_t = x_t W + \bar{x} W$$."""

    weight: jax.Array
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, causal: bool = False, key):
        del hidden
        self.weight = jax.random.normal(key, (features, 32))
        self.hidden_size, self.causal = 32, causal

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return jnp.tanh((xs + jnp.mean(xs, axis=0, keepdims=True)) @ self.weight)


class OneAnswerTooMany(AbstractModel):
    """A whole model: $$y_t = W_t x_t$$, and the first answer once more at the end."""

    embed: jax.Array
    head: jax.Array
    signature: Signature
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, key):
        first, second = jax.random.split(key)
        self.embed = jax.random.normal(first, (signature.inputs.size, 4 * hidden))
        self.head = jax.random.normal(second, (4 * hidden, signature.outputs.size))
        self.signature, self.causal = signature, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        features = isinstance(self.signature.inputs, Features)
        hs = jnp.tanh(xs @ self.embed if features else self.embed[xs])
        answers = hs @ self.head
        if self.signature.answers == "once":
            return answers[-1]
        return jnp.concatenate([answers, answers[:1]])


class CountsItsCalls(AbstractCell):
    """A cell with a memory outside of its state: $$h_t = x_t W + n$$."""

    weight: jax.Array
    calls: Iterator[int] = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key):
        self.weight = jax.random.normal(key, (features, 32))
        self.calls, self.hidden_size = count(), 32

    def init_state(self):
        return jnp.zeros(())

    def __call__(self, state, x, dt):
        return state, jnp.tanh(x @ self.weight) + 0.1 * next(self.calls)


@jax.custom_jvp
def without_gradient(x):
    return x


@without_gradient.defjvp
def _(primals, tangents):
    return primals[0], tangents[0] * jnp.nan


@jax.custom_batching.custom_vmap
def batch_mean(hs):
    return hs


@batch_mean.def_vmap
def _(axis_size, in_batched, hs):
    return jnp.broadcast_to(jnp.mean(hs, axis=0, keepdims=True), hs.shape), True


def unseeded(key, shape):
    return jnp.asarray(np.random.default_rng().normal(size=shape), jnp.float32)


def raises_on_one_step(hs, dts):
    if hs.shape[0] == 1:
        raise RuntimeError("one step is too few\nand this line is not for the verdict")
    return hs


class Unsaid(AbstractParametrization):
    """A weight that derives from numbers of which nothing is said."""

    raw: jax.Array

    def value(self):
        return jnp.tanh(self.raw)


class DerivesItsWeight(AbstractLayer):
    r"""The mean so far: $$h_t = \tanh(2 \tanh(R) \sum_{s \le t} x_s / t)$$."""

    weight: Unsaid
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key):
        self.weight = Unsaid(jax.random.normal(key, (features, 32)))
        self.hidden_size, self.causal = 32, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        steps = jnp.arange(1.0, xs.shape[0] + 1.0)[:, None]
        return jnp.tanh(2.0 * jnp.cumsum(xs, axis=0) / steps @ self.weight.value())


class StacksItsGains(AbstractLayer):
    r"""Scales the mean twice: $$h_t = g_2 \tanh(g_1 \sum_{s \le t} x_s W / t)$$."""

    weight: jax.Array
    gains: jax.Array
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key):
        self.weight = jax.random.normal(key, (features, 32))
        self.gains = jnp.ones((2, 32))
        self.hidden_size, self.causal = 32, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        steps = jnp.arange(1.0, xs.shape[0] + 1.0)[:, None]
        first, second = self.gains[:1], self.gains[1:]
        return second * jnp.tanh(first * (jnp.cumsum(xs, axis=0) / steps @ self.weight))


FLAWED_MODELS = {
    "none": (layer_with(), {}),
    "reads the end first": (
        layer_with(lambda hs, dts: jnp.flip(hs, axis=0)),
        {
            "causal": "features, answered every step: declared causal, but a change of",
            "padding": "the same answers to a sequence padded with 6 steps, but they",
            "context": "the same answers where story and question are padded with 3",
            "generates": "the same answers to a question padded with 4 steps, but they",
            "learns": "from the last quarter, in 400 steps",
        },
    ),
    "needlessly not causal": (
        layer_with(causal=False),
        {"causal": "declared not causal, but no change of later inputs changed an"},
    ),
    "causal in words alone": (
        SaysWhatItIsAsked,
        {
            "causal": "features, answered every step, causal: declared causal, but a",
            "padding": "what mixes steps has to leave out those that are not `present`",
            "context": "the same answers where story and question are padded with 3",
            "generates": "expected the same answers fed with its own answers, but they",
        },
    ),
    "one answer too many": (
        OneAnswerTooMany,
        {
            "shapes": "expected answers of shape (1, 2) in float32, but got (2, 2)",
            "padding": "but it raised ValueError: operands could not be broadcast",
            "learns": "from the last quarter, in 400 steps",
        },
    ),
    "says nothing of what its weight derives from": (
        DerivesItsWeight,
        {"roles": "expected `layers[0].weight.raw`, from which a weight derives, to"},
    ),
    "decays gains as a matrix, for they are two": (
        StacksItsGains,
        {"roles": "expected `layers[0].gains`, by its name no map, not to be decayed"},
    ),
    "raises": (
        layer_with(raises_on_one_step),
        {"shapes": "but it raised RuntimeError: one step is too few"},
    ),
    "mixes the batch": (
        layer_with(lambda hs, dts: hs + 0.5 * batch_mean(hs)),
        {
            "vmap": "expected the same answers to a sequence alone and beside others",
            "generates": "expected the same answers fed with its own answers, but they",
        },
    ),
    "counts its calls": (
        CountsItsCalls,
        {
            "step": "expected step 0 taken by itself to give what the scanned sequence",
            "padding": "the same answers to a sequence padded with 6 steps, but they",
            "context": "the same answers where story and question are padded with 3",
            "generates": "expected the same answers fed with its own answers, but they",
            "vmap": "expected the same answers to a sequence alone and beside others",
            "alone": "expected the same losses of a seed trained alone and beside",
            "learns": "but it is 0.88",
        },
    ),
    "gradient is not a number": (
        layer_with(lambda hs, dts: without_gradient(hs)),
        {
            "gradients": "every weight, but that of `embed.weight` is not",
            "overfits": "but the loss was no longer finite at step 1",
            "learns": "but it is nan",
        },
    ),
    "weights that nothing decides": (
        layer_with(start=unseeded),
        {"keys": "expected the same key to give the same weights, but they differ"},
    ),
    "weights that the key does not decide": (
        layer_with(start=lambda key, shape: jnp.eye(*shape)),
        {"keys": "expected another key to give other weights, but they are the same"},
    ),
    "breaks after a pause": (
        layer_with(lambda hs, dts: jnp.where(dts[:, None] > 2.5, jnp.inf, hs)),
        {"irregular times": "elapsed times between 0 and 3, but the answer at step"},
    ),
    "deaf": (
        layer_with(lambda hs, dts: 0.0 * hs),
        {
            "overfits": "below a tenth of its start within 400 steps, but it fell",
            "learns": "but it is 0.9",
        },
    ),
}
"""Models with the laws that they break, and words of the sentences that say so."""


def broken_laws() -> dict[str, str]:
    """Returns the laws that the flawed model breaks, and the sentences that say how."""
    case = ModelCase("flawed")
    verdicts = [judge(law, case) for law in MODEL_LAWS]
    return {v.law: v.detail for v in verdicts if v.passed is False}


@pytest.mark.parametrize("flaw", FLAWED_MODELS)
def test_a_flawed_model_breaks_its_law_and_no_other(enter, flaw):
    make, expected = FLAWED_MODELS[flaw]
    enter(MODELS, make)
    found = broken_laws()
    assert set(found) == set(expected), found
    for law, words in expected.items():
        assert words in found[law]
        assert "\n" not in found[law]


def test_a_model_that_is_too_large_at_any_width(enter, monkeypatch):
    monkeypatch.setattr(model_laws, "BUDGET", 200)
    enter(MODELS, layer_with(outputs=80))
    found = broken_laws()
    assert set(found) == {"width"}
    assert (
        "with 200 weights, within 15 %, but the nearest, 1, has 246" in found["width"]
    )


class Constant(AbstractModel):
    """Answers $$0$$ whatever it is asked; its three weights do not matter."""

    weight: jax.Array
    signature: Signature
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, key):
        del hidden
        self.weight = jax.random.normal(key, (3,))
        self.signature, self.causal = signature, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        steps = xs.shape[:1] if self.signature.answers == "every step" else ()
        zeros = jnp.zeros((*steps, self.signature.outputs.size))
        return zeros + 0.0 * jnp.sum(self.weight)


def test_a_model_that_learns_nothing(enter):
    enter(MODELS, Constant)
    found = broken_laws()
    assert set(found) == {"gradients", "overfits", "learns", "width"}
    assert "the gradient of every weight is zero" in found["gradients"]
    assert "has only 3 parameters at width" in found["width"]


def test_only_a_control_need_not_add_up(enter):
    enter(MODELS, LastStep, source="rumelhart1986learning")
    found = broken_laws()
    assert set(found) == {"learns"}
    assert "expected the error in adding up sequences" in found["learns"]


def test_a_control_must_give_back_the_last_step(enter):
    late = layer_with(lambda hs, dts: jnp.roll(hs, 1, axis=0).at[0].set(0.0))
    enter(MODELS, late, family="control")
    found = broken_laws()
    assert set(found) == {"learns"}
    assert "in giving back the last step of sequences it never" in found["learns"]


@pytest.mark.parametrize(
    ("docstring", "source", "sentence"),
    [
        (None, "elman1990finding", "expected a docstring of Constant, but it has none"),
        ("It answers.", "elman1990finding", "but it has none"),
        ("It answers $$0$$.", " ", "but it is empty"),
    ],
)
def test_a_model_without_an_account(enter, monkeypatch, docstring, source, sentence):
    monkeypatch.setattr(Constant, "__doc__", docstring)
    enter(MODELS, Constant, source=source, version=1)
    documented = next(law for law in MODEL_LAWS if law.name == "documented")
    verdict = judge(documented, ModelCase("flawed"))
    assert verdict.passed is False
    assert sentence in verdict.detail


class Says(AbstractParallelDecoder):
    r"""Says what it is told, or a little more: $$y_t = W_{s_t} + W_x$$."""

    tables: tuple[jax.Array, jax.Array]
    gate: jax.Array
    signature: Signature
    flaw: str = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, flaw: str = "none", key):
        first, second = jax.random.split(key)
        size = signature.outputs.size
        self.gate = jnp.zeros(())
        self.tables = (
            jax.random.normal(first, (signature.inputs.size, size)),
            jax.random.normal(second, (size, size)),
        )
        self.signature, self.flaw, self.causal = signature, flaw, True

    def remember(self, sequence, context=None, *, key=None):
        there = sequence.present
        if there is None or self.flaw == "hears noise":
            there = jnp.ones(sequence.length, bool)
        return jnp.mean(self.tables[0][sequence.xs], axis=0, where=there[:, None])

    def parallel(self, memory, tokens):
        own = self.tables[1][tokens]
        if self.flaw == "hears itself later":
            own = own + jnp.flip(own, axis=0)
        return own + memory[None]

    def forced(self, targets, *asked, key=None):
        said = super().forced(targets, *asked, key=key)
        if self.flaw == "is shown its answer, once training opens the gate":
            said = said + self.gate * jax.nn.one_hot(targets, said.shape[1])
        return said


@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        ("none", ""),
        ("hears itself later", "expected the same answers fed with its own answers"),
        ("hears noise", "the same answers to a question padded with 4 steps, but they"),
        (
            "is shown its answer, once training opens the gate",
            "the right classes before it alone, but other right classes from 0 on",
        ),
    ],
)
def test_a_decoder_that_is_not_what_it_says(enter, flaw, sentence):
    enter(MODELS, Says)
    law = next(law for law in MODEL_LAWS if law.name == "generates")
    verdict = judge(law, ModelCase("flawed", {"flaw": flaw}))
    assert verdict.passed is (flaw == "none"), verdict.detail
    assert sentence in verdict.detail


class Tells(AbstractModel):
    r"""The mean of a story and its question: $$y_t = W (x_t + \bar{c})$$."""

    table: jax.Array
    signature: Signature
    flaw: str = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, flaw: str = "none", key):
        shape = signature.inputs.size, signature.outputs.size
        self.table = jax.random.normal(key, shape)
        self.signature, self.flaw, self.causal = signature, flaw, True

    def __call__(self, sequence, context=None, *, key=None):
        story = sequence if context is None else context
        there = story.present
        if there is None or self.flaw == "hears noise":
            there = jnp.ones(story.length, bool)
        told = jnp.mean(self.table[story.xs], axis=0, where=there[:, None])
        asked = self.table[sequence.xs]
        if self.flaw == "looks ahead":
            asked = asked.at[0].add(asked[1])
        return asked + told[None]


@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        ("none", ""),
        ("hears noise", "the same answers where story and question are padded with 3"),
        ("looks ahead", "a change of the question from step 1 on changed the answer"),
    ],
)
def test_a_reader_of_stories_that_is_not_what_it_says(enter, flaw, sentence):
    enter(MODELS, Tells)
    law = next(law for law in MODEL_LAWS if law.name == "context")
    verdict = judge(law, ModelCase("flawed", {"flaw": flaw}))
    assert verdict.passed is (flaw == "none"), verdict.detail
    assert sentence in verdict.detail


@pytest.mark.parametrize(
    ("law", "reason"),
    [
        ("context", "it reads no context, and the task has one"),
        ("generates", "it generates no answers, and the task asks for generated ones"),
    ],
)
def test_who_can_do_neither_is_not_judged(enter, law, reason):
    enter(MODELS, OneAnswerTooMany)
    found = judge(
        next(one for one in MODEL_LAWS if one.name == law), ModelCase("flawed")
    )
    assert found.passed is None
    assert found.detail == reason


def test_who_can_only_generate_is_held_to_what_it_can(enter):
    enter(MODELS, Bahdanau)
    case = ModelCase("flawed")
    case.require_sound()
    verdicts = {law.name: judge(law, case) for law in MODEL_LAWS}
    assert [v for v in verdicts.values() if v.passed is False] == []
    held = {name for name, verdict in verdicts.items() if verdict.passed}
    assert {"documented", "shapes", "generates", "gradients", "overfits"} <= held
    assert {"roles", "keys", "alone", "width"} <= held
    assert "generates its answers, and the task asks once" in verdicts["learns"].detail
    assert verdicts["context"].detail == "it reads no context, and the task has one"
