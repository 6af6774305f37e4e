"""Reviews byte by byte: an archive of the official layout, and the real one."""

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.models.contender import Contender
from nnarena.tasks import lra_text
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.lra_text import LABELED, PUBLISHED, LRAText, read_reviews


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
KEY = jax.random.key(0)

OTHERS = {
    "aclImdb/README": b"Large Movie Review Dataset v1.0",
    "aclImdb/train/labeledBow.feat": b"9 0:9",
    "aclImdb/train/urls_pos.txt": b"http://www.imdb.com/title/tt0453418/usercomments",
    "aclImdb/train/unsup/0_0.txt": b"I admit, the great majority of films released",
}


def reviews(part: str, count: int) -> dict[str, bytes]:
    """Returns members as the archive has them: number and stars are the name."""
    return {
        f"aclImdb/{part}/{kind}/{n}_{stars}.txt": f"{n} {part} {word}.<br />é".encode()
        for kind, stars, word in (("pos", 9, "Great"), ("neg", 2, "Awful"))
        for n in range(count)
    }


def packed(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w:xz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Returns what puts a small archive at the place of a published one."""

    def make(members: dict[str, bytes], name: str = "PUBLISHED") -> DataFolder:
        file = getattr(lra_text, name)
        path = packed(tmp_path / file.path, members)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setattr(lra_text, name, replace(file, sha256=digest))
        return DataFolder(tmp_path)

    return make


def texts_of(rows: Any) -> list[bytes]:
    pairs = zip(rows.texts, rows.lengths, strict=True)
    return [row[:length].tobytes() for row, length in pairs]


@pytest.mark.parametrize("name", ["PUBLISHED", "LABELED"])
def test_either_archive_is_read(made, name):
    data = made({**OTHERS, **reviews("train", 10), **reviews("test", 4)}, name)
    splits: Any = LRAText(validation=6).splits(data, key=KEY)
    parts = splits.train, splits.validation, splits.test
    assert [len(part.labels) for part in parts] == [14, 6, 8]
    for part in parts:
        praised = [b"Great" in text for text in texts_of(part)]
        assert praised == part.labels.tolist()
    known = texts_of(splits.train) + texts_of(splits.validation)
    assert sorted(known) == sorted(reviews("train", 10).values())
    assert splits.test.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_the_order_of_an_archive_changes_nothing(made, tmp_path):
    members = {**reviews("train", 10), **reviews("test", 4)}
    turned = dict(reversed(members.items()))
    paths = [
        packed(tmp_path / f"{place}.tar.gz", some)
        for place, some in enumerate((members, turned))
    ]
    assert read_reviews(paths[0]) == read_reviews(paths[1])


def test_an_example_is_bytes_and_one(made):
    data = made({**reviews("train", 10), **reviews("test", 4)})
    task = LRAText(length=8, validation=6)
    splits: Any = task.splits(data, key=KEY)
    example = jax.jit(task.example)(jax.tree.map(lambda c: c[1], splits.test))
    read = np.asarray(example.question.xs)[np.asarray(example.question.present)]
    assert bytes((read - 1).astype(np.uint8)) == b"1 test A"
    whole: Any = LRAText(length=100, validation=6).splits(data, key=KEY)
    assert whole.test.texts.shape == (8, 22)  # no wider than the longest
    assert b"".join(texts_of(whole.test)).decode().count("é") == 8


def test_no_review_is_trained_on_twice_or_stands_in_the_test(made):
    members = {**reviews("train", 10), **reviews("test", 4)}
    members["aclImdb/train/pos/50_9.txt"] = members["aclImdb/test/pos/0_9.txt"]
    members["aclImdb/train/pos/51_9.txt"] = members["aclImdb/train/pos/0_9.txt"]
    splits: Any = LRAText(validation=6).splits(made(members), key=KEY)
    known = texts_of(splits.train) + texts_of(splits.validation)
    assert len(known) == len(set(known)) == 20
    assert not set(known) & set(texts_of(splits.test))


def test_too_few_reviews_are_told(made):
    data = made({**reviews("train", 10), **reviews("test", 4)})
    with pytest.raises(DataProblem, match="20 training reviews differ in their first"):
        LRAText(validation=20).splits(data, key=KEY)


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_a_bad_archive_is_told_in_one_sentence(tmp_path, content):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataProblem) as caught:
        read_reviews(path)
    said = str(caught.value)
    assert said.startswith(f"the archive {path} cannot be read")
    assert said.endswith(f"delete it and fetch {PUBLISHED.mirrors[0]}")
    assert "\n" not in said


def test_another_archive_lacks_reviews(tmp_path):
    path = packed(tmp_path / "a.tar.gz", {**OTHERS, **reviews("train", 2)})
    with pytest.raises(DataProblem, match="lacks reviews train/pos/NAME"):
        read_reviews(path)


def test_without_files_the_published_one_is_asked_for(tmp_path):
    with pytest.raises(DataProblem, match="aclImdb_v1"):
        LRAText().splits(DataFolder(tmp_path), key=KEY)


@pytest.mark.parametrize("settings", [{"length": 0}, {"validation": 20_000}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        LRAText(**settings)


@pytest.mark.skipif(
    not any((ROOT / one.path).is_file() for one in (LABELED, PUBLISHED)),
    reason="NNARENA_DATA holds no imdb",
)
def test_the_published_reviews():
    splits: Any = LRAText().splits(DataFolder(ROOT), key=KEY)
    parts = splits.train, splits.validation, splits.test
    assert [len(part.labels) for part in parts] == [22_278, 2_500, 25_000]
    assert splits.test.labels.mean() == LRAText().scoring.chance
    lengths = splits.test.lengths
    assert lengths.max() == splits.test.texts.shape[1] == 1_000
    assert texts_of(splits.test)[0].startswith(b"Once again Mr. Costner has dragged")


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_contenders_read_a_review(name, made):
    task = LRAText(length=12, validation=6)
    data = made({**reviews("train", 10), **reviews("test", 4)})
    splits: Any = task.splits(data, key=KEY)
    example = task.example(jax.tree.map(lambda column: column[0], splits.test))
    model: Any = Contender(name).build(task.signature, 6, key=KEY)
    assert model(*example.asked).shape == (2,)
