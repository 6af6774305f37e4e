"""What the pages of claims say is what the measured files hold."""

import json
import re
from pathlib import Path

import pytest
from experiments import memory_cell, pages


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/claims/memory_cell.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    text = (ROOT / "results/claims/memory_cell.json").read_text(encoding="utf-8")
    results = json.loads(text)
    assert results["training"] == memory_cell.TRAINING
    return {part: memory_cell.table(results, part) for part in memory_cell.COLUMNS}


WITH_TABLES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "docs").rglob("*.md")
    if pages.BLOCK.search(path.read_text(encoding="utf-8"))
)


def test_every_claim_that_is_a_suite_has_a_page_with_its_table():
    claims = "".join((ROOT / name).read_text(encoding="utf-8") for name in WITH_TABLES)
    for store in (ROOT / "results" / "claims").iterdir():
        if store.is_dir():
            assert (ROOT / "experiments" / f"{store.name}.toml").exists()
            assert f"<!-- table: claims/{store.name} -->" in claims


@pytest.mark.parametrize("name", WITH_TABLES)
def test_tables_of_records_are_up_to_date(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert pages.renewed(text) == text, "run experiments/pages.py"


def test_a_changed_figure_is_noticed():
    text = (ROOT / "docs/thesis.md").read_text(encoding="utf-8")
    assert pages.renewed(text.replace("0.442", "0.443")) == text


@pytest.mark.parametrize("part", memory_cell.COLUMNS)
def test_a_table_is_that_of_the_file(part: str, page: str, tables: dict[str, str]):
    assert tables[part] in page


def test_shares_in_the_prose_are_in_the_tables(page: str, tables: dict[str, str]):
    """But for those that describe the task: pulses on 4 and 10 % of the steps."""
    measured = "\n".join(tables.values())
    prose = page
    for table in tables.values():
        prose = prose.replace(table, "")
    shares = set(re.findall(r"[\d.]+ %", prose)) - {"4 %", "10 %"}
    assert "90.6 %" in shares
    assert [share for share in shares if f"| {share} |" not in measured] == []
