"""Walker: windows and splits, on made roll-outs and on the real ones if at hand."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.tasks import walker
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.walker import (
    ROLLOUTS,
    Walker,
    cut_windows,
    read_rollout,
    split_rollouts,
)


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
real = pytest.mark.skipif(
    not (ROOT / "walker").is_dir(), reason="NNARENA_DATA holds no folder walker"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of 20 short roll-outs, known to the task instead of the real ones."""
    rng = np.random.default_rng(0)
    place = tmp_path / "walker"
    place.mkdir()
    digests = {}
    for number in range(20):
        path = place / f"rollout_{number:03}.npy"
        np.save(path, rng.normal(3.0, 2.0, size=(12 + number, 17)))
        digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(walker, "ROLLOUTS", replace(ROLLOUTS, digests=digests))
    return tmp_path


def split(folder: Path, **numbers) -> Any:
    return Walker(**numbers).splits(DataFolder(folder), key=jax.random.key(0))


def contents(states: np.ndarray) -> set[bytes]:
    """Returns every state that an array holds, as bytes."""
    return {state.tobytes() for state in states.reshape(-1, 17)}


def states_of(rows) -> set[bytes]:
    return contents(rows.inputs) | contents(rows.following)


def assert_apart(splits):
    """No state stands on two sides; inputs are raw here, and so are alike targets."""
    train, validation, test = map(
        states_of, (splits.train, splits.validation, splits.test)
    )
    assert not train & test
    assert not train & validation
    assert not validation & test
    assert min(map(len, (train, validation, test))) > 0


def test_windows_end_before_the_state_that_is_asked_for():
    rollout = np.arange(10.0)[:, None] * np.ones(17)
    windows, following = cut_windows([rollout, rollout[:4]], window=3, stride=2)
    assert windows[..., 0].tolist() == [
        [0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8], [0, 1, 2],
    ]  # fmt: skip
    assert following[:, 0].tolist() == [3, 5, 7, 9, 3]


def test_roll_outs_are_split_whole(folder):
    splits = split(folder, window=4, stride=1, scaled=False)
    assert_apart(splits)
    train, validation, test = split_rollouts(
        [read_rollout(path) for path in sorted((folder / "walker").iterdir())]
    )
    assert [len(part) for part in (train, validation, test)] == [15, 2, 3]
    for part, rows in zip((train, test), (splits.train, splits.test), strict=True):
        assert len(rows[1]) == sum(len(states) - 4 for states in part)


def test_inputs_are_scaled_by_training_states_and_targets_are_raw(folder):
    raw = split(folder, window=4, stride=3, scaled=False)
    scaled = split(folder, window=4, stride=3)
    paths = sorted((folder / "walker").iterdir())
    known = np.concatenate(split_rollouts([read_rollout(path) for path in paths])[0])
    for name in ("train", "validation", "test"):
        windows, following, last = getattr(raw, name)
        expected = (windows - known.mean(axis=0)) / known.std(axis=0)
        np.testing.assert_allclose(getattr(scaled, name)[0], expected, atol=1e-5)
        np.testing.assert_array_equal(getattr(scaled, name).following, following)
        np.testing.assert_array_equal(getattr(scaled, name).last, windows[:, -1])
        np.testing.assert_array_equal(last, windows[:, -1])


def test_an_example_is_a_window_and_the_state_after_it(folder):
    splits = split(folder, window=4)
    row = jax.tree.map(lambda column: jnp.asarray(column[1]), splits.test)
    example = Walker(window=4).example(row)
    np.testing.assert_array_equal(example.question.xs, splits.test.inputs[1])
    np.testing.assert_array_equal(example.targets, splits.test.following[1])
    np.testing.assert_array_equal(Walker().persistence(row), splits.test.last[1])
    assert example.question.dts.tolist() == [1.0] * 4


@pytest.mark.parametrize("numbers", [{"window": 0}, {"window": 131}, {"stride": 0}])
def test_impossible_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        Walker(**numbers)


BAD_ARRAYS = {
    "too narrow": np.zeros((5, 3)),
    "one axis": np.zeros(17),
    "no numbers": np.array([["a"] * 17]),
    "pickled": np.array([{}], dtype=object),
}


@pytest.mark.parametrize("array", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_a_bad_array_is_told_in_one_sentence(tmp_path, array):
    path = tmp_path / "rollout_000.npy"
    np.save(path, array)
    words = "is not an array of 17 real numbers per step"
    with pytest.raises(DataProblem, match=words):
        read_rollout(path)


@pytest.mark.parametrize("content", [b"", b"half", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_array(tmp_path, content):
    path = tmp_path / "rollout_000.npy"
    path.write_bytes(content)
    with pytest.raises(DataProblem, match="delete it and fetch it again"):
        read_rollout(path)


def test_the_list_of_digests_is_whole():
    assert list(ROLLOUTS.digests) == [f"rollout_{n:03}.npy" for n in range(400)]
    assert {len(bytes.fromhex(d or "")) for d in ROLLOUTS.digests.values()} == {32}


@pytest.fixture(scope="module")
def official():
    return split(ROOT, scaled=False)


@real
def test_no_real_state_is_on_two_sides(official):
    assert_apart(official)


@real
def test_the_stated_scores_of_simple_answers(official):
    mean = official.train.following.mean(axis=0, dtype=float)
    windows, following, _ = official.test
    last = np.square(following - windows[:, -1].astype(float)).mean()
    assert round(last, 2) == Walker().scoring.chance
    assert f"{np.square(following - mean).mean():.2f}" in (Walker.__doc__ or "")


@real
@pytest.mark.parametrize(("states", "score"), [(1, 2.39), (4, 2.30), (16, 2.33)])
def test_how_far_the_last_states_carry(states, score):
    """Ridge regression on the last states, and on squares and products of the last."""
    splits = split(ROOT)

    def features(rows) -> np.ndarray:
        last = rows.inputs[:, -1].astype(float)
        first, second = np.triu_indices(17)
        products = last[:, first] * last[:, second]
        recent = rows.inputs[:, -states:].reshape(len(last), -1)
        return np.concatenate([recent, products, np.ones((len(last), 1))], axis=1)

    def errors(rows, weights) -> float:
        return float(np.square(features(rows) @ weights - rows.following).mean())

    train = features(splits.train)
    gram, moments = train.T @ train, train.T @ splits.train.following
    weights = [
        np.linalg.solve(gram + strength * np.eye(len(gram)), moments)
        for strength in 10.0 ** np.arange(-1, 6)
    ]
    chosen = min(weights, key=lambda each: errors(splits.validation, each))
    assert round(errors(splits.test, chosen), 2) == score
    assert f"{score:.2f}" in (Walker.__doc__ or "")


@real
def test_the_authors_own_counts_of_sequences():
    """9,684, 1,272 and 1,937 in their paper's code, once states are dropped its way.

    It keeps a state with probability 0.9 by a generator of seed 891374, roll-out by
    roll-out, for training, validation and test in turn, and then cuts as here.
    """
    rollouts = [read_rollout(path) for path in DataFolder(ROOT).folder(ROLLOUTS)]
    assert sum(map(len, rollouts)) == 254_963
    assert (min(map(len, rollouts)), max(map(len, rollouts))) == (131, 1000)
    rng, counts = np.random.RandomState(891374), []
    for part in split_rollouts(rollouts):
        kept = [states[1:][rng.rand(len(states) - 1) <= 0.9] for states in part]
        counts.append(len(cut_windows(kept, 64, 16)[1]))
    assert counts == [9_684, 1_272, 1_937]
