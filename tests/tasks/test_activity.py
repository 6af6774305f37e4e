"""Activity: the published layout on made readings, real ones if they are at hand."""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.tasks import activity
from nnarena.tasks.activity import CLASSES, TAGS, Activity, read_recordings
from nnarena.tasks.files import DataFolder, DataProblem


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
PARTIAL = ROOT / "person_partial" / "ConfLongDemo_JSI.first10pct.csv"
real = pytest.mark.skipif(
    not PARTIAL.is_file(), reason="NNARENA_DATA holds no folder person_partial"
)

FIRST = (
    "A01,010-000-024-033,633790226051280329,27.05.2009 14:03:25:127,"
    "4.062931060791016,1.8924342393875122,0.5074254274368286,walking"
)
"""The first line of the published file."""

EACH = 300
"""Readings in each made recording."""


def made_lines() -> list[str]:
    """Returns readings of 3 people with 2 recordings each, in the published layout."""
    rng = np.random.default_rng(1)
    names = [person + number for person in "ABC" for number in ("01", "02")]
    shares = np.full(len(CLASSES), 0.632 / (len(CLASSES) - 1))
    shares[list(CLASSES).index("lying")] = 0.368
    lines = []
    for index, name in enumerate(names):
        ticks = 633790226051280329 + 10**10 * index
        for _ in range(EACH):
            x, y, z = rng.normal([index, 2.0, 1.0], 0.5)
            tag, doing = rng.choice(TAGS), rng.choice(list(CLASSES), p=shares)
            date = "27.05.2009 14:03:25:127"
            lines.append(f"{name},{tag},{ticks},{date},{x},{y},{z},{doing}")
            ticks += int(rng.integers(100_000, 500_000))
    return lines


def write(root: Path, lines: list[str]) -> Path:
    path = root / "person" / "ConfLongDemo_JSI.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(activity, "WHOLE", 6 * EACH)
    write(tmp_path, made_lines())
    return tmp_path


def split(folder: Path, **numbers) -> Any:
    return Activity(**numbers).splits(DataFolder(folder), key=jax.random.key(0))


def places_of(windows) -> set[bytes]:
    """Returns every place that windows hold, as bytes; no two readings share one."""
    return {place.tobytes() for place in windows.places.reshape(-1, 3)}


def assert_apart(splits):
    train, validation, test = map(
        places_of, (splits.train, splits.validation, splits.test)
    )
    assert not train & test
    assert not train & validation
    assert not validation & test


def test_a_published_line_is_read(tmp_path):
    second = (
        "A01,020-000-033-111,633790226057226795,27.05.2009 14:03:25:723,"
        "4.292500972747803,2.0738532543182373,1.36650812625885,lying down"
    )
    path = write(tmp_path, [FIRST, second])
    (name, readings), *others = read_recordings(path, whole=2).items()
    assert (name, others) == ("A01", [])
    assert readings.tags.tolist() == [0, 2]
    assert readings.labels.tolist() == [3, 0]
    # The dates of the two lines are 596 milliseconds apart, to the millisecond.
    assert readings.seconds[0] == np.float32(0.05)
    assert abs(float(readings.seconds[1]) - 0.596) < 0.002
    np.testing.assert_allclose(
        readings.places[0], [4.062931, 1.892434, 0.507425], atol=1e-6
    )


def test_readings_are_put_in_order_of_time(tmp_path):
    later, sooner = FIRST.replace("1280329", "9000000"), FIRST.replace("walk", "fall")
    path = write(tmp_path, [later, sooner, sooner])
    readings = read_recordings(path, whole=3)["A01"]
    assert readings.labels.tolist() == [4, 4, 3]
    assert readings.seconds[1] == np.float32(0.001)  # never 0


BAD_LINES = {
    "no activity": FIRST.rsplit(",", 1)[0],
    "a new activity": FIRST.replace("walking", "swimming"),
    "a new tag": FIRST.replace("010-000-024-033", "ankle"),
    "no number": FIRST.replace("4.062931060791016", "left"),
    "empty": "",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_told_in_one_sentence(tmp_path, line):
    path = write(tmp_path, [FIRST, line, FIRST])
    with pytest.raises(DataProblem, match="is not a list of readings") as caught:
        read_recordings(path, whole=3)
    assert "(line 2: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_file_is_refused(folder):
    write(folder, made_lines()[:-1])
    with pytest.raises(DataProblem, match="holds 1,799 readings, not 1,800; delete"):
        split(folder)


def test_people_are_split_whole(folder):
    splits = split(folder, window=5, stride=1, scaled=False)
    assert_apart(splits)
    # The first coordinate of the made readings tells the recording.
    for name, person in (("train", "A"), ("validation", "B"), ("test", "C")):
        middle = getattr(splits, name).places[..., 0].mean()
        assert round(float(middle - 0.5) / 2) == "ABC".index(person)
        assert len(getattr(splits, name).labels) == 2 * (EACH - 4)


@pytest.mark.parametrize("rows", [None, 1_280])
def test_time_is_counted_in_mean_gaps_of_the_training_windows(folder, rows):
    numbers = {"window": 5, "stride": 1, "rows": rows}
    seconds, gaps = (split(folder, timed=t, **numbers) for t in (True, "scaled"))
    unit = seconds.train.seconds.mean(dtype=float)
    assert unit < 0.1
    assert gaps.train.seconds.mean(dtype=float) == pytest.approx(1.0, rel=1e-5)
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(gaps, name), getattr(seconds, name)
        np.testing.assert_allclose(ours.seconds, theirs.seconds / unit, rtol=1e-5)
        np.testing.assert_array_equal(ours.places, theirs.places)


def test_without_time_every_step_takes_1(folder):
    splits = split(folder, window=5, timed=False)
    row = jax.tree.map(lambda column: jnp.asarray(column[0]), splits.test)
    example = Activity(window=5, timed=False).example(row)
    np.testing.assert_array_equal(example.question.dts, 1.0)


def test_time_in_seconds_breaks_the_law_of_time(folder):
    (law,) = (law for law in TASK_LAWS if law.name == "time")
    settings = {"stride": 1, "timed": True}
    verdict = judge(law, TaskCase("activity", settings, DataFolder(folder)))
    assert verdict.passed is False
    assert "but it is 0.03" in verdict.detail
    assert "divide elapsed times by the mean gap of the training" in verdict.detail


def test_a_window_longer_than_all_recordings_is_refused(folder):
    with pytest.raises(DataProblem, match="holds a window of 20,000 readings"):
        split(folder, window=20_000)


def test_places_are_scaled_by_training_readings(folder):
    raw, scaled = (split(folder, window=10, stride=10, scaled=s) for s in (False, True))
    known = raw.train.places.reshape(-1, 3)  # these windows hold each reading once
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(scaled, name), getattr(raw, name)
        expected = (theirs.places - known.mean(axis=0)) / known.std(axis=0)
        np.testing.assert_allclose(ours.places, expected, atol=1e-4)
        np.testing.assert_array_equal(ours.tags, theirs.tags)


def test_an_example_is_a_window_and_the_activity_at_its_end(folder):
    splits = split(folder, window=6, stride=4, timed=True)
    recordings = read_recordings(
        folder / "person" / "ConfLongDemo_JSI.txt", whole=6 * EACH
    )
    row = jax.tree.map(lambda column: jnp.asarray(column[1]), splits.test)
    example = Activity(window=6).example(row)
    readings = recordings["C01"]
    assert example.question.xs.shape == (6, 7)
    assert (
        np.argmax(example.question.xs[:, :4], axis=1).tolist()
        == readings.tags[4:10].tolist()
    )
    np.testing.assert_array_equal(example.question.xs[:, :4].sum(axis=1), 1.0)
    np.testing.assert_array_equal(example.question.dts, readings.seconds[4:10])
    assert int(example.targets) == readings.labels[9]


@pytest.mark.parametrize("law", TASK_LAWS, ids=lambda law: law.name)
def test_the_published_layout_obeys(folder, law):
    verdict = judge(law, TaskCase("activity", {"stride": 1}, DataFolder(folder)))
    if law.name == "causal":  # it speaks of tasks that answer at every step
        assert verdict.passed is None
        assert "answers once" in verdict.detail
    else:
        assert verdict.passed, verdict.detail


def test_the_excerpt_is_the_beginning_of_the_published_file(folder, monkeypatch):
    monkeypatch.setattr(activity, "PART", 2 * EACH + 100)
    splits = split(folder, excerpt=True, window=5, stride=1)
    assert_apart(splits)
    sizes = [len(part.labels) for part in (splits.train, splits.validation)]
    assert sizes == [EACH - 4, EACH - 4]
    assert len(splits.test.labels) == 100 - 4


def test_a_missing_file_is_told():
    with pytest.raises(DataProblem) as caught:
        Activity().splits(DataFolder(Path("/nowhere")), key=jax.random.key(0))
    sentence = str(caught.value)
    assert "the folder person (ConfLongDemo_JSI.txt) was looked for at" in sentence
    assert "https://archive.ics.uci.edu/dataset/196" in sentence
    with pytest.raises(DataProblem, match="and for the excerpt, the folder person_p"):
        Activity(excerpt=True).splits(DataFolder(), key=jax.random.key(0))


@pytest.mark.parametrize("numbers", [{"window": 0}, {"stride": 0}])
def test_impossible_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        Activity(**numbers)


@real
def test_the_real_excerpt():
    recordings = read_recordings(PARTIAL, whole=activity.PART)
    sizes = {name: len(readings.labels) for name, readings in recordings.items()}
    assert sizes == {"A01": 5830, "A02": 5691, "A03": 4965}
    np.testing.assert_allclose(recordings["A01"].places[0, 0], 4.062931, rtol=1e-6)
    splits = split(ROOT, excerpt=True)
    assert_apart(splits)
    assert np.bincount(splits.test.labels)[0] == 130
    assert len(splits.test.labels) == 307
    assert round(130 / 307, 3) == Activity(excerpt=True).scoring.chance
