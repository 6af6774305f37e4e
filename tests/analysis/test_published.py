"""Verdicts on published figures: their margins, and why some cannot be given."""

from pathlib import Path

import pytest
from tests.synthetic import make_record

from nnarena.analysis import studies
from nnarena.analysis.published import against_published
from nnarena.analysis.studies import published_figures, study_names
from nnarena.analysis.swap import swapped, swapped_means
from nnarena.core.references import bibtex
from nnarena.runs.store import DirectoryStore


ROOT = Path(__file__).parents[2]
BABI = published_figures("babi")
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


@pytest.mark.parametrize(
    ("contender", "task", "margin"),
    [
        ("lstm", "walker", 0.012),  # 1.363; the GRU's is 1.339
        ("ode_lstm", "walker", 0.023),  # 1.159, the least; the next is 1.205
        ("ode_lstm", "add", 0.0005),  # 0.167; NCP's is 0.166
        ("gru", "add", 0.0),  # as CT-GRU's
        ("memory_cell", "cell", 0.0025),  # the only contender: stated
    ],
)
def test_a_margin_is_half_the_gap_to_the_nearest_other(contender, task, margin):
    assert THESIS[contender, task].margin == pytest.approx(margin, abs=1e-9)


def test_a_margin_within_the_rounding_cannot_be_met():
    met = {key: figure.can_be_met for key, figure in THESIS.items()}
    assert met["lstm", "walker"]
    assert not met["ode_lstm", "add"]
    assert not met["gru", "add"]
    assert sum(not one for one in met.values()) == 19


def test_no_run_can_agree_with_two_contenders():
    for first in THESIS.values():
        for second in THESIS.values():
            if first.task == second.task and first is not second:
                apart = abs(first.value - second.value)
                assert first.margin + second.margin <= apart + 1e-9


@pytest.fixture
def made(monkeypatch):
    """A study whose two contenders lie far apart for how little their runs vary."""
    row = {"task": "add", "metric": "mean squared error", "spread": 0.001}
    study = {
        "title": "made up",
        "source": "tests",
        "conditions": "none",
        "n": 3,
        "rounding": 5e-4,
        "figures": [
            row | {"contender": "gru", "value": 0.02},
            row | {"contender": "lstm", "value": 0.06},
        ],
    }
    monkeypatch.setattr(studies, "_studies", lambda: {"made": study})
    published_figures.cache_clear()
    yield
    published_figures.cache_clear()


@pytest.mark.parametrize(
    ("scores", "verdict", "better"),
    [
        ((0.021, 0.019, 0.02), "agrees", None),
        ((0.025, 0.026, 0.024), "agrees", None),  # certainly more, but not by 0.02
        ((0.03, 0.08, 0.01), "not told apart", None),
        ((0.06, 0.061, 0.059), "differs", False),  # a squared error
        ((0.0, 0.0001, 0.0002), "differs", True),
        ((0.02,), "agrees", None),
        ((0.06,), "differs", False),
    ],
)
@pytest.mark.usefixtures("made")
def test_verdicts_on_a_study(scores, verdict, better):
    (found,) = against_published(
        [run(seed, score) for seed, score in enumerate(scores)]
    )
    assert found.figure.margin == pytest.approx(0.02)
    assert (found.verdict, found.better) == (verdict, better)
    assert found.reasons == ()
    assert len(found.keys) == len(scores)


@pytest.mark.usefixtures("made")
def test_a_swap_is_against_the_other_contender():
    """GRUs that are the study's GRUs differ from its LSTMs, and the other way round."""
    (right,) = against_published([run(seed, 0.02) for seed in range(3)], "made")
    assert right.verdict == "agrees"
    assert swapped(right) == {"differs": 1}
    (wrong,) = against_published([run(seed, 0.06) for seed in range(3)], "made")
    assert wrong.verdict == "differs"
    assert swapped(wrong) == {"agrees": 1}
    assert swapped_means("made") == {"differs": 2}


def test_the_swap_of_the_thesis_s_own_means():
    """A run that reads another contender's mean: half of 70 x 13 pairs can show it."""
    found = swapped_means("thesis")
    assert found.total() == 910
    assert found == {"differs": 454, "not told apart": 456}


def test_a_store_beside_the_thesis():
    figure = THESIS["gru", "add"]
    near = [run(seed, figure.value + 1e-4 * seed) for seed in range(3)]
    (found,) = against_published(near, "thesis")
    assert (found.verdict, found.better, found.reasons) == ("not told apart", None, ())
    (far,) = against_published([run(seed, 0.1 + 0.001 * seed) for seed in range(3)])
    assert (far.verdict, far.better) == ("differs", False)
    assert far.detectable is not None
    assert far.detectable < 0.1 - figure.value


def test_one_run_is_judged_by_their_spread():
    (near,) = against_published([run(0, 0.001)], "thesis")
    assert (near.verdict, near.spread) == ("not told apart", None)
    (far,) = against_published([run(0, 0.1)], "thesis")
    assert (far.verdict, far.better) == ("differs", False)


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


def test_a_difference_of_shares_is_no_more_than_their_scale():
    """Of a single run beside three that vary by half the scale."""
    record = next(
        record
        for record in DirectoryStore(ROOT / "results/thesis")
        if (record.identity.model.name, record.identity.task.name) == ("gru", "memory")
    )
    (found,) = against_published([record], "thesis")
    assert (found.gap, found.detectable) == ((-1.0, 1.0), None)
    (error,) = against_published([run(0, 0.5)], "thesis")
    assert error.detectable is not None


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


def test_a_figure_of_one_form_of_a_task_stands_beside_runs_of_that_form_alone():
    asked = make_record("lstm", "babi", 1, score=0.21, task_settings={"task": 2})
    (found,) = against_published([asked], "babi")
    assert found.figure.posed == {"task": 2}
    assert found.figure.value == 0.2
    assert found.figure.margin == pytest.approx(0.343)  # the memory network's is 0.886


def test_what_no_run_of_ours_can_be_compared_with_says_so():
    asked = make_record("memory_network", "babi", 1, task_settings={"task": 2})
    (found,) = against_published([asked], "babi")
    assert found.verdict == "not comparable"
    assert found.reasons[0].startswith("one network for all twenty tasks")


def test_the_columns_of_babi_have_the_means_that_their_source_prints():
    columns = {
        name: [f.value for f in BABI if f.contender == name]
        for name in ("lstm", "memory_network")
    }
    assert {name: len(values) for name, values in columns.items()} == {
        "lstm": 20,
        "memory_network": 20,
    }
    assert sum(columns["lstm"]) / 20 == pytest.approx(0.487)
    assert sum(columns["memory_network"]) / 20 == pytest.approx(0.87605)


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
        assert figure.margin >= 0
    with pytest.raises(KeyError):
        published_figures("nothing")
