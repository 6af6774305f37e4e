"""A run is a pure function of its keys: held against AdamW by hand in numpy.

Also held: the budget is exact, a seed beside others is the seed alone, what stopped
stays still, divergence is an outcome, and a state written down goes on bit for bit.

One linear model with three weights serves all tests, so that a program compiles in a
fraction of a second; programs are shared where the keys alone differ.
"""

import re
from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from nnarena.core.scoring import mean_squared_error
from nnarena.core.types import Example, Features, Sequence, Signature, Values
from nnarena.models import AbstractModel
from nnarena.tasks import AbstractTask, Splits, SyntheticSplits
from nnarena.tasks.files import DataFolder
from nnarena.training import TRAINERS
from nnarena.training.base import (
    AbstractProgram,
    AbstractTrainer,
    Fitted,
    arrays_by_path,
    fit,
    fit_seeds,
    tree_from_paths,
)
from nnarena.training.flops import Work
from nnarena.training.gradient_descent import GradientDescent
from nnarena.training.objective import evaluate


SLOPE, OFFSET = np.array([2.0, -1.0]), 0.5
DATA_KEYS = jax.random.split(jax.random.key(7), 3)
INIT_KEYS = jax.vmap(jax.random.key)(jnp.arange(3))

TRAINER = GradientDescent(
    steps=25, batch=4, learning_rate=0.3, checks=10, weight_decay=0.1
)
IMPATIENT = GradientDescent(
    steps=60,
    batch=4,
    learning_rate=0.05,
    schedule="constant",
    weight_decay=0.0,
    checks=30,
    patience=2,
)
"""A small constant rate: a start beside the answer is reached and left, one far away
comes nearer at every check."""


class Plane(AbstractTask):
    """Answer a fixed linear function of two numbers."""

    def __init__(self):
        pass

    @property
    def signature(self):
        return Signature(Features(2), Values(1))

    @property
    def scoring(self):
        return mean_squared_error(chance=5.0, solved=0.01)

    def splits(self, data, *, key):
        del data
        return SyntheticSplits(validation=10, test=8).draw(key=key)

    def example(self, row):
        xs = jax.random.normal(row, (1, 2))
        slope = jnp.asarray(SLOPE, jnp.float32)[None]
        return Example(Sequence(xs), jnp.sum(xs * slope, axis=-1) + OFFSET)


class Line(AbstractModel):
    """A linear map of the last step."""

    matrix: Float[Array, "features outputs"]
    bias: Float[Array, " outputs"]
    causal: bool = eqx.field(static=True)

    def __init__(self, matrix: Array, bias: Array):
        self.matrix, self.bias, self.causal = matrix, bias, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return xs[-1] @ self.matrix + self.bias


def build(key) -> Line:
    """Returns a line that starts the further off, the greater its key's number."""
    number = jax.random.key_data(key)[-1].astype(jnp.float32)
    start = jnp.asarray(SLOPE, jnp.float32)[:, None] + 0.1 + 10 * number
    return Line(start, jnp.array([OFFSET]))


class Compiled(AbstractTrainer):
    """A recipe whose program is compiled already."""

    program: AbstractProgram = eqx.field(static=True)

    def accepts(self, model):
        return None

    def compile(self, build, task, splits, *, seeds=None, trials_at_once=False):
        return self.program

    def work(self, build, task, splits):
        return Work(0, 0, exact=True)


TASK = Plane()
SPLITS = TASK.splits(DataFolder(), key=jax.random.key(11))


@cache
def program_of(
    trainer: GradientDescent, seeds: int | None = None, *, trials_at_once: bool = False
) -> AbstractProgram:
    """Returns a program, compiled once for all tests of this file."""
    return trainer.compile(
        build, TASK, SPLITS, seeds=seeds, trials_at_once=trials_at_once
    )


def fit_one(trainer: GradientDescent, seed: int = 1, data: int = 0) -> Fitted:
    """Returns the run of one seed."""
    return fit(
        Compiled(program_of(trainer)),
        build,
        TASK,
        SPLITS,
        init_key=INIT_KEYS[seed],
        data_key=DATA_KEYS[data],
    )


@cache
def fit_three() -> Fitted:
    """Returns the run of three seeds at once, of which the first stops early."""
    return fit_seeds(
        Compiled(program_of(IMPATIENT, 3)),
        build,
        TASK,
        SPLITS,
        init_keys=INIT_KEYS,
        data_keys=DATA_KEYS,
    )


def figures_of(fitted: Fitted) -> dict[str, np.ndarray]:
    """Returns all that was said at the checks of a run, by name."""
    return arrays_by_path(fitted.history)


def matrix_of(fitted: Fitted) -> np.ndarray:
    """Returns the trained matrix, or one per seed."""
    return arrays_by_path(fitted.model)[".matrix"]


def assert_same_bits(left, right) -> None:
    """Holds two trees to the same leaves, bit for bit."""
    ours, theirs = arrays_by_path(left), arrays_by_path(right)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def rate_by_hand(trainer: GradientDescent, step: int) -> float:
    """Returns the rate of an update in double precision."""
    (rate,) = trainer.rates
    if trainer.schedule == "constant":
        return rate
    warm = max(1, round(trainer.warmup * trainer.steps))
    if step < warm:
        return rate * (step + 1) / warm
    share = (step - warm) / max(1, trainer.steps - warm)
    return rate * 0.5 * (1 + np.cos(np.pi * share))


def descent_by_hand(
    trainer: GradientDescent,
    seed: int,
    data: int,
    *,
    decayed: tuple[float, ...] = (1, 1, 0),
    rates: tuple[float, ...] = (1, 1, 1),
):
    """Returns final weights, losses and gradient norms of all steps, by AdamW.

    `decayed` and `rates` are those of the two slopes and the offset.
    """
    positions = jnp.arange(trainer.steps * trainer.batch)
    rows = jax.vmap(lambda p: jax.random.fold_in(DATA_KEYS[data], p))(positions)
    examples = jax.jit(jax.vmap(TASK.example))(rows)
    xs = np.asarray(examples.question.xs, np.float64)[:, 0]
    design = np.concatenate([xs, np.ones((len(xs), 1))], axis=1)
    targets = np.asarray(examples.targets, np.float64)[:, 0]
    line = build(INIT_KEYS[seed])
    weights = np.append(np.asarray(line.matrix, np.float64)[:, 0], float(line.bias[0]))
    first, second, losses, norms = np.zeros(3), np.zeros(3), [], []
    for step in range(trainer.steps):
        batch = slice(step * trainer.batch, (step + 1) * trainer.batch)
        errors = design[batch] @ weights - targets[batch]
        gradient = 2 * errors @ design[batch] / trainer.batch
        losses.append(np.mean(errors**2))
        norms.append(np.linalg.norm(gradient))
        gradient *= min(1.0, trainer.clip / norms[-1])
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        first_unbiased = first / (1 - 0.9 ** (step + 1))
        second_unbiased = second / (1 - 0.999 ** (step + 1))
        change = first_unbiased / (np.sqrt(second_unbiased) + 1e-8)
        change += trainer.weight_decay * np.array(decayed) * weights
        weights = weights - rate_by_hand(trainer, step) * np.array(rates) * change
    return weights, np.array(losses), np.array(norms)


def test_training_is_adamw_as_in_the_paper():
    program, state = program_of(TRAINER), None
    state = program.start(INIT_KEYS[1])
    history = []
    for _ in range(program.checks):
        state, check = program.advance(state, DATA_KEYS[0])
        history.append(check)
    weights, losses, norms = descent_by_hand(TRAINER, seed=1, data=0)
    ours = np.append(state.params.matrix[:, 0], state.params.bias)
    np.testing.assert_allclose(ours, weights, rtol=1e-4)
    ends = [int(check.step) for check in history]
    for check, begin, end in zip(history, [0, *ends[:-1]], ends, strict=True):
        span = slice(begin, end)
        mean_loss, mean_norm = losses[span].mean(), norms[span].mean()
        assert float(check.train_loss) == pytest.approx(mean_loss, rel=1e-4)
        assert float(check.figures["gradient_norm"]) == pytest.approx(
            mean_norm, rel=1e-4
        )
        assert float(check.figures["learning_rate"]) == pytest.approx(
            rate_by_hand(TRAINER, end - 1), rel=1e-5
        )


def test_the_budget_is_exact():
    fitted = fit_one(TRAINER)
    assert list(fitted.history.step) == [3, 6, 9, 12, 15, 18, 21, 24, 25]
    assert list(fitted.history.stopped) == [False] * 8 + [True]
    program = program_of(TRAINER)
    state = program.start(INIT_KEYS[1])
    for _ in range(program.checks):
        state, _ = program.advance(state, DATA_KEYS[0])
    counts = [
        int(leaf)
        for leaf in jax.tree.leaves(state.optimizer)
        if jnp.issubdtype(leaf.dtype, jnp.integer)
    ]
    assert counts
    assert set(counts) == {25}
    assert int(state.step) == 25


def test_the_step_is_counted():
    """Forward and backward for two weights of four examples, which need no gradient."""
    assert program_of(TRAINER).matmul_flops_per_step == 2 * 2 * 4 * 2


def test_fewer_steps_than_checks_is_a_check_per_step():
    assert GradientDescent(steps=5, checks=20).steps_per_check == 1


def test_same_keys_give_the_same_bits():
    assert_same_bits(fit_one(TRAINER), fit_one(TRAINER))


def test_compiled_quickly_a_run_differs_in_last_bits_at_most():
    well, quick = fit_one(TRAINER), fit_one(replace(TRAINER, compiled="quickly"))
    for name, figure in figures_of(well).items():
        np.testing.assert_allclose(figures_of(quick)[name], figure, rtol=1e-4)


def test_another_data_key_gives_other_batches():
    one, other = fit_one(TRAINER, data=0), fit_one(TRAINER, data=1)
    assert not np.any(one.history.train_loss == other.history.train_loss)
    assert not np.array_equal(matrix_of(one), matrix_of(other))


def test_the_test_split_is_read_only_at_the_end():
    others = jax.random.split(jax.random.key(99), 8)
    splits = Splits(train=None, validation=SPLITS.validation, test=others)
    one = fit_one(TRAINER)
    other = fit(
        TRAINER,
        build,
        TASK,
        splits,
        init_key=INIT_KEYS[1],
        data_key=DATA_KEYS[0],
    )
    assert_same_bits(one.history, other.history)
    assert_same_bits(one.model, other.model)
    assert float(one.test_loss) != float(other.test_loss)


def test_the_best_weights_are_those_of_the_lowest_validation_loss():
    three = fit_three()
    for seed in range(3):
        stop = int(np.argmax(three.history.stopped[:, seed])) + 1
        losses = three.history.validation_loss[:stop, seed]
        model = jax.tree.map(lambda leaf, seed=seed: leaf[seed], three.model)
        again = evaluate(model, TASK, SPLITS.validation, batch=4)
        assert float(again.mean_loss) == pytest.approx(losses.min(), rel=1e-5)
        best_step = three.history.best_step[stop - 1, seed]
        assert best_step == 2 * (np.argmin(losses) + 1)
    assert int(np.argmin(three.history.validation_loss[:, 0])) < 29


def test_a_seed_beside_others_is_the_seed_alone():
    """To 1e-4: the same arithmetic, in another order once it has an axis more."""
    three = fit_three()
    stops = [int(stop) for stop in np.argmax(three.history.stopped, axis=0)]
    assert stops[0] < min(stops[1:]), "no seed stopped before the others"
    for seed, stop in enumerate(stops):
        alone = fit_one(IMPATIENT, seed=seed, data=seed)
        assert len(alone.history.step) == stop + 1
        for name, series in figures_of(alone).items():
            beside = figures_of(three)[name][: stop + 1]
            beside = beside if beside.ndim == 1 else beside[:, seed]
            np.testing.assert_allclose(
                series, beside, rtol=1e-4, atol=1e-7, err_msg=name
            )
        np.testing.assert_allclose(matrix_of(alone), matrix_of(three)[seed], rtol=1e-4)
        np.testing.assert_allclose(alone.test_loss, three.test_loss[seed], rtol=1e-4)


def test_patience_counts_checks_without_a_lower_loss():
    three = fit_three()
    for seed in range(3):
        best, stale, stopped = np.inf, 0, False
        for check, loss in enumerate(three.history.validation_loss[:, seed]):
            if not stopped:
                stale = 0 if loss < best else stale + 1
                best = min(best, loss)
                stopped = stale >= 2 or check == 29
            assert bool(three.history.stopped[check, seed]) == stopped


def test_a_stopped_seed_stays_as_it_is():
    program = program_of(IMPATIENT, 3)
    state = program.start(INIT_KEYS)
    while not bool(state.stopped[0]):
        state, _ = program.advance(state, DATA_KEYS)
    later, _ = program.advance(state, DATA_KEYS)
    frozen, moving = (lambda leaf: leaf[0]), (lambda leaf: leaf[1])
    assert_same_bits(jax.tree.map(frozen, state), jax.tree.map(frozen, later))
    assert int(later.step[1]) == int(state.step[1]) + 2
    before, after = jax.tree.map(moving, (state.params, later.params))
    assert not np.array_equal(before.matrix, after.matrix)


def test_an_absurd_rate_ends_as_diverged():
    absurd = GradientDescent(
        steps=4, batch=4, learning_rate=1e30, schedule="constant", checks=2
    )
    fitted = fit_one(absurd)
    assert bool(fitted.diverged)
    assert list(fitted.history.step) == [2]
    assert int(fitted.history.best_step[-1]) == 0
    assert_same_bits(fitted.model, build(INIT_KEYS[1]))
    assert np.isfinite(fitted.test_loss)


def test_a_divergence_keeps_the_best_weights_and_harms_no_neighbor():
    program = program_of(IMPATIENT, 3)
    state, _ = program.advance(program.start(INIT_KEYS), DATA_KEYS)
    broken = eqx.tree_at(
        lambda s: s.params.bias, state, state.params.bias.at[1].set(jnp.nan)
    )
    after, check = program.advance(broken, DATA_KEYS)
    whole, _ = program.advance(state, DATA_KEYS)
    assert list(check.diverged) == list(check.stopped) == [False, True, False]
    assert_same_bits(
        jax.tree.map(lambda leaf: leaf[1], program.best(after)),
        jax.tree.map(lambda leaf: leaf[1], program.best(state)),
    )
    neighbors = jnp.array([0, 2])
    assert_same_bits(
        jax.tree.map(lambda leaf: leaf[neighbors], after),
        jax.tree.map(lambda leaf: leaf[neighbors], whole),
    )
    assert np.all(np.isfinite(program.test(after).mean_loss))


@pytest.mark.parametrize(
    ("schedule", "warmup"),
    [*(("warmup_cosine", share) for share in (0.0, 0.1, 0.5, 1.0)), ("constant", 0.1)],
)
def test_the_rate_in_closed_form(schedule, warmup):
    trainer = GradientDescent(
        steps=40, learning_rate=0.02, schedule=schedule, warmup=warmup
    )
    rates = np.asarray(jax.vmap(trainer.rate)(jnp.arange(40)))
    by_hand = [rate_by_hand(trainer, step) for step in range(40)]
    np.testing.assert_allclose(rates, by_hand, rtol=1e-4, atol=1e-8)


def test_a_rate_is_halved_after_so_many_updates_from_a_start_on():
    trainer = GradientDescent(
        learning_rate=0.4, schedule="halving", halve_every=3, halve_after=4
    )
    rates = np.asarray(jax.vmap(trainer.rate)(jnp.arange(12)))
    expected = [0.4] * 7 + [0.2] * 3 + [0.1] * 2
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


class Numbered(AbstractModel):
    """Answers the number of the update that trains it, and 0 to all who ask else."""

    weight: Array
    number: Array | None
    causal: bool = eqx.field(static=True)

    def __init__(self, weight: Array):
        self.weight, self.number, self.causal = weight, None, True

    def at_update(self, step):
        answered = step.astype(jnp.float32)
        return eqx.tree_at(
            lambda model: model.number, self, answered, is_leaf=lambda x: x is None
        )

    def __call__(self, sequence, *, key=None):
        answered = jnp.zeros(()) if self.number is None else self.number
        return answered[None] + 0.0 * self.weight


class Nothing(AbstractTask):
    """Answer 0."""

    def __init__(self):
        pass

    @property
    def signature(self):
        return Signature(Features(2), Values(1))

    @property
    def scoring(self):
        return mean_squared_error(chance=5.0, solved=0.01)

    def splits(self, data, *, key):
        del data
        return SyntheticSplits(validation=10, test=8).draw(key=key)

    def example(self, row):
        question = Sequence(jax.random.normal(row, (1, 2)))
        return Example(question, jnp.zeros(1))


def test_a_model_knows_the_update_in_training_alone():
    task = Nothing()
    trainer = GradientDescent(steps=6, checks=2, batch=4)
    fitted = fit(
        trainer,
        lambda key: Numbered(jax.random.normal(key, (1,))),
        task,
        task.splits(DataFolder(), key=jax.random.key(0)),
        init_key=INIT_KEYS[0],
        data_key=DATA_KEYS[0],
    )
    squares = [np.mean(np.square([0, 1, 2])), np.mean(np.square([3, 4, 5]))]
    np.testing.assert_allclose(fitted.history.train_loss, squares, rtol=1e-6)
    np.testing.assert_array_equal(fitted.history.validation_loss, 0.0)
    assert float(fitted.test_loss) == 0.0


def test_the_rate_rises_from_above_zero_to_its_peak_and_falls_to_almost_zero():
    rates = np.asarray(jax.vmap(GradientDescent(steps=1000).rate)(jnp.arange(1000)))
    assert rates[0] == pytest.approx(3e-3 / 100)
    assert np.argmax(rates) in (99, 100)
    assert rates[99] == rates[100] == np.float32(3e-3)
    assert np.all(np.diff(rates[:100]) > 0)
    assert np.all(np.diff(rates[100:]) < 0)
    assert 0 < rates[-1] < 3e-3 * 1e-5


def updated(trainer: GradientDescent, gradients, params):
    """Returns updates and optimizer state after one gradient."""

    @jax.jit
    def update(gradients, params):
        optimizer = trainer.transformation()
        with jax.numpy_dtype_promotion("standard"):
            return optimizer.update(gradients, optimizer.init(params), params)

    return update(gradients, params)


def test_weights_decay_in_matrices_only():
    trainer = GradientDescent(learning_rate=0.5, schedule="constant", weight_decay=0.2)
    params = {"matrix": jnp.full((2, 2), 3.0), "bias": jnp.full(2, 3.0)}
    still = jax.tree.map(jnp.zeros_like, params)
    updates, _ = updated(trainer, still, params)
    np.testing.assert_allclose(updates["matrix"], -0.5 * 0.2 * params["matrix"])
    np.testing.assert_array_equal(updates["bias"], 0.0)


@pytest.mark.parametrize("size", [1e-3, 1e4, 1e12])
def test_gradients_are_clipped_to_the_global_norm(size):
    trainer = GradientDescent(
        learning_rate=0.1, schedule="constant", clip=0.5, weight_decay=0.0
    )
    params = {"matrix": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    gradients = jax.tree.map(lambda leaf: size * leaf, params)
    updates, state = updated(trainer, gradients, params)
    momentum = [
        np.asarray(leaf)
        for name, leaf in arrays_by_path(state).items()
        if ".mu[" in name
    ]
    assert len(momentum) == 2
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in momentum))
    assert norm == pytest.approx(0.1 * min(0.5, size * np.sqrt(8)), rel=1e-5)
    assert max(np.abs(leaf).max() for leaf in updates.values()) < 0.1001


@pytest.mark.parametrize(
    "numbers",
    [
        {"steps": 0},
        {"batch": 0},
        {"checks": -1},
        {"patience": 0},
        {"drop_checks": 0, "schedule": "plateau"},
    ],
)
def test_impossible_numbers_are_refused(numbers):
    name = next(iter(numbers))
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least"):
        GradientDescent(**numbers)


def test_no_clip_leaves_gradients_as_they_are():
    trainer = GradientDescent(
        learning_rate=0.1, schedule="constant", clip=0, weight_decay=0.0
    )
    params = {"matrix": jnp.ones((3, 2))}
    _, state = updated(trainer, {"matrix": jnp.full((3, 2), 1e3)}, params)
    momentum = [leaf for name, leaf in arrays_by_path(state).items() if ".mu[" in name]
    np.testing.assert_allclose(momentum[0], 100.0, rtol=1e-6)


def keras_callbacks(losses, *, rate, factor, drop, patience, delta):
    """Yields the rate of each epoch as Keras's ReduceLROnPlateau and EarlyStopping do.

    Both compare with the best loss so far and count an epoch as flat unless it is
    more than `delta` below it; the first starts its count anew when it cuts the rate.
    """
    best, cut_wait, stop_wait = np.inf, 0, 0
    for loss in losses:
        yield rate
        if loss < best - delta:
            best, cut_wait, stop_wait = loss, 0, 0
            continue
        cut_wait, stop_wait = cut_wait + 1, stop_wait + 1
        if cut_wait >= drop:
            rate, cut_wait = rate * factor, 0
        if stop_wait >= patience:
            return


@pytest.mark.parametrize(("delta", "seed"), [(0.5, 0), (0.05, 0), (5.0, 1), (6.0, 1)])
def test_the_rate_drops_and_the_run_stops_as_callbacks_of_keras_do(delta, seed):
    trainer = GradientDescent(
        steps=80,
        batch=4,
        learning_rate=0.2,
        schedule="plateau",
        clip=0,
        weight_decay=0.0,
        checks=40,
        patience=5,
        min_gain=delta,
        drop_checks=2,
        drop_factor=0.1,
    )
    fitted = fit_one(trainer, seed)
    losses = fitted.history.validation_loss.astype(float)
    told = list(
        keras_callbacks(
            losses, rate=0.2, factor=0.1, drop=2, patience=5, delta=np.float32(delta)
        )
    )
    assert len(told) == len(losses) < 40
    np.testing.assert_allclose(fitted.history.figures["learning_rate"], told, rtol=1e-5)
    assert told[-1] < 0.2
    assert float(fitted.test_loss) < losses[0]


def test_a_dropped_rate_shrinks_the_update():
    slow, fast = (
        GradientDescent(
            steps=3, batch=4, learning_rate=0.1, schedule="plateau", checks=3, clip=0,
            weight_decay=0.0, min_gain=1e9, drop_checks=1, drop_factor=factor,
        )
        for factor in (1e-3, 0.5)
    )  # fmt: skip
    moves = []
    for trainer in (slow, fast):
        program = program_of(trainer)
        first, _ = program.advance(program.start(INIT_KEYS[1]), DATA_KEYS[1])
        second, _ = program.advance(first, DATA_KEYS[1])
        third, _ = program.advance(second, DATA_KEYS[1])
        moves.append(third.params.bias - second.params.bias)
    assert 0 < abs(float(moves[0][0])) < 1e-2 * abs(float(moves[1][0]))


def test_an_unknown_schedule_is_refused():
    """Also where nothing checks annotations; in tests the hook would be first."""
    made = object.__new__(GradientDescent)
    for name, value in {**vars(TRAINER), "schedule": "linear"}.items():
        object.__setattr__(made, name, value)
    with pytest.raises(ValueError, match="'linear' is none of warmup_cosine, "):
        AbstractTrainer.__check_init__(made)


def test_whole_numbers_are_as_good_as_fractions():
    """A suite may say `clip = 1`; it is the same recipe, with the same key."""
    entry = TRAINERS["gradient_descent"]
    given = {"learning_rate": 1, "clip": 1, "weight_decay": 0, "warmup": 0}
    whole = entry.make(**entry.settings(given))
    assert repr(whole) == repr(
        GradientDescent(learning_rate=1.0, clip=1.0, weight_decay=0.0, warmup=0.0)
    )


@pytest.mark.parametrize("seeds", [None, 3])
def test_a_state_written_down_goes_on_bit_for_bit(seeds):
    keys = (INIT_KEYS[1], DATA_KEYS[0]) if seeds is None else (INIT_KEYS, DATA_KEYS)
    program = program_of(TRAINER if seeds is None else IMPATIENT, seeds)
    state, _ = program.advance(program.start(keys[0]), keys[1])
    written = {
        name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
        for name, array in arrays_by_path(state).items()
    }
    taken_up = tree_from_paths(program.start(keys[0]), written)
    assert_same_bits(state, taken_up)
    assert_same_bits(
        program.advance(state, keys[1]), program.advance(taken_up, keys[1])
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays.pop(".bias"),
        lambda arrays: arrays.update({".bias": np.zeros(2, np.float32)}),
        lambda arrays: arrays.update({".bias": np.zeros(1, np.float64)}),
        lambda arrays: arrays.update({".bias": np.zeros((), np.float32)}),
    ],
    ids=["missing", "longer", "other type", "fewer axes"],
)
def test_arrays_that_do_not_fit_are_refused(spoil):
    line = build(INIT_KEYS[0])
    arrays = arrays_by_path(line)
    assert_same_bits(tree_from_paths(line, arrays), line)
    spoil(arrays)
    with pytest.raises(ValueError, match=r"do not fit at \.bias"):
        tree_from_paths(line, arrays)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"momentum": 0.5}, "momentum is 0.5, but has no effect where optimizer is"),
        ({"optimizer": "sgd", "squares_kept": 0.5}, "give optimizer = 'rmsprop' or"),
        ({"schedule": "constant", "warmup": 0.4}, "give schedule = 'warmup_cosine'"),
        ({"halve_every": 5}, "halve_every is 5, but has no effect where schedule is"),
        ({"drop_factor": 0.5}, "give schedule = 'plateau'"),
        ({"clip": 0.0, "clip_by": "value"}, "clip is 0, so that nothing is clipped"),
    ],
)
def test_a_setting_without_an_effect_is_refused(given, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        GradientDescent(**given)
