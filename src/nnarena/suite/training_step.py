"""One training step of a contender on made-up data: what it takes, and of what.

The step is the trainer's own: loss and gradient of a batch, clipping, AdamW. Rows are
random numbers that stay on the device, so that nothing but the step is measured.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from ..core.compiling import AS_THE_PROCESS, jit
from ..core.scoring import Scoring, mean_squared_error
from ..core.types import Example, Features, Sequence, Signature, Values
from ..models.contender import Contender, count_parameters
from ..tasks.base import AbstractTask, SyntheticSplits
from ..training.base import program_bytes
from ..training.compiling import sum_options
from ..training.descent import AbstractDescent
from ..training.flops import work
from ..training.gradient_descent import GradientDescent


FEATURES = 8
"""Numbers per observation, and of the answer."""


@dataclass(frozen=True)
class Size:
    """Steps of a sequence, sequences of a batch, units of a contender."""

    length: int
    batch: int
    hidden: int

    def __str__(self) -> str:
        return f"({self.length}, {self.batch}, {self.hidden})"


class Noise(AbstractTask):
    """Sequences of normal numbers whose answer is other normal numbers.

        xs       T x 8   normal
        dts      T       uniform in (0.5, 1.5)
        targets  8       normal

    Chance is the answer 0, with a mean squared error of 1; none does better.
    """

    length: int
    signature: Signature
    scoring: Scoring

    def __init__(self, length: int):
        self.length = length
        self.signature = Signature(Features(FEATURES), Values(FEATURES))
        self.scoring = mean_squared_error(chance=1.0, solved=0.0)

    def splits(self, data, *, key):
        del data  # rows are random keys
        return SyntheticSplits().draw(key=key)

    def example(self, row):
        first, second, third = jax.random.split(row, 3)
        xs = jax.random.normal(first, (self.length, FEATURES))
        dts = jax.random.uniform(second, (self.length,), minval=0.5, maxval=1.5)
        return Example(Sequence(xs, dts), jax.random.normal(third, (FEATURES,)))


class TrainingStep:
    """A compiled training step that may be repeated.

    With the penalties that are given, by name. `compile_seconds` of wall time; `bytes`
    that the program asks for, where the backend tells; `matmul_flops` in its matrix
    products, None where not exact.
    """

    def __init__(
        self,
        contender: Contender,
        size: Size,
        *,
        penalties: Mapping[str, float] | None = None,
    ):
        task = Noise(size.length)
        build = partial(_build, contender, task.signature, size.hidden)
        trainer = GradientDescent(
            batch=size.batch, schedule="constant", penalties=penalties
        )
        descent = trainer.descent(build, task)
        self._keys = jax.random.split(jax.random.key(1), size.batch)
        self._rows = jit(jax.vmap(task.example))(self._keys)
        self._state = jit(descent.start)(jax.random.key(0))
        self.parameters = count_parameters(self._state.params)
        repeat = jit(partial(_repeat, descent), AS_THE_PROCESS)
        lowered = repeat.lower(self._state, self._rows, self._keys, jnp.int32(1))
        step = descent.trace_step(self._rows)
        begun = time.perf_counter()
        self._repeat = lowered.compile(compiler_options=sum_options(step))
        self.compile_seconds = time.perf_counter() - begun
        self.bytes = program_bytes(self._repeat)
        self.matmul_flops = work(step).exact_matmul_flops

    @property
    def program_text(self) -> str:
        """The compiled program, as XLA prints it."""
        return self._repeat.as_text() or ""

    def run(self, count: int) -> None:
        """Does so many steps from the start, and waits for them."""
        steps = jnp.int32(count)
        jax.block_until_ready(self._repeat(self._state, self._rows, self._keys, steps))


def cpu_seconds(run: Callable[[int], None], count: int) -> float:
    """Returns the processor's time of one of so many steps, whatever else it does."""
    begun = time.process_time()
    run(count)
    return (time.process_time() - begun) / count


def _build(contender: Contender, signature: Signature, hidden: int, key):
    return contender.build(signature, hidden, key=key)


def _repeat(descent: AbstractDescent, state, rows, keys, count):
    """Returns the weights after so many steps on the same rows."""

    def update(_, carry):
        params, optimizer = carry
        return descent.update(params, optimizer, state, rows, keys)[:2]

    return jax.lax.fori_loop(0, count, update, (state.params, state.optimizer))


def product_gflops(batch: int, hidden: int, *, seconds: float = 0.2) -> float:
    """Returns the rate of `(batch, hidden) @ (hidden, hidden)` in a loop, in GFLOP/s.

    This is what a recurrent step could reach here if it were nothing but its product.
    """

    @partial(jit, options=AS_THE_PROCESS)
    def repeat(h, weight, count):
        return jax.lax.fori_loop(0, count, lambda _, h: h @ weight, h)

    h, weight = jnp.ones((batch, hidden)), jnp.eye(hidden)
    jax.block_until_ready(repeat(h, weight, 1))
    count, took = 1, 0.0
    while took < seconds / 4:
        count *= 4
        begun = time.perf_counter()
        jax.block_until_ready(repeat(h, weight, count))
        took = time.perf_counter() - begun
    return 2 * batch * hidden**2 * count / took / 1e9
