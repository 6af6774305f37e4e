"""Whatever the package is called with in tests has the types that it says."""

import jax.numpy as jnp
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from nnarena.analysis.labels import traits_text, value_text
from nnarena.models.sequence import dropped, mean_over


@pytest.mark.parametrize("wrong", [[("depth", "2")], "depth=2", {"depth": 2}])
def test_arguments_of_another_type_are_refused(wrong):
    with pytest.raises(BeartypeCallHintViolation):
        traits_text(wrong)


def test_a_result_of_another_type_is_refused(monkeypatch):
    monkeypatch.setattr("json.dumps", lambda value, **ways: value)
    with pytest.raises(BeartypeCallHintViolation):
        value_text(2)


def test_axes_of_one_name_are_of_one_size():
    with pytest.raises(TypeCheckError):
        mean_over(jnp.zeros((3, 2)), jnp.ones(4, bool))
    with pytest.raises(TypeCheckError):
        dropped(jnp.zeros(3), 0.5, key=None)
