"""Two sequences read as one: a story and its question, a question and its answer."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core.types import Inputs, Key, Sequence, Signature, Tokens
from .linear import embedded


Embedding = eqx.nn.Embedding | eqx.nn.Linear


def joined(first: Sequence, second: Sequence) -> tuple[Sequence, Int[Array, " steps"]]:
    """Returns one sequence of vectors after another, and where the second's steps are.

    The second begins right after the last step of the first that is there, so that
    padding comes last again.
    """
    xs = jnp.concatenate([first.xs, second.xs])
    dts = jnp.concatenate([first.dts, second.dts])
    begin, steps = first.last + 1, jnp.arange(second.length)
    if first.present is None and second.present is None:
        return Sequence(xs, dts), begin + steps
    places = jnp.arange(first.length + second.length)
    shift = jnp.where(places < begin, 0, first.length - begin)
    source = jnp.minimum(places + shift, len(places) - 1)
    present = places <= begin + second.last
    return Sequence(xs[source], dts[source], present), begin + steps


class Context(eqx.Module):
    """What the steps of a context become, as wide as those of the question.

    Steps of another type have an embedding of their own. Tokens of the question's
    vocabulary share its table; to each is added a vector that marks the context, and
    starts as the vector of a token does.
    """

    embed: Embedding
    shared: bool = eqx.field(static=True)

    def __call__(self, xs: Inputs, question: Embedding) -> Float[Array, "time width"]:
        """Returns the vectors; `question` is the embedding of the question."""
        if self.shared:
            return embedded(question, xs) + self.embed.weight
        return embedded(self.embed, xs)


def make_context(
    signature: Signature, make: Callable[..., Embedding], *, key: Key
) -> Context | None:
    """Returns what reads a signature's context; None where it has none.

    `make` returns the embedding of `Features` or `Tokens`, by a key. The `key` is that
    of the question's embedding, of which this takes another.
    """
    context = signature.context
    if context is None:
        return None
    shared = isinstance(context, Tokens) and context == signature.inputs
    own_key = jax.random.fold_in(key, 1)
    return Context(make(Tokens(1) if shared else context, key=own_key), shared)


def before(
    reader: Context | None,
    context: Sequence | None,
    question: Sequence,
    embed: Embedding | None,
) -> tuple[Sequence, Int[Array, " steps"] | None]:
    """Returns a context and the vectors of its question as one, and their places.

    Args:
        reader: what reads the context.
        context: None where there is none: then the question is all there is, and the
            places are None.
        question: the vectors of its steps.
        embed: the embedding that they came from.
    """
    if context is None:
        return question, None
    assert reader is not None, "the signature says that there is a context"
    assert embed is not None, "inputs are not left raw where there is a context"
    return joined(context.with_xs(reader(context.xs, embed)), question)
