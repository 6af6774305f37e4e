"""The account of one run while it goes on: curve, seconds, interruptions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from pydantic import model_validator

from ..core.numbers import Count, Finite, Seconds
from ..runs.record import Cost, History, Outcome, Part, Provenance, Record, Result
from ..training.base import Check
from . import provenance
from .plan import Job


SERIES = ("step", "train_loss", "validation_loss", "validation_score")
"""The series of every curve; a trainer may add figures of its own."""

JUDGED = ("best_step", "stopped", "diverged")
"""What else a check says of every run."""


def now() -> str:
    """Returns the time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def finite(value: float) -> float | None:
    """Returns a number that JSON can hold, or None."""
    return float(value) if math.isfinite(value) else None


def why_not_finite(test_loss: float, test_score: float) -> str | None:
    """Returns what says of a test that an answer was not a number; None if none was."""
    for what, figure in (("loss", test_loss), ("score", test_score)):
        if not math.isfinite(figure):
            return f"the test {what} is not finite: {figure}"
    return None


class Kept(Part):
    """What a checkpoint holds of a ledger.

    `last` and `chosen` may hold what JSON cannot, as text.
    It may come from any store: what is not a ledger raises a ValueError.
    """

    started_at: str
    compile_seconds: Seconds
    run_seconds: Seconds
    interruptions: Count
    advances: Count
    series: dict[str, list[Finite | None]]
    last: dict[str, str]
    chosen: dict[str, str]

    @model_validator(mode="after")
    def _is_a_table(self) -> "Kept":
        lengths = {len(values) for values in self.series.values()}
        if not set(SERIES) <= set(self.series) or len(lengths) > 1:
            raise ValueError("the series are not those of a ledger")
        return self


@dataclass
class Ledger:
    """What has been measured of one run so far; survives in its checkpoint.

    `advances` counts the checks of its program, those too in which the run was over
    or waited for other seeds beside it. `last` are the figures of the last check,
    `chosen` the settings that it says the best weights were trained at.
    """

    job: Job
    executor: str
    started_at: str = field(default_factory=now)
    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    interruptions: int = 0
    advances: int = 0
    series: dict[str, list[float | None]] = field(
        default_factory=lambda: {name: [] for name in SERIES}
    )
    last: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether the run said at its last check that it is over."""
        return bool(self.last.get("stopped", False))

    def note(self, check: Check) -> None:
        """Enters one check of one seed; one without a step adds nothing.

        Beside other seeds a seed may have to wait before it goes on at the next rate.
        """
        figures = {name: float(getattr(check, name)) for name in (*SERIES, *JUDGED)}
        figures |= {name: float(value) for name, value in check.figures.items()}
        if self.last.get("step") != figures["step"]:
            # Compiled programs sort the names; curves were always written so.
            for name in (*SERIES, *sorted(check.figures, reverse=True)):
                self.series.setdefault(name, []).append(finite(figures[name]))
        self.last = figures
        self.chosen = {name: float(value) for name, value in check.chosen.items()}

    def figures(self) -> dict[str, float | None]:
        """Returns what is known of the run so far: its seconds and its last check."""
        told = {
            name: finite(self.last[name]) for name in self.series if name in self.last
        }
        return {"step": 0.0, **told, "seconds": self.run_seconds}

    def to_notes(self) -> dict[str, str]:
        """Returns what a checkpoint keeps beside the arrays."""
        kept = Kept(
            started_at=self.started_at,
            compile_seconds=self.compile_seconds,
            run_seconds=self.run_seconds,
            interruptions=self.interruptions,
            advances=self.advances,
            series=self.series,
            last={name: repr(value) for name, value in self.last.items()},
            chosen={name: repr(value) for name, value in self.chosen.items()},
        )
        return {"ledger": kept.model_dump_json()}

    def take_up(self, notes: Mapping[str, str]) -> None:
        """Goes on where a checkpoint stopped.

        Raises:
            ValueError: the notes are not those of a ledger.
        """
        kept = Kept.model_validate_json(notes.get("ledger", ""))
        last = {name: float(value) for name, value in kept.last.items()}
        chosen = {name: float(value) for name, value in kept.chosen.items()}
        self.started_at = kept.started_at
        self.compile_seconds += kept.compile_seconds
        self.run_seconds = kept.run_seconds
        self.interruptions = kept.interruptions + 1
        self.advances = kept.advances
        self.series = kept.series
        self.last, self.chosen = last, chosen

    def result(
        self,
        test_loss: float,
        test_score: float,
        test_rows: int,
        figures: Mapping[str, np.ndarray] | None = None,
    ) -> Result:
        """Returns the result of a run that went to its end.

        A run that gives one test answer that is not finite has diverged: no mean over
        the answers exists, and a missing score would drop out of the mean over runs
        that it ought to lower.
        """
        reason = self._why_diverged(test_loss, test_score)
        best_step = int(self.last["best_step"])
        best = self.series["step"].index(best_step) if best_step else None
        chosen = (
            {name: float(f"{value:.6g}") for name, value in self.chosen.items()}
            if best_step
            else {}
        )
        rate = chosen.pop("learning_rate", None)
        return Result(
            outcome="diverged" if reason else "finished",
            reason=reason,
            parameters=self.job.parameters,
            steps=int(self.last["step"]),
            best_step=best_step or None,
            learning_rate=rate,
            chosen=chosen,
            figures={
                name: float(f"{value:.6g}")
                for name, value in (figures or {}).items()
                if np.isfinite(value)
            },
            validation_loss=None
            if best is None
            else self.series["validation_loss"][best],
            validation_score=None
            if best is None
            else self.series["validation_score"][best],
            test_loss=None if reason else finite(test_loss),
            test_score=None if reason else finite(test_score),
            test_rows=test_rows,
        )

    def _why_diverged(self, test_loss: float, test_score: float) -> str | None:
        if not self.last["diverged"]:
            return why_not_finite(test_loss, test_score)
        figures = ("train_loss", "validation_loss", "validation_score")
        broken = [one for one in figures if not math.isfinite(self.last[one])]
        which = (broken or ["loss"])[0].replace("_", " ")
        return f"the {which} was no longer finite at step {int(self.last['step'])}"

    def failure(self, reason: str) -> Result:
        """Returns the result of a run that broke."""
        outcome: Outcome = "failed"
        steps = int(self.last.get("step", 0))
        return Result(
            outcome=outcome, reason=reason, parameters=self.job.parameters, steps=steps
        )

    def history(self) -> History:
        """Returns the curve."""
        return History(key=self.job.key, series=self.series)

    def record(
        self,
        result: Result,
        *,
        peak_bytes: int | None = None,
        program_bytes: int | None = None,
        matmul_flops_per_step: int | None = None,
        state_size: int | None = None,
    ) -> Record:
        """Returns the record of the run."""
        return Record(
            key=self.job.key,
            identity=self.job.identity,
            family=self.job.family,
            scoring=self.job.scoring,
            axis=self.job.axis,
            result=result,
            cost=Cost(
                compile_seconds=self.compile_seconds,
                run_seconds=self.run_seconds,
                peak_bytes=peak_bytes,
                program_bytes=program_bytes,
                matmul_flops_per_step=matmul_flops_per_step,
                state_size=state_size,
            ),
            provenance=Provenance(
                started_at=self.started_at,
                finished_at=now(),
                versions=provenance.versions(),
                commit=provenance.commit(),
                hardware=provenance.hardware(),
                executor=self.executor,
                interruptions=self.interruptions,
                asked_parameters=self.job.asked_parameters,
                plugins=self.job.plugins,
            ),
        )
