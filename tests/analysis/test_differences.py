"""All pairs of a store: one family of intervals, and what is read from it."""

import numpy as np
import pytest
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.differences import Differences, differences, why_untold
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.scores import Scores, scores_of
from nnarena.analysis.versus import versus


CANNOT = "cannot tell"


def scores(merits: list[float], seeds: int = 5, tasks: int = 3) -> Scores:
    rng = np.random.default_rng(0)
    values = 0.5 + 0.05 * rng.normal(size=(len(merits), seeds, tasks))
    values += np.array(merits)[:, None, None]
    names, asked = (
        tuple("abcdefgh"[: len(merits)]),
        tuple(f"t{n}" for n in range(tasks)),
    )
    return Scores(names, asked, values, floors=dict.fromkeys(asked, 0.0))


def frame_of(samples: dict[str, list[float]], task: str = "recall"):
    """A table of accuracies by contender, one per seed; chance is 0.1."""
    return runs_frame(
        make_record(contender, task, seed, score=score)
        for contender, own in samples.items()
        for seed, score in enumerate(own)
    )


def test_a_family_has_every_pair_once():
    found = differences(scores([0.3, 0.0, 0.0, -0.3]))
    assert len(found.pairs) == 6
    assert found.family == "95 % for all 6 pairs at once"
    assert found.of("a", "d").answer == "beats"
    assert found.of("d", "a").answer == "is beaten by"
    assert found.of("b", "c").answer == "cannot tell"


def test_the_other_way_around_is_the_same():
    found = differences(scores([0.3, 0.0]))
    ours, theirs = found.of("a", "b"), found.of("b", "a")
    assert theirs.gap == -ours.gap
    assert ours.interval is not None
    assert theirs.interval == (-ours.interval.high, -ours.interval.low)
    assert theirs.swapped() == ours
    assert found.family == "95 %"


def test_more_contenders_make_every_interval_wider():
    few, many = (differences(scores([0.3, 0.0, *rest])) for rest in ([], [0.0] * 4))
    one, same = few.of("a", "b").interval, many.of("a", "b").interval
    assert one is not None
    assert same is not None
    assert same.low < one.low < one.high < same.high


def test_fewer_than_five_seeds_tell_nothing():
    pair = differences(scores([0.4, 0.0], seeds=4)).of("a", "b")
    assert pair.interval is not None
    assert pair.interval.low > 0
    assert (pair.seeds, pair.answer) == (4, "cannot tell")


def test_pairs_are_compared_where_both_have_runs():
    base = scores([0.3, 0.0, 0.0])
    values = base.values.copy()
    values[0, :, 0] = np.nan
    values[2, :, 1:] = np.nan
    found = differences(Scores(base.contenders, base.tasks, values))
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("a", "b"),
        ("b", "c"),
    ]
    assert [pair.tasks for pair in found.pairs] == [2, 1]
    expected = np.nanmean(values[0, :, 1:]) - values[1, :, 1:].mean()
    assert found.of("a", "b").gap == pytest.approx(expected)
    with pytest.raises(KeyError, match="no task in common"):
        found.of("a", "c")
    assert differences(base.shared("a", "b")).pairs != ()
    assert differences(Scores(("a",), ("t",), values[:1, :, :1])) == Differences(())


def test_a_wobbly_contender_does_not_lead_by_its_luck():
    """Accuracies where chance is 0.5: steady 0.55, wobbly 0.44 on average."""
    records = [
        make_record(name, "recall", seed, score=score)
        for name, own in {
            "steady": [0.55, 0.54, 0.56, 0.55, 0.55],
            "wobbly": [0.20, 0.75, 0.22, 0.78, 0.25],
        }.items()
        for seed, score in enumerate(own)
    ]
    half = records[0].scoring.model_copy(update={"chance": 0.5})
    frame = runs_frame(r.model_copy(update={"scoring": half}) for r in records)
    board = leaderboard(frame)
    assert [s.contender for s in board.standings] == ["steady", "wobbly"]
    assert board.standings[1].overall == pytest.approx(2 * (0.44 - 0.5))
    assert board.pairs[0].answer == "cannot tell"
    assert board.verdict.startswith("The runs cannot tell steady")


def test_equal_runs_are_no_certainty():
    """Of 0 in 5 runs up to 1 - 0.025^(1/5) = 52 % may fall, by 1 + 1/9 each."""
    frame = frame_of({"a": [1.0] * 5, "b": [0.55] * 5})
    (pair,) = leaderboard(frame).pairs
    assert pair.unseen == pytest.approx(10 / 9 * (1 - 0.025 ** (1 / 5)))
    assert pair.interval is not None
    assert -0.1 < pair.interval.low <= 0.5 - pair.unseen
    assert pair.answer == CANNOT
    far = leaderboard(frame_of({"a": [1.0] * 5, "b": [0.3] * 5}))
    assert far.verdict == "a beats b (95 %)."


def test_runs_that_differ_by_more_than_they_scatter_may_be_too_few():
    found = differences(scores([0.1, 0.0])).of("a", "b")
    assert (found.apart, found.answer) == (True, CANNOT)
    assert found.interval is not None
    assert -0.1 < found.interval.low <= found.gap - found.unseen
    assert why_untold(found) == (
        "rare ends that so few runs may all have missed could turn the order"
    )
    more = differences(scores([0.1, 0.0], seeds=10)).of("a", "b")
    assert (more.answer, why_untold(more)) == ("beats", "")
    assert more.unseen < 0.6 * found.unseen
    level = differences(scores([0.0, 0.0])).of("a", "b")
    assert (level.apart, level.answer, why_untold(level)) == (False, CANNOT, "")


def test_what_has_not_come_makes_no_interval_narrower():
    """A cell that scatters alone has few degrees of freedom: more variance, more."""
    base = scores([0.4, 0.0], tasks=3)
    values = 0.5 + 0.1 * (base.values - 0.5)
    values[0, :, 0] = [0.9, 0.1, 0.9, 0.8, 0.2]
    found = differences(Scores(base.contenders, base.tasks, values)).of("a", "b")
    parts = values.var(axis=1, ddof=1).ravel() / 45
    freedom = parts.sum() ** 2 / (parts**2 / 4).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    assert found.interval is not None
    assert found.interval.low <= found.gap - half + 1e-9


def test_a_difference_ends_where_scores_do():
    """Accuracies of chance 0.1 count -0.11 or more, errors -1 or more."""
    wide = frame_of({"a": [0.2, 1.0, 1.0, 1.0, 1.0], "b": [0.3, 0.0, 0.0, 0.0, 0.0]})
    (pair,) = leaderboard(wide).pairs
    assert pair.interval is not None
    assert pair.interval.high == pytest.approx(1 + 1 / 9)
    errors = frame_of({"a": [0.0, 0.4, 0.0], "b": [0.4, 0.4, 0.0]}, task="add")
    assert scores_of(errors).least.tolist() == [-1.0]
    assert scores_of(wide).least == pytest.approx([-1 / 9])


def test_solved_five_times_against_never_takes_few_contenders():
    """With another contender that splits: 5 of 5 beats 0 of 5 of two, not of six."""
    level = {"a": [1.0, 0.99, 1.0, 0.98, 1.0], "b": [0.1, 0.12, 0.1, 0.11, 0.1]}
    split = [1.0, 0.1, 1.0, 0.1, 0.1]
    few = leaderboard(frame_of(level | {"c": split}))
    assert few.tasks[0].all_or_none
    words = {(p.first, p.second): p.answer for p in few.pairs}
    assert words["a", "b"] == "beats"
    more = {f"{name}{n}": split for n in range(18) for name in "x"}
    many = leaderboard(frame_of(level | more))
    assert many.pairs[0].answer == "cannot tell"


@pytest.mark.parametrize("count", [2, 3, 6])
def test_leaderboard_compare_and_pairs_say_the_same(count):
    rng = np.random.default_rng(count)
    samples = {
        f"m{n}": (0.3 + 0.08 * n + 0.05 * rng.normal(size=5)).tolist()
        for n in range(count)
    }
    frame = frame_of(samples)
    board, table = leaderboard(frame), scores_of(frame)
    assert len(board.pairs) == count * (count - 1) / 2
    for pair in board.pairs:
        found = versus(table, pair.first, pair.second)
        assert (found.gap, found.interval, found.answer, found.family) == (
            *(pair.gap, pair.interval, pair.answer, board.family),
        )
        assert f"{pair.first} {pair.answer} {pair.second}" in found.sentence or (
            pair.answer == "cannot tell"
            and f"cannot tell {pair.first} from {pair.second}" in found.sentence
        )
    first = board.standings[0].contender
    beaten = [p.second for p in board.pairs if (p.first, p.answer) == (first, "beats")]
    assert (f"{first} beats" in board.verdict) == bool(beaten)
    assert all(name in board.verdict for name in beaten)
