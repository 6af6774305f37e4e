"""What a record says of its score: the usual in five fields, as it always did."""

import pytest

from nnarena.core.scoring import Scoring, accuracy, auroc, exact_match


FIELDS = ["metric", "higher_is_better", "chance", "best", "solved"]


def test_the_usual_is_not_named():
    written = accuracy(chance=0.1).model_dump(mode="json")
    assert list(written) == FIELDS
    assert Scoring(**written) == accuracy(chance=0.1)
    assert Scoring(**written).share


@pytest.mark.parametrize(
    "scoring",
    [
        exact_match(chance=0.1),
        auroc(loss="cross-entropy", class_weights=(0.5, 3.0)),
        accuracy(chance=0.1).model_copy(update={"share": False}),
    ],
)
def test_the_unusual_comes_back(scoring):
    assert Scoring(**scoring.model_dump(mode="json")) == scoring


def test_a_ranking_is_no_share():
    assert list(auroc().model_dump()) == FIELDS
    assert not auroc().share
    assert exact_match(chance=0.1).share
