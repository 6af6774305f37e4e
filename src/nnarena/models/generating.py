"""The frames of contenders that generate: on from a state, or all in parallel."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..core.types import Sequence, State
from ..nn.attention_map import AttentionMap, Maps
from ..nn.decoding import fed
from ..nn.joined import joined
from ..nn.linear import affine, embedded
from ..nn.parametrization import resolve
from ..nn.trace import NO_NUDGES, nudged
from ..nn.unroll import Unrolled, own_vectors
from .base import AbstractCell
from .decoder import AbstractDecoder, AbstractParallelDecoder, answers_of
from .sequence import SequenceModel, traced


class RecurrentDecoder(AbstractDecoder):
    """Cells that read the question, and others that go on from their states.

    The `reader` is the frame of the cells that read, without a head. A second stack of
    the same cells, with weights of their own, starts in the states in which the first
    ends, layer by layer; it is fed classes from a table and read out by the head
    (Sutskever et al. 2014). One unit of time passes between two classes. Dropout acts
    on what is read.
    """

    reader: SequenceModel
    table: eqx.nn.Embedding
    cells: tuple[AbstractCell, ...]
    head: eqx.nn.Linear | None

    def __init__(
        self,
        reader: SequenceModel,
        table: eqx.nn.Embedding,
        cells: tuple[AbstractCell, ...],
        head: eqx.nn.Linear | None,
    ):
        self.reader, self.table = reader, table
        self.cells, self.head = cells, head

    @property
    def signature(self):
        return self.reader.signature

    @property
    def causal(self):
        return self.reader.causal

    def encode(self, sequence, context=None, *, key=None):
        steps, _ = self.reader.read(sequence, context)
        return self._handed_over(steps, self.reader.through(steps, key=key))

    def _handed_over(self, steps: Sequence, seen: list[Unrolled]):
        """Returns the cells as a loop wants them, and the states that they start in."""
        cells = own_vectors(resolve(self.cells), steps.xs[0, 0])
        return cells, tuple(one.last for one in seen)

    def step(self, memory, state, token):
        left, hs = self._passed(memory, state, token)
        return left, hs[-1] if self.head is None else self.head(hs[-1])

    def _passed(self, cells: tuple[AbstractCell, ...], state: State, token):
        """Returns the states that a step leaves, and what is read by cells and head."""
        hs, left = [self.table(token)], []
        for cell, found in zip(cells, state, strict=True):
            after, h = cell(found, hs[-1], jnp.ones(()))
            left.append(after)
            hs.append(h)
        return tuple(left), hs

    def trace(self, sequence, *context, nudges=NO_NUDGES):
        steps, _ = self.reader.read(sequence, *context)
        steps = steps.with_xs(nudged(steps.xs, nudges.inputs))
        seen = self.reader.through(steps, nudges=nudges, states=True)
        return traced(self.free(*self._handed_over(steps, seen)), steps, seen)

    def attention_maps(self, sequence, *context):
        memory, state = self.encode(sequence, *context)
        said = jnp.argmax(self.free(memory, state), axis=1)

        def step(found, token):
            left, hs = self._passed(memory, found, token)
            return left, (found, hs[:-1], left)

        tokens = fed(answers_of(self), said)
        passed = jax.lax.scan(step, state, tokens)[1]
        reading = self.reader.attention_maps(sequence, *context)
        maps: Maps = {f"reading, {name}": reading[name] for name in reading}
        for number, cell in enumerate(self.cells):
            layer = f"layer {number + 1}, " if len(self.cells) > 1 else ""
            looks = cell.attention_maps(*(part[number] for part in passed))
            for name, found in looks.items():
                own = AttentionMap(found.weights, "answers", found.places)
                maps[f"answering, {layer}{name}"] = own
        return maps


class CausalDecoder(AbstractParallelDecoder):
    """Causal layers that read the question and the answer so far as one sequence.

    As decoder-only language models do. The `reader` is their frame without a head.
    """

    reader: SequenceModel
    table: eqx.nn.Embedding
    head: eqx.nn.Linear | None

    def __init__(
        self,
        reader: SequenceModel,
        table: eqx.nn.Embedding,
        head: eqx.nn.Linear | None,
    ):
        self.reader, self.table, self.head = reader, table, head

    @property
    def signature(self):
        return self.reader.signature

    @property
    def causal(self):
        return self.reader.causal

    def remember(self, sequence, context=None, *, key=None):
        return self.reader.read(sequence, context)[0], key

    def parallel(self, memory, tokens):
        steps, key = memory
        said = Sequence(embedded(self.table, tokens))
        steps, places = joined(steps, said)
        hs = self.reader.through(steps, key=key)[-1].hs[places]
        return hs if self.head is None else affine(self.head, hs)

    def trace(self, sequence, *context, nudges=NO_NUDGES):
        steps, _ = self.reader.read(sequence, *context)
        steps = steps.with_xs(nudged(steps.xs, nudges.inputs))
        answers = self.free((steps, None), self.nothing_said)
        return traced(answers, steps, self.reader.through(steps, states=True))

    def attention_maps(self, sequence, *context):
        steps, key = self.remember(sequence, *context)
        said = jnp.argmax(self.free((steps, key), self.nothing_said), axis=1)
        vectors = embedded(self.table, fed(answers_of(self), said))
        whole, places = joined(steps, Sequence(vectors))
        read = jnp.arange(steps.length) < places[0]

        def of_answers(found: AttentionMap) -> AttentionMap:
            rows = found.weights[places]
            before = jnp.where(read[None], rows[:, : steps.length], 0.0)
            apart = jnp.concatenate([before, rows[:, places]], axis=1)
            return AttentionMap(apart, "answers", ("steps", "said"))

        maps = self.reader.maps_along(whole)
        return {name: of_answers(found) for name, found in maps.items()}


def frame_of(model: PyTree) -> SequenceModel | None:
    """Returns the frame that a contender stands in, or its shapes; None without one."""
    if isinstance(model, RecurrentDecoder | CausalDecoder):
        return model.reader
    return model if isinstance(model, SequenceModel) else None
