"""The laws that every model obeys, whatever it computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.types import Scalar, Sequence, State, Times
from ..models.base import AbstractCell, AbstractModel
from ..models.contender import count_parameters, fit_width
from ..models.sequence import Recurrent, SequenceModel
from ..nn.parametrization import resolve
from .causality import check_causal
from .context_law import check_context
from .documents import require_account
from .fold_law import check_fold
from .generation_law import check_generation
from .laws import Law, NotJudged, require
from .model_case import (
    EVERY_STEP,
    FIRST,
    LENGTH,
    SIGNATURES,
    ModelCase,
    draw_asked,
    draw_inputs,
    words_for,
)
from .model_training import BATCH, LENGTH as LESSON, STEPS, train, train_seeds
from .quick import quick_jit
from .role_law import check_roles


BUDGET = 20_000
"""So large that one unit more is a small share of it, even in a deep model."""

TOLERANCE = 1e-5

PADDING = 6
"""Steps of noise after the end of a sequence: enough to be seen in an answer."""

NEARSIGHTED = 0.75
"""The error in a sum whose first three quarters are not remembered."""

CONTROL = "control"
"""The family of contenders that see no more than the last steps, by design."""


def _check_documented(case: ModelCase) -> None:
    require_account(case.entry)
    require(
        "$$" in case.entry.docstring,
        "expected the docstring to hold the equation between $$, but it has none",
    )


def _check_shapes(case: ModelCase) -> None:
    for signature in case.playable(*SIGNATURES):
        model = case.model(signature)
        for length in (1, 2, LENGTH):
            asked = draw_asked(signature, length)
            answers = eqx.filter_eval_shape(model, *asked)
            wanted = (*signature.answer_axes(length), signature.outputs.size)
            require(
                answers.shape == wanted and answers.dtype == jnp.float32,
                f"{words_for(signature)}, {length} steps: expected answers of shape "
                f"{wanted} in float32, but got {answers.shape} in {answers.dtype}",
            )


def _check_vmap(case: ModelCase) -> None:
    for signature in case.told_apart(*EVERY_STEP):
        xs, dts = draw_inputs(signature, 3, LENGTH)
        together = case.answer_batch(signature, xs, dts)
        alone = np.stack(
            [case.answer(signature, *one) for one in zip(xs, dts, strict=True)]
        )
        distance = float(np.abs(together - alone).max())
        require(
            distance <= TOLERANCE * max(1.0, float(np.abs(alone).max())),
            f"{words_for(signature)}: expected the same answers to a sequence alone "
            f"and beside others, but they differ by {distance:.2g}",
        )


def _check_step(case: ModelCase) -> None:
    model = case.model(SIGNATURES[0])
    layers = model.layers if isinstance(model, SequenceModel) else ()
    recurrent = [layer for layer in layers if isinstance(layer, Recurrent)]
    if not recurrent:
        raise NotJudged("it is not a cell: it has no single step to compare with")
    layer = recurrent[0]
    raw = getattr(model, "embed", None) is None
    read = SIGNATURES[0].inputs.size if raw else case.width
    xs = np.random.default_rng(0).standard_normal((5, read)).astype(np.float32)
    dts = np.linspace(0.2, 2.0, 5, dtype=np.float32)
    scanned = np.asarray(_scan(layer, jnp.asarray(xs), jnp.asarray(dts)))
    cell = _resolve(layer.cell)
    state = cell.init_state()
    for index in range(5):
        state, h = _step(cell, state, jnp.asarray(xs[index]), jnp.asarray(dts[index]))
        distance = float(np.abs(np.asarray(h) - scanned[index]).max())
        require(
            distance <= TOLERANCE,
            f"expected step {index} taken by itself to give what the scanned sequence "
            f"gives, but they differ by {distance:.2g}",
        )


_resolve = quick_jit(resolve)


@quick_jit
def _scan(layer: Recurrent, xs: Array, dts: Times) -> Array:
    return layer(Sequence(xs, dts))


@quick_jit
def _step(
    cell: AbstractCell, state: State, x: Array, dt: Scalar
) -> tuple[State, Array]:
    return cell(state, x, dt)


def _check_padding(case: ModelCase) -> None:
    # Both ways to answer and both kinds of input, in two programs instead of four.
    for signature in case.told_apart(*SIGNATURES[1:3]):
        xs, dts = draw_inputs(signature, LENGTH + PADDING, seed=4)
        whole = case.answer(signature, xs[:LENGTH], dts[:LENGTH])
        present = np.arange(LENGTH + PADDING) < LENGTH
        padded = case.answer(signature, xs, dts, present)
        if signature.answers == "every step":
            padded = padded[:LENGTH]
        distance = float(np.abs(padded - whole).max())
        require(
            distance <= TOLERANCE * max(1.0, float(np.abs(whole).max())),
            f"{words_for(signature)}: expected the same answers to a sequence padded "
            f"with {PADDING} steps, but they differ by {distance:.2g}; what mixes "
            "steps has to leave out those that are not `present`",
        )


def _check_gradients(case: ModelCase) -> None:
    for signature in case.playable(*FIRST):
        lesson = train(case.model(signature), signature, steps=1)
        leaves = jax.tree_util.tree_leaves_with_path(lesson.gradients)
        for path, leaf in leaves:
            require(
                np.isfinite(np.asarray(leaf)).all(),
                f"{words_for(signature)}: expected a finite gradient of every weight, "
                f"but that of `{jax.tree_util.keystr(path).lstrip('.')}` is not",
            )
        require(
            any(np.any(np.asarray(leaf)) for _, leaf in leaves),
            f"{words_for(signature)}: expected some weight to matter, but the gradient "
            "of every weight is zero",
        )


def _check_keys(case: ModelCase) -> None:
    for signature in case.playable(*FIRST):
        first, again, other = (
            case.build(signature, jax.random.key(seed)) for seed in (0, 0, 1)
        )
        require(
            _equal(_arrays(first), _arrays(again)),
            f"{words_for(signature)}: expected the same key to give the same weights, "
            "but they differ",
        )
        # The frame's own weights differ anyway and say nothing of the entrant.
        ours, theirs = (_arrays(_own_part(model)) for model in (first, other))
        require(
            not ours or not _equal(ours, theirs),
            f"{words_for(signature)}: expected another key to give other weights, but "
            "they are the same",
        )


def _own_part(model: AbstractModel) -> PyTree:
    return model.layers if isinstance(model, SequenceModel) else model


def _arrays(tree: PyTree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree) if eqx.is_array(x)]


def _equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def _check_irregular_times(case: ModelCase) -> None:
    for signature in case.told_apart(*EVERY_STEP):
        xs, _ = draw_inputs(signature, LENGTH)
        dts = 3.0 - np.random.default_rng(2).uniform(0.0, 3.0, LENGTH)  # in (0, 3]
        answers = case.answer(signature, xs, dts.astype(np.float32))
        finite = np.isfinite(answers).all(axis=-1)
        require(
            finite.all(),
            f"{words_for(signature)}: expected finite answers at elapsed times between "
            f"0 and 3, but the answer at step {int(np.argmin(finite))} is not",
        )


def _check_overfits(case: ModelCase) -> None:
    signature = case.playable(*FIRST)[0]
    losses = np.asarray(train(case.model(signature), signature, steps=STEPS).losses)
    start, lowest = float(losses[0]), float(losses.min())
    require(
        np.isfinite(losses).all(),
        f"expected {STEPS} steps of training on one batch, but the loss was no longer "
        f"finite at step {int(np.argmin(np.isfinite(losses)))}",
    )
    require(
        lowest < 0.1 * start,
        f"expected the loss on one batch of {BATCH} sequences to fall below a tenth of "
        f"its start within {STEPS} steps, but it fell from {start:.3g} to {lowest:.3g}",
    )


def _check_learns(case: ModelCase) -> None:
    signature = SIGNATURES[0]
    if case.entry.family == CONTROL:  # made not to remember: only the last step counts
        summed, what, meaning = 1, "giving back the last step of", ""
    else:
        summed, what = LESSON, "adding up"
        meaning = " that of an answer from the last quarter,"
    lesson = train(case.model(signature), signature, steps=STEPS, summed=summed)
    error = float(np.asarray(lesson.losses)[-STEPS // 4 :].mean())
    require(
        error < NEARSIGHTED,
        f"expected the error in {what} sequences it never saw to fall below "
        f"{NEARSIGHTED},{meaning} in {STEPS} steps, but it is {error:.3g}; a blind "
        "answer has 1",
    )


def _check_alone(case: ModelCase) -> None:
    signature, steps = case.playable(*FIRST)[0], 5
    model = case.model(signature)
    other = case.build(signature, jax.random.key(1))
    alone = np.asarray(train(model, signature, steps=steps).losses)
    beside = np.asarray(train_seeds([other, model], signature, steps=steps)[1])
    same = np.isclose(alone, beside, rtol=1e-4, atol=1e-6, equal_nan=True)
    require(
        same.all(),
        "expected the same losses of a seed trained alone and beside another, but at "
        f"step {int(np.argmin(same))} they are {alone[np.argmin(same)]:.6g} and "
        f"{beside[np.argmin(same)]:.6g}",
    )


def _check_width(case: ModelCase) -> None:
    for signature in case.playable(*FIRST):
        counted = count_parameters(case.contender.shapes(signature, case.width))
        built = count_parameters(eqx.filter(case.model(signature), eqx.is_array))
        require(
            counted == built,
            f"{words_for(signature)}: expected as many weights in the built model as "
            f"in its shapes, but there are {built:,}, not {counted:,}",
        )
        width = fit_width(case.contender, signature, parameters=BUDGET)
        fitted = count_parameters(case.contender.shapes(signature, width))
        require(
            abs(fitted - BUDGET) <= 0.15 * BUDGET,
            f"{words_for(signature)}: expected a width with {BUDGET:,} weights, within "
            f"15 %, but the nearest, {width}, has {fitted:,}",
        )


MODEL_LAWS = (
    Law("documented", "Says what it computes, and whence it comes.", _check_documented),
    Law("shapes", "Answers in the shape asked for, at any length.", _check_shapes),
    Law("causal", "Looks ahead if and only if it says so.", check_causal),
    Law("vmap", "Answers alike alone and beside others.", _check_vmap),
    Law("padding", "Padding changes no answer.", _check_padding),
    Law("context", "Reads a context; its padding changes nothing.", check_context),
    Law(
        "generates",
        "Forced equals free, and sees only what is before.",
        check_generation,
    ),
    Law("step", "One step at a time equals the whole sequence.", _check_step),
    Law("fold", "Many steps at once equal one after another.", check_fold),
    Law("gradients", "Gradients are finite, and not all zero.", _check_gradients),
    Law("roles", "Declares how what derives weights is trained.", check_roles),
    Law("keys", "The key decides the weights.", _check_keys),
    Law("irregular times", "Survives uneven elapsed times.", _check_irregular_times),
    Law("overfits", "Can learn one small batch by heart.", _check_overfits),
    Law("learns", "Adds up unseen sequences; a control, a step.", _check_learns),
    Law("alone", "A seed learns alike alone and beside others.", _check_alone),
    Law("width", "A width can be found for a budget of weights.", _check_width),
)
"""The laws of models, cheapest first where it matters."""
