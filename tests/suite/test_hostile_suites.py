"""Suite files and plans of anybody: made into jobs, or refused in one sentence."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nnarena.core.problems import UserProblem
from nnarena.suite.config import MOST_SEEDS, load_suite, parse_suite
from nnarena.suite.ledger import SERIES, Ledger
from nnarena.suite.plan import Job, make_jobs


few = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

GOOD = {
    "name": "mine",
    "models": ["elman"],
    "tasks": [{"name": "add", "length": 6}],
    "seeds": 2,
    "width": 4,
    "trainer": {"steps": 12},
}
TEXT = 'models = ["elman"]\ntasks = [{name = "add", length = 6}]\nwidth = 4\n'

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**9, 10**18, 10**30, -1, float("inf"), float("nan")])
    | st.floats()
    | st.sampled_from(["", "../../x", "a\0b", "outputs", "add", "elman"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "settings", "width", "length", "depth", "steps"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=4,
)


def told(path: Path) -> str:
    """Returns the sentence by which a file is refused; empty where it is taken."""
    try:
        make_jobs(load_suite(str(path)))
    except UserProblem as problem:
        return in_one_line(problem)
    return ""


def in_one_line(problem: UserProblem) -> str:
    """Returns what a problem says, which is one sentence."""
    said = str(problem)
    assert len(said.splitlines()) == 1
    return said


@few
@given(key=st.sampled_from([*GOOD, "parameters", "plugins"]), value=anything)
def test_anything_in_any_place_is_jobs_or_a_sentence(key, value):
    try:
        jobs = make_jobs(parse_suite({**GOOD, key: value}, "mine.toml"))
    except UserProblem as problem:
        in_one_line(problem)
    else:
        assert all(isinstance(job, Job) for job in jobs)


@few
@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    assert told(path)


def test_a_file_cut_anywhere_is_jobs_or_a_sentence(tmp_path):
    path = tmp_path / "mine.toml"
    for size in range(0, len(TEXT), 3):
        path.write_text(TEXT[:size])
        told(path)
    path.write_text(TEXT)
    assert told(path) == ""


TOML = {
    "UTF-16": TEXT.encode("utf-16"),
    "a lone byte": TEXT.encode() + b'description = "\xff"',
    "deep lists": b"models = " + b"[" * 100_000,
    "deep tables": b"a = " + b"{a=" * 5_000 + b"1" + b"}" * 5_000,
    "5000 digits": TEXT.encode() + b"seeds = " + b"9" * 5_000,
    "a billion seeds": TEXT.encode() + b"seeds = 1_000_000_000",
    "a seed too large": TEXT.encode() + b"seeds = [99999999999999999999]",
    "a width too large": TEXT.replace("4", "99999999999999999999").encode(),
    "a budget too large": TEXT.replace("width = 4", f"parameters = {10**24}").encode(),
    "an endless budget": TEXT.replace("width = 4", "parameters = inf").encode(),
    "an endless task": TEXT.replace("6", "inf").encode(),
    "a date": TEXT.replace("6", "1979-05-27").encode(),
    "a rate that is none": TEXT.encode() + b"[trainer]\nlearning_rate = nan",
    "a path for a name": TEXT.replace("elman", "../../elman").encode(),
}


@pytest.mark.parametrize("name", TOML)
def test_what_no_suite_can_say_is_one_sentence(tmp_path, name):
    path = tmp_path / "mine.toml"
    path.write_bytes(TOML[name])
    assert told(path)
    assert [item.name for item in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("name", ["a\0b.toml", "missing.toml", ".toml", "/tmp/.toml"])
def test_paths_that_are_no_suite(name):
    assert "there is no suite file" in told(Path(name))


def test_a_folder_is_no_suite(tmp_path):
    (tmp_path / "mine.toml").mkdir()
    assert "there is no suite file" in told(tmp_path / "mine.toml")


def test_as_many_seeds_as_may_be():
    assert len(parse_suite({**GOOD, "seeds": MOST_SEEDS}, "mine").seeds) == MOST_SEEDS


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger(make_jobs(parse_suite(GOOD, "mine"))[0], "here")


def test_a_ledger_is_taken_up_as_it_was_kept(ledger):
    notes = ledger.to_notes()
    again = Ledger(ledger.job, "there")
    again.take_up(notes)
    assert again.series == ledger.series
    assert again.interruptions == 1


@few
@given(
    key=st.sampled_from(["series", "last", "chosen", "run_seconds", "started_at"]),
    v=anything,
)
def test_no_note_of_a_checkpoint_breaks_a_ledger(ledger, key, v):
    notes = {**json.loads(ledger.to_notes()["ledger"]), key: v}
    again = Ledger(ledger.job, "there")
    try:
        again.take_up({"ledger": json.dumps(notes)})
    except ValueError:
        assert (again.series, again.last) == (ledger.series, ledger.last)
    assert set(again.series) >= set(SERIES)
    assert again.history().series == again.series


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 100_000, '"\ud800"'])
def test_a_note_that_is_no_ledger_is_a_value_error(ledger, text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words are
        Ledger(ledger.job, "there").take_up({"ledger": text})
