"""The laws of tasks hold for every metric: chance is what a blind answer scores."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.core.scoring import (
    Scoring,
    accuracy,
    auroc,
    average_precision,
    exact_match,
    macro_f1,
    mean_absolute_error,
    mean_squared_error,
    negative_log_likelihood,
    wrong_bits,
)
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Labels,
    Sequence,
    Signature,
    Values,
)
from nnarena.metrics import METRICS
from nnarena.tasks import TASKS, AbstractTask, Splits


RARE = 0.14
SHARES = np.array([0.5, 0.3, 0.1])
LENGTH = 2


def entropy(*shares: float) -> float:
    chances = np.array(shares)
    return float(-(chances * np.log(chances)).sum())


LABEL_NATS = sum(entropy(p, 1 - p) for p in SHARES)
COIN = Classes(2), lambda x: (x[..., 0] > 1.0803).astype(jnp.int32)  # 14 % of normals
FIVE = (
    Classes(5),
    lambda x: jnp.floor(5 * jax.scipy.stats.norm.cdf(x[..., 0])).astype(jnp.int32),
)
THREE = (
    Labels(3),
    lambda x: jax.scipy.stats.norm.cdf(x) < jnp.array(SHARES, jnp.float32)[None, :],
)
STEP = Values(1), lambda x: jnp.where(x[..., :1] > 0.5244, 1.0, 0.0)  # 30 % of them

CASES: dict[str, tuple[tuple, Scoring]] = {
    "coin, accuracy": (COIN, accuracy(chance=1 - RARE, solved=0.95)),
    "coin, exact match": (COIN, exact_match(chance=(1 - RARE) ** LENGTH)),
    "coin, macro F1": (COIN, macro_f1(chance=0.5)),
    "coin, AUROC": (COIN, auroc()),
    "coin, average precision": (COIN, average_precision(chance=RARE)),
    "coin, nats": (
        COIN,
        negative_log_likelihood(
            chance=entropy(RARE, 1 - RARE), solved=0.1, unit="nats"
        ),
    ),
    "coin, bits": (
        COIN,
        negative_log_likelihood(
            chance=entropy(RARE, 1 - RARE) / np.log(2), solved=0.1, unit="bits"
        ),
    ),
    "five classes, macro F1": (FIVE, macro_f1(chance=0.2)),
    "five classes, AUROC": (FIVE, auroc()),
    "five classes, average precision": (FIVE, average_precision(chance=0.2)),
    "labels, accuracy": (THREE, accuracy(chance=(0.5 + 0.7 + 0.9) / 3)),
    "labels, exact match": (THREE, exact_match(chance=(0.5 * 0.7 * 0.9) ** LENGTH)),
    "labels, macro F1": (
        THREE,
        macro_f1(chance=float((2 * SHARES / (1 + SHARES)).mean())),
    ),
    "labels, AUROC": (THREE, auroc()),
    "labels, average precision": (THREE, average_precision(chance=SHARES.mean())),
    "labels, nats": (
        THREE,
        negative_log_likelihood(chance=LABEL_NATS, solved=0.1, unit="nats"),
    ),
    "labels, wrong bits": (
        THREE,
        wrong_bits(chance=LENGTH * (0.5 + 0.3 + 0.1), solved=0.1),
    ),
    "values, squared": (STEP, mean_squared_error(chance=0.3 * 0.7, solved=0.1)),
    "values, absolute": (STEP, mean_absolute_error(chance=0.3, solved=0.1)),
}


def task_of(kind: tuple, scoring: Scoring) -> type:
    """Returns a task whose inputs tell its answers at every step."""
    outputs, answer = kind
    stated = scoring

    class Told(AbstractTask):
        """What is it? 0.3 2.1 -> 0 1; chance as stated."""

        signature: Signature
        scoring: Scoring = eqx.field(static=True)

        def __init__(self):
            self.signature = Signature(Features(3), outputs, "every step", causal=False)
            self.scoring = stated

        def splits(self, data, *, key):
            keys = jax.random.split(key, 2_500)
            return Splits(train=None, validation=keys[:500], test=keys[500:])

        def example(self, row):
            xs = jax.random.normal(row, (LENGTH, 3))
            return Example(Sequence(xs), answer(xs))

    return Told


def broken(enter, kind: tuple, scoring: Scoring) -> dict[str, str]:
    """Returns the laws about answers and scores that a task breaks."""
    enter(TASKS, task_of(kind, scoring))
    case = TaskCase("flawed")
    about = ("targets", "scoring", "chance", "perfect")
    verdicts = [judge(law, case) for law in TASK_LAWS if law.name in about]
    return {v.law: v.detail for v in verdicts if v.passed is not True}


@pytest.mark.parametrize("name", CASES)
def test_a_sound_task_holds_by_every_metric(enter, name):
    assert broken(enter, *CASES[name]) == {}


def test_every_metric_has_its_case():
    stated = {scoring.metric for _, scoring in CASES.values()}
    assert stated == {entry.name for entry in METRICS}


@pytest.mark.parametrize(
    ("name", "chance"),
    [
        ("five classes, macro F1", 2 * 0.2 / 1.2 / 5),  # of the best fixed answer
        ("coin, AUROC", 0.45),
        ("coin, average precision", 0.5),
        ("labels, macro F1", 1 / 3),
        ("labels, exact match", 0.3),
        ("values, absolute", 2 * 0.3 * 0.7),  # of the mean, which is not the median
    ],
)
def test_a_chance_that_is_not_the_blind_answer_s_is_told(enter, name, chance):
    kind, scoring = CASES[name]
    found = broken(enter, kind, scoring.model_copy(update={"chance": chance}))
    assert set(found) == {"chance"}
    assert f"score the stated chance {chance:.4g}" in found["chance"]


def test_a_class_that_never_comes_leaves_nothing_to_rank(enter):
    never = COIN[0], lambda x: 0 * x[..., 0].astype(jnp.int32)
    found = broken(enter, never, auroc())
    assert "expected a perfect answer to score 1, the best score" in found["perfect"]
    assert "it scores nan" in found["perfect"]


def test_labels_are_0_or_1(enter):
    wrong = Labels(3), lambda x: jnp.where(x > 0, 2.0, 0.0)
    found = broken(enter, wrong, accuracy(chance=0.5))
    assert "expected labels that are 0 or 1, but " in found["targets"]
    assert found["targets"].endswith("are not, as 2")
