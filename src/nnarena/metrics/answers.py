"""How far one answer is from its target: what metrics and losses are means of."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int


Answers = Float[Array, "*answers outputs"]
Each = Float[Array, "*answers"]
Truths = Float[Array, "*answers labels"] | Bool[Array, "*answers labels"]


def class_cross_entropy(logits: Answers, targets: Int[Array, "*answers"]) -> Each:
    """Returns the negative log-likelihood of the right class, in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets)


def label_cross_entropies(logits: Answers, targets: Truths) -> Answers:
    """Returns the negative log-likelihood of each label, in nats."""
    return jax.nn.softplus(logits) - logits * targets.astype(logits.dtype)


def squared_error(answers: Answers, targets: Answers) -> Each:
    """Returns the mean over outputs of the squared error."""
    return jnp.mean(jnp.square(answers - targets), axis=-1)


def absolute_error(answers: Answers, targets: Answers) -> Each:
    """Returns the mean over outputs of the absolute error."""
    return jnp.mean(jnp.abs(answers - targets), axis=-1)


def right_classes(
    logits: Answers, targets: Int[Array, "*answers"]
) -> Bool[Array, "*answers"]:
    """Returns whether the largest logit, of equal ones the first, is the target's."""
    return jnp.argmax(logits, axis=-1) == targets


def right_labels(logits: Answers, targets: Truths) -> Bool[Array, "*answers labels"]:
    """Returns of each label whether its logit has the sign of the target."""
    return (logits > 0) == is_true(targets)


def is_true(targets: Truths) -> Bool[Array, "*answers labels"]:
    """Returns the truth of labels that are numbers, 0 or 1, or truth values."""
    return targets > 0.5 if jnp.issubdtype(targets.dtype, jnp.floating) else targets
