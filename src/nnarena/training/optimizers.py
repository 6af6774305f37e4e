"""Optimizers by name: clipping, direction, decay and rate as one chain of optax.

    adamw              Adam, and decay apart from it (Loshchilov & Hutter 2019)
    adam               Kingma & Ba (2015)
    sgd                the gradient itself
    momentum           the gradient and `momentum` times the last direction (Polyak
                       1964)
    rmsprop            the gradient over the root of its mean square (Hinton 2012)
    rmsprop_momentum   that, and `momentum` times the last direction (Graves 2013)
    adadelta           as rmsprop, times the root of the mean square of updates
                       (Zeiler 2012)

In all but "adamw" decay is the gradient of half the squared weight: it is added to the
clipped gradient before the optimizer sees it. Means of squares keep `squares_kept` of
themselves at every step in "rmsprop", "rmsprop_momentum" and "adadelta", and forget a
thousandth in Adam. Graves takes the mean off before he squares; "rmsprop_momentum" does
not. Every update is proportional to the learning rate.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PyTree

from .roles import at_own_rates, decayed


Optimizer = Literal[
    "adamw", "adam", "sgd", "momentum", "rmsprop", "rmsprop_momentum", "adadelta"
]

Clipping = Literal["global_norm", "weight_norm", "value"]
"""What is held below the limit: the norm of all gradients, of each weight's, or each
number of them."""


def make_optimizer(
    name: Optimizer,
    rate: Callable[..., Array],
    *,
    clip: float,
    clip_by: Clipping,
    weight_decay: float,
    momentum: float,
    squares_kept: float,
    epsilon: float,
) -> optax.GradientTransformation:
    """Returns the optimizer of a name; a `clip` of 0 leaves gradients as they are."""
    direction = _direction(name, momentum, squares_kept, epsilon)
    decay = optax.add_decayed_weights(weight_decay, mask=decayed)
    steps = [direction, decay] if name == "adamw" else [decay, direction]
    return optax.chain(
        _clipped(clip_by, clip) if clip else optax.identity(),
        optax.chain(*steps, optax.scale_by_learning_rate(rate)),
        at_own_rates(),
    )


def _direction(
    name: Optimizer, momentum: float, squares_kept: float, epsilon: float
) -> optax.GradientTransformation:
    match name:
        case "adamw" | "adam":
            return optax.scale_by_adam(eps=epsilon)
        case "sgd":
            return optax.identity()
        case "momentum":
            return optax.trace(decay=momentum)
        case "rmsprop":
            return optax.scale_by_rms(decay=squares_kept, eps=epsilon)
        case "rmsprop_momentum":
            scaled = optax.scale_by_rms(decay=squares_kept, eps=epsilon)
            return optax.chain(scaled, optax.trace(decay=momentum))
        case "adadelta":
            return optax.scale_by_adadelta(rho=squares_kept, eps=epsilon)


def _clipped(by: Clipping, limit: float) -> optax.GradientTransformation:
    match by:
        case "global_norm":
            return optax.clip_by_global_norm(limit)
        case "weight_norm":
            return optax.stateless(lambda updates, _: _each_below(updates, limit))
        case "value":
            return optax.clip(limit)


def _each_below(updates: PyTree, limit: float) -> PyTree:
    """Returns the gradients with the norm of each weight's at most `limit`."""

    def below(update: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(jnp.square(update)))
        return jnp.where(norm < limit, update, update / norm * limit)

    return jax.tree.map(below, updates)
