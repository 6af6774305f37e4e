"""As many seeds at once as the memory holds: the compiled program is asked."""

import jax
import pytest

from nnarena.suite import programs, provenance, runner
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import Job, make_jobs
from nnarena.suite.programs import Programs, TooLarge
from nnarena.training.descent import DescentProgram


@pytest.fixture(scope="module")
def jobs(tiny_suite) -> list[Job]:
    """Five runs that differ in their seed."""
    return make_jobs(tiny_suite.model_copy(update={"seeds": [0, 1, 2, 3, 4]}))


@pytest.fixture(scope="module")
def sizes(jobs) -> dict[int, int]:
    """What the program asks for, by its count of seeds."""
    compiled = Programs(provenance.data_folder())
    counts = (1, 2, 3, 5)
    return {k: compiled.compiled(jobs[:k]).program.bytes or 0 for k in counts}


@pytest.fixture
def compiled(monkeypatch) -> list[int]:
    """How many seeds each program was compiled for that the test needed."""
    counts, compile_them = [], Programs._compile

    def count(self, jobs):
        counts.append(len(jobs))
        return compile_them(self, jobs)

    monkeypatch.setattr(Programs, "_compile", count)
    return counts


def outcomes(executor: InProcess, jobs: list[Job]) -> list[str]:
    return [e.kind for e in executor.run(jobs) if e.kind in ("done", "failed")]


def test_more_seeds_ask_for_more(sizes):
    assert 0 < sizes[1] < sizes[2] < sizes[3] < sizes[5]


def test_without_a_limit_all_seeds_go_at_once(jobs, tmp_path, compiled):
    assert provenance.device_bytes() is None  # as on every CPU
    assert outcomes(InProcess(tmp_path, seeds_at_once=None), jobs) == ["done"] * 5
    assert compiled == [5]


def test_seeds_are_halved_until_their_program_fits(
    jobs, sizes, tmp_path, compiled, monkeypatch
):
    monkeypatch.setattr(provenance, "device_bytes", lambda: sizes[3] - 1)
    executor = InProcess(tmp_path, seeds_at_once=None)
    assert outcomes(executor, jobs) == ["done"] * 5
    assert compiled == [5, 3, 2, 1, 2]  # 5 = 3 + 2, 3 = 2 + 1
    asked = [record.cost.program_bytes for record in executor.runner.store]
    assert set(asked) == {sizes[1], sizes[2]}


def test_one_seed_is_tried_whatever_it_asks_for(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "device_bytes", lambda: 1)
    executor = InProcess(tmp_path, seeds_at_once=None)
    assert outcomes(executor, jobs[:2]) == ["done"] * 2


def test_what_was_too_large_is_not_compiled_again(jobs, compiled, monkeypatch):
    monkeypatch.setattr(provenance, "device_bytes", lambda: 1)
    tried = Programs(provenance.data_folder())
    for _ in range(3):
        with pytest.raises(TooLarge):
            tried.compiled(jobs[:2])
    assert compiled == [2]


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
    executor = InProcess(tmp_path, seeds_at_once=None)
    assert outcomes(executor, jobs[:2]) == ["done"] * 2


def test_another_error_of_the_device_is_a_failure(jobs, tmp_path, monkeypatch):
    def refuse(self, state, data_key):
        raise jax.errors.JaxRuntimeError("INTERNAL: no")

    monkeypatch.setattr(DescentProgram, "advance", refuse)
    executor = InProcess(tmp_path, seeds_at_once=None)
    assert outcomes(executor, jobs[:2]) == ["failed"] * 2


def test_compiling_is_paid_for_once(jobs, sizes, tmp_path, monkeypatch):
    """The seconds of programs that were too large are somebody's too."""
    monkeypatch.setattr(provenance, "device_bytes", lambda: sizes[2] - 1)
    clock = iter(range(1_000))
    monkeypatch.setattr(programs.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 1e9)
    executor = InProcess(tmp_path, seeds_at_once=None)
    outcomes(executor, jobs[:2])
    paid = [record.cost.compile_seconds for record in executor.runner.store]
    assert sorted(paid) == [0.0, 2.0]  # of two programs, by a clock that counts looks
