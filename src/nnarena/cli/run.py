"""`arena run`."""

import time

import typer

from ..suite.provenance import log_folder
from .console import guarded, news, refuse
from .progress import duration, follow
from .request import Request, resolve
from .results import print_leaderboard, write_page


@guarded
def run_suite(request: Request, results: str, workers: int | None) -> None:
    """Runs what is asked for, then prints the leaderboard and writes the page."""
    session = resolve(request, results)
    if not session.jobs:
        news.print(f"nothing to do: the plan has no run for shard {request.shard}")
        return
    session.store.prepare()
    pending = session.pending
    done = len(session.jobs) - len(pending)
    kept = f", {done} of them already in {results}" if done else f", into {results}"
    news.print(f"{len(session.jobs)} runs{kept}")
    if "://" in results:
        news.print(f"logs of workers: {log_folder(results)}", soft_wrap=True)
    session.require_data()
    try:
        watch = follow(session.run(workers), pending, news)
    except KeyboardInterrupt as stop:
        raise refuse(
            "stopped; finished runs are kept: give the same command again to go on", 130
        ) from stop
    took = duration(time.monotonic() - watch.begun)
    if pending:
        news.print(f"{watch.ended} runs in {took}, {watch.failed} failed")
    print_leaderboard(results, keys={job.key for job in session.jobs})
    write_page(results, None)
    if watch.failed:
        raise typer.Exit(1)
