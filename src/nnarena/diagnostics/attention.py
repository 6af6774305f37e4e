"""Where a model looked for its answers to one example of a task.

A model says it by `attention_maps`: here its maps get the names of what was read and
answered, and lose what is absent.

    generated    rows are the classes that it says itself, up to the stop
    every step   rows are steps
    once         rows are hops, or the one answer
"""

from collections.abc import Callable, Sequence as Several
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.compiling import RUN_ONCE, filter_jit
from ..core.labeled_map import LabeledMap
from ..core.types import Classes, Example, Sequence, Signature, Tokens
from ..models.base import AbstractModel
from ..nn.attention_map import AttentionMap, Axis
from ..tasks.base import AbstractTask, Rows


Names = list[str]


class NoMaps(ValueError):
    """A model that does not say where it looks."""


def attention_maps(
    model: AbstractModel, task: AbstractTask, rows: Rows, index: int = 0
) -> list[LabeledMap]:
    """Returns where a model looked for its answers to the example of one row.

        found = nnarena.restore("results", "bahdanau", "reverse", seed=0)
        nnarena.attention_maps(found.model, found.task, found.splits.validation)

    Args:
        model: trained or fresh.
        task: whose examples it answers.
        rows: of the task, as one of its splits.
        index: which of them.

    Raises:
        NoMaps: the model has no attention, or does not say where it looks.
        IndexError: there is no such row.
    """
    count = jax.tree.leaves(rows)[0].shape[0]
    if not isinstance(index, int | np.integer) or not 0 <= index < count:
        raise IndexError(f"there is no example {index}: there are {count:,}, from 0 on")
    row = jax.tree.map(lambda column: jnp.asarray(column[index]), rows)
    example, answers, maps = _shown(task, model, row)
    named = _Named(task, example, np.asarray(answers))
    return [named.labeled(name, found) for name, found in maps]


def _shown(
    task: AbstractTask, model: AbstractModel, row: PyTree
) -> tuple[Example, Array, list[tuple[str, AttentionMap]]]:
    def shown(model: AbstractModel, row: Any):
        example = task.example(row)
        maps = model.attention_maps(*example.asked)
        # Pairs, as a dictionary would come back in the order of its names.
        return example, model(*example.asked), list(maps.items())

    if not eqx.filter_eval_shape(shown, model, row)[2]:
        raise NoMaps(
            "it has no attention to show: nothing in it weighs places, or it does not "
            "say how (docs/attention.md)"
        )
    return filter_jit(shown, options=RUN_ONCE)(model, row)


@dataclass(frozen=True)
class _Named:
    """The names of all that one example and its answers consist of."""

    task: AbstractTask
    example: Example
    answers: np.ndarray

    @property
    def signature(self) -> Signature:
        return self.task.signature

    def labeled(self, name: str, found: AttentionMap) -> LabeledMap:
        """Returns the rows and columns of a map that are there, with their names."""
        weights = np.asarray(found.weights)
        rows = self.along(found.rows, weights.shape[0])
        left, places = weights.shape[1], []
        for axis in found.places:
            size = min(left, self.sizes.get(axis, left))
            places += self.along(axis, size)
            left -= size
        kept_rows, kept = (
            [i for i, label in enumerate(labels) if label is not None]
            for labels in (rows, places)
        )
        return LabeledMap(
            name,
            weights[np.ix_(kept_rows, kept)],
            found.rows,
            tuple(str(rows[i]) for i in kept_rows),
            " and ".join(found.places),
            tuple(str(places[i]) for i in kept),
        )

    @property
    def sizes(self) -> dict[Axis, int]:
        """How many columns an axis has that others may follow."""
        question, context = self.example.question, self.example.context
        before = 0 if context is None else context.length
        return {
            "question": question.length,
            "steps": before + question.length,
            "stop": 1,
            "input": 1,
        }

    def along(self, axis: Axis, size: int) -> list[str | None]:
        """Returns names of all places of an axis, None of those that are absent.

        Of more names than places those of the last.
        """
        makers: dict[Axis, Callable[[], Names]] = {
            "answers": self.answered,
            "said": lambda: ["start", *self.answered()[:-1]],
            "question": self.question,
            "context": self.context,
            "steps": lambda: self.context() + self.question(),
            "sentences": self.sentences,
            "stop": lambda: ["stop"],
            "input": lambda: ["input"],
        }
        numbered = [str(place + 1) for place in range(size)]
        names = makers[axis]()[-size:] if axis in makers else numbered
        return [*names, *[None] * (size - len(names))]

    def answered(self) -> Names:
        """Returns the answers, or the steps of the question they are given after."""
        if self.signature.answers == "every step":
            return self.question()
        if not isinstance(self.signature.outputs, Classes):
            return ["answer"]
        said = np.atleast_1d(np.argmax(self.answers, axis=-1))
        names, generated = self.task.class_names, self.signature.generated
        if generated is not None:
            said = said[np.asarray(generated.until_stop(jnp.asarray(said)))]
            special = {generated.start: "start", generated.stop: "stop"}
            return [special.get(one) or _name(one, names) for one in said.tolist()]
        return [_name(one, names) for one in said.tolist()]

    def question(self) -> Names:
        """Returns the steps of the question that are there."""
        return self._steps(self.example.question, self.signature.inputs)

    def context(self) -> Names:
        """Returns the steps of the context that are there."""
        if self.example.context is None:
            return []
        return self._steps(self.example.context, self.signature.context)

    def sentences(self) -> Names:
        """Returns the sentences of a context, words with a space between."""
        context = self.signature.context
        assert isinstance(context, Tokens)
        assert context.sentences is not None
        assert self.example.context is not None
        names = self.task.token_names
        parts: list[Names] = [[]]
        for token in _there(self.example.context).tolist():
            if token == context.sentences.end:
                parts.append([])
            else:
                parts[-1].append(_name(token, names))
        return [" ".join(words) for words in parts if words]

    def _steps(self, sequence: Sequence, inputs: Any) -> Names:
        read = _there(sequence)
        if not isinstance(inputs, Tokens):
            return [str(place + 1) for place in range(len(read))]
        return [_name(token, self.task.token_names) for token in read.tolist()]


def _there(sequence: Sequence) -> np.ndarray:
    return np.asarray(sequence.xs)[np.asarray(sequence.there)]


def _name(number: int, names: Several[str] | None) -> str:
    return str(number) if names is None else names[number]
