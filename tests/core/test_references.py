"""The literature: every source is there and can be cited."""

import re
from importlib.resources import files

import pytest

from nnarena.core import references
from nnarena.core.references import BadReference
from nnarena.metrics import METRICS
from nnarena.models import MODELS
from nnarena.tasks import TASKS


NAMED_IN_DOCSTRINGS = [
    "agarwal2021deep",
    "almohy2009new",
    "arjovsky2016unitary",
    "clements2016optimal",
    "gers2000learning",
    "glorot2010understanding",
    "helfrich2018orthogonal",
    "higham2005scaling",
    "joffrain2006accumulating",
    "jozefowicz2015empirical",
    "lechner2020learning",
    "lezcano2019cheap",
    "loshchilov2019decoupled",
    "maas2011learning",
    "maduranga2019complex",
    "mhammedi2017efficient",
    "radev2013acl",
    "su2021roformer",
    "tay2021long",
    "xiong2020layer",
]


@pytest.mark.parametrize(
    "entry", [*MODELS, *TASKS, *METRICS], ids=lambda entry: entry.name
)
def test_the_source_of_every_entrant_is_there(entry):
    assert references.bibtex(entry.source) is not None


@pytest.mark.parametrize("key", NAMED_IN_DOCSTRINGS)
def test_works_named_in_docstrings_are_there(key):
    assert references.bibtex(key) is not None


@pytest.mark.parametrize("key", references.keys())
def test_an_entry_has_what_a_citation_needs(key):
    found = references.fields(key)
    assert {"author", "title", "year"} <= set(found)
    assert re.fullmatch(r"(19|20)\d\d", found["year"])
    assert found["year"] in key, "a key is surname, year and first word"
    assert all(found.values())
    assert references.citation(key).count(found["year"] + ". ") == 1


def test_the_file_holds_its_entries_in_order_and_nothing_else():
    text = (files("nnarena") / "references.bib").read_text(encoding="utf-8")
    assert list(references.read_entries(text)) == references.keys()
    assert text == "\n\n".join(references.read_entries(text).values()) + "\n"


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (
            "elman1990finding",
            "Elman 1990. Finding Structure in Time. Cognitive Science.",
        ),
        (
            "hochreiter1997long",
            "Hochreiter & Schmidhuber 1997. Long Short-Term Memory. "
            "Neural Computation.",
        ),
        (
            "brantner2021neural",
            "Brantner 2021. Neural Network Arena: Investigating Long-Term Dependencies "
            "in Deep Models. TU Wien.",
        ),
    ],
)
def test_one_and_two_authors(key, line):
    assert references.citation(key) == line


def test_many_authors():
    line = references.citation("vaswani2017attention")
    assert line.startswith("Vaswani et al. 2017. Attention Is All You Need. ")


def test_an_unknown_key():
    assert references.bibtex("nobody1900nothing") is None
    with pytest.raises(KeyError, match="there is no reference 'nobody1900nothing'"):
        references.citation("nobody1900nothing")


def test_braces_within_braces():
    entry = "@misc{a1,\n title = {An {LSTM}, {or {not}}},\n year = {2000}\n}"
    text = f"% a remark\n\n{entry}\n\n@misc{{b2, note = {{x}}}}\n"
    assert references.read_entries(text) == {"a1": entry, "b2": "@misc{b2, note = {x}}"}
    assert references.read_fields(entry) == {"title": "An LSTM, or not", "year": "2000"}


def test_a_brace_that_is_never_closed():
    with pytest.raises(BadReference, match="never closed"):
        references.read_entries("@misc{a1, title = {An {LSTM}")


def test_a_key_that_stands_twice():
    with pytest.raises(BadReference, match="'a1' stands twice"):
        references.read_entries("@misc{a1, x = {y}}\n@misc{a1, x = {y}}")
