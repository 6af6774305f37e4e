"""A record's key is what was run and nothing else; what is read is whole or refused."""

import json
import math

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from nnarena.runs.record import (
    SCHEMA,
    Entrant,
    History,
    Identity,
    Record,
    Result,
    read_record,
    to_json,
)


few = settings(max_examples=50, deadline=None, database=None)
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=5)
counts = st.integers(0, 2**53)
numbers = st.dictionaries(
    words,
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2),
    max_size=3,
)
entrants = st.builds(Entrant, name=words, version=words, settings=numbers)
identities = st.builds(
    Identity,
    model=entrants,
    width=counts,
    task=entrants,
    trainer=entrants,
    seed=counts,
)


def changed(content: dict, path: str, value) -> dict:
    """Returns a deep copy with another value at a dotted path."""
    copy = json.loads(json.dumps(content))
    *folders, last = path.split(".")
    inner = copy
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return copy


def test_the_key_is_pinned(make_identity):
    """If this fails, no store written before holds a run that is known now."""
    assert make_identity().key == "bc46491b571e4fc3774b"


CHANGES = [
    ("width", 33),
    ("seed", 1),
    ("model.settings.gates", [2, 1]),
    ("model.settings.depth", True),
    ("task.settings.length", "100"),
    ("task.settings", {}),
    ("trainer.settings.learning_rate", 0.0030000000000000005),
    ("trainer.settings.patience", 0),
    *[
        (f"{part}.{field}", "other")
        for part in ("model", "task", "trainer")
        for field in ("name", "version", "settings.new")
    ],
]


def test_every_part_of_the_identity_changes_the_key(make_identity):
    content = make_identity().model_dump(mode="json")
    keys = [
        Identity.model_validate(changed(content, path, value)).key
        for path, value in CHANGES
    ]
    assert len({make_identity().key, *keys}) == 1 + len(CHANGES)


def test_roles_are_not_interchangeable(make_identity):
    this = make_identity()
    swapped = this.model_copy(update={"model": this.task, "task": this.model})
    assert swapped.key != this.key


def test_the_order_of_numbers_does_not_change_the_key(make_identity):
    this = make_identity()
    backwards = dict(reversed(list(this.model.settings.items())))
    model = this.model.model_copy(update={"settings": backwards})
    assert this.model_copy(update={"model": model}).key == this.key


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("family", "other"),
        ("scoring.solved", 0.5),
        ("result.outcome", "diverged"),
        ("result.test_score", 0.25),
        ("cost.run_seconds", 1e6),
        ("provenance.hardware", {"processor": "other"}),
        ("provenance.executor", "cluster"),
        ("provenance.versions", {"jax": "0.11"}),
        ("provenance.interruptions", 3),
    ],
)
def test_nothing_else_changes_the_key(make_record, path, value):
    content = json.loads(to_json(make_record()))
    other = read_record(json.dumps(changed(content, path, value)))
    assert other != make_record()
    assert other.key == other.identity.key == make_record().key


@few
@given(identity=identities)
def test_the_key_is_a_pure_function_that_survives_json(identity):
    again = Identity.model_validate_json(identity.model_dump_json())
    assert again.key == identity.key
    assert len(identity.key) == 20
    assert set(identity.key) <= set("0123456789abcdef")


@few
@given(one=identities, other=identities)
def test_keys_are_equal_where_identities_are_written_alike(one, other):
    alike = one.model_dump_json() == other.model_dump_json()
    assert (one.key == other.key) == alike


@pytest.mark.parametrize("outcome", ["finished", "diverged", "failed"])
def test_a_record_is_read_as_it_was_written(make_record, outcome):
    record = make_record(outcome=outcome)
    text = to_json(record)
    assert read_record(text) == read_record(text.encode()) == record
    assert to_json(read_record(text)) == text
    assert text.endswith("}\n")


def test_a_history_is_read_as_it_was_written():
    history = History(key="a1", series={"step": [1.0, 2.0], "train_loss": [0.1, None]})
    assert History.model_validate_json(to_json(history)) == history


@pytest.mark.parametrize("more", [{}, {"carbon_grams": 3}])
def test_a_newer_schema_is_refused_in_one_clear_sentence(make_record, more):
    """Also where it has fields that this reader does not know."""
    content = json.loads(to_json(make_record()))
    newer = {**content, "schema_version": SCHEMA + 1, **more}
    with pytest.raises(ValueError, match=f"schema {SCHEMA + 1}.* up to {SCHEMA}: upd"):
        read_record(json.dumps(newer))


def test_a_key_that_does_not_fit_is_refused(make_record):
    content = json.loads(to_json(make_record()))
    for path, value in [("key", "0" * 20), ("identity.seed", 5)]:
        with pytest.raises(ValueError, match="does not fit its identity"):
            read_record(json.dumps(changed(content, path, value)))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("identity.seed", "many", "identity.seed"),
        ("result.outcome", "won", "result.outcome"),
        ("surprise", 1, "surprise"),
        ("cost.run_seconds", None, "cost.run_seconds"),
    ],
)
def test_a_wrong_field_is_refused_by_name(make_record, path, value, said):
    content = json.loads(to_json(make_record()))
    with pytest.raises(ValueError, match=f"no record of a run: {said}: "):
        read_record(json.dumps(changed(content, path, value)))


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "3", '"record"', "{}", b"\xff"]
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match=r"no record of a run|JSON|EOF|expected"):
        read_record(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(make_record, value):
    with pytest.raises(ValidationError, match="finite"):
        Result(outcome="finished", test_score=value)
    with pytest.raises(ValidationError, match="finite"):
        History(key="a1", series={"train_loss": [value]})
    content = json.loads(to_json(make_record()))
    for path in (
        "result.test_score",
        "scoring.chance",
        "identity.model.settings.depth",
    ):
        with pytest.raises(ValueError, match=r"expected value|invalid number"):
            read_record(json.dumps(changed(content, path, value)))
    with pytest.raises(ValidationError, match="finite"):
        Entrant(name="lstm", version="1", settings={"depth": value})


def test_parts_do_not_change(make_record):
    record = make_record()
    with pytest.raises(ValidationError, match="frozen"):
        record.key = "other"
    assert isinstance(record, Record)
