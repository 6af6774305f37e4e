r"""The memory of a Differentiable Neural Computer (Graves et al. 2016, Methods).

A matrix $M$ of `slots` rows ("words"), one write head and any number of read heads.
Every address is a vector of weights over the slots, at least 0 and with a sum of at
most 1. The names of the parts are those of the paper's "Memory addressing": content
based addressing, dynamic memory allocation, temporal memory linkage.

Everything is written without sorting and without fetching by index, which are slow in
a loop over time.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Scalar


Words = Float[Array, "slots word"]
Slots = Float[Array, " slots"]
Link = Float[Array, "slots slots"]
Heads = Float[Array, "heads slots"]

EPSILON = 1e-6
"""As in the authors' code: of squared norms, and the least usage when allocating."""


class Request(eqx.Module):
    """What the controller asks of the memory at one step, once within its ranges.

    `lookup` are the keys and `strengths` of content lookups, those of the read heads
    first, that of the write head last. The three `modes` of a read head are weights of
    going backward, looking up, and going forward.
    """

    lookup: Float[Array, "lookups word"]
    strengths: Float[Array, " lookups"]
    erase: Float[Array, " word"]
    write: Float[Array, " word"]
    free: Float[Array, " heads"]
    allocation_gate: Scalar
    write_gate: Scalar
    modes: Float[Array, "heads 3"]


class Memory(eqx.Module):
    """Contents and addresses after one step."""

    words: Words
    usage: Slots
    precedence: Slots
    link: Link
    writing: Slots
    reading: Heads


def blank(slots: int, word: int, heads: int, *, start: float) -> Memory:
    """Returns an unused memory: `start` in its words and its weights, 0 elsewhere."""
    return Memory(
        words=jnp.full((slots, word), start),
        usage=jnp.zeros(slots),
        precedence=jnp.zeros(slots),
        link=jnp.zeros((slots, slots)),
        writing=jnp.full(slots, start),
        reading=jnp.full((heads, slots), start),
    )


def access(
    memory: Memory, request: Request
) -> tuple[Memory, Float[Array, "heads word"]]:
    """Writes, then reads: returns the memory after it and what was read."""
    usage = retained_usage(memory, request.free)
    writing = write_weighting(memory.words, usage, request)
    words = overwritten(memory.words, writing, request)
    link = linked(memory.link, memory.precedence, writing)
    reading = read_weighting(words, link, memory.reading, request)
    precedence = (1.0 - jnp.sum(writing)) * memory.precedence + writing
    return Memory(words, usage, precedence, link, writing, reading), reading @ words


def retained_usage(memory: Memory, free: Float[Array, " heads"]) -> Slots:
    r"""Returns $u_t = (u + w - u \odot w) \odot \prod_i (1 - f^i w^{r,i})$."""
    used = memory.usage + memory.writing - memory.usage * memory.writing
    for gate, reading in zip(free, memory.reading, strict=True):
        used = used * (1.0 - gate * reading)
    return used


def allocation(usage: Slots) -> Slots:
    r"""Returns $a_j = (1 - u_j) \prod_{i \text{ before } j} u_i$, by rising usage.

    Slot $i$ is before $j$ if it is less used, or as much and the first of the two:
    the order of a stable sort, found by comparing every pair. The order is constant to
    the gradient. Products are sums of logarithms, so that usages below `EPSILON` count
    as that, as in the authors' code.
    """
    index = jnp.arange(usage.shape[0])
    less = usage[:, None] < usage[None, :]
    tied = (usage[:, None] == usage[None, :]) & (index[:, None] < index[None, :])
    used = EPSILON + (1.0 - EPSILON) * usage
    before = jnp.where(less | tied, jnp.log(used)[:, None], 0.0)
    return (1.0 - used) * jnp.exp(jnp.sum(before, axis=0))


def content_weighting(
    words: Words,
    keys: Float[Array, "lookups word"],
    strengths: Float[Array, " lookups"],
) -> Float[Array, "lookups slots"]:
    r"""Returns $C(M, k, \beta)$: softmax of the strength times the cosine."""
    cosines = normalized(keys) @ normalized(words).T
    return jax.nn.softmax(strengths[:, None] * cosines, axis=-1)


def normalized(vectors: Float[Array, "rows word"]) -> Float[Array, "rows word"]:
    """Returns the vectors at length 1, but for those near zero, which stay there."""
    squares = jnp.sum(vectors**2, axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(squares + EPSILON)


def write_weighting(words: Words, usage: Slots, request: Request) -> Slots:
    r"""Returns $w^w = g^w (g^a a + (1 - g^a) c^w)$."""
    found = content_weighting(words, request.lookup[-1:], request.strengths[-1:])[0]
    new = allocation(usage)
    return request.write_gate * (found + request.allocation_gate * (new - found))


def overwritten(words: Words, writing: Slots, request: Request) -> Words:
    r"""Returns $M \odot (1 - w e^\top) + w v^\top$."""
    change = request.write[None, :] - words * request.erase[None, :]
    return words + writing[:, None] * change


def linked(link: Link, precedence: Slots, writing: Slots) -> Link:
    r"""Returns $L_{ij} = (1 - w_i - w_j) L_{ij} + w_i p_j$, zero on the diagonal."""
    later, earlier = writing[:, None], writing[None, :]
    updated = (1.0 - later - earlier) * link + later * precedence[None, :]
    return updated * (1.0 - jnp.eye(link.shape[0], dtype=link.dtype))


def read_weighting(words: Words, link: Link, reading: Heads, request: Request) -> Heads:
    r"""Returns $w^r = \pi_1 L^\top w^r + \pi_2 c^r + \pi_3 L w^r$ of each head."""
    heads = reading.shape[0]
    found = content_weighting(words, request.lookup[:heads], request.strengths[:heads])
    backward, lookup, forward = jnp.split(request.modes, 3, axis=-1)
    followed = (backward * reading) @ link + (forward * reading) @ link.T
    return followed + lookup * found
