"""As many seeds and rates at once as memory holds: the compiled program is asked."""

from pathlib import Path

import jax
import pytest
from tests.suite.bits import bits_of

from nnarena.runs.store import AbstractStore, open_store
from nnarena.suite import programs, provenance, runner
from nnarena.suite.events import Event
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import Job, make_jobs
from nnarena.suite.programs import Programs, TooLarge
from nnarena.training.descent_program import DescentProgram


@pytest.fixture(scope="module")
def jobs(tiny_suite) -> list[Job]:
    """Five runs that differ in their seed."""
    return make_jobs(tiny_suite.model_copy(update={"seeds": [0, 1, 2, 3, 4]}))


@pytest.fixture(scope="module")
def searching(tiny_suite) -> list[Job]:
    """Three runs that choose one of two rates, and stop at checks of their own."""
    numbers = {"learning_rate": [0.3, 0.03], "schedule": "constant", "patience": 1}
    trainer = {**tiny_suite.trainer, **numbers}
    return make_jobs(
        tiny_suite.model_copy(update={"seeds": [0, 1, 2], "trainer": trainer})
    )


@pytest.fixture(scope="module")
def sizes(jobs) -> dict[int, int]:
    """What the program asks for, by its count of seeds."""
    compiled = Programs(provenance.data_folder())
    counts = (1, 2, 3, 5)
    return {k: compiled.compiled(jobs[:k]).program.bytes or 0 for k in counts}


@pytest.fixture
def compiled(monkeypatch) -> list[tuple[int, bool]]:
    """How many seeds each program was compiled for, and whether all rates at once."""
    counts, compile_them = [], Programs._compile

    def count(self, jobs, trials_at_once):
        counts.append((len(jobs), trials_at_once))
        return compile_them(self, jobs, trials_at_once)

    monkeypatch.setattr(Programs, "_compile", count)
    return counts


class Killed(BaseException):
    """The process is no more."""


def outcomes(executor: InProcess, jobs: list[Job]) -> list[str]:
    return [e.kind for e in executor.run(jobs) if e.kind in ("done", "failed")]


def break_off(folder: Path, jobs: list[Job], checks: int) -> None:
    """Runs jobs at once and drops everything at such a check, before its checkpoint."""
    seen = 0
    for event in InProcess(folder, axes=True).run(jobs):
        seen += event.kind == "check" and event.key == jobs[0].key
        if seen == checks:
            return


def starts(events: list[Event]) -> dict[str, float | None]:
    """Returns at which step every run was begun or taken up."""
    return {e.key: e.figures["step"] for e in events if e.kind == "started"}


def same_but_for_last_bits(one: AbstractStore, other: AbstractStore) -> None:
    """Holds runs of programs of other shapes against each other."""
    twins = {record.key: record.result for record in other}
    for record in one:
        left, right = record.result, twins.pop(record.key)
        assert (left.steps, left.best_step) == (right.steps, right.best_step)
        assert left.learning_rate == right.learning_rate
        assert right.test_loss == pytest.approx(left.test_loss, rel=1e-3)
        curve, twin = (store.history(record.key) for store in (one, other))
        assert curve is not None
        assert twin is not None
        for name in ("step", "validation_loss", "gradient_norm"):
            assert twin.series[name] == pytest.approx(curve.series[name], rel=1e-3)
    assert not twins


def test_more_seeds_ask_for_more(sizes):
    assert 0 < sizes[1] < sizes[2] < sizes[3] < sizes[5]


def test_without_a_limit_all_seeds_go_at_once(jobs, tmp_path, compiled):
    assert provenance.device_bytes() is None  # as on every CPU
    assert outcomes(InProcess(tmp_path, axes=True), jobs) == ["done"] * 5
    assert compiled == [(5, True)]


def test_seeds_are_halved_until_their_program_fits(
    jobs, sizes, tmp_path, compiled, monkeypatch
):
    monkeypatch.setattr(provenance, "device_bytes", lambda: sizes[3] - 1)
    executor = InProcess(tmp_path, axes=True)
    assert outcomes(executor, jobs) == ["done"] * 5
    # 5 = 3 + 2, 3 = 2 + 1
    assert compiled == [(seeds, True) for seeds in (5, 3, 2, 1, 2)]
    asked = [record.cost.program_bytes for record in executor.runner.store]
    assert set(asked) == {sizes[1], sizes[2]}


def test_one_seed_is_tried_whatever_it_asks_for(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "device_bytes", lambda: 1)
    executor = InProcess(tmp_path, axes=True)
    assert outcomes(executor, jobs[:2]) == ["done"] * 2


def test_what_was_too_large_is_not_compiled_again(jobs, compiled, monkeypatch):
    monkeypatch.setattr(provenance, "device_bytes", lambda: 1)
    tried = Programs(provenance.data_folder())
    for _ in range(3):
        with pytest.raises(TooLarge):
            tried.compiled(jobs[:2])
    assert compiled == [(2, False)]


def test_a_device_that_runs_out_of_memory_all_the_same_gets_fewer_seeds(
    jobs, tmp_path, monkeypatch
):
    """What is free may be less than what there is."""
    advance = DescentProgram.advance

    def refuse(self, state, data_key):
        if jax.numpy.ndim(state.step):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return advance(self, state, data_key)

    monkeypatch.setattr(DescentProgram, "advance", refuse)
    executor = InProcess(tmp_path, axes=True)
    assert outcomes(executor, jobs[:2]) == ["done"] * 2


def test_another_error_of_the_device_is_a_failure(jobs, tmp_path, monkeypatch):
    def refuse(self, state, data_key):
        raise jax.errors.JaxRuntimeError("INTERNAL: no")

    monkeypatch.setattr(DescentProgram, "advance", refuse)
    executor = InProcess(tmp_path, axes=True)
    assert outcomes(executor, jobs[:2]) == ["failed"] * 2


def test_compiling_is_paid_for_once(jobs, sizes, tmp_path, monkeypatch):
    """The seconds of programs that were too large are somebody's too."""
    monkeypatch.setattr(provenance, "device_bytes", lambda: sizes[2] - 1)
    clock = iter(range(1_000))
    monkeypatch.setattr(programs.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 1e9)
    executor = InProcess(tmp_path, axes=True)
    outcomes(executor, jobs[:2])
    paid = [record.cost.compile_seconds for record in executor.runner.store]
    assert sorted(paid) == [0.0, 2.0]  # of two programs, by a clock that counts looks


def test_rates_on_trial_are_an_axis_too(searching, tmp_path, compiled):
    list(InProcess(tmp_path / "turns").run(searching))
    assert compiled == [(1, False)]
    list(InProcess(tmp_path / "axes", axes=True).run(searching))
    assert compiled[1:] == [(3, True)]
    turns, together = (open_store(tmp_path / way) for way in ("turns", "axes"))
    same_but_for_last_bits(turns, together)


def test_where_the_rates_of_a_seed_do_not_fit_they_are_tried_in_turn(
    searching, tmp_path, compiled, monkeypatch
):
    list(InProcess(tmp_path / "turns").run(searching))
    monkeypatch.setattr(provenance, "device_bytes", lambda: 1)
    list(InProcess(tmp_path / "axes", axes=True).run(searching))
    assert compiled[1:] == [(3, True), (2, True), (1, True), (1, False)]
    assert bits_of(open_store(tmp_path / "axes")) == bits_of(
        open_store(tmp_path / "turns")
    )


@pytest.mark.parametrize("checks", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_seeds_go_on_without_those_they_were_broken_off_with(
    searching, tmp_path, monkeypatch, checks
):
    """As with fewer `--seeds`, or where another process is doing a sibling."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    list(InProcess(tmp_path / "calm", axes=True).run(searching))
    break_off(tmp_path / "wild", searching, checks)
    for jobs in (searching[:1], searching[1:]):
        events = list(InProcess(tmp_path / "wild", axes=True).run(jobs))
        assert 0.0 not in starts(events).values()
    calm, wild = (open_store(tmp_path / way) for way in ("calm", "wild"))
    same_but_for_last_bits(calm, wild)
    assert {record.provenance.interruptions for record in wild} == {1}


def test_seeds_that_come_later_do_not_set_back_those_broken_off(
    jobs, tmp_path, monkeypatch
):
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    list(InProcess(tmp_path / "calm", axes=True).run(jobs[:3]))
    break_off(tmp_path / "wild", jobs[:2], checks=3)
    events = list(InProcess(tmp_path / "wild", axes=True).run(jobs[:3]))
    assert [starts(events)[job.key] for job in jobs[:3]] == [8.0, 8.0, 0.0]
    same_but_for_last_bits(*(open_store(tmp_path / way) for way in ("calm", "wild")))


@pytest.mark.parametrize(
    ("at", "behind"), [(2, True), pytest.param(6, False, marks=pytest.mark.slow)]
)
def test_a_kill_between_two_checkpoints_costs_a_check_and_not_a_bit(
    searching, tmp_path, monkeypatch, at, behind
):
    """The first seed alone was saved: the others catch up, or find it to be over."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    list(InProcess(tmp_path / "calm", axes=True).run(searching))
    save = runner.save_checkpoint

    def killed(store, ledger, arrays):
        if ledger.advances == at and ledger.job.key == searching[1].key:
            raise Killed
        save(store, ledger, arrays)

    executor = InProcess(tmp_path / "wild", axes=True)
    with monkeypatch.context() as dying:
        dying.setattr(runner, "save_checkpoint", killed)
        with pytest.raises(Killed):
            list(executor.run(searching))
    events = list(InProcess(tmp_path / "wild", axes=True).run(searching))
    notes = " ".join(event.text for event in events if event.kind == "note")
    assert (
        "not broken off at the same check: those behind catch up" in notes
    ) is behind
    assert 0.0 not in starts(events).values()
    store = open_store(tmp_path / "wild")
    assert bits_of(store) == bits_of(open_store(tmp_path / "calm"))
    assert {record.provenance.interruptions for record in store} == {1}


def test_seeds_of_which_some_are_over_are_taken_up_together(
    searching, tmp_path, monkeypatch
):
    """Broken off again and again, at every third check of the program."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    list(InProcess(tmp_path / "calm", axes=True).run(searching))
    steps = {record.result.steps for record in open_store(tmp_path / "calm")}
    assert len(steps) > 1, "they were all over at once"
    store, times = open_store(tmp_path / "wild"), 0
    while len(store.keys("records")) < len(searching):
        executor, checks = InProcess(tmp_path / "wild", axes=True), 0
        times += 1
        assert times < 20, "it never gets further"
        for event in executor.run(searching):
            checks += event.kind == "check" and event.key == searching[0].key
            if checks == 3:
                break
    assert bits_of(store) == bits_of(open_store(tmp_path / "calm"))
    assert {record.provenance.interruptions for record in store} == {times - 1}
