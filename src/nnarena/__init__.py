"""Neural Network Arena: which sequence models remember, how surely, at what cost.

`import nnarena` imports nothing heavy; the names below load what they need when they
are first used.

    nnarena.run(models, tasks, ...)     runs a matrix and returns its leaderboard
    nnarena.leaderboard(results)        the leaderboard of a folder of results
    nnarena.evaluate(results, on=...)   what its trained models answer to other tasks
    nnarena.restore(results, ...)       one of its trained models
    nnarena.attention_maps(model, ...)  where it looked for its answers to an example
    nnarena.MODELS, TASKS, ...          the registries: TRAINERS, METRICS, PENALTIES
    nnarena.AbstractCell, ...           what an entrant implements, and is made of
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:  # the same names once more, for editors; a test compares the two
    from .core.frozen import Frozen as Frozen
    from .core.problems import CannotPlay as CannotPlay
    from .core.roles import role as role
    from .core.scoring import (
        Scoring as Scoring,
        accuracy as accuracy,
        auroc as auroc,
        average_precision as average_precision,
        exact_match as exact_match,
        inverse_frequencies as inverse_frequencies,
        macro_f1 as macro_f1,
        mean_absolute_error as mean_absolute_error,
        mean_squared_error as mean_squared_error,
        negative_log_likelihood as negative_log_likelihood,
        wrong_bits as wrong_bits,
    )
    from .core.types import (
        Classes as Classes,
        Example as Example,
        Features as Features,
        Generated as Generated,
        Labels as Labels,
        Sentences as Sentences,
        Sequence as Sequence,
        Signature as Signature,
        Tokens as Tokens,
        Values as Values,
    )
    from .diagnostics.attention import attention_maps as attention_maps
    from .metrics import (
        METRICS as METRICS,
        AbstractMean as AbstractMean,
        AbstractMetric as AbstractMetric,
        Mean as Mean,
    )
    from .models import (
        MODELS as MODELS,
        AbstractCalibrated as AbstractCalibrated,
        AbstractCell as AbstractCell,
        AbstractFold as AbstractFold,
        AbstractLayer as AbstractLayer,
        AbstractModel as AbstractModel,
    )
    from .models.decoder import (
        AbstractDecoder as AbstractDecoder,
        AbstractParallelDecoder as AbstractParallelDecoder,
    )
    from .models.supervised import AbstractSupervised as AbstractSupervised
    from .nn.attention_map import AttentionMap as AttentionMap
    from .nn.parametrization import AbstractParametrization as AbstractParametrization
    from .nn.trace import Nudges as Nudges, Trace as Trace
    from .nn.unroll import unroll as unroll
    from .suite.evaluate import evaluate as evaluate
    from .suite.restore import restore as restore
    from .suite.session import leaderboard as leaderboard, run as run
    from .tasks import (
        TASKS as TASKS,
        AbstractForecast as AbstractForecast,
        AbstractTask as AbstractTask,
        Splits as Splits,
        SyntheticSplits as SyntheticSplits,
    )
    from .tasks.base import (
        shuffled_splits as shuffled_splits,
        with_unit_gaps as with_unit_gaps,
    )
    from .tasks.files import (
        DataFolder as DataFolder,
        DataProblem as DataProblem,
        LocalFolder as LocalFolder,
        RemoteFile as RemoteFile,
    )
    from .training import PENALTIES as PENALTIES, TRAINERS as TRAINERS
    from .training.base import (
        AbstractProgram as AbstractProgram,
        AbstractTrainer as AbstractTrainer,
        Check as Check,
    )
    from .training.flow import AbstractFlowPenalty as AbstractFlowPenalty, Flow as Flow
    from .training.iterative import (
        AbstractIterativeTrainer as AbstractIterativeTrainer,
        Step as Step,
    )
    from .training.penalties import AbstractPenalty as AbstractPenalty


# The threads of JAX's programs on a CPU. With several, two batched calls of LAPACK that
# run at once may each hold a thread and wait for ever for another (jax 0.10, where
# `ParallelBatchMap` waits for its own pool); no compiler option prevents it. JAX reads
# this when it first computes; a number that is already set stays.
os.environ.setdefault("NPROC", "1")

_NAMES = {
    "core.frozen": ["Frozen"],
    "core.problems": ["CannotPlay"],
    "core.roles": ["role"],
    "core.scoring": [
        *("Scoring", "accuracy", "auroc", "average_precision", "exact_match"),
        *("inverse_frequencies", "macro_f1", "mean_absolute_error"),
        *("mean_squared_error", "negative_log_likelihood", "wrong_bits"),
    ],
    "core.types": [
        *("Classes", "Example", "Features", "Generated", "Labels", "Sequence"),
        *("Sentences", "Signature", "Tokens", "Values"),
    ],
    "diagnostics.attention": ["attention_maps"],
    "metrics": ["METRICS", "AbstractMean", "AbstractMetric", "Mean"],
    "models": [
        *("MODELS", "AbstractCalibrated", "AbstractCell", "AbstractFold"),
        *("AbstractLayer", "AbstractModel"),
    ],
    "models.decoder": ["AbstractDecoder", "AbstractParallelDecoder"],
    "models.supervised": ["AbstractSupervised"],
    "nn.parametrization": ["AbstractParametrization"],
    "suite.evaluate": ["evaluate"],
    "nn.attention_map": ["AttentionMap"],
    "nn.trace": ["Nudges", "Trace"],
    "nn.unroll": ["unroll"],
    "suite.restore": ["restore"],
    "suite.session": ["leaderboard", "run"],
    "tasks": ["TASKS", "AbstractForecast", "AbstractTask", "Splits", "SyntheticSplits"],
    "tasks.base": ["shuffled_splits", "with_unit_gaps"],
    "tasks.files": ["DataFolder", "DataProblem", "LocalFolder", "RemoteFile"],
    "training": ["PENALTIES", "TRAINERS"],
    "training.base": ["AbstractProgram", "AbstractTrainer", "Check"],
    "training.iterative": ["AbstractIterativeTrainer", "Step"],
    "training.flow": ["AbstractFlowPenalty", "Flow"],
    "training.penalties": ["AbstractPenalty"],
}
"""What each module gives to `import nnarena`."""

_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnarena' has no attribute {name!r}")
    found = getattr(import_module(f"nnarena.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
