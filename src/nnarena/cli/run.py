"""`arena run`."""

import time
from collections.abc import Sequence

import typer

from ..analysis.words import plural
from ..runs.plans import Refusal
from ..suite.executors import AbstractExecutor
from ..suite.provenance import log_folder
from ..suite.session import Session
from .console import guarded, news, refuse
from .placement import Placement
from .progress import Watch, duration, follow
from .request import Request, resolve
from .results import print_leaderboard, write_page
from .stopping import stoppable


@guarded
def run_suite(request: Request, results: str, placement: Placement) -> None:
    """Runs what is asked for, then prints the leaderboard and writes the page."""
    planned = resolve(request, results)
    _tell(planned.refusals)
    if not planned.jobs:
        _say_nothing_to_do(planned, request)
        return
    executor = placement.executor(results)
    planned.store.prepare()
    session = planned.ready()
    _tell(session.refusals[len(planned.refusals) :])
    if not session.jobs:
        _say_nothing_to_do(session, request)
        return
    pending, lacking = len(session.pending), session.unanswered
    done = len(session.jobs) - pending
    kept = f", {done} of them already in {results}" if done else f", into {results}"
    news.print(f"{len(session.jobs)} runs{kept}", markup=False, soft_wrap=True)
    if lacking:
        count = sum(len(job.evaluate) for job in lacking)
        news.print(f"{plural(count, 'evaluation')} of runs that are there already")
    if "://" in results:
        news.print(f"logs of workers: {log_folder(results)}", soft_wrap=True)
    watch = _watch(session, executor)
    took = duration(time.monotonic() - watch.begun)
    if pending:
        news.print(f"{watch.ended} runs in {took}, {watch.failed} failed")
    print_leaderboard(results, keys={job.key for job in session.jobs})
    write_page(results, None)
    if watch.unanswered:
        news.print(f"{plural(watch.unanswered, 'evaluation')} could not be done")
    if watch.failed or watch.unanswered:
        raise typer.Exit(1)


def _tell(refusals: Sequence[Refusal]) -> None:
    for refusal in refusals:
        news.print(refusal.label, markup=False, soft_wrap=True)


def _say_nothing_to_do(session: Session, request: Request) -> None:
    """Says that a plan has no run, and keeps what it could not run."""
    if session.refusals:
        session.keep_plan(1)
    lack = f" for shard {request.shard}" if request.shard else ""
    news.print(f"nothing to do: the plan has no run{lack}")


def _watch(session: Session, executor: AbstractExecutor) -> Watch:
    """Does the pending runs and shows how they go.

    Raises:
        typer.Exit: it was stopped before all had ended.
    """
    pending = {job.key for job in [*session.pending, *session.unanswered]}
    runs = [run for run in session.plan(executor.workers).runs() if run.key in pending]
    with stoppable(executor.stop) as wish:
        try:
            watch = follow(session.run(executor=executor), runs, news)
        except KeyboardInterrupt:
            watch = None
    if watch is not None and watch.ended == len(runs):
        return watch
    raise refuse(
        "stopped; finished runs and checkpoints are kept: give the same command again "
        "to go on",
        wish.exit_code,
    )
