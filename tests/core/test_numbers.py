"""Kinds of numbers, also where a constructor is called without a registry."""

import subprocess
import sys
from typing import Literal

import pytest

from nnarena.core.numbers import fitting, require, words_of


Word = Literal["gates", "matrix"]

UNCHECKED = """
import jax
from nnarena.models.cfc import CfC
from nnarena.models.gru import GRU
from nnarena.models.memory_layer import MemoryLayer
from nnarena.models.memory_layer_transformer import MemoryLayerTransformer
from nnarena.models.ends import make_embed, make_head
from nnarena.core.types import Features, Signature, Values

key, signature = jax.random.key(0), Signature(Features(3), Values(4))
for make in (
    lambda: GRU(3, 4, start="other", key=key),
    lambda: CfC(3, 4, mode="other", key=key),
    lambda: MemoryLayer(3, 4, control="other", key=key),
    lambda: MemoryLayer(3, 4, self_synapse="other", key=key),
    lambda: MemoryLayerTransformer(3, 4, over="other", key=key),
    lambda: make_embed("other", signature, 4, key=key),
    lambda: make_head("other", signature, 4, key=key),
):
    try:
        make()
        print("taken")
    except ValueError as error:
        print(error)
"""


def test_constructors_refuse_words_that_they_do_not_know():
    """In a process of its own: here the checker of types would be first."""
    words = [sys.executable, "-c", UNCHECKED]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert [line.split(" is none of ")[0] for line in done.stdout.splitlines()] == [
        f"{name} 'other'"
        for name in (
            "start",
            "mode",
            "control",
            "self_synapse",
            "over",
            "embed",
            "head",
        )
    ]


def test_a_value_is_named_with_what_is_wrong():
    require(Word, start="gates")
    with pytest.raises(ValueError, match="start 'keras' is none of gates, matrix"):
        require(Word, start="keras")


def test_a_whole_number_is_the_number_that_it_is():
    assert repr(fitting(float, 100)) == "100.0"
    assert repr(fitting(int | float | None, 100)) == "100"
    with pytest.raises(ValueError, match="a number or parts or null, not 'part'"):
        fitting(float | Literal["parts"] | None, "part")
    assert words_of(float | Literal["parts"] | None) == ("parts",)


def test_a_kind_that_nothing_is_known_of_fits_all():
    class Own:
        pass

    assert fitting(Own, 3) == 3
