"""Verdicts on published figures: against scipy, and why some cannot be given."""

import numpy as np
import pytest
from scipy import stats
from tests.synthetic import make_record

from nnarena.analysis.bootstrap import Interval
from nnarena.analysis.gap import gap_interval, judge
from nnarena.analysis.published import (
    against_published,
    published_figures,
    study_names,
)
from nnarena.core.references import bibtex


THESIS = {(f.contender, f.task): f for f in published_figures("thesis")}
TRAINED = {"steps": 32_000, "batch": 128, "learning_rate": 1e-3, "schedule": "plateau"}


def run(
    seed: int, score: float, *, trainer=TRAINED, length: int = 100, width: int = 241
):
    """A GRU on add; 20,241 parameters, as the thesis's had."""
    return make_record(
        "gru",
        "add",
        seed,
        score=score,
        width=width,
        task_settings={"length": length, "rows": 40_000},
        trainer_settings=trainer,
    )


def test_the_interval_is_welchs():
    ours, theirs = np.array([0.9, 0.92, 0.97]), np.array([0.8, 0.85, 0.84, 0.9])
    oracle = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    found = gap_interval(ours, theirs.mean(), theirs.std(ddof=1), theirs.size)
    assert found == pytest.approx((oracle.low, oracle.high), rel=1e-9)


def test_a_figure_without_spread_is_taken_as_exact():
    ours = np.array([0.9, 0.92, 0.97])
    oracle = stats.ttest_1samp(ours, 0.9).confidence_interval()
    found = gap_interval(ours, 0.9, None, None)
    assert found == pytest.approx((oracle.low - 0.9, oracle.high - 0.9), rel=1e-9)
    assert gap_interval(ours[:1], 0.9, None, None) is None


def test_a_single_run_is_taken_to_vary_as_theirs():
    theirs = np.array([0.8, 0.85, 0.9])
    test = stats.ttest_ind([0.97], theirs)  # Student's, of one variance
    oracle = test.confidence_interval()
    found = gap_interval(np.array([0.97]), theirs.mean(), theirs.std(ddof=1), 3)
    assert found == pytest.approx((oracle.low, oracle.high), rel=1e-9)


def test_rounding_widens_an_interval():
    exact = gap_interval(np.array([0.5, 0.5]), 0.5, None, None, rounding=5e-4)
    assert exact == pytest.approx((-5e-4, 5e-4))
    # A spread that is printed as 0.000 may be anything up to 0.0005.
    rounded = gap_interval(np.array([0.5, 0.5]), 0.5, 0.0, 3, rounding=5e-4)
    half = 5e-4 + stats.t.ppf(0.975, 2) * 5e-4 / np.sqrt(3)
    assert rounded == pytest.approx((-half, half))


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        (None, "cannot tell"),
        (Interval(-0.1, 0.2), "within"),
        (Interval(-0.6, 0.6), "cannot tell"),
        (Interval(0.1, 0.2), "above"),
        (Interval(-0.2, -0.1), "below"),
    ],
)
def test_verdicts(gap, verdict):
    assert judge(gap, 1.0) == verdict


def test_a_store_beside_the_thesis():
    figure = THESIS["gru", "add"]
    near = [run(seed, figure.value + 1e-4 * seed) for seed in range(3)]
    (within,) = against_published(near, "thesis")
    assert (within.verdict, within.better, within.reasons) == ("within", None, ())
    assert len(within.keys) == 3
    (above,) = against_published([run(seed, 0.1 + 0.001 * seed) for seed in range(3)])
    assert (above.verdict, above.better) == ("above", False)  # a squared error


def test_one_run_is_judged_by_their_spread():
    (near,) = against_published([run(0, 0.001)], "thesis")
    assert (near.verdict, near.spread) == ("within", None)
    (far,) = against_published([run(0, 0.1)], "thesis")
    assert (far.verdict, far.better) == ("above", False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"length": 50}, "another task: length 50, not 100"),
        ({"width": 3_000}, "another size: 23,000 parameters, not 20,241"),
        ({"trainer": TRAINED | {"steps": 9}}, "another training: steps 9, not 32000"),
    ],
)
def test_what_is_not_comparable_says_why(change, reason):
    (found,) = against_published([run(seed, 0.001, **change) for seed in range(3)])
    assert found.verdict == "not comparable"
    assert found.reasons == (reason,)


def test_diverged_runs_count_and_failed_ones_do_not():
    ghost = make_record(
        "gru",
        "add",
        7,
        outcome="diverged",
        width=241,
        task_settings={"length": 100, "rows": 40_000},
        trainer_settings=TRAINED,
    )
    lost = make_record("gru", "add", 8, outcome="failed")
    (found,) = against_published([run(0, 0.001), ghost, lost])
    assert (len(found.scores), found.diverged) == (2, 1)


def test_the_file_is_whole():
    assert len(THESIS) == 71
    assert study_names()[0] == "thesis"
    for figure in published_figures():
        study = figure.study
        assert study.conditions
        assert bibtex(study.source) or "," in study.source
        assert figure.spread is None or study.n is not None
        assert figure.metric in ("accuracy", "mean squared error")
        assert figure.task in study.tasks
    with pytest.raises(KeyError):
        published_figures("nothing")
