"""Made-up records: what a store looks like after a benchmark, without running one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from nnarena.runs.record import (
    Cost,
    Entrant,
    History,
    Identity,
    Outcome,
    Provenance,
    Record,
    Result,
    Scoring,
)
from nnarena.runs.store import DirectoryStore


ACCURACY = Scoring(
    metric="accuracy", higher_is_better=True, chance=0.1, best=1.0, solved=0.9
)
ERROR = Scoring(
    metric="mean squared error",
    higher_is_better=False,
    chance=0.16,
    best=0.0,
    solved=0.001,
)
TASKS = {"copy": ACCURACY, "add": ERROR, "recall": ACCURACY}
FAMILIES = {"gru": "gated", "lstm": "gated", "transformer": "attention"}

LARGE_CONTENDERS = (
    *("elman", "gru", "lstm", "ct_rnn", "ct_gru", "ode_lstm", "ncp", "unitary_ncp"),
    *("exp_unitary", "unitary_rnn", "dnc", "memory_cell", "memory_layer"),
    *("memory_layer_transformer", "memory_augmented_transformer", "transformer"),
    *("encoder_decoder_transformer", "rnn_augmented_transformer"),
    *("rnn_attention_transformer", "a contender from elsewhere"),
)
LARGE_TASKS = tuple((name, length) for name in TASKS for length in (50, 100, 200, 400))
"""Twenty contenders on three tasks at four lengths each."""

PROVENANCE = Provenance(
    started_at="2026-03-01T09:00:00+00:00",
    finished_at="2026-03-01T09:05:00+00:00",
    versions={"nnarena": "0.1.0", "jax": "0.10.2", "python": "3.11.9"},
    commit="1234567890abcdef",
    hardware={"processor": "Example CPU", "cores": 2, "accelerator": "none"},
    executor="local",
)


def make_record(
    model: str = "gru",
    task: str = "copy",
    seed: int = 0,
    *,
    score: float | None = 0.5,
    outcome: Outcome = "finished",
    reason: str | None = None,
    settings: Mapping[str, JsonValue] | None = None,
    task_settings: Mapping[str, JsonValue] | None = None,
    trainer_settings: Mapping[str, JsonValue] | None = None,
    width: int = 32,
    peak_bytes: int = 600_000_000,
    version: str = "1",
    seconds: float = 30.0,
    steps: int = 2000,
    provenance: Provenance = PROVENANCE,
) -> Record:
    """Returns one record; the score is dropped unless the run finished."""
    identity = Identity(
        model=Entrant(name=model, version=version, settings=dict(settings or {})),
        width=width,
        task=Entrant(name=task, version="1", settings=dict(task_settings or {})),
        trainer=Entrant(
            name="gradient descent", version="1", settings=dict(trainer_settings or {})
        ),
        seed=seed,
    )
    kept = score if outcome == "finished" else None
    loss = None if kept is None else 1.0 - kept
    return Record(
        key=identity.key,
        identity=identity,
        family=FAMILIES.get(model, "other"),
        scoring=TASKS.get(task, ACCURACY),
        result=Result(
            outcome=outcome,
            reason=reason,
            parameters=20_000 + width,
            steps=steps,
            best_step=steps // 2,
            validation_loss=loss,
            validation_score=kept,
            test_loss=loss,
            test_score=kept,
        ),
        cost=Cost(
            compile_seconds=2.5,
            run_seconds=seconds,
            peak_bytes=peak_bytes,
            program_bytes=20_000_000,
            matmul_flops_per_step=4_000_000,
            state_size=64,
        ),
        provenance=provenance,
    )


def make_history(record: Record, rng: np.random.Generator, checks: int = 40) -> History:
    """Returns a curve from chance to the record's score, with a little noise."""
    scoring, result = record.scoring, record.result
    end = scoring.chance if result.test_score is None else result.test_score
    stop = checks if result.outcome == "finished" else checks // 3
    share = 1 / (1 + np.exp(-12 * (np.arange(1, checks + 1) / checks - 0.4)))[:stop]
    share = np.clip(share + 0.02 * rng.normal(size=stop), 0, 1)
    if scoring.higher_is_better:
        scores = scoring.chance + share * (end - scoring.chance)
    else:
        scores = scoring.chance * (end / scoring.chance) ** share
    steps = (result.steps * np.arange(1, stop + 1) / checks).round()
    series: dict[str, list[float | None]] = {
        "step": [float(step) for step in steps],
        "validation_score": [float(score) for score in scores],
    }
    if result.outcome == "diverged":
        series["validation_score"][-1] = None
    return History(key=record.key, series=series)


def fill_store(
    root: Path,
    contenders: Mapping[str, float],
    *,
    tasks: Sequence[str] = ("copy", "add", "recall"),
    seeds: int = 5,
    diverged: Sequence[tuple[str, str, int]] = (),
    failed: Sequence[tuple[str, str, int]] = (),
) -> DirectoryStore:
    """Returns a store with every contender on every task.

    Args:
        root: the store's folder.
        contenders: how able each is, by name: 0 is blind, 1 perfect.
        tasks: names from `TASKS`.
        seeds: runs of each pair.
        diverged: (contender, task, seed) of the runs that break down.
        failed: (contender, task, seed) of the runs that fail.
    """
    store, rng = DirectoryStore(root), np.random.default_rng(1)
    triples = [(c, t, s) for c in contenders for t in tasks for s in range(seeds)]
    for index, (contender, task, seed) in enumerate(triples):
        outcome, reason = _fate((contender, task, seed), diverged, failed)
        record = make_record(
            contender,
            task,
            seed,
            score=_score(TASKS[task], contenders[contender], rng),
            outcome=outcome,
            reason=reason,
            seconds=20.0 + 15.0 * (index // (seeds * len(tasks))) + rng.uniform(0, 3),
        )
        store.put(record, make_history(record, rng), {})
    return store


def fill_large_store(root: Path, seeds: int = 10) -> DirectoryStore:
    """Returns a store of 20 contenders on 12 tasks: 2,400 runs with ten seeds.

    The longer a task the harder, for some more than for others; one run in a hundred
    diverges and one in two hundred fails.
    """
    store, rng = DirectoryStore(root), np.random.default_rng(2)
    for place, contender in enumerate(LARGE_CONTENDERS):
        ability = 0.98 - 0.03 * place + 0.1 * rng.normal()
        for name, length in LARGE_TASKS:
            able = ability - 0.2 * rng.uniform() * np.log2(length / 50)
            for seed in range(seeds):
                _put_run(store, (contender, name, seed), length, able, rng)
    return store


def _put_run(
    store: DirectoryStore,
    triple: tuple[str, str, int],
    length: int,
    ability: float,
    rng: np.random.Generator,
) -> None:
    luck = rng.uniform()
    outcome, reason = _fate(
        triple, [triple] if luck < 0.01 else [], [triple] if luck > 0.995 else []
    )
    contender, task, _ = triple
    place = LARGE_CONTENDERS.index(contender)
    record = make_record(
        *triple,
        score=_score(TASKS[task], ability, rng),
        task_settings={"length": length},
        width=16 + 131 * place % 60,
        peak_bytes=int(5e8 * (1 + 37 * place % 20 / 8)),
        seconds=float((5 + place**2) * length / 50 * rng.uniform(0.9, 1.1)),
        outcome=outcome,
        reason=reason,
    )
    store.put(record, make_history(record, rng), {})


def _fate(
    triple: tuple[str, str, int],
    diverged: Sequence[tuple[str, str, int]],
    failed: Sequence[tuple[str, str, int]],
) -> tuple[Outcome, str | None]:
    if triple in diverged:
        return "diverged", "the loss was not finite at step 640"
    if triple in failed:
        return "failed", "out of memory: the process asked for 9 GiB"
    return "finished", None


def _score(scoring: Scoring, ability: float, rng: np.random.Generator) -> float:
    share = float(np.clip(ability + 0.06 * rng.normal(), 0.0, 1.0))
    if scoring.higher_is_better:
        return scoring.chance + share * (scoring.best - scoring.chance)
    return scoring.chance * float(10 ** (-4 * share))
