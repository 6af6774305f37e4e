"""How long a page takes to write, and how large it is.

Makes stores of 480 and of 2,400 made-up runs (20 contenders on 12 tasks) and writes
their pages, from reading the records to the last byte. Run it from the repository's
root, so that the generator of the tests is found.
"""

import sys
import tempfile
import time
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.synthetic import fill_large_store

from nnarena.report.page import write_report


def main() -> None:
    """Prints a line for each store."""
    for seeds in (2, 10):
        with tempfile.TemporaryDirectory() as folder:
            store = fill_large_store(Path(folder) / "store", seeds=seeds)
            wall, cpu = time.perf_counter(), time.process_time()
            page = write_report(store, Path(folder) / "report.html", "Arena")
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            size = page.stat().st_size / 1e6
            print(
                f"{240 * seeds} runs: {wall:.1f} s ({cpu:.1f} s of CPU), {size:.2f} MB"
            )


if __name__ == "__main__":
    main()
