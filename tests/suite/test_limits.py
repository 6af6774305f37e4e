"""Times and sizes as people write them."""

import pytest
from hypothesis import given, strategies as st

from nnarena.suite.config import SuiteProblem
from nnarena.suite.limits import NO_LIMITS, Limits, parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1_800),
        ("30 min", 1_800),
        ("1.5h", 5_400),
        ("2d", 172_800),
    ],
)
def test_times(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * 2**30),
        ("500MB", 500 * 10**6),
        ("1.5 kiB", 1_536),
        ("1kB", 1_000),
        ("800000B", 800_000),
        ("2TiB", 2 * 2**40),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


WRONG = ["", "m", "-5m", "0", "0GiB", "1e3", "5 apples", "4G", "4gib", "nan", "∞"]


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("parse", [parse_seconds, parse_bytes])
def test_what_is_no_amount_is_refused_with_an_example(parse, text):
    with pytest.raises(SuiteProblem, match=r"is not a (time such as|size such as)"):
        parse(text)


@given(st.text(max_size=20))
def test_any_text_is_an_amount_above_zero_or_refused(text):
    for parse in (parse_seconds, parse_bytes):
        try:
            assert parse(text) >= 0
        except SuiteProblem:
            continue


@given(st.integers(1, 10**9))
def test_units_are_multiples(count):
    assert parse_seconds(f"{count}m") == 60 * parse_seconds(f"{count}s")
    assert parse_seconds(f"{count}h") == 60 * parse_seconds(f"{count}min")
    assert parse_bytes(f"{count}MiB") == 1_024 * parse_bytes(f"{count}kiB")
    assert parse_bytes(f"{count}GB") == 1_000 * parse_bytes(f"{count}MB")


def test_without_limits_nothing_is_late():
    assert not NO_LIMITS.is_late(1e12)
    assert Limits(seconds=2.0).is_late(2.1)
    assert not Limits(seconds=2.0).is_late(2.0)
