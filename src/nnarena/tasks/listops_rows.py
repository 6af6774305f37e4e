"""Expressions of ListOps: drawing many at once, and what they amount to.

A token is a digit, an operator with its bracket, or the bracket that closes it:

    [MAX 2 9 [MIN 4 7 ] 0 ]    ->    9
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8

from .files import DataProblem


DIGITS = 10

WORDS = (*map(str, range(DIGITS)), "[MIN", "[MAX", "[MED", "[SM", "]")
"""Every token of the task, in the order of their numbers."""

OPERATORS = 4

END = WORDS.index("]")

ORIGINAL_WORDS = (*WORDS, "[FIRST", "[LAST")
"""Those of the files of Nangia & Bowman, whose two other operators LRA left out."""

NESTED = 64
"""Of 256 equal chances, those by which an argument is an operator: one in four."""

BLOCK = 4_096
"""How many expressions are tried at once."""

REPEATED = 0.1
"""The largest share of draws that may be an expression that was drawn before."""


class Limits(NamedTuple):
    """What an expression may be: LRA's words for it are in the comments."""

    depth: int  # max_depth: nodes from the root to the deepest digit, at most
    arguments: int  # max_args
    shortest: int  # min_length: an expression has more tokens
    length: int  # max_length: and fewer than these


class Expressions(NamedTuple):
    """Expressions as tokens, padded at their ends, and their values."""

    tokens: UInt8[np.ndarray, "rows time"]
    lengths: Int[np.ndarray, " rows"]
    values: UInt8[np.ndarray, " rows"]


class Level(NamedTuple):
    """The operators at one depth of many expressions, in the order of their parents.

    `parent` is the place of the operator above, among those of its level, and `slot`
    which argument of it this one is; `own` counts its tokens, arguments that are
    operators aside.
    """

    tree: Int[np.ndarray, " operators"]
    parent: Int[np.ndarray, " operators"]
    slot: Int[np.ndarray, " operators"]
    own: Int[np.ndarray, " operators"]


def draw_expressions(
    limits: Limits, count: int, random: np.random.RandomState
) -> Expressions:
    """Returns so many different expressions, as the generator of LRA draws them.

    Raises:
        DataProblem: more than one in ten was drawn before. Then those that are short
            run out, so that shares of values and lengths are others than those drawn.
    """
    found: dict[bytes, int] = {}
    drawn = 0
    while len(found) < count:
        for text, value in _block(limits, random):
            drawn += 1
            found.setdefault(text, value)
            if len(found) == count:
                break
        if len(found) < (1 - REPEATED) * drawn:
            raise DataProblem(
                f"listops found {len(found):,} different expressions among {drawn:,} "
                f"of more than {limits.shortest} and fewer than {limits.length} "
                f"tokens, too few to draw {count:,} that differ; take fewer rows or a "
                "larger length"
            )
    texts = list(found)
    tokens = np.zeros((count, limits.length - 1), np.uint8)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, np.uint8)
    lengths = np.fromiter(map(len, texts), np.int32, count)
    values = np.fromiter(found.values(), np.uint8, count)
    return Expressions(tokens, lengths, values)


def _block(
    limits: Limits, random: np.random.RandomState
) -> Iterator[tuple[bytes, int]]:
    """Yields tokens and values of the expressions of a block that have a right length.

    LRA throws away those that are a digit; here all are operators from the start.
    """
    levels, lengths = _draw_levels(limits, random)
    kept = (lengths > limits.shortest) & (lengths < limits.length)
    lengths = lengths[kept]
    tokens = _write(_only(levels, kept), (len(lengths), limits.length - 1), random)
    there = np.arange(tokens.shape[1]) < lengths[:, None]
    values = evaluate(tokens[there], np.cumsum(lengths) - lengths)
    for row, length, value in zip(tokens, lengths, values, strict=True):
        yield row[:length].tobytes(), int(value)


def _draw_levels(
    limits: Limits, random: np.random.RandomState
) -> tuple[list[Level], Int[np.ndarray, " trees"]]:
    """Returns the operators of a block of expressions, and how many tokens each has.

    What is too long already is not drawn any further.
    """
    tree = parent = np.arange(BLOCK)
    slot, lengths, levels = np.zeros(BLOCK, int), np.zeros(BLOCK, int), []
    slots = np.arange(limits.arguments, dtype=np.int8)
    for depth in range(1, limits.depth):
        arity = random.randint(2, limits.arguments + 1, len(tree), np.int8)
        draws = random.bytes(len(tree) * limits.arguments)
        chances = np.frombuffer(draws, np.uint8).reshape(-1, limits.arguments)
        most = NESTED if depth < limits.depth - 1 else 0
        nested = (chances < most) & (slots < arity[:, None])
        inner, place = np.divmod(np.flatnonzero(nested), limits.arguments)
        own = 2 + arity - np.bincount(inner, minlength=len(tree))
        levels.append(Level(tree, parent, slot, own))
        lengths += np.bincount(tree, own, BLOCK).astype(int)
        goes_on = lengths[tree[inner]] < limits.length
        parent, slot = inner[goes_on], place[goes_on]
        tree = tree[parent]
    return levels, lengths


def _only(levels: list[Level], kept: Bool[np.ndarray, " trees"]) -> list[Level]:
    """Returns the operators of the expressions that are kept."""
    found, above = [], kept
    for level in levels:
        ours = kept[level.tree]
        tree, parent, slot, own = (column[ours] for column in level)
        new = np.cumsum(kept)[tree] - 1, np.cumsum(above)[parent] - 1
        found.append(Level(*new, slot, own))
        above = ours
    return found


def _write(
    levels: list[Level], shape: tuple[int, int], random: np.random.RandomState
) -> UInt8[np.ndarray, "rows time"]:
    """Returns the tokens of expressions; their padding is random."""
    tokens = random.randint(0, DIGITS, shape, np.uint8)
    place = np.zeros(shape[0], int)
    for depth, (level, size) in enumerate(zip(levels, _sizes(levels), strict=True)):
        if depth > 0:
            # An argument that is an operator moves all that follow it.
            moved = np.cumsum(size - 1) - (size - 1)
            first = np.searchsorted(level.parent, level.parent)
            place = place[level.parent] + 1 + level.slot + moved - moved[first]
        operators = random.randint(DIGITS, DIGITS + OPERATORS, len(size), np.uint8)
        tokens[level.tree, place] = operators
        tokens[level.tree, place + size - 1] = END
    return tokens


def _sizes(levels: list[Level]) -> list[Int[np.ndarray, " operators"]]:
    """Returns the tokens of every operator, those of its arguments included."""
    sizes = [levels[-1].own]
    for above, level in zip(levels[-2::-1], levels[:0:-1], strict=True):
        inner = np.bincount(level.parent, sizes[0], len(above.own)).astype(int)
        sizes.insert(0, above.own + inner)
    return sizes


def evaluate(
    tokens: UInt8[np.ndarray, " _"], starts: Int[np.ndarray, " rows"]
) -> UInt8[np.ndarray, " rows"]:
    """Returns the values of expressions that stand one after another.

    Operators are taken from the innermost to the outermost, all of one depth at once.

    Args:
        tokens: those of all expressions, numbers of `ORIGINAL_WORDS`.
        starts: where each begins.
    """
    opens = (tokens >= DIGITS) & (tokens != END)
    depths = np.cumsum(opens.astype(np.int8) - (tokens == END), dtype=np.int8)
    # An operator is an argument of the one around it, and a closing bracket of none.
    argument_of = np.where(tokens == END, -1, depths - opens)
    values = tokens.copy()
    for depth in range(depths.max(initial=0), 0, -1):
        heads = np.flatnonzero(opens & (depths == depth))
        arguments = np.flatnonzero(argument_of == depth)
        first = np.searchsorted(arguments, heads)
        values[heads] = _apply(tokens[heads], values[arguments], first)
    return values[starts]


def _apply(
    operators: UInt8[np.ndarray, " heads"],
    arguments: UInt8[np.ndarray, " _"],
    first: Int[np.ndarray, " heads"],
) -> UInt8[np.ndarray, " heads"]:
    """Returns what operators make of their arguments, each from its first one on.

    MED is the mean of the two in the middle, truncated, where there is no middle; SM is
    the last digit of the sum.
    """
    counts = np.diff(first, append=len(arguments))
    groups = np.repeat(np.arange(len(first), dtype=np.int32), counts)
    ordered = np.sort(groups * 16 + arguments) % 16
    last, middle = first + counts - 1, ordered[first + (counts - 1) // 2]
    middle = (middle + ordered[first + counts // 2]) // 2
    sums = np.add.reduceat(arguments, first, dtype=np.int32) % 10
    every = {
        "[MIN": ordered[first],
        "[MAX": ordered[last],
        "[MED": middle,
        "[SM": sums,
        "[FIRST": arguments[first],
        "[LAST": arguments[last],
    }
    chosen = [operators == ORIGINAL_WORDS.index(word) for word in every]
    return np.select(chosen, list(every.values())).astype(np.uint8)
