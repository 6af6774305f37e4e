"""Sets of the UEA and UCR archives: hand-made `.ts` files, and the real ones."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.check import TASK_LAWS, TaskCase, judge
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.ts_files import read_series
from nnarena.tasks.uea import UEA
from nnarena.tasks.uea_sets import KNOWN


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")

PLAIN = """# Gestures, made by hand
%another comment
@problemName Gestures
@timestamps false

@classLabel TRUE left  right
@data
1.0,2.0,?:10,20,30:left
 1.5, 2.5e0 : -4,NaN : right
# between the rows
?,3,?:?,?,?:right
"""

TIMED = """@timeStamps True
@classLabel true 1 2
@data
(0,1.5),(0.5,?),(2.5,-3):2
(2004-10-01 00:00:00,1),(2004-10-01 00:01:00,2):1
(0,1),(4,2):(0,3),(4,?):1
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_several_dimensions_and_lengths_is_read(tmp_path):
    found = read_series(written(tmp_path / "a.ts", PLAIN), "fetch it")
    assert (found.classes, found.dimensions) == (("left", "right"), 2)
    assert [one.label for one in found.series] == [0, 1, 1]
    nan = np.nan
    expected = (
        [[1.0, 10.0], [2.0, 20.0], [nan, 30.0]],
        [[1.5, -4.0], [2.5, nan]],
        [[nan, nan], [3.0, nan]],  # what is missing at the end is not there
    )
    for one, values in zip(found.series, expected, strict=True):
        np.testing.assert_array_equal(one.values, values)
        assert one.times is None


def test_time_stamps_are_numbers_or_dates(tmp_path):
    text = "\n".join(TIMED.splitlines()[:5])
    number, date = read_series(written(tmp_path / "a.ts", text), "fetch it").series
    np.testing.assert_array_equal(number.values, [[1.5], [np.nan], [-3.0]])
    np.testing.assert_array_equal(number.times, [0.0, 0.5, 2.5])
    np.testing.assert_array_equal(date.values, [[1.0], [2.0]])
    assert date.times is not None
    np.testing.assert_array_equal(np.diff(date.times), [60.0])
    both = TIMED.splitlines()[:3] + TIMED.splitlines()[5:]
    (two,) = read_series(written(tmp_path / "b.ts", "\n".join(both)), "x").series
    np.testing.assert_array_equal(two.values, [[1.0, 3.0], [2.0, np.nan]])
    np.testing.assert_array_equal(two.times, [0.0, 4.0])


HEAD = "@timeStamps false\n@classLabel true a b\n@data\n"
STAMPED = HEAD.replace("false", "true")
BAD_FILES = {
    "": "it has no line @data",
    "<!doctype html>\n<p>gone</p>": "it has no line @data",
    "\x00\x01\x02": "it has no line @data",
    HEAD: "it holds no series",
    "@data\n1,2:a": "its header has no line @classLabel true",
    "@targetLabel true\n@data\n1,2:3.5": "its targets are numbers, where classes are",
    "@classLabel true a a\n@data\n1:a": "its header names 1 different classes",
    "@classLabel true\n@data\n1:a": "its header names 0 different classes",
    HEAD + "1,2:c": "line 4: 'c' is none of the classes of the header",
    HEAD + "1,2": "line 4: '1,2' is none of the classes of the header",
    HEAD + "1,2:a\n1,x:b": "line 5: 'x' is not a number",
    HEAD + "1,,2:a": "line 4: '' is not a number",
    HEAD + "1,inf:a": "line 4: 'inf' is not a number",
    HEAD + ":a": "line 4: '' is not a number",
    HEAD + "1,2:3:a": "line 4: its dimensions have 1 and 2 values: give them equally",
    HEAD + "1:2:a\n1:b": "its series have 1 and 2 dimensions",
    HEAD + "?,?:a": "line 4: it has no value that is not missing",
    STAMPED + "1,2:a": "line 4: '1,2' is not a pair (time,value)",
    STAMPED + "(0,1),(1,2:a": "line 4: '(1,2' is not a pair (time,value)",
    STAMPED + "(0,1),(0,2):a": "line 4: its times do not rise from step to step",
    STAMPED + "(nan,1),(1,2):a": "line 4: its times do not rise from step to step",
    STAMPED + "(soon,1):a": "line 4: Error parsing datetime string",
    STAMPED + "(0,1):(1,1):a": "line 4: its dimensions were read at different times",
}


@pytest.mark.parametrize(("text", "words"), BAD_FILES.items(), ids=BAD_FILES.values())
def test_a_bad_file_is_told_in_one_sentence(tmp_path, text, words):
    path = written(tmp_path / "a.ts", text)
    with pytest.raises(DataProblem) as caught:
        read_series(path, "fetch it")
    said = str(caught.value)
    told = f"the file {path} cannot be read as labeled time series: {words}"
    assert said.startswith(told)
    assert said.endswith("; delete it and fetch it")
    assert "\n" not in said


def made(rows: int, *, stamped: bool = False) -> str:
    """Returns a set of three classes, of 2 dimensions and of unequal lengths."""
    rng = np.random.default_rng(rows)
    lines = [f"@timeStamps {stamped}", "@classLabel true a b c", "@data"]
    for row in range(rows):
        values = rng.normal([5.0, -1.0], [3.0, 0.0], size=(3 + row % 4, 2))
        texts = [[f"{value:.6f}" for value in column] for column in values.T]
        if stamped:
            times = 10.0 * np.arange(len(values))
            texts = [
                [f"({t},{v})" for t, v in zip(times, column, strict=True)]
                for column in texts
            ]
        lines.append(":".join([*map(",".join, texts), "abcbc"[row % 5]]))
    return "\n".join(lines)


def folder_of(tmp_path: Path, train: str, test: str) -> DataFolder:
    for part, text in (("TRAIN", train), ("TEST", test)):
        written(tmp_path / "uea_ucr" / "Made" / f"Made_{part}.ts", text)
    return DataFolder(tmp_path)


MADE: dict[str, Any] = {
    "dataset": "Made",
    "dimensions": 2,
    "classes": 3,
    "chance": 0.381,
}


def splits_of(folder: DataFolder, **settings: Any) -> Any:
    return UEA(**{**MADE, **settings}).splits(folder, key=jax.random.key(0))


def examples(rows: Any) -> Any:
    made = jax.jit(jax.vmap(UEA(**MADE).example))(rows)
    return jax.tree.map(np.asarray, made)


def test_a_set_of_ones_own_obeys_the_laws(tmp_path):
    case = TaskCase("uea", MADE, data=folder_of(tmp_path, made(40), made(21)))
    broken = {law.name: judge(law, case) for law in TASK_LAWS}
    assert {n: v.detail for n, v in broken.items() if v.passed is False} == {}


def test_series_are_padded_and_scaled_by_the_training_series(tmp_path):
    splits = splits_of(folder_of(tmp_path, made(40), made(21)))
    assert [len(part.labels) for part in (splits.train, splits.validation)] == [33, 7]
    assert np.bincount(splits.validation.labels).tolist() == [1, 3, 3]
    found = examples(splits.train)
    present = found.question.present
    assert set(present.sum(axis=1).tolist()) == {3, 4, 5, 6}
    known = found.question.xs[present]
    np.testing.assert_allclose(known.mean(axis=0), [0.0, 0.0], atol=1e-5)
    # The second dimension is constant, and has no variance to divide by.
    np.testing.assert_allclose(known.std(axis=0), [1.0, 0.0], atol=1e-5)
    np.testing.assert_array_equal(found.question.dts, 1.0)
    raw = splits_of(folder_of(tmp_path, made(40), made(21)), scaled=False)
    assert abs(raw.train.values[..., 0][present].mean() - 5.0) < 1.0


def test_a_missing_value_is_the_last_one_or_none(tmp_path):
    rows = "@classLabel true a b\n@data\n?,3,?,5,?:1,?,2,?,?:a\n" + "1:1:b\n" * 2
    (label, *_), test = np.zeros(1), rows
    folder = folder_of(tmp_path, rows, test)
    splits = splits_of(folder, classes=2, chance=0.667, scaled=False)
    (first,) = splits.test.values[splits.test.labels == label]
    np.testing.assert_array_equal(first, [[0, 1], [3, 1], [3, 2], [5, 2]])


def test_elapsed_times_are_in_units_of_the_mean_gap(tmp_path):
    folder = folder_of(tmp_path, made(40, stamped=True), made(21, stamped=True))
    found = examples(splits_of(folder).train)
    np.testing.assert_allclose(found.question.dts, 1.0)
    assert found.question.xs.shape == (33, 6, 2)
    mixed = folder_of(tmp_path, made(40, stamped=True), made(21))
    with pytest.raises(DataProblem, match="has time stamps, and the other none"):
        splits_of(mixed)


def test_what_a_set_is_is_told_where_it_was_said_otherwise(tmp_path):
    folder = folder_of(tmp_path, made(40), made(21))
    for wrong in ({"dimensions": 3}, {"classes": 2}, {"chance": 0.3}):
        with pytest.raises(DataProblem, match="ask for uea") as caught:
            splits_of(folder, **wrong)
        assert str(caught.value).endswith(
            "uea(dataset=Made, dimensions=2, classes=3, chance=0.381)"
        )
    other = made(21).replace("true a b c", "true a c b")
    with pytest.raises(DataProblem, match="take both from one archive"):
        splits_of(folder_of(tmp_path, made(40), other))
    with pytest.raises(DataProblem, match="no class of the training file has two"):
        splits_of(folder_of(tmp_path, made(3), made(21)), chance=0.333)


def test_a_set_that_is_nowhere_is_told_with_its_place(tmp_path):
    with pytest.raises(DataProblem) as caught:
        splits_of(DataFolder(tmp_path))
    said = str(caught.value)
    assert said.startswith("the folder uea_ucr/Made (Made_TRAIN.ts and 1 more)")
    assert "https://www.timeseriesclassification.com" in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "Made"}, "needs the dimensions, classes and chance of Made"),
        ({"dataset": "../walker"}, "dataset must be text, not '../walker'"),
        ({"dimensions": 12}, "no dimensions, classes and chance of JapaneseVowels"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        UEA(**settings)


@pytest.mark.parametrize("dataset", KNOWN)
def test_the_sets_that_are_known(dataset):
    """Their sizes and chance are held to the files by the task itself."""
    if not (ROOT / KNOWN[dataset].train.path).is_file():
        pytest.skip("NNARENA_DATA holds no such set")
    task = UEA(dataset=dataset)
    splits: Any = task.splits(DataFolder(ROOT), key=jax.random.key(0))
    assert set(splits.train.labels) == set(range(task.signature.outputs.size))
    lengths = splits.train.lengths
    unequal = dataset in ("JapaneseVowels", "PickupGestureWiimoteZ")
    assert (lengths is not None) == unequal
