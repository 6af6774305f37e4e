r"""How the heads of a Neural Turing Machine find their place and write there.

Every head has weights over the `slots` rows ("words") of the memory $M$, at least 0 and
with a sum of 1: where it looks. Graves et al. (2014), section 3, form them anew at each
step, from those before (equations 5 to 9):

    content   a softmax over slots of how like each word is to the head's key
    gate      so much of that, the rest is where the head looked before
    shift     moved round a ring of slots, by each offset to its share
    sharpen   to a power, for a shift by shares blurs

Content lookups and the words' lengths are those of `external_memory`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .external_memory import Heads, Words, content_weighting


TINY = 1e-12
"""What counts as no weight: the logarithm of it is a number, and so is its slope."""


class Aim(eqx.Module):
    """What heads ask for at one step, once within its ranges.

    `shifts` are the shares of the offsets -n to n, with a sum of 1 for each head.
    """

    keys: Float[Array, "heads word"]
    strengths: Float[Array, " heads"]
    gates: Float[Array, " heads"]
    shifts: Float[Array, "heads offsets"]
    sharpness: Float[Array, " heads"]


def addressed(words: Words, before: Heads, aim: Aim) -> Heads:
    """Returns where heads look, which looked somewhere before."""
    found = content_weighting(words, aim.keys, aim.strengths)
    gates = aim.gates[:, None]
    mixed = gates * found + (1.0 - gates) * before
    return sharpened(shifted(mixed, aim.shifts), aim.sharpness)


def shifted(weights: Heads, shifts: Float[Array, "heads offsets"]) -> Heads:
    r"""Returns $\sum_j s_j w_{i - j}$, for slots on a ring."""
    reach = shifts.shape[1] // 2
    parts = [
        shifts[:, reach + offset, None] * jnp.roll(weights, offset, axis=1)
        for offset in range(-reach, reach + 1)
    ]
    return sum(parts[1:], start=parts[0])


def sharpened(weights: Heads, sharpness: Float[Array, " heads"]) -> Heads:
    r"""Returns $w_i^\gamma / \sum_j w_j^\gamma$.

    As the softmax of $\gamma \log w$, in which no power falls below the least number
    however large $\gamma$ is; a head that looks nowhere, at weights of 0, looks
    everywhere alike.
    """
    return jax.nn.softmax(sharpness[:, None] * jnp.log(weights + TINY), axis=-1)


def rewritten(
    words: Words,
    writing: Heads,
    erase: Float[Array, "heads word"],
    add: Float[Array, "heads word"],
) -> Words:
    r"""Returns $M \odot \prod_i (1 - w_i e_i^\top) + \sum_i w_i a_i^\top$.

    All heads erase before any adds, so that their order is none.
    """
    for weights, gone in zip(writing, erase, strict=True):
        words = words * (1.0 - weights[:, None] * gone[None, :])
    return words + writing.T @ add
