"""Every law of trainers is broken by a trainer made to break it, and by no other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import PyTree

from nnarena.check import TRAINER_LAWS, TrainerCase, check_trainer, judge
from nnarena.check.quick import quick_jit
from nnarena.models import MODELS, AbstractLayer
from nnarena.training import TRAINERS
from nnarena.training.base import AbstractProgram, AbstractTrainer, Check, with_weights
from nnarena.training.flops import Work
from nnarena.training.objective import evaluate


STEPS = 6


class State(eqx.Module):
    """A run that goes nowhere: its first weights, the step, and what is drawn."""

    weights: PyTree
    step: jax.Array
    drawn: jax.Array


@quick_jit
def tally(model, task, rows):
    return evaluate(model, task, rows, batch=16)


class Idle(AbstractProgram):
    """Looks at the validation split three times; sound but for its flaw."""

    checks, bytes, matmul_flops_per_step = 3, None, None

    def __init__(self, build, task, splits, seeds, flaw):
        self.build, self.task, self.splits, self.flaw = build, task, splits, flaw
        self.seeds, self.count = seeds, 0

    def each(self, function, *args):
        if self.seeds is None:
            return function(*args)
        parts = [function(*(_part(given, i) for given in args)) for i in range(2)]
        if self.flaw == "mixes seeds":
            parts = [parts[0], parts[0]]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    def tally(self, weights, rows):
        return tally(with_weights(self.build, weights), self.task, rows)

    def start(self, init_key):
        self.count = 0

        def start(key):
            weights = eqx.filter(self.build(key), eqx.is_array)
            return State(weights, jnp.array(0), jnp.array(0.0))

        return self.each(start, init_key)

    def advance(self, state, data_key):
        self.count += 1
        return self.each(self.look, state, data_key)

    def look(self, state, key):
        step = state.step + 2
        if self.flaw == "keeps a count outside of its state":
            step = jnp.array(2 * self.count)
        elif self.flaw == "stands still":
            step = jnp.array(2)
        luck = np.random.default_rng().random() if self.flaw == "luck" else 0.0
        seen = self.tally(state.weights, self.splits.validation)
        peeked = self.tally(state.weights, self.splits.test)
        loss = seen.mean_loss + (0.5 if self.flaw == "lies" else 0.0)
        train = peeked.mean_loss if self.flaw == "peeks" else loss
        diverged = ~jnp.isfinite(loss) & (self.flaw != "hopes")
        over = (step >= STEPS) & (self.flaw != "never stops")
        check = Check(
            step=step,
            train_loss=train + luck,
            validation_loss=loss,
            validation_score=seen.mean_score,
            best_step=step,
            stopped=over | diverged,
            diverged=diverged,
        )
        return State(state.weights, step, jax.random.uniform(key)), check

    def best(self, state):
        def kept(state):
            warmed = state.weights.fixed.array + state.step.astype(float)
            if self.flaw != "thaws":
                return state.weights
            return eqx.tree_at(lambda m: m.fixed.array, state.weights, warmed)

        return self.each(kept, state)

    def test(self, state):
        return self.each(lambda s: self.tally(s.weights, self.splits.test), state)


def _part(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


class Flawed(AbstractTrainer):
    """Does nothing, with a flaw."""

    flaw: str = ""

    def accepts(self, model):
        return None

    def compile(self, build, task, splits, *, seeds=None, trials_at_once=False):
        return Idle(build, task, splits, seeds, self.flaw)

    def work(self, build, task, splits):
        return Work(0, 0 if self.flaw == "is free" else 1, True)


FLAWS = {
    "": {},
    "never stops": {"ends": "to say `stopped`"},
    "stands still": {"ends": "expected `step` to rise"},
    "luck": {"repeats": "the same curve, to the bit"},
    "keeps a count outside of its state": {"resumes": "the same curve"},
    "peeks": {"test unseen": "expected other test rows to leave"},
    "lies": {"honest": "to have the validation loss that is told of them"},
    "hopes": {"diverges": "as `diverged` and `stopped`, but after 3"},
    "mixes seeds": {"seeds": "expected a seed to end alike alone and beside another"},
    "thaws": {"frozen": "but it moved ['.fixed.array']"},
    "is free": {"work": "expected the work of a run to be counted"},
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_breaks_its_law(enter, flaw):
    enter(TRAINERS, Flawed)
    case = TrainerCase("flawed", {"flaw": flaw})
    verdicts = [judge(law, case) for law in TRAINER_LAWS]
    broken = {v.law: v.detail for v in verdicts if v.passed is not True}
    also = {"never stops": {"recorded", "resumes"}}
    also |= {"stands still": {"recorded", "resumes", "honest"}}
    also |= {"luck": {"test unseen", "resumes", "seeds"}, "thaws": {"honest"}}
    found = set(broken)
    assert set(FLAWS[flaw]) <= found <= {*FLAWS[flaw], *also.get(flaw, ())}, broken
    for law, said in FLAWS[flaw].items():
        assert said in broken[law]


UNJUDGED = {
    "em": {
        "frozen": "it accepts no model here that has weights that nothing trains",
    }
}
"""What cannot be judged: no linear filter has such weights."""


@pytest.mark.parametrize("name", [entry.name for entry in TRAINERS])
def test_every_trainer_of_the_package_holds(name):
    broken = {v.law: v.detail for v in check_trainer(name) if v.passed is not True}
    assert broken == UNJUDGED.get(name, {}), broken


def test_a_broken_model_is_no_fault_of_a_trainer(enter):
    """Who trains few models looks through all that are registered."""

    class Broken(AbstractLayer):
        hidden_size, causal = 1, True

        def __init__(self, features: int, hidden: int, *, key):
            raise ValueError("of no use to anybody")

        def __call__(self, sequence, *, key=None):
            raise NotImplementedError

    enter(MODELS, Broken)
    case = TrainerCase("em")
    assert case.build(jax.random.key(0)) is not None
