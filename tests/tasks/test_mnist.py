"""MNIST: its format, its forms, and the official files where they are at hand."""

import gzip
import os
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.core.seeds import key_for
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.mnist import MNIST, read_idx


IMAGES = np.random.default_rng(0).integers(256, size=(3, 28, 28)).astype(np.uint8)
LABELS = np.array([5, 0, 4], np.uint8)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """Returns an array in the official format, before compression."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.tobytes()


@pytest.fixture
def write(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "file-ubyte.gz"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
def test_an_idx_file_is_read(write, array):
    found = read_idx(write(gzip.compress(idx(array))))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


SOUND = gzip.compress(idx(IMAGES))
BAD_FILES = {
    "no gzip": idx(IMAGES),
    "empty": b"",
    "empty after decompression": gzip.compress(b""),
    "compressed half": SOUND[: len(SOUND) // 2],
    "data cut": gzip.compress(idx(IMAGES)[:-1]),
    "data too long": gzip.compress(idx(IMAGES) + b"x"),
    "header cut": gzip.compress(idx(IMAGES)[:10]),
    "floats": gzip.compress(idx(IMAGES, kind=13)),
    "web page": gzip.compress(b"<!doctype html><html></html>"),
    "checksum wrong": SOUND[:200] + b"\xff" * 40 + SOUND[240:],
    "stream damaged": gzip.compress(b"abc" * 999)[:12] + b"\xff" * 40,
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(write, content):
    path = write(content)
    with pytest.raises(DataProblem) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"the file {path} is not a gzipped idx file")
    assert str(caught.value).endswith("delete it and fetch it again")


def row_of(image: np.ndarray, label: np.uint8) -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(image), jnp.asarray(label)


@pytest.mark.parametrize("chunk", [1, 8, 28])
def test_pixels_come_in_chunks(chunk):
    example = MNIST(chunk=chunk).example(row_of(IMAGES[0], LABELS[0]))
    assert example.question.xs.shape == (784 // chunk, chunk)
    assert example.question.dts.shape == (784 // chunk,)
    expected = IMAGES[0].astype(np.float32).reshape(-1, chunk) / np.float32(255)
    np.testing.assert_allclose(example.question.xs, expected, rtol=1e-6)
    assert int(example.targets) == 5


def test_permuted_pixels_are_the_same_in_one_fixed_order():
    task = MNIST(permuted=True)
    plain, permuted = (
        np.stack(
            [
                np.ravel(t.example(row_of(image, LABELS[0])).question.xs)
                for image in IMAGES
            ]
        )
        for t in (MNIST(), task)
    )
    order = np.asarray(jax.random.permutation(key_for("pixels", "mnist"), 784))
    assert sorted(order) == list(range(784))
    np.testing.assert_array_equal(permuted, plain[:, order])
    compiled = jax.jit(task.example)(row_of(IMAGES[0], LABELS[0]))
    np.testing.assert_allclose(np.ravel(compiled.question.xs), permuted[0], rtol=1e-6)


@pytest.mark.parametrize("chunk", [3, 785])
def test_a_chunk_must_divide_the_pixels(chunk):
    with pytest.raises(ValueError, match=f"a chunk that divides 784, not {chunk}"):
        MNIST(chunk=chunk)


@pytest.mark.parametrize("validation", [0, 60_000])
def test_validation_must_leave_rows_to_train_on(validation):
    with pytest.raises(ValueError, match="validation must be a whole number"):
        MNIST(validation=validation)


@pytest.mark.skipif(
    "NNARENA_DATA" not in os.environ, reason="NNARENA_DATA names no folder of real data"
)
def test_the_official_files():
    folder = DataFolder(Path(os.environ["NNARENA_DATA"]))
    key = key_for("data", "mnist")
    splits = MNIST().splits(folder, key=key)
    assert splits.train is not None
    images, labels = (
        np.concatenate([splits.validation[i], splits.train[i]]) for i in (0, 1)
    )
    assert images.shape == (60_000, 28, 28)
    assert len(splits.validation[1]) == 5_000
    assert splits.test[0].shape == (10_000, 28, 28)
    assert np.count_nonzero(splits.test[1] == 1) == 1135
    # Back in the official order: the first label of the training set is a 5.
    order = np.asarray(jax.random.permutation(key, 60_000))
    assert labels[np.argmin(order)] == 5
    assert images.min() == 0
    assert images.max() == 255
    example = MNIST().example(row_of(splits.test[0][0], splits.test[1][0]))
    assert (
        0.0
        <= float(example.question.xs.min())
        < float(example.question.xs.max())
        <= 1.0
    )
