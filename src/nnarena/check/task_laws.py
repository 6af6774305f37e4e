"""The laws that every task obeys, whatever it asks."""

import itertools
from collections import Counter
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import PyTree

from ..core.types import Classes, Example, Labels
from ..metrics import AbstractMean
from ..training.objective import objective_of
from .blind import STANDARD_ERRORS, blind_score, perfect_score
from .documents import require_account
from .input_law import check_inputs, require_kind, require_range
from .laws import Law, LawBroken, NotJudged, require
from .leaks import leaking_shift
from .task_case import FEW, TaskCase, count_rows, make_examples, row_contents, spread
from .time_scale import TIME_SCALE


ALIKE = 0.05
"""The share of a split's rows that may be alike to others by chance."""


def _check_documented(case: TaskCase) -> None:
    require_account(case.entry)
    text = case.entry.docstring
    require(
        any("->" in line or "→" in line for line in text.splitlines()),
        "expected the docstring to draw an example with -> before the answer, but no "
        "line of it has one",
    )
    require(
        "chance" in text.lower(),
        "expected the docstring to state the chance level, but it has no such word",
    )


def _check_compiled(case: TaskCase) -> None:
    rows = spread(case.splits.test, FEW)
    for index in range(min(3, count_rows(rows))):
        eager = case.task.example(_row(rows, index))
        compiled = _row(case.examples, index)
        for part, ours, theirs in _parts(eager, compiled):
            require(
                ours.shape == theirs.shape and np.allclose(ours, theirs, atol=1e-6),
                f"expected row {index} to give the same `{part}` compiled among others "
                "as by itself, but they differ",
            )


def _parts(
    one: Example, other: Example
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields what two examples hold, by the names of their places."""
    leaves = jax.tree_util.tree_leaves_with_path(one)
    for (path, ours), theirs in zip(leaves, jax.tree.leaves(other), strict=True):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        yield name, np.asarray(ours), np.asarray(theirs)


def _check_targets(case: TaskCase) -> None:
    signature, examples = case.task.signature, case.examples
    targets, counts = case.test_answers.targets, case.test_answers.counts
    outputs, classes = signature.outputs, isinstance(signature.outputs, Classes)
    steps = signature.answer_axes(examples.question.dts.shape[1])
    wanted = steps if classes else (*steps, outputs.size)
    require(
        targets.shape[1:] == wanted,
        f"expected targets of shape {wanted}, as the signature says, but got "
        f"{targets.shape[1:]}",
    )
    if isinstance(outputs, Labels):
        _require_labels(targets)
    else:
        require_kind(targets, "targets", np.integer if classes else np.floating)
    if classes:
        require_range(targets, "targets", outputs.size)
    require(
        counts.shape[1:] == steps and counts.dtype == bool,
        f"expected `counts` of shape {steps} of truth values, but got "
        f"{counts.shape[1:]} of {counts.dtype}",
    )
    if signature.generated:
        start = signature.generated.start
        require(
            not np.any(targets[counts] == start),
            f"expected no answer that is `start`, class {start}, which stands for what "
            "is not said, but some are",
        )
    empty = np.flatnonzero(~counts.reshape(len(counts), -1).any(axis=1))
    require(
        empty.size == 0,
        f"expected an answer that counts in every example, but {empty.size} of "
        f"{len(counts)} have none",
    )


def _require_labels(targets: np.ndarray) -> None:
    require(
        targets.dtype == bool or np.issubdtype(targets.dtype, np.floating),
        f"expected labels that are truth values or numbers, but got {targets.dtype}",
    )
    wrong = targets[(targets != 0) & (targets != 1)]
    require(
        wrong.size == 0,
        f"expected labels that are 0 or 1, but {wrong.size} are not"
        + (f", as {wrong[0]:.4g}" if wrong.size else ""),
    )


def _check_rows(case: TaskCase) -> None:
    rows = spread(case.splits.test, FEW)
    again = make_examples(case.task, rows)
    require(
        _contents(case.examples) == _contents(again)
        and _contents(case.task.example(_row(rows, 0)))
        == _contents(case.task.example(_row(rows, 0))),
        "expected the same row to give the same example, but it gave two",
    )
    require(
        len(set(row_contents(case.examples))) > 1,
        f"expected different rows to give different examples, but {count_rows(rows)} "
        "rows gave the same one",
    )


def _row(rows: PyTree, index: int) -> PyTree:
    return jax.tree.map(lambda column: column[index], rows)


def _contents(example: Example) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(example)]


def _check_splits(case: TaskCase) -> None:
    first, again = _splits_of(case.splits), _splits_of(case.make_splits())
    for name, rows in first.items():
        require(
            rows == again[name],
            f"expected the same key to give the same {name} rows, but it gave others",
        )
    for ours, theirs in itertools.combinations(first, 2):
        shared = _shared(first[ours], first[theirs])
        require(
            shared == 0,
            f"expected no row to be in both {ours} and {theirs}, but {shared} are",
        )


def _shared(ours: list[bytes], theirs: list[bytes]) -> int:
    """Returns how many rows are in both of two splits, but for what is chance.

    Records of few numbers, as of one visit without a reading, are alike by chance: then
    they are within a split too, and few.
    """
    both = set(ours) & set(theirs)
    counts = Counter(ours), Counter(theirs)
    by_chance = {row for row in both if max(count[row] for count in counts) > 1}
    few = len(by_chance) <= ALIKE * min(len(set(ours)), len(set(theirs)))
    return len(both - by_chance if few else both)


def _splits_of(splits: PyTree) -> dict[str, list[bytes]]:
    """Returns the contents of the rows by split; rows drawn afresh have none."""
    parts = {"test": splits.test, "validation": splits.validation}
    if splits.train is not None:
        parts["training"] = splits.train
    return {name: row_contents(rows) for name, rows in parts.items()}


def _check_scoring(case: TaskCase) -> None:
    scoring = case.task.scoring
    try:
        objective_of(case.task)
    except ValueError as error:
        raise LawBroken(
            f"expected a metric and a loss of the task's answers, but {error}"
        ) from error
    require(
        scoring.chance != scoring.best
        and scoring.higher_is_better == (scoring.best > scoring.chance),
        f"expected the best score on the better side of chance, but best is "
        f"{scoring.best:.4g} and chance {scoring.chance:.4g}",
    )
    require(
        0.0 < scoring.normalized(scoring.solved) <= 1.0,
        f"expected the bar of a solved task between chance {scoring.chance:.4g} and "
        f"best {scoring.best:.4g}, but it is {scoring.solved:.4g}",
    )


def _check_chance(case: TaskCase) -> None:
    scoring = case.task.scoring
    score, error = blind_score(case)
    if scoring.share:
        # Of rare right answers a split may have none at all, and then no spread.
        variance = scoring.chance * (1 - scoring.chance) / len(case.test_answers.counts)
        error = max(error, max(variance, 0.0) ** 0.5)
    # The 1e-6 is for rounding where every blind answer scores the same.
    tolerance = STANDARD_ERRORS * error + 1e-6
    require(
        abs(score - scoring.chance) <= tolerance,
        f"expected the best blind answer to score the stated chance "
        f"{scoring.chance:.4g}, but it scores {score:.4g}, and {STANDARD_ERRORS:.0f} "
        f"standard errors are {tolerance:.2g}",
    )


def _check_causal(case: TaskCase) -> None:
    signature = case.task.signature
    if signature.answers == "once":
        raise NotJudged("it answers once, after the last step: no input is later")
    if signature.generated:
        raise NotJudged("it answers after the last step: no input is later")
    shift = None if signature.causal else leaking_shift(case.examples, signature)
    require(
        shift is None,
        "expected no answer to stand among later inputs, but the input at step t + "
        f"{shift} tells that of step t: a contender that looks ahead copies it; say "
        "`causal=True` in the signature",
    )


def _check_perfect(case: TaskCase) -> None:
    best, objective = case.task.scoring.best, objective_of(case.task)
    splits = [case.test_answers]
    if not isinstance(objective.metric, AbstractMean):
        splits.append(case.validation_answers)  # where a class may be missing
    for truth in splits:
        score, _ = perfect_score(truth, objective)
        require(
            abs(score - best) <= 1e-6,
            f"expected a perfect answer to score {best:.4g}, the best score, but it "
            f"scores {score:.4g}",
        )


TASK_LAWS = (
    Law("documented", "Draws an example, states chance and source.", _check_documented),
    Law("compiled", "Gives the same example compiled and not.", _check_compiled),
    Law("inputs", "Inputs are what the signature says.", check_inputs),
    TIME_SCALE,
    Law("targets", "Targets are what the signature says; some count.", _check_targets),
    Law("rows", "A row decides its example; rows differ.", _check_rows),
    Law("splits", "No row is in two splits; the key decides them.", _check_splits),
    Law("scoring", "Chance, bar and best score are in order.", _check_scoring),
    Law("chance", "A blind answer scores the stated chance.", _check_chance),
    Law("causal", "No later input is an answer, or it is causal.", _check_causal),
    Law("perfect", "A perfect answer scores the stated best.", _check_perfect),
)
"""The laws of tasks."""
