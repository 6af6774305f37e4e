"""Ridge regression of a readout: held to scikit-learn's, in float64.

One random tanh network with a linear head serves all tests: answered once and at every
step, by values and by classes, of drawn and of recorded rows.
"""

from collections.abc import Callable
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from sklearn.linear_model import Ridge as Reference
from tests.compiled import answer, evaluate
from tests.training.test_gradient_descent import assert_same_bits

from nnarena.core.scoring import accuracy, mean_squared_error
from nnarena.core.types import (
    Classes,
    Example,
    Features,
    Sequence,
    Signature,
    Values,
    When,
)
from nnarena.models import AbstractModel
from nnarena.models.contender import Contender
from nnarena.tasks import AbstractTask, Splits, SyntheticSplits
from nnarena.tasks.files import DataFolder
from nnarena.training import reads
from nnarena.training.base import (
    arrays_by_path,
    fit,
    tree_from_paths,
    weight_shapes,
    with_weights,
)
from nnarena.training.readout import (
    moments_of,
    readout,
    replaced,
    showing_hidden,
    solutions,
    with_readout,
)
from nnarena.training.reads import Reads
from nnarena.training.ridge import Ridge


KEYS = jax.vmap(jax.random.key)(jnp.arange(3))
DATA_KEYS = jax.random.split(jax.random.key(9), 3)
HIDDEN, TIME = 5, 4
ONCE: When = "once"
EVERY: When = "every step"


class Sums(AbstractTask):
    """Sums of normal numbers so far: as two values, or which of two sums is greater."""

    signature: Signature
    recorded: bool

    def __init__(self, outputs, answers: When = EVERY, *, recorded=False):
        self.signature = Signature(Features(2), outputs, answers, causal=False)
        self.recorded = recorded

    @property
    def scoring(self):
        if isinstance(self.signature.outputs, Classes):
            return accuracy(chance=0.5)
        return mean_squared_error(chance=2.0, solved=0.1)

    def splits(self, data, *, key):
        del data
        drawn = SyntheticSplits(validation=21, test=16).draw(key=key)
        train = jax.random.split(jax.random.key(5), 22) if self.recorded else None
        return Splits(train, drawn.validation, drawn.test)

    def example(self, row):
        xs = jax.random.normal(row, (TIME, 2))
        sums = jnp.cumsum(xs, axis=0)
        if isinstance(self.signature.outputs, Classes):
            sums = jnp.argmax(sums, axis=-1)
        counts = jnp.arange(TIME) != 1  # the second answer is not asked for
        if self.signature.answers == ONCE:
            sums, counts = sums[-1], jnp.array(True)
        return Example(Sequence(xs), sums, counts)


class Network(AbstractModel):
    """Random features of the sums, and a head."""

    enter: Float[Array, "features hidden"]
    head: eqx.nn.Linear
    signature: Signature
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, *, bias: bool, key):
        enter_key, head_key = jax.random.split(key)
        self.enter = jax.random.normal(enter_key, (2, HIDDEN))
        outputs = signature.outputs.size
        self.head = eqx.nn.Linear(HIDDEN, outputs, use_bias=bias, key=head_key)
        self.signature, self.causal = signature, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        answers = jax.vmap(self.head)(self.hidden(xs))
        return answers if self.signature.answers == EVERY else answers[-1]

    def hidden(self, xs):
        """Returns what the head reads."""
        return jnp.tanh(jnp.cumsum(xs, axis=0) @ self.enter + 0.5)


RECIPE = Ridge(steps=6, batch=4, checks=3, strengths=(1e-4, 1e-2, 1.0))

TASKS = {
    "values at every step": Sums(Values(2)),
    "values once": Sums(Values(2), ONCE),
    "classes at every step": Sums(Classes(2)),
    "classes once": Sums(Classes(2), ONCE),
    "recorded rows": Sums(Values(2), recorded=True),
}


@cache
def split(task: Sums) -> Splits:
    return task.splits(DataFolder(), key=jax.random.key(3))


def build_for(task: Sums, *, bias: bool = True):
    return lambda key: Network(task.signature, bias=bias, key=key)


@cache
def program_of(name: str, seeds: int | None = None, *, bias: bool = True):
    task = TASKS[name]
    return RECIPE.compile(build_for(task, bias=bias), task, split(task), seeds=seeds)


def run(program, init, data):
    """Returns the state after every check, and the checks."""
    states, checks = [program.start(init)], []
    while not checks or not np.all(checks[-1].stopped):
        state, check = program.advance(states[-1], data)
        states.append(state)
        checks.append(check)
    return states, checks


@eqx.filter_jit
def seen_by(model: Network, task: Sums, rows) -> list[jax.Array]:
    """Returns what the head reads, the targets, and which of them count."""

    def one(row):
        example = task.example(row)
        judged = example.judged(task.signature.answers)
        return [model.hidden(example.question.xs), example.targets, judged]

    return jax.vmap(one)(rows)


def asked(task: Sums, model: Network, rows) -> Callable:
    """Returns what the head reads and the targets, of the answers that count.

    Asked for the first rows, how many.
    """
    hidden, targets, counts = map(np.asarray, seen_by(model, task, rows))
    hidden = hidden.astype(np.float64)
    if isinstance(task.signature.outputs, Classes):
        targets = np.eye(2)[targets]

    def first(rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        if task.signature.answers == ONCE:
            return hidden[:rows, -1], targets[:rows]
        return hidden[:rows][counts[:rows]], targets[:rows][counts[:rows]]

    return first


@eqx.filter_jit
def rows_of(train: jax.Array | None, data_key) -> jax.Array:
    """Returns the rows of all six steps, those of each in some order."""
    if train is not None:  # 22 rows in batches of 4: the sixth has two
        return train[jax.random.permutation(jax.random.fold_in(data_key, 0), 22)]
    return jax.vmap(lambda p: jax.random.fold_in(data_key, p))(jnp.arange(24))


@pytest.mark.parametrize(
    ("name", "bias"),
    [
        *((name, True) for name in TASKS),
        *((name, False) for name in ("values once", "classes at every step")),
    ],
)
def test_every_check_is_the_regression_of_scikit_learn(name, bias):
    task, data = TASKS[name], DATA_KEYS[0]
    program = program_of(name, bias=bias)
    states, checks = run(program, KEYS[0], data)
    model = eqx.filter_jit(build_for(task, bias=bias))(KEYS[0])
    held = asked(task, model, split(task).validation)()
    read = asked(task, model, rows_of(split(task).train, data))
    least, best = np.inf, (0, 0.0, Reference())
    for steps, check in zip((2, 4, 6), checks, strict=True):
        inputs, targets = read(4 * steps)
        tried = []
        for strength in RECIPE.strengths:
            # scikit-learn's penalty stands beside the sum over answers, not their mean.
            reference = Reference(alpha=strength * len(inputs), fit_intercept=bias)
            reference.fit(inputs, targets)
            error = np.mean((reference.predict(held[0]) - held[1]) ** 2)
            tried.append((error, strength, reference))
        error, strength, reference = min(tried, key=lambda one: one[0])
        assert int(check.step) == steps
        assert float(check.figures["strength"]) == strength
        assert float(check.figures["validation_squared_error"]) == pytest.approx(
            error, rel=1e-4
        )
        if error < least:
            least, best = error, (steps, strength, reference)
    steps, strength, reference = best
    assert int(checks[-1].best_step) == steps
    assert float(checks[-1].chosen["strength"]) == strength
    head = program.best(states[-1]).head
    np.testing.assert_allclose(head.weight, reference.coef_, rtol=2e-3, atol=2e-4)
    if bias:
        np.testing.assert_allclose(
            head.bias, reference.intercept_, rtol=2e-3, atol=2e-4
        )
    else:
        assert head.bias is None


def test_the_solution_has_the_digits_of_float64():
    rng = np.random.default_rng(0)
    hidden, targets = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    hidden[:, 3] = hidden[:, 2] + 1e-6 * hidden[:, 3]  # float32 would see one column
    moments = moments_of(hidden, targets, np.ones(50, bool))
    for found in solutions(moments, (1e-9, 0.1), bias=True):
        reference = Reference(alpha=50 * float(found.strength), solver="cholesky")
        reference.fit(hidden, targets)
        np.testing.assert_allclose(found.weight, reference.coef_, rtol=1e-5, atol=1e-6)
        error = np.mean((reference.predict(hidden) - targets) ** 2)
        assert found.error(moments) == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_the_figures_are_the_task_s_own(name):
    task, program = TASKS[name], program_of(name)
    states, checks = run(program, KEYS[0], DATA_KEYS[0])
    best = [int(check.step) for check in checks].index(int(checks[-1].best_step))
    model = with_weights(build_for(task), program.best(states[-1]))
    seen = evaluate(model, task, split(task).validation, batch=64)
    check = checks[best]
    assert float(check.validation_loss) == pytest.approx(
        float(seen.mean_loss), rel=1e-4
    )
    assert float(check.validation_score) == pytest.approx(float(seen.mean_score))
    step = int(check.step)
    rows = rows_of(split(task).train, DATA_KEYS[0])[4 * (step - 2) : 4 * step]
    trained = evaluate(model, task, rows, batch=64)
    assert float(check.train_loss) == pytest.approx(float(trained.mean_loss), rel=1e-4)
    tested = program.test(states[-1])
    again = evaluate(model, task, split(task).test, batch=64)
    assert float(tested.mean_loss) == pytest.approx(float(again.mean_loss), rel=1e-4)


def test_nothing_but_the_readout_moves():
    name = "values at every step"
    program = program_of(name)
    states, _ = run(program, KEYS[0], DATA_KEYS[0])
    model = with_weights(build_for(TASKS[name]), program.best(states[-1]))
    start = arrays_by_path(eqx.filter_jit(build_for(TASKS[name]))(KEYS[0]))
    moved = {
        path
        for path, array in arrays_by_path(model).items()
        if not np.allclose(array, start[path], rtol=1e-6)
    }
    assert moved == {".head.weight", ".head.bias"}


@pytest.mark.parametrize("name", ["classes at every step", "recorded rows"])
def test_seeds_beside_each_other_are_the_seeds_alone(name):
    states, checks = run(program_of(name, 3), KEYS, DATA_KEYS)
    best = program_of(name, 3).best(states[-1])
    tested = program_of(name, 3).test(states[-1])
    for seed in range(3):
        alone_states, alone = run(program_of(name), KEYS[seed], DATA_KEYS[seed])
        for check, own in zip(checks, alone, strict=True):
            for path, figure in arrays_by_path(own).items():
                beside = arrays_by_path(check)[path][seed]
                np.testing.assert_allclose(beside, figure, rtol=1e-3, err_msg=path)
        np.testing.assert_allclose(
            best.head.weight[seed],
            program_of(name).best(alone_states[-1]).head.weight,
            rtol=1e-3,
            atol=1e-4,
        )
        again = program_of(name).test(alone_states[-1])
        np.testing.assert_allclose(tested.mean_loss[seed], again.mean_loss, rtol=1e-3)


@pytest.mark.parametrize("seeds", [None, 3])
def test_a_state_written_down_goes_on_bit_for_bit(seeds):
    keys = (KEYS[0], DATA_KEYS[0]) if seeds is None else (KEYS, DATA_KEYS)
    program = program_of("classes at every step", seeds)
    state, _ = program.advance(program.start(keys[0]), keys[1])
    written = {
        name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
        for name, array in arrays_by_path(state).items()
    }
    assert written[".seen.gram"].dtype == np.float64
    taken_up = tree_from_paths(program.start(keys[0]), written)
    assert_same_bits(state, taken_up)
    assert_same_bits(
        program.advance(state, keys[1]), program.advance(taken_up, keys[1])
    )


def test_numbers_that_are_not_finite_end_as_diverged_and_harm_no_neighbor():
    program = program_of("classes at every step", 3)
    state = program.start(KEYS)
    broken = eqx.tree_at(
        lambda s: s.arrays.enter, state, state.arrays.enter.at[1].set(jnp.nan)
    )
    after, check = program.advance(broken, DATA_KEYS)
    whole, calm = program.advance(state, DATA_KEYS)
    assert list(check.diverged) == list(check.stopped) == [False, True, False]
    assert np.isnan(check.train_loss[1])
    assert check.best_step[1] == 0
    np.testing.assert_array_equal(check.validation_loss[::2], calm.validation_loss[::2])
    np.testing.assert_array_equal(after.weight[::2], whole.weight[::2])
    later, _ = program.advance(after, DATA_KEYS)
    assert int(later.step[1]) == int(after.step[1])
    assert int(later.step[0]) == int(after.step[0]) + 2


@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("gru", {}),
        ("encoder_decoder_transformer", {"encoder_layers": 1, "decoder_layers": 1}),
    ],
    ids=["gru", "encoder_decoder_transformer"],
)
def test_every_contender_with_one_head_is_accepted(model, numbers):
    """The encoder-decoder keeps its head in a part of itself."""
    signature = Signature(Features(2), Values(2), EVERY, causal=False)
    contender = Contender(model, numbers)
    assert RECIPE.accepts(contender.shapes(signature, 4)) is None
    task = TASKS["values at every step"]

    def build(key):
        return contender.build(signature, 4, key=key)

    fitted = fit(
        RECIPE,
        build,
        task,
        split(task),
        init_key=KEYS[0],
        data_key=DATA_KEYS[0],
    )
    blind = evaluate(
        eqx.filter_jit(build)(KEYS[0]), task, split(task).validation, batch=64
    )
    assert min(fitted.history.validation_loss) < 0.9 * float(blind.mean_loss)


class TwoHeads(AbstractModel):
    """A model of which nobody knows which head answers."""

    head: eqx.nn.Linear
    body: Network
    causal: bool = eqx.field(static=True)

    def __init__(self, head: eqx.nn.Linear, body: Network):
        self.head, self.body, self.causal = head, body, True

    def __call__(self, sequence, *, key=None):
        return self.head(self.body(sequence))


def test_a_model_without_one_head_is_refused_with_the_reason():
    signature = Signature(Features(2), Values(2), ONCE)

    def build(key):
        linear = eqx.nn.Linear(2, 2, key=key)
        return TwoHeads(linear, Network(signature, bias=True, key=key))

    for model in (eqx.filter_jit(build)(KEYS[0]), weight_shapes(build)):
        assert RECIPE.accepts(model) == (
            "it has 2 linear maps named 'head', where one is to give its answers"
        )


class Squashed(AbstractModel):
    """A model whose answers are not those of its head."""

    head: eqx.nn.Linear
    causal: bool = eqx.field(static=True)

    def __init__(self, head: eqx.nn.Linear):
        self.head, self.causal = head, True

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        return jnp.tanh(jax.vmap(self.head)(xs))


def test_a_readout_that_something_follows_is_no_readout():
    task = TASKS["values at every step"]
    program = RECIPE.compile(
        lambda key: Squashed(eqx.nn.Linear(2, 2, key=key)), task, split(task)
    )
    with pytest.raises(ValueError, match="its answers are not those of its readout"):
        program.start(KEYS[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps must be a whole number"),
        ({"checks": 0}, "checks must be a whole number"),
        ({"strengths": ()}, "strengths must be a number above 0 or"),
        ({"strengths": (0.1, 0.0)}, "strengths must be a number above 0 or"),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Ridge(**settings)


def test_the_work_is_that_of_reading_once():
    task = TASKS["values once"]
    found = RECIPE.work(build_for(task), task, split(task))
    # sums to features, and the identity in the head's place, of 4 examples of 4 steps
    once = 2 * 4 * TIME * HIDDEN * (2 + HIDDEN)
    assert found.matmul_flops == 6 * once


@pytest.mark.parametrize("name", ["classes once", "recorded rows"])
def test_what_is_not_kept_is_read_again_to_the_same_bits(name, monkeypatch):
    """Where nothing can be kept, every pass reads every batch."""
    program = program_of(name)
    states, checks = run(program, KEYS[0], DATA_KEYS[0])
    monkeypatch.setattr(reads, "ROOM", 0)
    program.start(KEYS[1])  # another run's rows take the place of what is kept
    again, looked = run(program, KEYS[0], DATA_KEYS[0])
    assert_same_bits(states, again)
    assert_same_bits(checks, looked)


@pytest.mark.parametrize(("room", "read"), [(3, 3), (2, 4), (0, 6)])
def test_as_much_is_kept_as_there_is_room_for(room, read, monkeypatch):
    """Two passes over three batches, each of as many bytes as a unit of room."""
    asked: list[int] = []

    def one(arrays, rows, index, left):
        asked.append(int(left))
        return arrays + rows[index]

    monkeypatch.setattr(reads, "ROOM", 32 * room)
    batches = Reads(
        one, np.zeros(8, np.float32), np.arange(3, dtype=np.float32), count=11, batch=4
    )
    first, second = list(batches), list(batches)
    np.testing.assert_array_equal(first, second)
    assert asked[:3] == [11, 7, 3]
    assert len(asked) == read


def test_a_run_goes_by_its_own_weights_after_another():
    """Held-out rows are kept by the weights that read them."""
    name = "classes at every step"
    program = program_of(name)
    first, other = program.start(KEYS[0]), program.start(KEYS[1])
    _, alone = program.advance(other, DATA_KEYS[0])
    _, between = program.advance(first, DATA_KEYS[0])
    _, after = program.advance(other, DATA_KEYS[0])
    assert_same_bits(alone, after)
    assert float(alone.validation_loss) != float(between.validation_loss)


@pytest.mark.parametrize("answers", [ONCE, EVERY])
def test_a_frame_without_its_head_shows_what_an_identity_in_its_place_does(answers):
    signature = Signature(Features(2), Values(3), answers, causal=False)
    build = eqx.filter_jit(Contender("esn").build)
    model = build(signature, 6, key=KEYS[0])
    width = readout(model).weight.shape[1]
    identity = replaced(readout(model), jnp.eye(width), jnp.zeros(width))
    sequence = Sequence(jax.random.normal(KEYS[1], (5, 2)))
    shown = answer(showing_hidden(model), sequence)
    assert shown.shape[-1] == 6
    np.testing.assert_array_equal(
        shown, answer(with_readout(model, identity), sequence)
    )
