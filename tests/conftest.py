"""A hostile world: no silent broadcasting, no silent promotion of types.

Quick tests run small programs once, so that compiling is what they cost: their code is
generated without optimization and by XLA's older emitters, in a quarter of the time.
Slow ones train, and are optimized.

Every compiled program holds some maps of memory for as long as JAX keeps it, and Linux
grants a process 65,530: at the limit, the compiler ends the process with a segmentation
fault. Programs are therefore dropped before.
"""

import os
import uuid
from pathlib import Path

import jax
import pytest
from tests.object_storage import storage_server


jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

QUICK = " ".join(
    (
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
        "--xla_cpu_use_fusion_emitters=false",
    )
)
MAPS = 20_000
"""Maps of memory from which on the compiled programs of a process are dropped."""


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fails a test that skips where none may: what it needs is missing."""
    report = yield
    if report.skipped and item.config.option.no_skips:
        report.outcome = "failed"
        report.longrepr = f"skipped, where no test may be: {call.excinfo.value}"
    return report


@pytest.fixture(autouse=True, scope="module")
def programs_are_dropped():
    """Keeps the process below the limit of its maps; macOS and Windows know none."""
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPS:
        jax.clear_caches()


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
