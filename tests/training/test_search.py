"""Several rates within one run: each trial is the run of that rate alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.training.test_gradient_descent import (
    DATA_KEYS,
    INIT_KEYS,
    assert_same_bits,
    fit_one,
    program_of,
)

from nnarena.suite.ledger import SERIES
from nnarena.training.base import arrays_by_path, tree_from_paths
from nnarena.training.gradient_descent import GradientDescent


RATES = (0.003, 0.03, 0.3)


def trainer(rates, **numbers) -> GradientDescent:
    common = {"steps": 20, "batch": 4, "checks": 4, "clip": 0, "weight_decay": 0.1}
    return GradientDescent(**{**common, "learning_rate": rates, **numbers})


def test_the_rate_with_the_lowest_validation_loss_is_chosen():
    searched = fit_one(trainer(RATES))
    alone = {rate: fit_one(trainer(rate)) for rate in RATES}
    lowest = {rate: min(run.history.validation_loss) for rate, run in alone.items()}
    best = min(RATES, key=lambda rate: lowest[rate])
    assert searched.history.chosen["learning_rate"][-1] == pytest.approx(best)
    losses = np.concatenate([alone[rate].history.validation_loss for rate in RATES])
    np.testing.assert_allclose(searched.history.validation_loss, losses, rtol=1e-4)
    assert float(searched.test_loss) == pytest.approx(
        float(alone[best].test_loss), rel=1e-4
    )
    assert searched.history.step.tolist() == list(range(5, 61, 5))
    step = int(searched.history.best_step[-1])
    assert RATES.index(best) * 20 < step <= (RATES.index(best) + 1) * 20


def test_one_rate_in_a_list_is_no_search():
    assert trainer([0.03]) == trainer(0.03)


def test_a_rate_that_diverges_is_out_and_a_run_diverges_if_all_do():
    rates = (1e30, 0.3, 1e25)
    numbers = {"schedule": "constant"}
    searched = fit_one(trainer(rates, **numbers))
    assert not bool(searched.diverged)
    assert searched.history.chosen["learning_rate"][-1] == pytest.approx(0.3)
    assert np.isfinite(searched.test_loss)
    assert bool(fit_one(trainer((1e30, 1e29), **numbers)).diverged)


def test_seeds_beside_each_other_choose_as_alone():
    recipe = trainer(RATES, patience=1, schedule="constant")
    program = program_of(recipe, 3)
    state = program.start(INIT_KEYS)
    told = []
    for _ in range(program.checks):
        state, check = program.advance(state, DATA_KEYS)
        told.append(check)
        if bool(jnp.all(check.stopped)):
            break
    tested = program.test(state)
    for seed in range(3):
        alone = fit_one(recipe, seed, seed)
        assert float(tested.mean_loss[seed]) == pytest.approx(
            float(alone.test_loss), rel=1e-4
        )
        assert int(told[-1].best_step[seed]) == alone.history.best_step[-1]
        steps = sorted({int(check.step[seed]) for check in told})
        assert steps == alone.history.step.tolist()


def test_a_search_written_down_goes_on_bit_for_bit():
    program = program_of(trainer(RATES))
    state = program.start(INIT_KEYS[0])
    for _ in range(5):  # into the second rate
        state, _ = program.advance(state, DATA_KEYS[0])
    taken_up = tree_from_paths(program.start(INIT_KEYS[0]), arrays_by_path(state))
    for _ in range(7):
        (state, _), (taken_up, _) = (
            program.advance(one, DATA_KEYS[0]) for one in (state, taken_up)
        )
    assert_same_bits(state, taken_up)
    assert_same_bits(program.best(state), program.best(taken_up))


def run_to_its_end(program, init, data):
    """Returns the last state and the told figures, those of waiting seeds too."""
    state, told = program.start(init), []
    for _ in range(program.checks):
        state, check = program.advance(state, data)
        told.append(jax.tree.map(np.asarray, check))
        if told[-1].stopped.all():
            return state, told
    raise AssertionError("it never said that it was over")


def curve(told, seed=None) -> dict[str, list]:
    """Returns what a run enters: figures at new steps, of one of several seeds."""
    own = [jax.tree.map(lambda v: v if seed is None else v[seed], t) for t in told]
    new = [
        {**{name: getattr(t, name) for name in SERIES}, **t.figures}
        for t, last in zip(own, [None, *own[:-1]], strict=True)
        if last is None or t.step != last.step
    ]
    return {name: [figures[name] for figures in new] for name in new[0]}


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [
        (None, {}),
        (None, {"patience": 2, "schedule": "plateau", "checks": 10}),
        (None, {"learning_rate": (1e30, 0.3, 1e25), "schedule": "constant"}),
        (3, {"patience": 1, "schedule": "constant"}),
        (3, {"learning_rate": (1e30, 1e29), "schedule": "constant"}),
    ],
    ids=["all go on", "plateau", "two diverge", "seeds stop", "seeds diverge"],
)
def test_rates_at_once_say_what_rates_in_turn_say(seeds, numbers):
    recipe = trainer(**{"rates": RATES, **numbers})
    keys = (INIT_KEYS, DATA_KEYS) if seeds else (INIT_KEYS[1], DATA_KEYS[0])
    turns, together = (
        program_of(recipe, seeds, trials_at_once=at_once) for at_once in (False, True)
    )
    assert (turns.trials_at_once, together.trials_at_once) == (1, len(recipe.rates))
    (one, said), (other, repeated) = (
        run_to_its_end(program, *keys) for program in (turns, together)
    )
    for seed in range(seeds) if seeds else [None]:
        left, right = curve(said, seed), curve(repeated, seed)
        assert left["step"] == right["step"]
        for name in left:
            np.testing.assert_allclose(right[name], left[name], rtol=1e-4, atol=1e-6)
    for name in ("best_step", "diverged", "chosen"):
        found, expected = (getattr(run[-1], name) for run in (repeated, said))
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), found, expected)
    for program, state in ((turns, one), (together, other)):
        assert program.best(state).matrix.shape == (*([seeds] if seeds else []), 2, 1)
    np.testing.assert_allclose(
        together.best(other).matrix, turns.best(one).matrix, rtol=1e-4
    )
    np.testing.assert_allclose(
        together.test(other).mean_loss, turns.test(one).mean_loss, rtol=1e-4
    )


@pytest.mark.parametrize("written_after", [2, 4, 7])
def test_rates_at_once_written_down_go_on_bit_for_bit(written_after):
    """While they are computed, when the first is over, and while they are told of."""
    program = program_of(trainer(RATES), trials_at_once=True)
    state = program.start(INIT_KEYS[0])
    for _ in range(written_after):
        state, _ = program.advance(state, DATA_KEYS[0])
    taken_up = tree_from_paths(program.start(INIT_KEYS[0]), arrays_by_path(state))
    for _ in range(program.checks - written_after):
        (state, told), (taken_up, told_again) = (
            program.advance(one, DATA_KEYS[0]) for one in (state, taken_up)
        )
        assert_same_bits(told, told_again)
    assert int(state.advances) == program.checks
    assert_same_bits(state, taken_up)


@pytest.mark.parametrize("after", [7, 20])
@pytest.mark.parametrize("some", [[0], [2], [0, 1]])
def test_rates_at_once_go_on_with_fewer_seeds_beside_them(some, after):
    """Of three seeds the first is over long before the others, whoever goes on."""
    numbers = {"steps": 60, "checks": 30, "patience": 2, "weight_decay": 0.0}
    recipe = trainer((0.3, 0.1), schedule="constant", **numbers)
    whole = program_of(recipe, 3, trials_at_once=True)
    fewer = program_of(recipe, len(some), trials_at_once=True)
    _, calm = run_to_its_end(whole, INIT_KEYS, DATA_KEYS)
    state = whole.start(INIT_KEYS)
    for _ in range(after):
        state, _ = whole.advance(state, DATA_KEYS)
    state = jax.tree.map(lambda leaf: leaf[jnp.array(some)], state)
    told = [jax.tree.map(lambda leaf: leaf[some], check) for check in calm[:after]]
    while not told[-1].stopped.all():
        assert len(told) < fewer.checks, "it never says that it is over"
        state, check = fewer.advance(state, DATA_KEYS[jnp.array(some)])
        told.append(jax.tree.map(np.asarray, check))
    for place, seed in enumerate(some):
        left, right = curve(calm, seed), curve(told, place)
        assert left["step"] == right["step"]
        for name in left:
            np.testing.assert_allclose(right[name], left[name], rtol=1e-4, atol=1e-6)
    over = np.argmax([check.stopped for check in calm], axis=0) + 1
    assert over.tolist() == [8, 60, 60]


@pytest.mark.parametrize("rates", [(), (0.1, 0.0), -1.0])
def test_impossible_rates_are_refused(rates):
    with pytest.raises(ValueError, match="learning_rate must be"):
        trainer(rates)
