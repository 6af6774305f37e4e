"""A hostile world: no silent broadcasting, no silent promotion of types.

Quick tests run small programs once, so that compiling is what they cost: their code is
generated without optimization and by XLA's older emitters, in a quarter of the time.
Slow ones train, and are optimized.

What one test compiled serves the others, other processes, and the next session:
programs are kept in pytest's own cache (`pytest --cache-clear` empties it).

Every compiled program holds some maps of memory for as long as JAX keeps it, and Linux
grants a process 65,530: at the limit, the compiler ends the process with a segmentation
fault. Programs are therefore dropped before.
"""

import gc
import os
import shutil
import sys
import uuid
from pathlib import Path

import jax
import pytest
import tests.typechecking  # noqa: F401  the hook of jaxtyping names it
from tests.object_storage import storage_server


jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

QUICK = " ".join(
    (
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",  # more are for more threads
        # Short vectors and products by rows: less code, alike on most processors.
        "--xla_cpu_prefer_vector_width=128",
        "--xla_backend_extra_options=xla_llvm_dot_tiling_factor=1",
    )
)
KEPT_BYTES = 2 * 2**30
"""Size from which on the programs of former sessions are thrown away."""
MAPS = 20_000
"""Maps of memory from which on the compiled programs of a process are dropped."""
GROWTH = 2 * 2**30
"""Memory by which a process may grow before they are, too."""


def pytest_addoption(parser):
    """Adds what CI asks for: an older processor than this one, and no test left out."""
    parser.addoption(
        "--isa",
        metavar="SSE4_2|AVX2",
        help="the newest instructions that programs may use",
    )
    parser.addoption(
        "--no-skips", action="store_true", help="a test that is skipped fails"
    )


def pytest_configure(config):
    """Sets the flags before anything is computed; in the workers of xdist too."""
    quick = config.option.markexpr.startswith("not slow")
    older = f"--xla_cpu_max_isa={config.option.isa}" if config.option.isa else ""
    flags = f"{QUICK if quick else ''} {older}".strip()
    if flags:
        os.environ.setdefault("XLA_FLAGS", flags)
    os.environ.setdefault("NPROC", "1")  # as `import nnarena` has it
    keep_bytecode()
    keep_programs(config.cache.mkdir("xla"), first=not hasattr(config, "workerinput"))


def keep_programs(folder: Path, *, first: bool) -> None:
    """Has this process and its children keep what they compile."""
    if first and sum(f.stat().st_size for f in folder.iterdir()) > KEPT_BYTES:
        shutil.rmtree(folder)
        folder.mkdir()
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


def keep_bytecode() -> None:
    """Has this process and its children keep what Python compiles, as by default.

    Every worker process would else compile the whole package, in a second of its own.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish():
    """Spares the collector of garbage all that lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # tracing makes much, and little of it is garbage


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fails a test that skips where none may: what it needs is missing."""
    report = yield
    if report.skipped and item.config.option.no_skips:
        report.outcome = "failed"
        report.longrepr = f"skipped, where no test may be: {call.excinfo.value}"
    return report


@pytest.fixture(autouse=True, scope="session")
def programs_are_shared():
    """Compiles the program of a run once for all tests of a process."""
    from tests.programs import share_programs

    share_programs()


@pytest.fixture(autouse=True, scope="module")
def programs_are_dropped():
    """Keeps the process below the limit of its maps; macOS and Windows know none."""
    from tests.programs import drop_programs

    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    held, before = resident_bytes(), _held_before.setdefault("bytes", resident_bytes())
    if maps.read_bytes().count(b"\n") > MAPS or held - before > GROWTH:
        drop_programs()
        jax.clear_caches()
        gc.collect()
        _held_before["bytes"] = resident_bytes()


_held_before: dict[str, int] = {}


def resident_bytes() -> int:
    """Returns how much memory this process holds, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def double_precision():
    """Computes in float64.

    Two ways to compute the same numbers then agree far below any tolerance, whatever
    the instructions of the processor; in float32 they may differ by as much as a test
    can allow.
    """
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of a server of S3 on this machine."""
    with storage_server() as address:
        yield address


@pytest.fixture
def bucket(s3_endpoint, monkeypatch) -> str:
    """The address of a new and empty bucket; worker processes find it too."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "anyone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"arena-{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}"
