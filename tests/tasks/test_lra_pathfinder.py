"""Pathfinder: what its images say, read back from the dashes that were drawn."""

import hashlib
import io
from collections import deque
from itertools import combinations
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from nnarena.core.types import Features, Tokens
from nnarena.tasks import lra_pathfinder
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.lra_pathfinder import LRAPathfinder
from nnarena.tasks.made_rows import kept_rows
from nnarena.tasks.pathfinder_dashes import LEVELS, Level, dashes_of
from nnarena.tasks.pathfinder_ground import ground_of
from nnarena.tasks.pathfinder_images import draw, make_images, place_discs
from nnarena.tasks.pathfinder_snakes import Snakes, grow


ROWS = 600
KEY = jax.random.key(0)


class Made(NamedTuple):
    labels: np.ndarray
    snakes: Snakes
    discs: np.ndarray
    pixels: np.ndarray


def make(level: Level, margin: int, rows: int) -> Made:
    rng, ground = np.random.default_rng(3), ground_of(level, margin)
    labels = (np.arange(rows) % 2).astype(np.uint8)
    snakes = grow(ground, rows, contour=14, rng=rng)
    discs = place_discs(snakes, labels, rng)
    return Made(labels, snakes, discs, draw(ground, snakes, discs))


@pytest.fixture(scope="module")
def made():
    return make(LEVELS[32], 1, ROWS)


class Dash(NamedTuple):
    """A dash in the plane: where its pivot was, where it looks, its two ends."""

    pivot: tuple[int, int]
    ahead: tuple[int, int]
    tail: np.ndarray
    head: np.ndarray


def up(at: np.ndarray) -> np.ndarray:
    return np.ceil(np.round(at, 9)).astype(int)


def dash_of(level: Level, margin: int, told: np.ndarray) -> Dash:
    """Returns a dash by the rules: from a pivot a margin, the dash, and a margin."""
    at, number = told[:2].astype(int), int(told[2])
    if number < 360:
        angle = np.radians(number - 180)
        way = np.array([np.sin(angle), np.cos(angle)])
        tail, head = at, at + level.dash * way
        pivot = up(at + level.dash * way)
        pivot = pivot + up(-(level.dash + margin) * way)
    else:
        step = dashes_of(level, margin).steps[number - 360]
        way = step / np.linalg.norm(step)
        pivot, tail, head = at - step, at - level.dash * way, at
    ahead = pivot + up((level.dash + 2 * margin) * way)
    return Dash(tuple(pivot), tuple(ahead), tail, head)


def snakes_of(level: Level, margin: int, made: Made, row: int) -> list[list[Dash]]:
    long, short = made.snakes.long[row], made.snakes.short[row]
    told = [*long, *(snake for snake in short if snake[0, 2] >= 0)]
    return [[dash_of(level, margin, one) for one in snake] for snake in told]


def are_connected(dashes: list[Dash], discs: np.ndarray) -> bool:
    """Searches from the dash at the first disc to the one at the second.

    From a dash one gets to whatever begins at the pivot that it looks at: the search
    knows nothing of snakes.
    """
    begin, end = discs
    found = deque(d for d in dashes if np.array_equal(d.tail, begin))
    assert found
    seen = set(map(id, found))
    while found:
        dash = found.popleft()
        if np.array_equal(dash.head, end):
            return True
        for other in dashes:
            if other.pivot == dash.ahead and id(other) not in seen:
                seen.add(id(other))
                found.append(other)
    return False


def test_discs_are_connected_if_and_only_if_the_label_says_so(made):
    for row in range(200):
        snakes = snakes_of(LEVELS[32], 1, made, row)
        dashes = [dash for snake in snakes for dash in snake]
        assert are_connected(dashes, made.discs[row]) == bool(made.labels[row])


def test_snakes_keep_off_each_other(made):
    """Lines of half a pixel whose middles are 1.2 apart leave room between them."""
    shares = np.linspace(0, 1, 9)[:, None]
    for row in range(100):
        points = [
            np.concatenate([d.tail + shares * (d.head - d.tail) for d in snake])
            for snake in snakes_of(LEVELS[32], 1, made, row)
        ]
        for one, other in combinations(points, 2):
            gaps = np.linalg.norm(one[:, None] - other, axis=-1)
            assert gaps.min() > 1.2


def test_what_is_drawn_is_dashes_and_discs(made):
    """Every lit pixel is near a dash or a disc, and all their middles are lit."""
    grid = np.stack(np.meshgrid(*2 * [np.arange(32)], indexing="ij"), -1)
    for row in range(50):
        snakes = snakes_of(LEVELS[32], 1, made, row)
        middles = np.array([(d.tail + d.head) / 2 for s in snakes for d in s])
        away = np.linalg.norm(grid[:, :, None] - middles, axis=-1).min(axis=-1)
        discs = np.linalg.norm(grid[:, :, None] - made.discs[row], axis=-1).min(-1)
        pixels = made.pixels[row].reshape(32, 32)
        assert not pixels[(away > 2.1) & (discs > 2.0)].any()
        assert pixels[away < 0.3].all()
        assert (pixels[discs <= 1.0] > 200).all()
        assert pixels.max() == 255


def test_short_snakes_are_brighter_at_32_pixels(made):
    """By the settings on record: 2.0 against 1.5, so that 255 stands for 191."""
    counts = np.bincount(made.pixels.ravel(), minlength=256)
    assert set(np.argsort(counts[1:])[-2:] + 1) == {191, 255}


def test_simple_figures_say_next_to_nothing(made):
    """The number of lit pixels says nothing, where the discs are very little."""
    lit = (made.pixels > 0).sum(axis=1)
    apart = np.linalg.norm(made.discs[:, 0] - made.discs[:, 1], axis=1)
    error = 0.5 / np.sqrt(ROWS)
    for figures in ([lit], [apart], [lit, apart]):
        columns = np.column_stack(figures)
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        score = cross_val_score(LogisticRegression(), columns, made.labels, cv=5).mean()
        assert abs(score - 0.5) < 3 * error


@pytest.mark.parametrize("size", [64, 128])
def test_larger_images_obey_the_same_rules(size):
    level = LEVELS[size]
    margin = level.margins[-1]
    made = make(level, margin, 2)
    assert made.pixels.shape == (2, size**2)
    assert made.snakes.short.shape == (2, {64: 5, 128: 8}[size], 4, 3)
    for row in range(2):
        snakes = snakes_of(level, margin, made, row)
        dashes = [dash for snake in snakes for dash in snake]
        assert are_connected(dashes, made.discs[row]) == bool(made.labels[row])


SMALL: dict[str, Any] = {"contour": 6, "rows": 400}


def test_splits_are_balanced_and_share_no_image(tmp_path):
    splits: Any = LRAPathfinder(**SMALL).splits(DataFolder(), key=KEY)
    parts = (splits.train, splits.validation, splits.test)
    assert [len(part.labels) for part in parts] == [320, 40, 40]
    assert [int(part.labels.sum()) for part in parts] == [160, 20, 20]
    pixels = np.concatenate([part.pixels for part in parts])
    assert len(np.unique(pixels, axis=0)) == 400


def test_rows_are_kept_and_made_anew_where_they_are_damaged(tmp_path, monkeypatch):
    task, data = LRAPathfinder(**SMALL), DataFolder(cache=tmp_path)
    first: Any = task.splits(data, key=KEY)
    (kept,) = tmp_path.glob("lra_pathfinder/*")
    content = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(lra_pathfinder, "make_images", None)  # not to be called
        again: Any = task.splits(data, key=KEY)
    np.testing.assert_array_equal(first.train.pixels, again.train.pixels)
    np.testing.assert_array_equal(first.test.labels, again.test.labels)
    kept.write_bytes(content[: len(content) // 2])
    once_more: Any = task.splits(data, key=KEY)
    np.testing.assert_array_equal(first.train.pixels, once_more.train.pixels)
    other: Any = task.splits(data, key=jax.random.key(1))
    assert len(list(tmp_path.glob("lra_pathfinder/*"))) == 2
    assert (other.test.pixels != first.test.pixels).any(axis=1).all()


def saved(rows: Any, write: Any = np.savez) -> bytes:
    file = io.BytesIO()
    write(file, **rows)
    return file.getvalue()


NO_ROWS = {
    "empty": b"",
    "cut": b"PK\3\4",
    "no archive": b"no archive",
    "one array": saved({"arr": np.arange(3)}, np.save),
    "fewer rows": saved({"labels": np.arange(2)}),
    "another name": saved({"targets": np.arange(3)}),
    "one more": saved({"labels": np.arange(3), "more": np.arange(3)}),
}


@pytest.mark.parametrize("content", NO_ROWS.values(), ids=NO_ROWS)
def test_what_is_no_file_of_rows_is_replaced(tmp_path, content):
    (tmp_path / "rows.npz").write_bytes(content)
    rows, shapes = {"labels": np.array([4, 5, 6])}, {"labels": (3,)}
    kept_rows(tmp_path, "rows", shapes, lambda: rows)
    found = kept_rows(tmp_path, "rows", shapes, lambda: {})
    np.testing.assert_array_equal(found["labels"], rows["labels"])


def test_what_cannot_be_kept_is_said_before_it_is_made(tmp_path):
    """And nothing is left of what was begun."""
    made: list[int] = []

    def make():
        made.append(1)
        return {"labels": np.arange(3)}

    (tmp_path / "taken").write_text("no folder", encoding="utf-8")
    with pytest.raises(DataProblem, match="set NNARENA_CACHE to a folder that can be"):
        kept_rows(tmp_path, "taken/rows", {"labels": (3,)}, make)
    assert not made
    (tmp_path / "rows.npz").mkdir()
    with pytest.raises(DataProblem, match="cannot be kept as"):
        kept_rows(tmp_path, "rows", {"labels": (3,)}, make)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["rows.npz", "taken"]


def test_the_same_seed_draws_the_same_images_on_any_machine():
    pixels = make_images(20, size=32, contour=14, rng=np.random.default_rng(0)).pixels
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == "f5a27421fed700ab"


def test_pixels_are_tokens_or_numbers(made):
    row = lra_pathfinder.Images(made.pixels[1], made.labels[1])
    task = LRAPathfinder()
    assert task.signature.inputs == Tokens(256)
    found: Any = jax.jit(task.example)(row)
    np.testing.assert_array_equal(found.question.xs, made.pixels[1])
    assert int(found.targets) == 1
    numbers = LRAPathfinder(tokens=False)
    assert numbers.signature.inputs == Features(1)
    xs = jax.jit(numbers.example)(row).question.xs
    np.testing.assert_allclose(xs[:, 0], made.pixels[1] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": 48}, "size 48 is none of 32, 64, 128"),
        ({"contour": 10}, "contour 10 is none of 6, 9, 14"),
        ({"rows": 39}, "rows must be a whole number of at least 40"),
        ({"tokens": "no"}, "tokens must be true or false, not 'no'"),
    ],
)
def test_bad_settings_are_refused(settings: Any, sentence):
    with pytest.raises(ValueError, match=sentence):
        LRAPathfinder(**settings)
