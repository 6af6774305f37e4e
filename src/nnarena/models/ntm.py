"""Neural Turing Machine."""

import math
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.frozen import Frozen
from ..core.numbers import AtLeastOne, NotNegativeInt, held
from ..core.roles import role
from ..core.types import Key
from ..nn import initializers
from ..nn.addressing import Aim, addressed, rewritten
from ..nn.attention_map import by_head
from . import MODELS
from .base import AbstractCell
from .lstm import LSTM


Controller = Literal["lstm", "feedforward"]

MemoryStart = Literal["uniform", "constant"]

HeadStart = Literal["nowhere", "first", "learned"]

CONSTANT = 1e-6
"""What stands everywhere in a constant memory (Collier & Beel 2018)."""

WIDE, GAIN, SMALL, LEARNED = 5.0, 1.4, 0.01, 0.05
"""Of the start: the LSTM's range, the gain of the heads, the deviation of their biases
and of the first words read, and that of the controller's first state."""


class FeedForward(eqx.Module):
    r"""A controller without a state: $h_t = \tanh([x_t; r_{t-1}] W + b)$."""

    weight: Float[Array, "features hidden"]
    bias: Float[Array, " hidden"]

    def __init__(self, features: int, hidden: int, *, key: Key):
        self.weight = initializers.glorot(features, hidden, key=key)
        self.bias = jnp.zeros(hidden)

    def __call__(self, state: tuple[()], x: Float[Array, " features"], dt: Any):
        """Returns no state, and the output."""
        del dt
        return state, jnp.tanh(x @ self.weight + self.bias)


@MODELS.register("ntm", family="memory", source="graves2014neural")
class NTM(AbstractCell):
    r"""A controller that reads and writes a memory by content and by place.

    $$\begin{aligned}
    h_t &= \mathrm{LSTM}([x_t; r_{t-1}]) \quad \text{or} \quad
    \tanh([x_t; r_{t-1}] W + b) \\
    w^c_t &= \mathrm{softmax}(\beta_t \cos(k_t, M_{t-1})), \quad
    w^g_t = g_t w^c_t + (1 - g_t) w_{t-1} \\
    \tilde w_t(i) &= \textstyle\sum_j s_t(j) \, w^g_t(i - j), \quad
    w_t(i) = \tilde w_t(i)^{\gamma_t} / \textstyle\sum_j \tilde w_t(j)^{\gamma_t} \\
    r^i_t &= M_{t-1}^\top w^{r,i}_t, \quad
    M_t = M_{t-1} \odot \textstyle\prod_i (1 - w^{w,i}_t e^{i\top}_t)
    + \textstyle\sum_i w^{w,i}_t a^{i\top}_t
    \end{aligned}$$

    The answer is linear in $[h_t; r^1_t; \dots; r^R_t]$. Each head has an affine map of
    $h_t$: a key $k$, a strength $\beta$ (softplus), a gate $g$ (logistic), shares $s$
    of the offsets up to `reach` slots either way (softmax) and a sharpness
    $\gamma = 1 + \mathrm{softplus}$; a write head also what it erases, $e$ (logistic),
    and adds, $a$. Where `dnc` keeps the order of what it wrote, a head here steps from
    slot to slot, and may write over what is there.

    `hidden` is the controller's width; the memory has `slots` words of `word_size`
    numbers: 128 of 20 and one head of each kind are the paper's. A list of more vectors
    than slots has no room.

    The start is that of a public re-implementation that was seen to converge
    (github.com/loudinthecloud/pytorch-ntm): LSTM weights uniform within
    +-5/sqrt(features + hidden), biases of zero and a first state that is learned, heads
    Glorot-uniform times 1.4, heads that look nowhere at first, and a "uniform" memory,
    within +-1/sqrt(slots + word_size), that is drawn once and never trained, as are the
    first words read. `memory="constant"` is 1e-6 everywhere (Collier & Beel 2018);
    `heads="first"` look at the first slot, "learned" where training likes. Its recipe:
    one sequence a batch, "rmsprop_momentum" at the rate 1e-4, constant, with
    `squares_kept=0.95`, no clipping, `embed="none"` and `head="glorot"`
    (`experiments/ntm.toml`).

    Departs from the paper, which says nothing of these, in that start, in reading
    before it writes, and in the controllers: an LSTM as in `lstm` and one layer of
    tanh. In cosines 1e-6 is added to squares.
    """

    controller: LSTM | FeedForward
    head_weight: Float[Array, "hidden interface"]
    head_bias: Float[Array, " interface"]
    words: Frozen
    reads: Frozen
    first_state: Float[Array, "parts hidden"] = eqx.field(metadata=role(decay=False))
    looks: Float[Array, "heads slots"] | Frozen = eqx.field(metadata=role(decay=False))
    hidden_size: int = eqx.field(static=True)
    read_heads: int = eqx.field(static=True)
    write_heads: int = eqx.field(static=True)
    word_size: int = eqx.field(static=True)
    reach: int = eqx.field(static=True)
    heads: HeadStart = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        slots: AtLeastOne = 128,
        word_size: AtLeastOne = 20,
        read_heads: AtLeastOne = 1,
        write_heads: AtLeastOne = 1,
        reach: NotNegativeInt = 1,
        controller: Controller = "lstm",
        memory: MemoryStart = "uniform",
        heads: HeadStart = "nowhere",
        key: Key,
    ):
        if 2 * reach + 1 > slots:
            raise ValueError(
                f"a reach of {reach} slots either way needs {2 * reach + 1} slots, and "
                f"there are {slots}"
            )
        keys = jax.random.split(key, 6)
        inputs = features + read_heads * word_size
        make = wide_lstm if controller == "lstm" else FeedForward
        self.controller = make(inputs, hidden, key=keys[0])
        parts = 2 if controller == "lstm" else 0
        self.first_state = LEARNED * jax.random.normal(keys[1], (parts, hidden))
        limits = head_limits(hidden, word_size, 2 * reach + 1, read_heads, write_heads)
        drawn = jax.random.uniform(keys[2], (hidden, len(limits)), minval=-1.0)
        self.head_weight = drawn * jnp.asarray(limits, drawn.dtype)[None, :]
        self.head_bias = SMALL * jax.random.normal(keys[3], (len(limits),))
        self.words, self.reads = first_memory(
            memory, (slots, word_size), read_heads, keys[4:]
        )
        looks = jnp.zeros((read_heads + write_heads, slots))
        first = looks.at[:, 0].set(1.0) if heads == "first" else looks
        self.looks = looks if heads == "learned" else Frozen(first)
        self.hidden_size = hidden + read_heads * word_size
        self.read_heads, self.write_heads = read_heads, write_heads
        self.word_size, self.reach, self.heads = word_size, reach, heads

    def init_state(self):
        ready: Any = self  # once resolved, what is frozen is plain arrays
        looks = ready.looks
        if self.heads == "learned":
            looks = jax.nn.softmax(looks, axis=-1)
        return tuple(self.first_state), ready.words, looks, ready.reads

    def __call__(self, state, x, dt):
        controller, words, looks, reads = state
        found = jnp.concatenate([x, reads])
        controller, h = self.controller(controller, found, dt)
        aim, erase, add = self.request(h)
        looks = addressed(words, looks, aim)
        reading, writing = jnp.split(looks, [self.read_heads])
        reads = (reading @ words).reshape(-1)
        words = rewritten(words, writing, erase, add)
        return (controller, words, looks, reads), jnp.concatenate([h, reads])

    def attention_maps(self, found, xs, left):
        del found, xs  # the state holds the addresses
        looks = jnp.swapaxes(left[2], 0, 1)
        return by_head("read", looks[: self.read_heads], "steps", "slots") | by_head(
            "write", looks[self.read_heads :], "steps", "slots"
        )

    def request(
        self, h: Float[Array, " hidden"]
    ) -> tuple[Aim, Float[Array, "heads word"], Float[Array, "heads word"]]:
        """Returns where all heads are to look, and what write heads erase and add."""
        raw = h @ self.head_weight + self.head_bias
        word, offsets = self.word_size, 2 * self.reach + 1
        heads = self.read_heads + self.write_heads
        aims, changes = jnp.split(raw, [heads * (word + 3 + offsets)])
        ends = [word, word + 1, word + 2, word + 2 + offsets]
        keys, strengths, gates, shifts, sharpness = jnp.split(
            aims.reshape(heads, -1), ends, axis=1
        )
        erase, add = changes.reshape(2, self.write_heads, word)
        aim = Aim(
            keys=keys,
            strengths=jax.nn.softplus(strengths[:, 0]),
            gates=jax.nn.sigmoid(gates[:, 0]),
            shifts=jax.nn.softmax(shifts, axis=-1),
            sharpness=1.0 + jax.nn.softplus(sharpness[:, 0]),
        )
        return aim, jax.nn.sigmoid(erase), add


def wide_lstm(features: int, hidden: int, *, key: Key) -> LSTM:
    """Returns an LSTM that starts uniform within +-5/sqrt(features + hidden)."""
    cell = LSTM(features, hidden, forget_bias=0.0, key=key)
    limit = WIDE / math.sqrt(features + hidden)
    shape = (features + hidden, 4 * hidden)
    drawn = jax.random.uniform(key, shape, minval=-limit, maxval=limit)
    return eqx.tree_at(
        lambda cell: (cell.input_weight, cell.recurrent_weight),
        cell,
        (drawn[:features], drawn[features:]),
    )


def head_limits(
    hidden: int, word_size: int, offsets: int, read_heads: int, write_heads: int
) -> np.ndarray:
    """Returns the range of the start of each number that the heads receive.

    Each head by itself is a map of the controller's output: those that write are wider,
    and start narrower. First stand the aims of all, then what is erased and added.
    """
    aim, change = word_size + 3 + offsets, 2 * word_size
    reading, writing = (
        GAIN * math.sqrt(6.0 / (hidden + size)) for size in (aim, aim + change)
    )
    counts = [read_heads * aim, write_heads * (aim + change)]
    return np.repeat([reading, writing], counts)


def first_memory(
    start: MemoryStart, size: tuple[int, int], read_heads: int, keys: Any
) -> tuple[Frozen, Frozen]:
    """Returns what stands in the memory at first, and what was read before that."""
    reads = read_heads * size[1]
    if start == "constant":
        return Frozen(jnp.full(size, CONSTANT)), Frozen(jnp.full(reads, CONSTANT))
    limit = 1.0 / math.sqrt(sum(size))
    words = jax.random.uniform(keys[0], size, minval=-limit, maxval=limit)
    return Frozen(words), Frozen(SMALL * jax.random.normal(keys[1], (reads,)))
