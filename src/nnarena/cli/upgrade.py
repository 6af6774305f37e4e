"""`arena upgrade`."""

from dataclasses import asdict

from ..runs.store import open_store
from ..runs.upgrade import upgrade
from .console import guarded, out, print_json


@guarded
def upgrade_store(results: str, *, dry: bool, as_json: bool) -> None:
    """Files the runs of an older schema under their keys of today."""
    store = open_store(results)
    renamed = list(upgrade(store, dry=dry))
    if as_json:
        told = [asdict(one) for one in renamed]
        print_json({"results": store.address, "dry_run": dry, "renamed": told})
        return
    runs = sum(one.kind == "run" for one in renamed)
    plans = len(renamed) - runs
    if not renamed:
        out.print(f"{store.address}: nothing to upgrade", markup=False, soft_wrap=True)
        return
    would = "would get" if dry else "got"
    out.print(
        f"{store.address}: {runs} runs and {plans} plans of an older schema {would} "
        "their key of today; results, histories and weights stay as they are",
        markup=False,
        soft_wrap=True,
    )
