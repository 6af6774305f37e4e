"""Every registered model is held to every law."""

from functools import cache

import pytest

from nnarena.check import MODEL_LAWS, ModelCase, check_model, judge
from nnarena.core.registry import UnknownName
from nnarena.models import MODELS


case = cache(ModelCase)
"""One case per model: what one law compiled serves the others."""


@pytest.mark.parametrize("law", MODEL_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_a_model_obeys(name, law):
    verdict = judge(law, case(name))
    if verdict.passed is None:
        pytest.skip(verdict.detail)
    assert verdict.passed, verdict.detail


class AskedEverything(ModelCase):
    """A model asked also what to a cell or layer is the same question again."""

    def told_apart(self, *signatures):
        return signatures


asked_everything = cache(AskedEverything)

ABOUT_THE_FRAME = ("shapes", "causal", "vmap", "padding", "gradients", "width")


@pytest.mark.parametrize("name", ABOUT_THE_FRAME)
def test_the_frame_reads_tokens_and_says_classes(name):
    """Whatever stands in it: other cells and layers are asked about features alone."""
    (law,) = (law for law in MODEL_LAWS if law.name == name)
    verdict = judge(law, asked_everything("elman"))
    assert verdict.passed, verdict.detail


def test_a_causal_transformer_is_causal():
    causal = next(law for law in MODEL_LAWS if law.name == "causal")
    verdict = judge(causal, ModelCase("transformer", {"causal": True, "blocks": 1}))
    assert verdict.passed, verdict.detail


def test_verdicts_come_one_by_one_in_order():
    verdicts = check_model("elman")
    first = next(verdicts)
    assert (first.law, first.passed, first.detail) == ("documented", True, "")
    assert first.statement
    assert first.seconds >= 0.0


def test_a_wrong_name_or_number_is_refused_before_any_law():
    with pytest.raises(UnknownName, match="did you mean elman"):
        check_model("elmann")
    with pytest.raises(ValueError, match="has no setting 'depht'"):
        check_model("elman", {"depht": 2})
