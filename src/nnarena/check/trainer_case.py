"""A trainer under test: a short run of a small model on a small task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..core.faults import EntrantProblem, require_constructor
from ..core.frozen import Frozen
from ..core.registry import Entry
from ..core.scoring import Scoring, mean_squared_error
from ..core.types import Example, Features, Key, Keys, Sequence, Signature, Values
from ..models import MODELS
from ..models.base import AbstractModel
from ..models.contender import Contender
from ..tasks.base import AbstractTask, Splits
from ..training import TRAINERS
from ..training.base import AbstractProgram, AbstractTrainer, Build, Check
from ..training.objective import Tally
from .laws import NotJudged


SHORT = {"steps": 6, "batch": 4, "checks": 3}
"""What a run is cut down to, where a trainer has such settings."""

WIDTH, HELD_OUT = 4, 16


class Echo(AbstractTask):
    """Say what came first: 0.3 -1.2 0.5 -> 0.3; chance is the variance, 1."""

    signature: Signature
    scoring: Scoring

    def __init__(self):
        self.signature = Signature(Features(2), Values(2))
        self.scoring = mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        """Returns rows of which those to train on are drawn without end."""
        held = jax.random.split(key, 2 * HELD_OUT)
        return Splits(None, held[:HELD_OUT], held[HELD_OUT:])

    def example(self, row):
        xs = jax.random.normal(row, (3, 2))
        return Example(Sequence(xs), xs[0])


class Probe(AbstractModel):
    """A small network with a weight that nothing trains and a linear readout."""

    inner: Float[Array, "features hidden"]
    fixed: Frozen
    head: eqx.nn.Linear
    causal: bool = eqx.field(static=True)

    def __init__(self, *, key: Key):
        inner, fixed, head = jax.random.split(key, 3)
        self.inner = jax.random.normal(inner, (2, WIDTH))
        self.fixed = Frozen(jax.random.normal(fixed, (WIDTH, WIDTH)))
        self.head = eqx.nn.Linear(WIDTH, 2, key=head)
        self.causal = True

    def __call__(self, sequence, *, key=None):
        del key  # it draws nothing
        states = jnp.tanh(sequence.xs @ self.inner)
        return self.head(jnp.tanh(jnp.sum(states @ self.fixed.value(), axis=0)))


def _probe(key: Key) -> AbstractModel:
    return Probe(key=key)


@dataclass(frozen=True)
class Ended:
    """A run to its end: what it said, what it keeps, what that is tested at."""

    checks: list[Check]
    weights: PyTree
    tested: Tally


class TrainerCase:
    """A registered trainer with some settings, ready to be held to the laws.

    Raises:
        UnknownName: no trainer carries the name.
        ValueError: it has no such setting, or not that value.
    """

    def __init__(self, name: str, settings: Mapping[str, Any] | None = None):
        self.name = name
        self.entry: Entry = TRAINERS[name]
        short = {k: v for k, v in SHORT.items() if k in self.entry.defaults}
        self.settings = self.entry.settings({**(settings or {}), **short})
        self.task = Echo()
        self.splits = self.task.splits(None, key=jax.random.key(0))  # pyright: ignore
        self.init_keys: Keys = jax.random.split(jax.random.key(1), 2)
        self.data_keys: Keys = jax.random.split(jax.random.key(2), 2)

    @cached_property
    def trainer(self) -> AbstractTrainer:
        return self.entry.make(**self.settings)

    def require_sound(self) -> None:
        """Returns if the trainer can be made, and its run compiled.

        Raises:
            EntrantProblem: it cannot; with file and line.
            NotJudged: it trains no model that is known here.
        """
        require_constructor(self.entry.make, "", self.settings, key=False)
        _ = self.program

    @cached_property
    def build(self) -> Build:
        """Makes the first of these that the trainer accepts: a probe, any contender."""
        shapes = eqx.filter_eval_shape(_probe, self.init_keys[0])
        refusal = self.trainer.accepts(shapes)
        if refusal is None:
            return _probe
        made_for_it = [e.name for e in MODELS if e.trainer == self.name]
        for name in [*made_for_it, *(e.name for e in MODELS if e.trainer is None)]:
            contender = Contender(name, {}).for_signature(self.task.signature)
            if self._accepts(contender):
                signature = self.task.signature
                return lambda key: contender.build(signature, 2 * WIDTH, key=key)
        raise NotJudged(
            f"it trains no registered model; of a small one it says: {refusal}"
        )

    def _accepts(self, contender: Contender) -> bool:
        """Returns if the trainer takes a contender; one that is broken is passed by."""
        try:
            shapes = contender.shapes(self.task.signature, 2 * WIDTH)
        except (EntrantProblem, ValueError):  # which is no fault of the trainer
            return False
        return self.trainer.accepts(shapes) is None

    @cached_property
    def program(self) -> AbstractProgram:
        """The run of one seed."""
        return self.compiled()

    @cached_property
    def other(self) -> AbstractProgram:
        """The same run, compiled anew, of other test rows."""
        splits, key = self.splits, jax.random.key(9)
        test = jax.random.split(key, HELD_OUT)
        return self.compiled(splits=Splits(splits.train, splits.validation, test))

    @cached_property
    def other_ended(self) -> Ended:
        """The run of the first seed by that program."""
        return self.run(self.other)

    def compiled(
        self,
        *,
        seeds: int | None = None,
        splits: Splits | None = None,
        build: Build | None = None,
    ) -> AbstractProgram:
        """Returns the run compiled anew, of these seeds, rows or models."""
        return self.trainer.compile(
            build or self.build, self.task, splits or self.splits, seeds=seeds
        )

    @cached_property
    def ended(self) -> Ended:
        """The run of the first seed."""
        return self.run(self.program)

    def run(self, program: AbstractProgram, keys: Any = 0) -> Ended:
        """Returns the run of a seed, or of both with `slice(None)`."""
        state = program.start(self.init_keys[keys])
        return self.go_on(program, state, keys)

    def go_on(self, program: AbstractProgram, state: PyTree, keys: Any = 0) -> Ended:
        """Returns the end of a run that has this state, and what it says till then."""
        checks: list[Check] = []
        while len(checks) < program.checks:
            state, check = program.advance(state, self.data_keys[keys])
            checks.append(jax.tree.map(np.asarray, check))
            if np.all(checks[-1].stopped):
                break
        return Ended(checks, program.best(state), program.test(state))
