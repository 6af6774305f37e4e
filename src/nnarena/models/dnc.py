"""Differentiable Neural Computer."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AboveZero, AtLeastOne, Finite, held
from ..core.types import Key
from ..nn import initializers
from ..nn.attention_map import by_head
from ..nn.external_memory import Request, access, blank
from . import MODELS
from .base import AbstractCell
from .lstm import LSTM


Strength = Literal["oneplus", "thesis"]
STRENGTHS = ("oneplus", "thesis")


@MODELS.register("dnc", family="memory", source="graves2016hybrid")
class DNC(AbstractCell):
    r"""An LSTM that writes to and reads from a memory, by content and order.

    $$\begin{aligned}
    h_t &= \mathrm{LSTM}([x_t; r_{t-1}]), \quad
    \xi_t = h_t W_\xi + b_\xi \\
    u_t &= (u_{t-1} + w^w_{t-1} - u_{t-1} \odot w^w_{t-1}) \odot
    \textstyle\prod_i (1 - f^i_t w^{r,i}_{t-1}) \\
    a_t[\phi_j] &= (1 - u_t[\phi_j]) \textstyle\prod_{i<j} u_t[\phi_i],
    \quad \phi = \mathrm{argsort}(u_t) \\
    w^w_t &= g^w_t (g^a_t a_t + (1 - g^a_t) \, C(M_{t-1}, k^w_t, \beta^w_t)) \\
    M_t &= M_{t-1} \odot (1 - w^w_t e_t^\top) + w^w_t v_t^\top \\
    L_t[i,j] &= (1 - w^w_t[i] - w^w_t[j]) L_{t-1}[i,j] + w^w_t[i] \, p_{t-1}[j],
    \quad L_t[i,i] = 0 \\
    p_t &= (1 - \textstyle\sum_i w^w_t[i]) \, p_{t-1} + w^w_t \\
    w^{r,i}_t &= \pi^i_t[1] L_t^\top w^{r,i}_{t-1}
    + \pi^i_t[2] C(M_t, k^{r,i}_t, \beta^{r,i}_t) + \pi^i_t[3] L_t w^{r,i}_{t-1},
    \quad r^i_t = M_t^\top w^{r,i}_t
    \end{aligned}$$

    The answer is linear in $[h_t; r^1_t; \dots; r^R_t]$. $C$ is the softmax over slots
    of $\beta$ times the cosine of key and word. The interface
    $\xi$ is cut into keys $k$, strengths $\beta = 1 + \mathrm{softplus}$, gates
    $f, g^a, g^w$ and erase vector $e$ (logistic), write vector $v$ and read modes
    $\pi$ (softmax of three). Where a wider LSTM costs weights by the square of its
    width, more slots cost none. What was written is found by content, by what was
    written before or after it, and is not overwritten until freed.

    `hidden` is the controller's width; the memory has `slots` words of `word_size`
    numbers, read by `read_heads` heads. `clip` bounds the controller's output and its
    own memory; None does not.
    The thesis is `strength="thesis", start=1e-6` at `hidden=64`: strengths are
    $\mathrm{softplus}(1 + \mathrm{softplus})$, and the memory, the weights of the
    heads and the words read start at 1e-6; the paper's start at 0.

    Departs from the paper as its authors' code does: `clip` is 20 there, lengths are
    the root of the squares and 1e-6, usages count as 1e-6 at least when slots are
    allocated. Unlike in that code, strengths are those of the paper, usage passes the
    gradient on to what was written, and the answer is not clipped. Slots are ordered
    by comparing pairs instead of sorting. The controller starts as `lstm`, the
    interface Glorot-uniform with biases of zero, its parts in an order of their own.
    """

    controller: LSTM
    interface_weight: Float[Array, "hidden interface"]
    interface_bias: Float[Array, " interface"]
    hidden_size: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)
    word_size: int = eqx.field(static=True)
    read_heads: int = eqx.field(static=True)
    clip: float | None = eqx.field(static=True)
    strength: Strength = eqx.field(static=True)
    start: float = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        slots: AtLeastOne = 16,
        word_size: AtLeastOne = 8,
        read_heads: AtLeastOne = 2,
        clip: AboveZero | None = 20.0,
        strength: Strength = "oneplus",
        start: Finite = 0.0,
        key: Key,
    ):
        controller_key, interface_key = jax.random.split(key)
        self.controller = LSTM(
            features + read_heads * word_size, hidden, key=controller_key
        )
        size = (read_heads + 3) * word_size + 5 * read_heads + 3
        self.interface_weight = initializers.glorot(hidden, size, key=interface_key)
        self.interface_bias = jnp.zeros(size)
        self.hidden_size = hidden + read_heads * word_size
        self.slots, self.word_size, self.read_heads = slots, word_size, read_heads
        self.clip, self.strength, self.start = clip, strength, start

    def init_state(self):
        reads = jnp.full(self.read_heads * self.word_size, self.start)
        memory = blank(self.slots, self.word_size, self.read_heads, start=self.start)
        return self.controller.init_state(), memory, reads

    def __call__(self, state, x, dt):
        controller, memory, reads = state
        (h, c), _ = self.controller(controller, jnp.concatenate([x, reads]), dt)
        if self.clip is not None:
            h, c = (jnp.clip(part, -self.clip, self.clip) for part in (h, c))
        memory, read = access(memory, self.request(h))
        reads = read.reshape(-1)
        return ((h, c), memory, reads), jnp.concatenate([h, reads])

    def attention_maps(self, found, xs, left):
        del found, xs  # the state holds the addresses
        memory = left[1]
        reading = jnp.swapaxes(memory.reading, 0, 1)
        return by_head("read", reading, "steps", "slots") | by_head(
            "write", memory.writing[None], "steps", "slots"
        )

    def request(self, h: Float[Array, " hidden"]) -> Request:
        """Returns what the controller's output asks of the memory, within ranges."""
        raw = h @ self.interface_weight + self.interface_bias
        word, heads = self.word_size, self.read_heads
        sizes = [(heads + 1) * word, heads + 1, word + heads + 2, word]
        ends = [sum(sizes[: index + 1]) for index in range(4)]
        lookup, strengths, gates, write, modes = jnp.split(raw, ends)
        gates = jax.nn.sigmoid(gates)
        return Request(
            lookup=lookup.reshape(heads + 1, word),
            strengths=positive(strengths, self.strength),
            erase=gates[:word],
            write=write,
            free=gates[word:-2],
            allocation_gate=gates[-2],
            write_gate=gates[-1],
            modes=jax.nn.softmax(modes.reshape(heads, 3), axis=-1),
        )


def positive(
    raw: Float[Array, " lookups"], strength: Strength
) -> Float[Array, " lookups"]:
    r"""Returns strengths: $1 + \mathrm{softplus}$ of raw numbers, or the thesis's."""
    oneplus = 1.0 + jax.nn.softplus(raw)
    return oneplus if strength == "oneplus" else jax.nn.softplus(oneplus)
