"""A fold whose elements do not combine to what they do is another model elsewhere."""

import pytest
from tests.folds import MinimalGate

from nnarena.check import LawBroken, ModelCase, NotJudged
from nnarena.check.fold_law import check_fold
from nnarena.core.faults import EntrantProblem
from nnarena.models import MODELS


class Backwards(MinimalGate):
    """Combines in the wrong order."""

    def combine(self, earlier, later):
        return MinimalGate.combine(self, later, earlier)


@pytest.fixture
def case(monkeypatch):
    """Enters a fold; it is forgotten after the test."""
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))

    def of(make) -> ModelCase:
        MODELS.register("entered", family="test", source="tests")(make)
        return ModelCase("entered")

    return of


def test_a_fold_that_combines_in_order_holds(case):
    check_fold(case(MinimalGate))


def test_one_that_does_not_is_told(case):
    with pytest.raises(LawBroken, match="outputs of the associative form differ by"):
        check_fold(case(Backwards))


def test_what_is_no_fold_is_not_judged():
    with pytest.raises(NotJudged, match="is not an AbstractFold"):
        check_fold(ModelCase("gru"))


class Narrow(MinimalGate):
    """Combines two elements to half of one."""

    def combine(self, earlier, later):
        return earlier[0] * later[0]


class Misspelled(MinimalGate):
    """Has no such name."""

    def combine(self, earlier, later):
        return earlier.kept * later.kept


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Narrow, r"test_fold_law\.py, line \d+: Narrow\.combine returned \(8,\) in"),
        (Misspelled, r"test_fold_law\.py, line \d+.*no attribute 'kept'"),
    ],
)
def test_elements_that_do_not_combine_to_one_are_named_by_their_file(case, make, said):
    with pytest.raises(EntrantProblem, match=said):
        case(make).require_sound()


def test_elements_that_combine_to_one_are_sound(case):
    case(MinimalGate).require_sound()
