"""How near parameters are to their budget, from what records say alone."""

import pytest
from tests.synthetic import PROVENANCE, make_record

from nnarena.analysis.budget import budget_of, percent
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard
from nnarena.analysis.text import footnotes


ASKED = PROVENANCE.model_copy(update={"asked_parameters": 20_000})


def record(seed: int, width: int, *, asked: bool):
    """Returns a run of 20,000 parameters and as many more as it is wide."""
    provenance = ASKED if asked else PROVENANCE
    return make_record(seed=seed, width=width, provenance=provenance)


def test_the_largest_deviation_counts():
    frame = runs_frame([record(0, 200, asked=True), record(1, 600, asked=True)])
    found = budget_of(frame)
    assert found is not None
    assert found.largest == pytest.approx(0.03)
    sentence = "Parameters are within 3.0 % of the budget."
    assert found.sentence == sentence
    assert sentence in footnotes(leaderboard(frame))


def test_runs_that_state_no_budget_are_counted_apart():
    records = [record(0, 200, asked=True), record(1, 600, asked=False)]
    found = budget_of(runs_frame(records))
    assert found is not None
    assert found.sentence == (
        "Parameters are within 1.0 % of the budget in the 1 of 2 runs that state one."
    )


def test_older_records_claim_nothing():
    frame = runs_frame([record(0, 200, asked=False)])
    assert budget_of(frame) is None
    assert not any("budget" in note for note in footnotes(leaderboard(frame)))


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0.0 %"), (0.0004, "0.1 %"), (0.03, "3.0 %")]
)
def test_within_is_rounded_up(share, said):
    assert percent(share) == said
