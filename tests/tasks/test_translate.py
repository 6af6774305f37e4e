"""A small language against a translator that was written from its words."""

from collections.abc import Iterator

import jax
import numpy as np

from nnarena.core.types import Example
from nnarena.tasks.files import DataFolder
from nnarena.tasks.translate import Translate


WORDS, CLAUSES = 3, 2
ADJECTIVES, NOUNS, VERBS = range(3), range(3, 6), range(6, 9)
STOP = 13


def sentences(*, held_out: bool) -> Iterator[tuple[list[int], list[int]]]:
    """Yields sentences and what is to be said of them, up to the stop."""
    task = Translate(length=CLAUSES, words=WORDS)
    rows = task.splits(DataFolder(), key=jax.random.key(0)).test
    rows = rows if held_out else rows.key
    found: Example = jax.jit(jax.vmap(task.example))(rows)
    columns = map(
        np.asarray, (found.question.xs, found.question.present, found.targets)
    )
    for xs, present, targets in zip(*columns, strict=True):
        end = targets.tolist().index(STOP)
        assert set(targets[end:]) == {STOP}
        yield xs[present].tolist(), targets[:end].tolist()


def translated(words: list[int]) -> tuple[int, list[int]]:
    """Returns how many clauses a sentence has, and its translation, word by word."""
    rest, said, clauses = list(words), [], 0

    def noun() -> list[int]:
        adjective = [rest.pop(0)] if rest[0] in ADJECTIVES else []
        assert rest[0] in NOUNS
        return [rest.pop(0), *adjective]

    while rest:
        subject = noun()
        verb = rest.pop(0)
        assert verb in VERBS
        gender = (subject[0] - NOUNS.start) % 2
        said += [*subject, *noun(), 6 + 2 * (verb - VERBS.start) + gender]
        clauses += 1
    return clauses, said


def test_sentences_are_translated_clause_by_clause():
    seen = set()
    for read, said in sentences(held_out=False):
        clauses, wanted = translated(read)
        assert said == wanted
        seen.add((clauses, len(read)))
    assert seen == {(1, n) for n in (3, 4, 5)} | {(2, n) for n in range(6, 11)}


def test_held_out_sentences_are_of_the_largest_size():
    lengths = []
    for read, _ in sentences(held_out=True):
        clauses, _ = translated(read)
        assert clauses == CLAUSES
        lengths.append(len(read))
    assert abs(np.mean(lengths) - 4 * CLAUSES) < 0.1  # half of the nouns have one more


def test_all_words_come_evenly():
    counts = np.bincount([w for read, _ in sentences(held_out=True) for w in read])
    halves = np.repeat([1, 2, 1], WORDS) * counts.sum() / (4 * WORDS)
    np.testing.assert_allclose(counts, halves, rtol=0.12)
