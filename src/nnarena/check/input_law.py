"""The law of inputs: steps are what the signature says, padding comes last."""

import jax
import numpy as np

from ..core.types import Example, Features, Sequence, Signature, Tokens
from ..training.row_values import no_sentence
from .laws import require
from .task_case import TaskCase


def check_inputs(case: TaskCase) -> None:
    """Returns if questions, and contexts where there are any, are as the task says.

    Raises:
        LawBroken: one is not.
    """
    signature, examples = case.task.signature, case.examples
    _require_steps(signature.inputs, examples.question, "")
    require(
        (signature.context is None) == (examples.context is None),
        f"expected {'no' if signature.context is None else 'a'} context in every "
        "example, as the signature says",
    )
    if signature.context is not None and examples.context is not None:
        _require_steps(signature.context, examples.context, " of the context")
    if signature.facts:
        _require_facts(signature, examples)


def _require_facts(signature: Signature, examples: Example) -> None:
    """Returns if what each answer is said to rest on are sentences of its story."""
    support = examples.support
    require(
        support is not None and support.shape[1:] == (signature.facts,),
        f"expected `support` of shape ({signature.facts},), as the signature says, but "
        f"got {None if support is None else support.shape[1:]}",
    )
    require_kind(np.asarray(support), "`support`", np.integer)
    require(
        not jax.vmap(lambda one: no_sentence(one, signature))(examples).any(),
        "expected `support` to count sentences of the context back from the last, 0, "
        "or to be -1, but some are others",
    )


def _require_steps(inputs: Features | Tokens, sequences: Sequence, whose: str) -> None:
    """Returns if sequences with a leading axis have such inputs; `whose` names them."""
    found = jax.tree.map(np.asarray, sequences)
    xs, dts, present = found.xs, found.dts, found.present
    features = isinstance(inputs, Features)
    time = xs.shape[1:2]
    wanted = (*time, inputs.size) if features else time
    require(
        xs.shape[1:] == wanted,
        f"expected inputs{whose} of shape {wanted}, as the signature says, but got "
        f"{xs.shape[1:]}",
    )
    require_kind(xs, f"inputs{whose}", np.floating if features else np.integer)
    if not features:
        require_range(xs, f"tokens{whose}", inputs.size)
    require(
        dts.shape[1:] == time,
        f"expected elapsed times{whose} of shape {time}, one per step, but got "
        f"{dts.shape[1:]}",
    )
    require_kind(dts, f"elapsed times{whose}", np.floating)
    if present is not None:
        _require_prefix(present, time)
    least = dts.min() if present is None else dts[present].min()
    require(
        least > 0,
        f"expected elapsed times{whose} above 0, but the least is {least:.3g}",
    )


def _require_prefix(present: np.ndarray, time: tuple[int, ...]) -> None:
    """Returns if every sequence has its steps first, one at least, then its padding."""
    require(
        present.shape[1:] == time and present.dtype == bool,
        f"expected `present` of shape {time} of truth values, but got "
        f"{present.shape[1:]} of {present.dtype}",
    )
    ends = present.sum(axis=1)[:, None]
    require(
        np.array_equal(present, np.arange(present.shape[1])[None] < ends)
        and ends.min() > 0,
        "expected `present` to be true for the first steps of a sequence, one at "
        "least, and false for the padding after them",
    )


def require_kind(values: np.ndarray, what: str, kind: type) -> None:
    """Returns if values are of a kind of numbers, and finite."""
    require(
        np.issubdtype(values.dtype, kind),
        f"expected {what} of kind {kind.__name__}, but got {values.dtype}",
    )
    require(np.isfinite(values).all(), f"expected finite {what}, but some are not")


def require_range(values: np.ndarray, what: str, size: int) -> None:
    """Returns if values are one of `size` symbols or classes."""
    low, high = int(values.min()), int(values.max())
    require(
        low >= 0 and high < size,
        f"expected {what} from 0 to {size - 1}, but they go from {low} to {high}",
    )
