"""The laws that every trainer obeys, whatever its algorithm."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..core.frozen import trainable
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Rows, Splits
from ..training.base import arrays_by_path, tree_from_paths, with_weights
from ..training.objective import Tally, evaluate
from .documents import require_account
from .laws import Law, NotJudged, require
from .quick import quick_jit
from .trainer_case import Ended, TrainerCase


def _check_documented(case: TrainerCase) -> None:
    require_account(case.entry)


def _check_ends(case: TrainerCase) -> None:
    checks, most = case.ended.checks, case.program.checks
    steps = [int(check.step) for check in checks]
    require(
        steps == sorted(set(steps)) and steps[0] > 0,
        f"expected `step` to rise from check to check, but it is {steps}",
    )
    require(
        bool(checks[-1].stopped),
        f"expected the last of {most} checks to say `stopped`, but it does not",
    )
    losses = [float(c.train_loss + c.validation_loss) for c in checks]
    require(
        np.isfinite(losses).all() or bool(checks[-1].diverged),
        f"expected finite losses or `diverged`, but the losses are {losses}",
    )


def _check_recorded(case: TrainerCase) -> None:
    few = jax.random.split(jax.random.key(8), 10)
    splits = Splits(few, case.splits.validation, case.splits.test)
    checks = case.run(case.compiled(splits=splits)).checks
    require(
        bool(checks[-1].stopped) and np.isfinite(checks[-1].validation_loss),
        "expected a run on 10 recorded rows, fewer than its steps draw, to end with a "
        f"finite loss, but it ends with {checks[-1].validation_loss:.4g}",
    )


def _check_repeats(case: TrainerCase) -> None:
    _require_same(case.ended, case.run(case.program), "expected the same keys to give")


def _check_resumes(case: TrainerCase) -> None:
    whole = case.other_ended
    if len(whole.checks) < 2:
        raise NotJudged("its run has one check, so that it is never broken off")
    key, order = case.init_keys[0], case.data_keys[0]
    state, _ = case.program.advance(case.program.start(key), order)
    kept = tree_from_paths(case.other.start(key), arrays_by_path(state))
    _require_same(
        Ended(whole.checks[1:], whole.weights, whole.tested),
        case.go_on(case.other, kept),
        "expected a run that is broken off to go on from the arrays of its state, in "
        "another process, with",
    )


def _check_test_unseen(case: TrainerCase) -> None:
    whole, other = case.ended, case.other_ended
    _require_same(
        Ended(whole.checks, whole.weights, other.tested),
        other,
        "expected other test rows to leave, until the test,",
    )


def _check_honest(case: TrainerCase) -> None:
    model = with_weights(case.build, case.ended.weights)
    rows = {"validation": case.splits.validation, "test": case.splits.test}
    last = case.ended.checks[-1]
    at_best = [c for c in case.ended.checks if int(c.step) == int(last.best_step)]
    require(
        len(at_best) == 1,
        f"expected `best_step` to be the step of a check, but it is {last.best_step}",
    )
    told = {
        "validation": (at_best[0].validation_loss, at_best[0].validation_score),
        "test": (case.ended.tested.mean_loss, case.ended.tested.mean_score),
    }
    for split, (loss, score) in told.items():
        tally = _evaluate(model, case.task, rows[split])
        for what, said, is_ in (
            ("loss", loss, tally.mean_loss),
            ("score", score, tally.mean_score),
        ):
            require(
                np.isclose(said, is_, rtol=1e-3, atol=1e-5),
                f"expected the weights of `best` to have the {split} {what} that is "
                f"told of them, {float(said):.5g}, but it is {float(is_):.5g}",
            )


def _check_diverges(case: TrainerCase) -> None:
    def spoiled(key):
        model = case.build(key)
        return jax.tree.map(
            lambda leaf: leaf * jnp.nan if eqx.is_inexact_array(leaf) else leaf, model
        )

    checks = case.run(case.compiled(build=spoiled)).checks
    require(
        len(checks) == 1 and bool(checks[0].diverged) and bool(checks[0].stopped),
        "expected a model whose answers are not numbers to end at the first check, as "
        f"`diverged` and `stopped`, but after {len(checks)} it is reported as "
        f"diverged={bool(checks[-1].diverged)}, stopped={bool(checks[-1].stopped)}",
    )


def _check_seeds(case: TrainerCase) -> None:
    both = case.run(case.compiled(seeds=2), slice(None))
    second = case.run(case.program, 1)
    for index, alone in enumerate((case.ended, second)):
        for name, value in arrays_by_path(_told(both)).items():
            single = arrays_by_path(_told(alone))[name]
            require(
                value.shape == (2, *single.shape),
                "expected every array of two seeds to lead with their axis, but of "
                f"{name} one has the shape {single.shape} and two {value.shape}",
            )
            require(
                np.allclose(value[index], single, rtol=1e-2, atol=1e-4, equal_nan=True),
                f"expected a seed to end alike alone and beside another, but {name} is "
                f"{_few(single)} and {_few(value[index])}",
            )


def _check_frozen(case: TrainerCase) -> None:
    start = case.program.best(case.program.start(case.init_keys[0]))
    moves = trainable(start)
    before, after = (
        arrays_by_path(eqx.filter(tree, moves, inverse=True))
        for tree in (start, case.ended.weights)
    )
    if not before:
        raise NotJudged("it accepts no model here that has weights that nothing trains")
    moved = [name for name in before if not np.array_equal(before[name], after[name])]
    require(
        not moved,
        f"expected weights that nothing trains to stay, but it moved {moved[:3]}",
    )


def _check_work(case: TrainerCase) -> None:
    found = case.trainer.work(case.build, case.task, case.splits)
    require(
        found.elements > 0,
        "expected the work of a run to be counted, but it is 0, so that a plan says "
        "that it takes no time",
    )


@quick_jit
def _evaluate(model: AbstractModel, task: AbstractTask, rows: Rows) -> Tally:
    return evaluate(model, task, rows, batch=len(rows))


def _require_same(one: Ended, other: Ended, expected: str) -> None:
    """Returns if two runs have the same bits."""
    for what, ours, theirs in (
        ("curve", one.checks, other.checks),
        ("weights", one.weights, other.weights),
        ("test", one.tested, other.tested),
    ):
        require(_bits(ours) == _bits(theirs), f"{expected} the same {what}, to the bit")


def _bits(tree: PyTree) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays_by_path(tree).items()}


def _told(run: Ended) -> PyTree:
    return run.checks, run.weights, run.tested


def _few(array: Any) -> str:
    return np.array2string(np.ravel(array)[:3], precision=5)


TRAINER_LAWS = (
    Law("documented", "Says what it does, and whence it comes.", _check_documented),
    Law("ends", "Its checks go forward and come to an end.", _check_ends),
    Law("recorded", "Trains on few recorded rows too.", _check_recorded),
    Law("repeats", "The same keys give the same bits.", _check_repeats),
    Law("resumes", "Broken off, it goes on to the same bits.", _check_resumes),
    Law("test unseen", "The test split decides nothing.", _check_test_unseen),
    Law("honest", "The weights it keeps score what it says.", _check_honest),
    Law("diverges", "Without finite answers it ends as diverged.", _check_diverges),
    Law("seeds", "A seed ends alike alone and beside others.", _check_seeds),
    Law("frozen", "What is not to be trained stays.", _check_frozen),
    Law("work", "Counts its work, for plans.", _check_work),
)
"""The laws of trainers."""
