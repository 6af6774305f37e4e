"""Generated answers in training: forced for the loss, free for score and selection."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from tests.bahdanau import Bahdanau

from nnarena.core.plugins import import_file
from nnarena.core.scoring import (
    Scoring,
    accuracy,
    exact_match,
    negative_log_likelihood,
)
from nnarena.core.types import Classes, Example, Generated, Sequence, Signature, Tokens
from nnarena.models.contender import Contender
from nnarena.models.decoder import AbstractDecoder
from nnarena.tasks import TASKS, AbstractTask, Splits
from nnarena.tasks.files import DataFolder
from nnarena.training.base import fit
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import evaluate, row_loss, selected_by


FILE = Path(__file__).parents[2] / "examples/backwards.py"
START, STOP, LONGEST = 4, 5, 5
ANSWERS = Generated(LONGEST, START, STOP)
ROWS = 200

SHARE, WHOLE = accuracy(chance=0.0), exact_match(chance=0.0)
NATS = negative_log_likelihood(chance=2.0, solved=0.1, unit="nats")


class Random(AbstractTask):
    """Random answers of any length: 1 3 stop. Chance: 0, as good as nothing."""

    scoring: Scoring = eqx.field(static=True)

    def __init__(self, scoring: Scoring = SHARE):
        self.scoring = scoring

    @property
    def signature(self):
        return Signature(Tokens(4), Classes(6), ANSWERS)

    def splits(self, data, *, key):
        keys = jax.random.split(key, ROWS)
        return Splits(None, keys, keys)

    def example(self, row):
        xs = jax.random.randint(row, (3,), 0, 4)
        targets = jax.random.randint(jax.random.fold_in(row, 1), (LONGEST,), 0, 4)
        length = jax.random.randint(jax.random.fold_in(row, 2), (), 0, LONGEST + 1)
        return Example(
            Sequence(xs), jnp.where(jnp.arange(LONGEST) == length, STOP, targets)
        )


class Looked(AbstractDecoder):
    """A decoder whose logits stand in a table: by question, place and last class."""

    tables: jax.Array
    signature: Signature
    causal: bool = eqx.field(static=True)

    def __init__(self, tables: jax.Array):
        self.tables, self.causal = tables, True
        self.signature = Random().signature

    def encode(self, sequence, context=None, *, key=None):
        return self.tables[sequence.xs[0]], jnp.array(0)

    def step(self, memory, state, token):
        return state + 1, memory[state, token]


@pytest.fixture(scope="module")
def decoder():
    tables = jax.random.normal(jax.random.key(0), (4, LONGEST, 6, 6))
    return Looked(tables)


@pytest.fixture(scope="module")
def drawn():
    task = Random()
    rows = task.splits(DataFolder(), key=jax.random.key(1)).test
    return rows, jax.tree.map(np.asarray, jax.vmap(task.example)(rows))


def said_by_hand(decoder: Looked, first: int) -> list[int]:
    """Returns what a decoder says by itself, read off its tables."""
    said, token = [], START
    for place in range(LONGEST):
        token = int(np.argmax(np.asarray(decoder.tables)[first, place, token]))
        said.append(token)
        if token == STOP:
            break
    return said


def judged_by_hand(decoder, examples):
    """Yields what was said and the truth, cut at its stop; silence is class START."""
    for first, targets in zip(
        examples.question.xs[:, 0], examples.targets.tolist(), strict=True
    ):
        length = targets.index(STOP) + 1 if STOP in targets else LONGEST
        said = said_by_hand(decoder, int(first))
        said += [START] * (LONGEST - len(said))
        yield said[:length], targets[:length]


def test_the_score_is_that_of_what_is_said_freely(decoder, drawn):
    rows, examples = drawn
    pairs = list(judged_by_hand(decoder, examples))
    said, truth = (np.concatenate(side) for side in zip(*pairs, strict=True))
    found = evaluate(decoder, Random(), rows, batch=64)
    wanted = sklearn.metrics.accuracy_score(truth, said)
    np.testing.assert_allclose(found.mean_score, wanted, rtol=1e-6)
    assert START in said  # some stop too early
    found = evaluate(decoder, Random(WHOLE), rows, batch=64)
    whole = [ours == theirs for ours, theirs in pairs]
    np.testing.assert_allclose(found.mean_score, np.mean(whole), rtol=1e-6)


def test_the_loss_is_that_of_forced_answers(decoder, drawn):
    rows, examples = drawn
    losses, logs = [], np.asarray(jax.nn.log_softmax(decoder.tables), float)
    for row in range(ROWS):
        token = START
        for place, target in enumerate(examples.targets[row].tolist()):
            first = examples.question.xs[row, 0]
            losses.append(-logs[first, place, token, target])
            token = target
            if target == STOP:
                break
    task = Random()
    found = evaluate(decoder, task, rows, batch=64)
    np.testing.assert_allclose(found.mean_loss, np.mean(losses), rtol=1e-5)
    sums = jax.vmap(lambda row: row_loss(decoder, task, row))(rows)
    total = sums.total.sum() / sums.weight.sum()
    np.testing.assert_allclose(total, np.mean(losses), rtol=1e-5)
    nats = evaluate(decoder, Random(NATS), rows, batch=64)
    np.testing.assert_allclose(nats.mean_score, np.mean(losses), rtol=1e-5)


def test_an_answer_that_is_no_number_leaves_no_score(decoder, drawn):
    tables = decoder.tables.at[2].set(jnp.nan)
    spoiled = eqx.tree_at(lambda own: own.tables, decoder, tables)
    found = evaluate(spoiled, Random(), drawn[0], batch=64)
    assert not bool(found.finite)


def test_weights_are_selected_by_what_is_said_freely():
    loss, score = jnp.array(0.3), jnp.array(0.8)
    assert float(selected_by(Random(), loss, score)) == pytest.approx(-0.8)
    assert float(selected_by(Random(NATS), loss, score)) == pytest.approx(0.8)
    assert float(selected_by(TASKS["copy"].make(), loss, score)) == pytest.approx(0.3)


def test_the_best_check_has_the_highest_score():
    task = backwards()
    fitted = learn(task, Contender("gru"), 16, steps=120, checks=12)
    scores = fitted.history.validation_score
    losses = fitted.history.validation_loss
    best = int(np.argmax(scores))
    assert scores[best] > scores[0]
    assert int(fitted.history.best_step[-1]) == int(fitted.history.step[best])
    assert np.isfinite(losses).all()


def backwards() -> AbstractTask:
    """Returns the task of the example."""
    import_file(FILE)
    return TASKS["backwards"].make()


def learn(task, contender, width: int, *, steps: int, checks: int = 10, rate=1e-2):
    signature = task.signature

    def build(key):
        if contender is Bahdanau:
            return Bahdanau(signature, width, key=key)
        return contender.for_signature(signature).build(signature, width, key=key)

    return fit(
        GradientDescent(steps=steps, checks=checks, learning_rate=rate),
        build,
        task,
        task.splits(DataFolder(), key=jax.random.key(5)),
        init_key=jax.random.key(0),
        data_key=jax.random.key(1),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contender", "width", "rate"),
    [
        (Contender("gru"), 48, 1e-2),
        (Contender("transformer"), 32, 3e-3),
        (Contender("encoder_decoder_transformer"), 32, 3e-3),
        (Bahdanau, 32, 1e-2),
        (Contender("seq2seq"), 48, 1e-2),
        (Contender("bahdanau"), 32, 1e-2),
        (Contender("lstm_attention"), 32, 1e-2),
        (Contender("pointer_network"), 32, 1e-2),
    ],
    ids=lambda value: value.name if isinstance(value, Contender) else None,
)
def test_lists_of_unequal_length_are_said_backwards(contender, width, rate):
    fitted = learn(backwards(), contender, width, steps=2_000, rate=rate)
    assert float(fitted.test_score) > 0.9
