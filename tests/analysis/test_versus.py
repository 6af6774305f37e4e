"""Who beats whom in made-up stores, and when nobody can tell."""

import numpy as np
import pytest

from nnarena.analysis.scores import Scores
from nnarena.analysis.versus import versus


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def scores(gap: float, seeds: int = 5, tasks: int = 3, spread: float = 0.05) -> Scores:
    draws = 0.5 + spread * rng().normal(size=(2, seeds, tasks))
    draws[0] += gap
    asked = tuple(f"t{n}" for n in range(tasks))
    return Scores(("gru", "lstm"), asked, draws, floors=dict.fromkeys(asked, 0.0))


def test_a_clear_difference_is_said_in_one_sentence():
    found = versus(scores(0.3, seeds=7), "gru", "lstm")
    assert found.answer == "beats"
    assert found.sentence.startswith("gru beats lstm (0.")
    assert "(level 0.05 for all 3 tests of the store) it is" in found.sentence
    assert "it is better on t0, t1 and t2." in found.sentence
    assert found.sentence.count(". ") == 0
    assert found.interval is not None
    assert found.interval.low > 0.05
    assert "interval +0.1" in found.sentence


def test_the_other_way_around():
    ours = versus(scores(0.3), "gru", "lstm")
    theirs = versus(scores(0.3), "lstm", "gru")
    assert theirs.answer == "is beaten by"
    assert "lstm is beaten by gru" in theirs.sentence
    assert theirs.gap == -ours.gap
    assert theirs.tasks[0].superiority == 1 - ours.tasks[0].superiority


def test_no_difference_cannot_be_told():
    found = versus(scores(0.0, spread=0.1), "gru", "lstm")
    assert found.answer == "cannot tell"
    assert "cannot tell" in found.sentence
    assert "undecided on t0, t1 and t2." in found.sentence


def test_three_seeds_are_never_sure():
    found = versus(scores(0.4, seeds=3), "gru", "lstm")
    assert found.answer == "cannot tell"
    assert found.sentence.startswith("The runs cannot tell gru from lstm")
    assert "3 seeds are fewer than the 5 that a verdict takes" in found.sentence
    assert found.note is not None
    assert "3 runs against 3 can give is 0.25" in found.note


def test_a_single_seed_has_no_interval():
    found = versus(scores(0.4, seeds=1), "gru", "lstm")
    assert found.interval is None
    assert "a single seed on some task says nothing of others" in found.sentence


def test_tasks_that_only_one_has_run_are_named():
    base = scores(0.3)
    values = base.values.copy()
    values[1, :, 2] = np.nan
    found = versus(Scores(base.contenders, base.tasks, values), "gru", "lstm")
    assert [pair.task for pair in found.tasks] == ["t0", "t1"]
    assert found.left_out == ("t2",)
    values[1] = np.nan
    with pytest.raises(ValueError, match="no task that both"):
        versus(Scores(base.contenders, base.tasks, values), "gru", "lstm")
    with pytest.raises(ValueError, match="with itself"):
        versus(base, "gru", "gru")


def test_never_sure_without_a_difference():
    """At 5 seeds a "beats" is a false alarm in about one store of twenty."""
    source, alarms = np.random.default_rng(3), 0
    for _ in range(100):
        draws = 0.5 + 0.1 * source.normal(size=(2, 5, 3))
        blank = Scores(("a", "b"), ("t0", "t1", "t2"), draws)
        alarms += versus(blank, "a", "b").answer != "cannot tell"
    assert alarms <= 12


def test_no_note_denies_a_star_beside_it():
    """With eight seeds on one task and three on another, one row may have a star."""
    base = scores(0.4, tasks=2, seeds=8)
    values = base.values.copy()
    values[:, 3:, 1] = np.nan
    found = versus(Scores(base.contenders, base.tasks, values), "gru", "lstm")
    assert [pair.stars for pair in found.tasks] == ["*", ""]
    assert (found.seeds, found.note) == (3, None)


def test_better_on_a_task_is_of_all_pairs_and_tasks():
    """Seven runs that do not overlap are enough for two contenders, not for six."""
    apart = scores(0.3, seeds=7).values
    crowd = np.concatenate([apart, 0.5 + 0.05 * rng().normal(size=(4, 7, 3))])
    names = ("gru", "lstm", "a", "b", "c", "d")
    found = versus(Scores(names, ("t0", "t1", "t2"), crowd), "gru", "lstm")
    assert found.tests == 45
    assert "level 0.05 for all 45 tests of the store" in found.sentence
    assert "undecided on t0, t1 and t2" in found.sentence
    assert found.note is not None
    assert "over 45 tests 0.7; that takes 11 seeds" in found.note
