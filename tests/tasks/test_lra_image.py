"""CIFAR-10 in grey: its format, its greys, and the official archive where it is."""

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.core.seeds import key_for
from nnarena.core.types import Features, Tokens
from nnarena.tasks import lra_image
from nnarena.tasks.files import DataFolder, DataProblem, RemoteFile
from nnarena.tasks.lra_image import (
    ARCHIVE,
    TEST_FILE,
    TRAIN_FILES,
    Images,
    LRAImage,
    grey,
    read_archive,
)


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
FEW = 12
"""Images of each file of the fixture."""


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setattr(lra_image, "IMAGES", FEW)
    monkeypatch.setattr(lra_image, "HELD_OUT", 10)


def records(number: int) -> np.ndarray:
    """Returns the records of a file: the label, and all red, green and blue pixels."""
    rng = np.random.default_rng(number)
    labels = rng.integers(10, size=(FEW, 1))
    return np.hstack([labels, rng.integers(256, size=(FEW, 3072))]).astype(np.uint8)


FILES = {
    name: records(number).tobytes()
    for number, name in enumerate((*TRAIN_FILES, TEST_FILE))
}


def write(path: Path, files: dict[str, bytes]) -> Path:
    """Writes an archive as the official one is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    others = {"batches.meta.txt": b"airplane\n", "readme.html": b"<html>"}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {**others, **files}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_is_read(tmp_path):
    learned, test = read_archive(write(tmp_path / "made.tar.gz", FILES))
    for found, made in ((learned, [*range(5)]), (test, [5])):
        expected = np.concatenate([records(number) for number in made])
        np.testing.assert_array_equal(found.labels, expected[:, 0])
        red, green, blue = np.split(expected[:, 1:].astype(float), 3, axis=1)
        exact = 255.5 / 255 * (0.2989 * red + 0.587 * green + 0.114 * blue)
        near_whole = np.abs(exact - np.round(exact)) < 1e-6
        assert near_whole.mean() < 0.01
        assert found.pixels.dtype == np.uint8
        np.testing.assert_array_equal(
            found.pixels[~near_whole], np.floor(exact)[~near_whole]
        )


def test_greys_are_those_of_tensorflow():
    """Of pure colors and of greys, which stay what they are."""
    pure = 255 * np.eye(3, dtype=np.uint8)[:, :, None]
    assert grey(pure).ravel().tolist() == [76, 149, 29]
    same = np.tile(np.arange(256, dtype=np.uint8), (1, 3, 1))
    np.testing.assert_array_equal(grey(same)[0], np.arange(256))


CUT = {**FILES, "data_batch_3.bin": FILES["data_batch_3.bin"][:-1]}
LABELED = {**FILES, "test_batch.bin": b"\x0a" + FILES["test_batch.bin"][1:]}
BAD_FILES = {
    "web page": (lambda path: path.write_text("<!doctype html>"), "not a gzip"),
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "cut": (lambda path: halve(write(path, FILES)), ""),
    "a file missing": (
        lambda path: write(path, {n: FILES[n] for n in TRAIN_FILES}),
        "it holds no test_batch.bin",
    ),
    "a file cut": (
        lambda path: write(path, CUT),
        "data_batch_3.bin has 36,875 bytes, not 36,876",
    ),
    "CIFAR-100": (lambda path: write(path, LABELED), "test_batch.bin has a label ab"),
}


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(("make", "why"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, make, why):
    path = tmp_path / "cifar-10-binary.tar.gz"
    make(path)
    with pytest.raises(DataProblem) as caught:
        read_archive(path)
    said = str(caught.value)
    begin = f"the file {path} is not an archive of CIFAR-10's binary ver"
    assert said.startswith(begin)
    assert why in said
    assert said.endswith(f"delete it and fetch it from {ARCHIVE.mirrors[0]}")
    assert "\n" not in said


@pytest.fixture
def made(tmp_path, monkeypatch):
    path = write(tmp_path / ARCHIVE.path, FILES)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = RemoteFile(ARCHIVE.path, digest, path.stat().st_size, ARCHIVE.mirrors)
    monkeypatch.setattr(lra_image, "ARCHIVE", file)
    return DataFolder(tmp_path)


def test_training_images_are_held_out_to_validate(made):
    splits: Any = LRAImage().splits(made, key=jax.random.key(0))
    learned, test = read_archive(made.find(lra_image.ARCHIVE))
    assert splits.train.pixels.shape == (50, 1024)
    assert splits.validation.labels.shape == (10,)
    np.testing.assert_array_equal(splits.test.pixels, test.pixels)
    joined = np.concatenate([splits.validation.pixels, splits.train.pixels])
    assert sorted(map(bytes, joined)) == sorted(map(bytes, learned.pixels))
    by_pixels = {bytes(x): y for x, y in zip(*learned, strict=True)}
    for pixels, label in zip(*splits.train, strict=True):
        assert by_pixels[bytes(pixels)] == label


def test_pixels_are_tokens_or_numbers():
    row = Images(*(x[0] for x in read_rows(2)))
    task = LRAImage()
    assert task.signature.inputs == Tokens(256)
    found: Any = jax.jit(task.example)(row)
    assert found.question.xs.dtype == np.int32
    np.testing.assert_array_equal(found.question.xs, row.pixels)
    assert int(found.targets) == row.labels
    numbers = LRAImage(tokens=False)
    assert numbers.signature.inputs == Features(1)
    xs = jax.jit(numbers.example)(row).question.xs
    np.testing.assert_allclose(xs[:, 0], row.pixels / 255, rtol=1e-6)


def read_rows(number: int) -> Images:
    made = records(number)
    return Images(grey(made[:, 1:].reshape(-1, 3, 1024)), made[:, 0])


def test_without_the_archive_one_sentence_says_where_it_is():
    with pytest.raises(DataProblem, match=r"cifar10/cifar-10-binary\.tar\.gz.* downl"):
        LRAImage().splits(DataFolder(Path("/nowhere")), key=jax.random.key(0))


def test_another_archive_is_refused(tmp_path):
    write(tmp_path / ARCHIVE.path, FILES)
    with pytest.raises(DataProblem, match=r"is not the published one .*kriz/cifar-10"):
        LRAImage().splits(DataFolder(tmp_path), key=jax.random.key(0))


def test_a_bad_setting_is_refused():
    with pytest.raises(ValueError, match="tokens must be true or false, not 1"):
        LRAImage(tokens=1)  # pyright: ignore


@pytest.mark.skipif(
    not (ROOT / ARCHIVE.path).is_file(), reason="NNARENA_DATA holds no CIFAR-10"
)
def test_the_official_archive(monkeypatch):
    monkeypatch.undo()
    key = key_for("data", "lra_image")
    splits: Any = LRAImage().splits(DataFolder(ROOT), key=key)
    sizes = [len(p.labels) for p in (splits.train, splits.validation, splits.test)]
    assert sizes == [45_000, 5_000, 10_000]
    assert np.bincount(splits.test.labels).tolist() == [1_000] * 10
    joined = np.concatenate([splits.train.labels, splits.validation.labels])
    assert np.bincount(joined).tolist() == [5_000] * 10
