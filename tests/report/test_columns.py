"""Rows as columns: smaller, and the same."""

import math

from hypothesis import given, strategies as st

from nnarena.report.columns import DIGITS, to_columns


Value = (
    st.none()
    | st.integers(-(10**6), 10**6)
    | st.floats(-1e300, 1e300, allow_subnormal=False)
)


def rows_of(columns: dict) -> list[dict]:
    """Returns the rows again, as the page's script does."""
    full = {
        name: column
        if isinstance(column, list)
        else [column["words"][i] for i in column["at"]]
        for name, column in columns.items()
    }
    return [
        dict(zip(full, values, strict=True))
        for values in zip(*full.values(), strict=True)
    ]


@given(st.lists(st.fixed_dictionaries({"who": st.sampled_from("abc"), "what": Value})))
def test_rows_come_back(rows):
    again = rows_of(to_columns(rows))
    assert [row["who"] for row in again] == [row["who"] for row in rows]
    for old, new in zip(rows, again, strict=True):
        if old["what"] is None:
            assert new["what"] is None
        else:
            assert math.isclose(new["what"], old["what"], rel_tol=10 ** (1 - DIGITS))


def test_words_are_named_once():
    columns = to_columns([{"who": "a"}, {"who": "b"}, {"who": "a"}])
    assert columns == {"who": {"words": ["a", "b"], "at": [0, 1, 0]}}
    assert to_columns([]) == {}
