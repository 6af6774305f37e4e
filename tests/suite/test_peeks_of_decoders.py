"""Decoders that see the answer that they are to give: a likelihood would be bought."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from tests.bahdanau import Bahdanau
from typer.testing import CliRunner

import nnarena
from nnarena.cli import app
from nnarena.models import MODELS, AbstractLayer, AbstractModel
from nnarena.models.decoder import AbstractParallelDecoder
from nnarena.runs.evaluations import read_evaluations
from nnarena.suite import programs
from nnarena.suite.config import parse_suite
from nnarena.suite.session import Session, open_session
from nnarena.tasks import TASKS


LONGEST, START, STOP = 6, 4, 5


class Coin(nnarena.AbstractTask):
    """Symbols that nothing tells: no honest answer is likelier than chance, ln 4."""

    metric: str = eqx.field(static=True)
    symbols: int = eqx.field(static=True)

    def __init__(
        self, *, metric: str = "negative log-likelihood in nats", symbols: int = 4
    ):
        self.metric, self.symbols = metric, symbols

    @property
    def signature(self):
        answers = nnarena.Generated(longest=LONGEST, start=START, stop=STOP)
        return nnarena.Signature(
            nnarena.Tokens(4), nnarena.Classes(6), answers, context=nnarena.Tokens(3)
        )

    @property
    def scoring(self):
        if self.metric == "exact match":
            return nnarena.exact_match(chance=4.0**-LONGEST)
        return nnarena.Scoring(
            metric=self.metric,
            chance=1.3863,
            best=0.0,
            solved=0.3,
            higher_is_better=False,
        )

    def splits(self, data, *, key):
        del data
        return nnarena.SyntheticSplits(validation=8, test=8).draw(key=key)

    def example(self, row):
        answer = jax.random.randint(row, (LONGEST,), 0, 4)
        asked = jnp.zeros(self.symbols, int)
        return nnarena.Example(
            nnarena.Sequence(asked, present=jnp.arange(self.symbols) < 3),
            answer,
            context=nnarena.Sequence(jnp.zeros(2, int)),
        )


def peeker(look: Any, *, forced: bool = False) -> type:
    """Returns a decoder to whose answers `look` adds; to those of `forced`, if so."""

    class Peeker(AbstractParallelDecoder):
        table: jax.Array
        gate: jax.Array
        signature: nnarena.Signature
        causal: bool = eqx.field(static=True, default=True)

        def __init__(self, signature, hidden, *, key):
            del hidden
            size = signature.outputs.size
            self.table = jax.random.normal(key, (size, size))
            self.gate, self.signature = jnp.zeros(()), signature

        def remember(self, sequence, context=None, *, key=None):
            return jnp.zeros(())

        def parallel(self, memory, tokens):
            said = self.table[tokens] + memory
            return said if forced else look(said, tokens, self.gate)

        def forced(self, targets, *asked, key=None):
            said = super().forced(targets, *asked, key=key)
            return look(said, targets, self.gate) if forced else said

    return Peeker


def seen(classes):
    return 9.0 * jax.nn.one_hot(classes, 6)


def next_class(said, tokens, gate):
    """The class after a token is the answer to it."""
    return said + seen(jnp.roll(tokens, -1))


def last_class(said, tokens, gate):
    return said + seen(tokens[-1])[None]


def the_answer(said, targets, gate):
    return said + seen(targets)


def opened(said, targets, gate):
    """A path that training opens."""
    return said + gate * seen(targets)


def its_length(said, targets, gate):
    """Tells where the answer ends, and nothing else of it."""
    return said.at[:, STOP].add(jnp.argmax(targets == STOP).astype(said.dtype))


PEEKERS = {
    "next_class": peeker(next_class),
    "last_class": peeker(last_class),
    "the_answer": peeker(the_answer, forced=True),
    "opened": peeker(opened, forced=True),
    "its_length": peeker(its_length, forced=True),
}


class Backwards(AbstractLayer):
    """A layer in the frame that says that it is causal."""

    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True, default=True)

    def __init__(self, features, hidden, *, key):
        self.hidden_size = features

    def __call__(self, sequence, *, key=None):
        return sequence.xs + jnp.mean(sequence.xs, axis=0, keepdims=True)


class OneByOne(Bahdanau):
    """Takes one class at a time, and can read a context."""

    def encode(self, sequence, context=None, *, key=None):
        return Bahdanau.encode(self, sequence, key=key)


class Reads(AbstractModel):
    """A whole model for every step, which cannot do without its context."""

    table: jax.Array
    flaw: str = eqx.field(static=True)
    causal: bool = eqx.field(static=True, default=True)

    def __init__(self, signature, hidden, *, flaw: str = "none", key):
        size = signature.inputs.size
        self.table = jax.random.normal(key, (size, signature.outputs.size))
        self.flaw = flaw

    def __call__(self, sequence, context, *, key=None):  # pyright: ignore
        said = self.table[sequence.xs] + self.table[context.xs[-1]][None]
        if self.flaw == "peeks":
            return said + self.table[jnp.roll(sequence.xs, -1)]
        if self.flaw == "counts" and sequence.present is not None:
            return said + jnp.sum(sequence.present).astype(said.dtype)
        return said


class Told(nnarena.AbstractTask):
    """A causal task of padded questions with a story."""

    signature = nnarena.Signature(
        nnarena.Tokens(4),
        nnarena.Classes(4),
        "every step",
        causal=True,
        context=nnarena.Tokens(4),
    )
    scoring = nnarena.accuracy(chance=0.25)

    def splits(self, data, *, key):
        del data
        return nnarena.SyntheticSplits(validation=8, test=8).draw(key=key)

    def example(self, row):
        xs = jax.random.randint(row, (9,), 0, 4)
        question = nnarena.Sequence(xs, present=jnp.arange(9) < 1 + xs[0])
        return nnarena.Example(question, xs, context=nnarena.Sequence(xs[:5]))


@pytest.fixture(autouse=True)
def _entered(monkeypatch):
    for registry in (MODELS, TASKS):
        registry.discover()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    TASKS.register("coin", family="test", source="a talk")(Coin)
    TASKS.register("told", family="test", source="a talk")(Told)
    own = {"backwards": Backwards, "one_by_one": OneByOne, "reads": Reads}
    for name, make in {**PEEKERS, **own}.items():
        MODELS.register(name, family="test", source="a talk")(make)


def session_of(results: Any, models: Any, **task: Any) -> Session:
    content = {
        "name": "coins",
        "models": list(models),
        "tasks": [{"name": "coin", **task}],
        "seeds": 1,
        "width": 4,
        "trainer": {"steps": 4, "batch": 4, "checks": 1},
    }
    return open_session(parse_suite(content, "tests"), results)


HONEST = ("gru", "transformer", "window", "encoder_decoder_transformer", "one_by_one")


@pytest.mark.parametrize("metric", ["negative log-likelihood in nats", "exact match"])
def test_who_sees_the_answer_is_refused_and_who_does_not_plays(tmp_path, metric):
    """Scored by likelihood or not: what is forced is the loss in any case."""
    names = [*PEEKERS, "backwards"]
    session = session_of(tmp_path, [*names, *HONEST], metric=metric).ready()
    assert [refusal.model.name for refusal in session.refusals] == names
    assert {job.identity.model.name for job in session.jobs} == set(HONEST)
    for refusal in session.refusals:
        assert "it is given the right classes before each of its" in refusal.reason
        assert refusal.reason.endswith("and the task forbids that")


def test_who_takes_one_class_at_a_time_need_not_be_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "looks_ahead", None)
    session = session_of(tmp_path, ["gru", "one_by_one"])
    assert session.ready() == session


def test_the_reason_names_the_first_place_that_was_seen(tmp_path):
    (refusal,) = session_of(tmp_path, ["the_answer"]).ready().refusals
    assert "but those from place 0 on changed an answer there or before" in (
        refusal.reason
    )


def test_who_saw_it_in_training_is_not_asked_again(tmp_path, monkeypatch):
    """Records of before are there, and their models still see it."""
    models = ["the_answer", "gru"]
    with monkeypatch.context() as before:
        before.setattr(programs, "looks_ahead", lambda *_: None)
        session = session_of(tmp_path, models).ready()
        assert not [event for event in session.run(0) if event.kind == "failed"]
    scores = {
        record.identity.model.name: float(record.result.test_score or 0.0)
        for record in session.store
    }
    assert scores["the_answer"] < 0.1 < 1.0 < scores["gru"]  # chance is 1.39
    nnarena.evaluate(tmp_path, on=["coin(symbols=5)"])
    names = {record.key: record.identity.model.name for record in session.store}
    found = {names[one.run]: one for one in read_evaluations(session.store, set(names))}
    assert found["gru"].outcome == "finished"
    assert found["the_answer"].outcome == "cannot be asked"
    assert "right classes before each" in str(found["the_answer"].reason)


def test_the_command_line_says_so_before_any_training(tmp_path):
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'models = ["next_class"]\ntasks = ["coin"]\nseeds = 1\nwidth = 4\n'
    )
    words = ["run", str(suite), "--results", str(tmp_path / "out"), "--workers", "0"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "next_class cannot play coin: it is given the right classes" in done.output
    assert "nothing to do: the plan has no run" in done.output


@pytest.mark.parametrize("flaw", ["none", "peeks", "counts"])
def test_a_whole_model_is_tried_with_its_context_and_padding(tmp_path, flaw):
    content = {
        "name": "told",
        "models": [{"name": "reads", "flaw": flaw}],
        "tasks": ["told"],
        "seeds": 1,
        "width": 4,
    }
    session = open_session(parse_suite(content, "tests"), tmp_path).ready()
    assert bool(session.jobs) == (flaw == "none")
    assert all("says that it is causal" in one.reason for one in session.refusals)
