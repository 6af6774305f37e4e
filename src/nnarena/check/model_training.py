"""A little training, for the laws about gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

from ..core.frozen import trainable
from ..core.types import Example, Scalar, Sequence, Signature, Values
from ..metrics import Mean
from ..models.base import AbstractModel
from ..models.decoder import taught
from ..models.supervised import AbstractSupervised
from ..training.losses import Loss
from .model_case import draw_inputs
from .quick import quick_jit


BATCH, LENGTH = 8, 8
STEPS = 400
LEARNING_RATE = 0.01


class Lesson(eqx.Module):
    """What came of training: losses before each update, and the last gradient."""

    losses: Float[Array, " steps"]
    gradients: PyTree[Array]


def train(
    model: AbstractModel,
    signature: Signature,
    *,
    steps: int,
    summed: int | None = None,
) -> Lesson:
    """Returns what `steps` updates by Adam gave.

    On one random batch, asked once; or, with `summed`, on sequences that are never seen
    twice, whose last so many steps are to be added up: every loss is then one on unseen
    data.

    One program serves any number of steps up to `STEPS`; losses beyond it are cut.
    """
    params, static = eqx.partition(model, trainable(model))
    batches = (
        _one_batch(signature) if summed is None else _fresh_batches(signature, summed)
    )
    lesson = _train(params, static, batches, signature, jnp.asarray(steps))
    return Lesson(lesson.losses[:steps], lesson.gradients)


def _one_batch(signature: Signature) -> Example:
    """Returns the same random sequences with random answers for every step."""
    rng = np.random.default_rng(3)
    xs, dts = draw_inputs(signature, BATCH, LENGTH)
    size, axes = signature.outputs.size, (BATCH, *signature.answer_axes(LENGTH))
    targets = (
        rng.standard_normal((*axes, size)).astype(np.float32)
        if isinstance(signature.outputs, Values)
        else rng.integers(size, size=axes).astype(np.int32)
    )
    parts = (xs, dts, targets)
    if signature.facts:
        told, _ = draw_inputs(signature, BATCH, LENGTH, seed=1)
        facts = rng.integers(-1, LENGTH // 2, size=(BATCH, signature.facts))
        parts = (*parts, told, facts.astype(np.int32))
    return _examples(*(np.broadcast_to(part, (STEPS, *part.shape)) for part in parts))


def _fresh_batches(signature: Signature, summed: int) -> Example:
    """Returns other sequences for every step, their ends summed up to a variance of 1.

    A blind answer has a mean squared error of 1; where all steps are summed, one from
    the last quarter has 3/4.
    """
    xs, dts = draw_inputs(signature, STEPS, BATCH, LENGTH)
    ends = xs[:, :, -summed:, : signature.outputs.size]
    targets = ends.sum(axis=2) / np.float32(summed**0.5)
    return _examples(xs, dts, targets)


def _examples(*parts: np.ndarray) -> Example:
    def one(xs: Array, dts: Array, targets: Array, *told: Array) -> Example:
        if not told:
            return Example(Sequence(xs, dts), targets)
        story, facts = told
        return Example(
            Sequence(xs, dts), targets, context=Sequence(story, dts), support=facts
        )

    return jax.vmap(jax.vmap(one))(*map(jnp.asarray, parts))


def _loss(
    params: PyTree, static: PyTree, batch: Example, signature: Signature
) -> Scalar:
    model, loss = eqx.combine(params, static), Loss(signature.outputs)

    def one(example: Example) -> Mean:
        if isinstance(model, AbstractSupervised):
            return Mean(model.own_loss(example), jnp.ones(()))
        counts = example.judged(signature.answers)
        answers = taught(model, signature, example)
        return loss.sums(answers, example.targets, counts)

    return jax.tree.map(jnp.sum, jax.vmap(one)(batch)).value


def train_seeds(
    models: list[AbstractModel], signature: Signature, *, steps: int
) -> Float[Array, "seeds steps"]:
    """Returns the losses of models that differ in their weights, trained as an axis."""
    arrays, rest = eqx.partition(models[0], eqx.is_array)
    each = [jax.tree.leaves(eqx.filter(model, eqx.is_array)) for model in models]
    stacked = jax.tree.unflatten(
        jax.tree.structure(arrays), map(jnp.stack, zip(*each, strict=True))
    )
    batches = _one_batch(signature)
    lessons = _train_axis(stacked, rest, batches, signature, jnp.asarray(steps))
    return lessons.losses[:, :steps]


@quick_jit
def _train_axis(
    arrays: PyTree,
    rest: PyTree,
    batches: Example,
    signature: Signature,
    steps: Int[Array, ""],
) -> Lesson:
    def one(own: PyTree) -> Lesson:
        params, fixed = eqx.partition(own, trainable(own))
        static = eqx.combine(fixed, rest)
        return _descend(params, static, batches, signature, steps)

    return jax.vmap(one)(arrays)


def _descend(
    params: PyTree,
    static: PyTree,
    batches: Example,
    signature: Signature,
    steps: Int[Array, ""],
) -> Lesson:
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(LEARNING_RATE))
    # One vector of all weights: an update of each would be most of what is compiled.
    weights, as_tree = ravel_pytree(params)

    def update(index, carry):
        weights, state, lesson = carry
        batch = jax.tree.map(lambda leaf: leaf[index], batches)
        loss, gradients = jax.value_and_grad(_loss)(
            as_tree(weights), static, batch, signature
        )
        # optax's Adam raises a float to an integer power, which strict promotion bars.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(ravel_pytree(gradients)[0], state, weights)
        lesson = Lesson(lesson.losses.at[index].set(loss), gradients)
        return optax.apply_updates(weights, updates), state, lesson

    blank = Lesson(jnp.zeros(STEPS), jax.tree.map(jnp.zeros_like, params))
    start = weights, adam.init(weights), blank
    return jax.lax.fori_loop(0, steps, update, start)[2]


_train = quick_jit(_descend)
