"""From a record back to its model: the weights that were best, ready to be asked."""

from dataclasses import dataclass
from pathlib import Path

from ..analysis.labels import run_labels
from ..analysis.words import listed
from ..core.problems import SuiteProblem
from ..core.registry import UnknownName
from ..models import AbstractModel
from ..runs.record import Record
from ..runs.store import AbstractStore, open_store
from ..tasks import AbstractTask, Splits
from ..training.base import tree_from_paths, weight_shapes, with_weights
from . import provenance
from .choosing import is_chosen, tables
from .plan import Assembled, Job, assemble
from .plugins import MissingPlugin, bring, find_again
from .programs import task_splits


@dataclass(frozen=True)
class Restored:
    """A trained model as its run left it, its task, and the record of the run."""

    model: AbstractModel
    task: AbstractTask
    record: Record

    @property
    def splits(self) -> Splits:
        """The rows that it was trained, chosen and tested on.

        Raises:
            DataProblem: a file of real data is missing or wrong.
        """
        return restore_splits(self.record)


def restore(
    results: str | Path, model: str, task: str, *, seed: int | None = None
) -> Restored:
    """Returns the trained model of the run that words choose in a store of results.

    Words are those of the command line. Settings that they do not name may have any
    value, and so may the seed, as long as one run alone is meant.

        found = nnarena.restore("results", "gru", "add(length=50)", seed=0)
        row = jax.tree.map(lambda column: column[0], found.splits.test)
        found.model(found.task.example(row).question)

    Raises:
        SuiteProblem: no finished run is meant, or several are.
        UnknownName, MissingPlugin, ValueError, FileNotFoundError: it is not available
            (`restore_record`).
    """
    of_models, files = tables([model], "models")
    of_tasks, more = tables([task], "tasks")
    _ = bring([*files, *more])
    store = open_store(results)
    done = [record for record in store if record.result.outcome == "finished"]
    meant = [
        record
        for record in done
        if is_chosen(record, of_models, of_tasks)
        and seed in (None, record.identity.seed)
    ]
    if len(meant) != 1:
        raise SuiteProblem(_not_one(results, [model, task], seed, meant or done, meant))
    return Restored(*restore_record(meant[0], store), meant[0])


def _not_one(
    results: str | Path,
    words: list[str],
    seed: int | None,
    runs: list[Record],
    meant: list[Record],
) -> str:
    """Returns which runs there are where words do not choose one of them."""
    asked = f"{' on '.join(words)}{'' if seed is None else f', seed {seed}'}"
    there = listed(run_labels(runs)[:6])
    if not runs:
        return f"there are no finished runs in {results}; `arena run` makes some"
    if not meant:
        return f"no finished run in {results} is {asked}; there are: {there}"
    which = f"{len(meant)} runs in {results} are {asked}"
    return f"{which}; name a seed or settings of one: {there}"


def restore_record(
    record: Record, store: AbstractStore
) -> tuple[AbstractModel, AbstractTask]:
    """Returns the model of a finished run, with its best weights, and its task.

    Entrants from plug-ins are found where the record says that they were, unless files
    that register them have been imported already.

    Raises:
        UnknownName: the model or the task is not registered here.
        MissingPlugin: a plug-in of the record is gone, or its text has changed.
        ValueError: an entrant is of another version than the record's, so that its
            equations may be others, or the weights do not fit it.
        FileNotFoundError: the store has no weights of the run.
    """
    assembled = reassemble(record)
    weights = store.weights(record.key)
    shapes = weight_shapes(assembled.build)
    model = with_weights(assembled.build, tree_from_paths(shapes, weights))
    return model, assembled.task


def restore_splits(record: Record) -> Splits:
    """Returns the rows that the run of a record trained, chose and was tested on.

    Raises:
        UnknownName, MissingPlugin, ValueError: as `restore_record` does.
        DataProblem: a file of real data is missing or wrong.
    """
    task = record.identity.task.name
    return task_splits(reassemble(record), task, provenance.data_folder())


def reassemble(record: Record) -> Assembled:
    """Returns the objects that a record's names stand for, as they were in its run.

    Raises:
        UnknownName, MissingPlugin, ValueError: as `restore_record` does.
    """
    job = job_of(record)
    try:
        return assemble(job)
    except (UnknownName, ValueError) as error:
        plugins = record.provenance.plugins
        if not plugins:
            if not _outside(record):
                raise
            raise _not_remembered(record, error) from error
        found = [find_again(plugin) for plugin in plugins]
        missing = [reason for reason in found if reason is not None]
    try:
        return assemble(job)
    except (UnknownName, ValueError) as error:
        if not missing:
            raise
        raise MissingPlugin(f"{'; '.join(missing)}{_if_other(error)}") from error


def _outside(record: Record) -> list[str]:
    """Returns the entrants that a file registered, as far as their versions tell."""
    entrants = (record.identity.model, record.identity.task)
    return [f"{e.name} ({e.version})" for e in entrants if e.version[:5] == "text-"]


def _not_remembered(record: Record, error: Exception) -> MissingPlugin:
    return MissingPlugin(
        f"needs the file that registered {' and '.join(_outside(record))}, which its "
        f"record does not name; give it by --plugin FILE.py{_if_other(error)}"
    )


def _if_other(error: Exception) -> str:
    """Returns what is here in the place of an entrant, in parentheses, if any is."""
    return "" if isinstance(error, UnknownName) else f" ({error})"


def job_of(record: Record) -> Job:
    """Returns the job that a record is of, without the files of its plug-ins."""
    return Job(
        identity=record.identity,
        family=record.family,
        parameters=record.result.parameters or 0,
        scoring=record.scoring,
        axis=record.axis,
    )
