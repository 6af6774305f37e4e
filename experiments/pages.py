"""Writes the tables and figures of the pages in docs from the records in results.

    .venv/bin/python -m experiments.pages            rewrites tables and figures
    .venv/bin/python -m experiments.pages --check    exits 1 if a page is out of date

A page says what goes where, and of which store, by two comments:

    <!-- table: claims/unitary -->  ...  <!-- end -->
    <!-- tasks: claims/babi -->     ...  <!-- end -->  tasks as rows, and failures
    <!-- grid: claims/esn -->       ...  <!-- end -->  one contender by two settings
    <!-- asked: claims/lengths -->  ...  <!-- end -->  what trained models were asked
    <!-- published: claims/babi --> ... <!-- end -->  beside published figures
    <!-- thesis: thesis -->         ...  <!-- end -->  beside the thesis's figures
    <!-- swap: thesis -->           ...  <!-- end -->  beside those of other contenders
    <!-- missing: thesis -->        ...  <!-- end -->  the seeds that are missing
    <!-- seeds: claims/ntm -->      ...  <!-- end -->  every run at every length
    <!-- replacing: claims/lra_small -->  ...  <!-- end -->  memory beside attention
    <!-- replaced: claims/lra_small -->   ...  <!-- end -->  what its rule says
    <!-- told: claims/lengths -->   ...  <!-- end -->  which contenders are told apart
    <!-- figure: claims/lengths overall -->  ...  <!-- end -->  a figure of the report
    <!-- success: claims/latch -->  ...  <!-- end -->  how often a task is learned

A figure is named as `arena export` names its file, or as `alignments.py` does; it is
drawn into docs/figures.
Every number is a pure function of records; pages.py never trains.
"""

import argparse
import re
import sys
from pathlib import Path

from experiments.claim_tables import (
    ROOT,
    asked_table,
    claim_table,
    grid_table,
    seeds_table,
    told_table,
)
from experiments.drawings import figure_content, figure_lines, figure_path, figure_svg
from experiments.published_tables import (
    missing_table,
    published_table,
    swap_table,
    thesis_table,
)
from experiments.replacing import replaced_lines, replacing_table
from experiments.success import success_table
from experiments.tasks_tables import tasks_table


TABLES = {
    "table": claim_table,
    "grid": grid_table,
    "asked": asked_table,
    "published": published_table,
    "thesis": thesis_table,
    "swap": swap_table,
    "missing": missing_table,
    "told": told_table,
    "success": success_table,
    "seeds": seeds_table,
    "tasks": tasks_table,
    "replacing": replacing_table,
    "replaced": replaced_lines,
}
KINDS = (*TABLES, "figure")
"""What a block of a page may show."""
BLOCK = re.compile(
    rf"(<!-- ({'|'.join(KINDS)}): (\S+)(?: (\S+))? -->\n).*?(<!-- end -->)",
    re.DOTALL,
)


def drawn_on(page: str) -> dict[Path, str]:
    """Returns the drawings of a page, by their files."""
    asked = [found.groups() for found in BLOCK.finditer(page)]
    return {
        figure_path(store, name): figure_svg(store, name)
        for _, kind, store, name, _ in asked
        if kind == "figure"
    }


def stale_figures(page: str) -> dict[Path, str]:
    """Returns the drawings of a page whose files are missing or say something else."""
    return {
        path: svg
        for path, svg in drawn_on(page).items()
        if not path.exists()
        or figure_content(path.read_text(encoding="utf-8")) != figure_content(svg)
    }


def renewed(page: str, folder: Path = ROOT / "docs" / "claims") -> str:
    """Returns a page of a folder with its tables and images written afresh."""

    def write(found: re.Match[str]) -> str:
        begin, kind, store, name, end = found.groups()
        if kind == "figure":
            lines = figure_lines(store, name, folder)
        else:
            lines = TABLES[kind](store)
        return begin + "\n".join(lines) + "\n" + end

    return BLOCK.sub(write, page)


def main() -> int:
    """Rewrites or checks every page that has a table or a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        new = renewed(text, path.parent)
        changed = stale_figures(text) | ({path: new} if new != text else {})
        for file, content in changed.items():
            stale.append(str(file.relative_to(ROOT)))
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(content, encoding="utf-8")
    print("\n".join(stale) or "every page is up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
