"""From a record back to its model: the weights that were best, ready to be asked."""

from ..models import AbstractModel
from ..runs.record import Record
from ..runs.store import AbstractStore
from ..tasks import AbstractTask, Splits
from ..training.base import tree_from_paths, weight_shapes, with_weights
from . import provenance
from .plan import Job, assemble
from .programs import task_splits


def restore(record: Record, store: AbstractStore) -> tuple[AbstractModel, AbstractTask]:
    """Returns the model of a finished run, with its best weights, and its task.

    Entrants from plugin files must have been imported before: a record names them,
    but does not say where they are.

    Raises:
        UnknownName: the model or the task is not registered here.
        ValueError: an entrant is of another version than the record's, so that its
            equations may be others, or the weights do not fit it.
        FileNotFoundError: the store has no weights of the run.
    """
    assembled = assemble(_job(record))
    weights = store.weights(record.key)
    shapes = weight_shapes(assembled.build)
    model = with_weights(assembled.build, tree_from_paths(shapes, weights))
    return model, assembled.task


def restore_splits(record: Record) -> Splits:
    """Returns the rows that the run of a record trained, chose and was tested on.

    Raises:
        UnknownName, ValueError: as `restore` does.
        DataProblem: a file of real data is missing or wrong.
    """
    job = _job(record)
    return task_splits(assemble(job), job.identity.task.name, provenance.data_folder())


def _job(record: Record) -> Job:
    return Job(
        identity=record.identity,
        family=record.family,
        parameters=record.result.parameters or 0,
        scoring=record.scoring,
    )
