"""Pairs of papers: files of the official format."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.models.contender import Contender
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.lra_retrieval import FILES, PAIRS, LRARetrieval, read_pairs


KEY = jax.random.key(0)

LINES = (
    b'1.0\tP05-1022\tA00-2018\tWe "rerank" parses.\tA \xc3\xa9tude of parsers\n'
    b"0.0\tW04-3201\tJ93-2004\tMax-margin, 'parsing'\tBuilding a corpus\n"
    b"1\tN03-1\tJ98-4\tx\ty\n"
)


def written(folder: Path, content: bytes = LINES) -> DataFolder:
    (folder / PAIRS.path).mkdir(parents=True)
    for name in FILES:
        (folder / PAIRS.path / name).write_bytes(content)
    return DataFolder(folder)


def text_of(sequence: Any) -> bytes:
    tokens = np.asarray(sequence.xs)[np.asarray(sequence.present)]
    return bytes((tokens - 1).astype(np.uint8))


def test_a_pair_is_a_context_and_a_question(tmp_path):
    """Quotes are bytes as others are, and nothing is cut off as a head."""
    task = LRARetrieval(length=30)
    splits: Any = task.splits(written(tmp_path), key=KEY)
    assert splits.test.labels.tolist() == [1, 0, 1]
    example = jax.jit(task.example)(jax.tree.map(lambda c: c[0], splits.train))
    assert text_of(example.context) == b'We "rerank" parses.'
    assert text_of(example.question) == "A étude of parsers".encode()
    assert int(example.targets) == 1


def test_texts_are_cut(tmp_path):
    task = LRARetrieval(length=4)
    splits: Any = task.splits(written(tmp_path), key=KEY)
    assert splits.train.first.shape == splits.train.second.shape == (3, 4)
    assert splits.train.first[1].tobytes() == b"Max-"
    assert splits.train.second_lengths.tolist() == [4, 4, 1]


BAD_FILES = {
    "empty": (b"", "it is empty"),
    "cut": (LINES + b"1.0\tP05-1022\tA00", "line 4, b'1.0"),
    "a field too many": (b"1\ta\tb\tc\td\te\n", "line 1"),
    "heads": (b"label\tid1\tid2\ttext1\ttext2\n" + LINES, "line 1, b'label"),
    "another label": (b"2\ta\tb\tc\td\n", "line 1"),
    "no text": (b"0\ta\tb\t\td\n", "line 1"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, content, words):
    path = tmp_path / FILES[0]
    path.write_bytes(content)
    with pytest.raises(DataProblem) as caught:
        read_pairs(path, 10)
    said = str(caught.value)
    assert said.startswith(f"the file {path} cannot be read as pairs of documents: ")
    assert words in said
    assert said.endswith(f"delete it and {PAIRS.advice}")
    assert "\n" not in said


def test_without_files_it_says_where_they_are_to_be_had(tmp_path):
    with pytest.raises(DataProblem) as caught:
        LRARetrieval().splits(DataFolder(tmp_path), key=KEY)
    said = str(caught.value)
    assert "unpack https://storage.googleapis.com/long-range-arena/lra_release" in said
    assert "new_aan_pairs.train.tsv and 2 more" in said


def test_a_length_of_nothing_is_refused():
    with pytest.raises(ValueError, match="length must be a whole number of at least 1"):
        LRARetrieval(length=0)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_contenders_read_both_papers(name, tmp_path):
    task = LRARetrieval(length=12)
    splits: Any = task.splits(written(tmp_path), key=KEY)
    example = task.example(jax.tree.map(lambda column: column[0], splits.test))
    model: Any = Contender(name).build(task.signature, 6, key=KEY)
    assert model(*example.asked).shape == (2,)
