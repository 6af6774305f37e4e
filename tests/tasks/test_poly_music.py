"""Polyphonic music: parts of pieces, the published files and their baselines."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from scipy.io import savemat

from nnarena.tasks import poly_music
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.poly_music import COLLECTIONS, PolyMusic, cut_parts, read_pieces


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
NAMES = ("traindata", "validdata", "testdata")


def made_pieces(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.integers(2, size=(n, 88), dtype=np.uint8) for n in lengths]


def column(pieces: list[np.ndarray]) -> np.ndarray:
    """Returns pieces as a cell array of Matlab holds them."""
    cells = np.empty((1, len(pieces)), object)
    cells[0] = pieces
    return cells


def write(path: Path, **changes: Any) -> Path:
    content = {name: column(made_pieces(5, 7, 12)) for name in NAMES}
    savemat(path, {**content, **changes})
    return path


def test_a_file_is_read(tmp_path):
    parts = read_pieces(write(tmp_path / "made.mat"))
    for part in parts:
        for found, made in zip(part, made_pieces(5, 7, 12), strict=True):
            np.testing.assert_array_equal(found, made)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_FILES = {
    "web page": lambda path: path.write_text("<!doctype html>"),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: half(write(path)),
    "a split missing": lambda path: savemat(path, {"traindata": column([])}),
    "too few pitches": lambda path: write(path, testdata=column([np.zeros((9, 87))])),
    "one frame": lambda path: write(path, testdata=column([np.zeros((1, 88))])),
    "loudness": lambda path: write(path, testdata=column([np.full((9, 88), 0.5)])),
    "no pieces": lambda path: write(path, testdata=np.zeros((3, 88))),
}


@pytest.mark.parametrize("make", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, make):
    path = tmp_path / "file.mat"
    make(path)
    with pytest.raises(DataProblem) as caught:
        read_pieces(path)
    said = str(caught.value)
    assert said.startswith(f"the file {path} holds no pieces of 88 pitches in trainda")
    assert said.endswith("delete it and fetch it from " + poly_music.HOST)
    assert "\n" not in said


def test_every_frame_but_the_first_is_asked_for_once():
    pieces = made_pieces(9, 10, 12, 2)
    parts = cut_parts(pieces, 4)
    assert parts.asked.tolist() == [4, 4, 4, 4, 1, 4, 4, 3, 1]
    task = PolyMusic(length=4)
    found: Any = jax.tree.map(np.asarray, jax.vmap(task.example)(parts))
    present = found.question.present
    asked = np.concatenate([piece[1:] for piece in pieces])
    before = np.concatenate([piece[:-1] for piece in pieces])
    np.testing.assert_array_equal(found.targets[present], asked)
    np.testing.assert_array_equal(found.question.xs[present], before)
    np.testing.assert_array_equal(present.sum(axis=1), parts.asked)


def test_parts_are_no_longer_than_the_longest_piece(tmp_path, monkeypatch):
    made = read_pieces(write(tmp_path / "made.mat"))
    monkeypatch.setattr(poly_music, "read_pieces", lambda path: made)
    monkeypatch.setattr(DataFolder, "find", lambda self, file: tmp_path)
    splits: Any = PolyMusic(length=1_000).splits(DataFolder(), key=jax.random.key(0))
    assert splits.train.frames.shape == (3, 12, 88)


def nats(sounding: np.ndarray, frames: int, share: np.ndarray) -> float:
    """Returns the cost of pitches that sound in so many frames, said by their share."""
    silent = frames - sounding
    return float(-np.sum(sounding * np.log(share) + silent * np.log(1 - share)))


TABLES = {"jsb": 10.49, "nottingham": 5.15, "musedata": 8.56, "piano": 8.26}
"""What a table of each pitch scores that says what follows on what."""


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_landmarks_are_those_of_the_files(collection):
    """Chance: each pitch's share. The bar: no worse than a table of each pitch."""
    landmarks = COLLECTIONS[collection]
    if not (ROOT / landmarks.file.path).is_file():
        pytest.skip("NNARENA_DATA holds no folder poly_music")
    splits: Any = PolyMusic(collection=collection).splits(
        DataFolder(ROOT), key=jax.random.key(0)
    )
    pairs = {name: pairs_of(getattr(splits, name)) for name in ("train", "test")}
    seen, asked = pairs["train"], pairs["test"]
    frames = len(asked[1])
    share = (seen[1].sum(axis=0) + 1) / (len(seen[1]) + 2)
    blind = nats(asked[1].sum(axis=0), frames, share) / frames
    assert blind == pytest.approx(landmarks.chance, abs=0.006)
    table = 0.0
    for sounded in (False, True):
        where, there = (one[0] == sounded for one in (seen, asked))
        follows = ((seen[1] & where).sum(axis=0) + 1) / (where.sum(axis=0) + 2)
        table += nats((asked[1] & there).sum(axis=0), there.sum(axis=0), follows)
    assert table / frames == pytest.approx(TABLES[collection], abs=0.006)
    assert PolyMusic(collection=collection).scoring.solved <= TABLES[collection]


def pairs_of(rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns all frames that are asked for, and the ones before them."""
    there = np.arange(rows.frames.shape[1] - 1) < rows.asked[:, None]
    before, after = rows.frames[:, :-1][there], rows.frames[:, 1:][there]
    return before.astype(bool), after.astype(bool)
