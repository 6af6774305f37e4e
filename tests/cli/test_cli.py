"""The command line: what it prints, how it refuses, and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnarena.analysis.budget import percent
from nnarena.cli import app


run = CliRunner().invoke

SUITE = """
models = ["elman", "gru"]
tasks = [{ name = "add", length = 6 }]
seeds = 2
width = 4

[trainer]
steps = 12
batch = 4
checks = 3
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A folder in which a small suite was run by the command itself."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "mine.toml").write_text(SUITE)
    done = run(
        app, ["run", str(folder / "mine.toml"), "-r", str(folder / "out"), "-w", "0"]
    )
    assert done.exit_code == 0, done.output
    assert "gru" in done.output
    assert "overall" in done.output
    return folder / "out"


def test_run_ends_in_a_page(results):
    assert (results / "report.html").stat().st_size > 10_000


def test_a_second_run_repeats_nothing(results):
    again = run(
        app, ["run", str(results.parent / "mine.toml"), "-r", str(results), "-w", "0"]
    )
    assert again.exit_code == 0
    assert "4 of them already in" in again.output


def test_compare_speaks_json(results):
    answer = run(app, ["compare", str(results), "--json"])
    board = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert {s["contender"] for s in board["standings"]} == {"elman", "gru"}


def test_report_writes_where_it_is_told(results, tmp_path):
    answer = run(app, ["report", str(results), "-o", str(tmp_path / "page.html")])
    assert answer.exit_code == 0
    assert "gru" in (tmp_path / "page.html").read_text()


def test_export_writes_tables_and_figures(results, tmp_path):
    words = ["export", str(results), "--to", str(tmp_path / "paper"), "-f", "svg"]
    answer = run(app, words)
    assert answer.exit_code == 0
    assert "gru" in (tmp_path / "paper" / "tables" / "leaderboard.tex").read_text()
    assert (tmp_path / "paper" / "figures" / "overall.svg").exists()


@pytest.mark.parametrize("kind", ["models", "tasks", "suites"])
def test_lists_in_both_forms(kind):
    shown, machine = run(app, ["list", kind]), run(app, ["list", kind, "--json"])
    rows = json.loads(machine.stdout)
    assert shown.exit_code == machine.exit_code == 0
    assert rows
    assert all(row["name"] in shown.stdout for row in rows)


@pytest.mark.parametrize("name", ["exp_unitary", "mnist", "quick"])
def test_show_in_both_forms(name):
    shown, machine = run(app, ["show", name]), run(app, ["show", name, "--json"])
    assert shown.exit_code == 0
    assert name in shown.stdout
    assert json.loads(machine.stdout)["name"] == name


def test_show_names_what_words_may_be_instead():
    shown = run(app, ["show", "gru"]).stdout
    assert "head = linear  (or glorot, none)" in shown
    assert "checkpoint = none  (or step, chunk)" in shown
    assert "start = gates  (or matrix)" in shown


def test_plan_lists_widths_and_time(results):
    suite = str(results.parent / "mine.toml")
    answer = run(app, ["plan", suite, "-r", str(results), "-s", "3", "--json"])
    plan = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert (plan["runs"], plan["done"]) == (6, 4)
    assert {row["width"] for row in plan["cells"]} == {4}
    assert plan["seconds"] > 0
    assert {row["deviation"] for row in plan["cells"]} == {None}


def test_plan_says_how_far_parameters_are_off_their_budget(results):
    words = ["plan", "smoke", "-m", "elman,gru", "-p", "2000", "-r", str(results)]
    cells = json.loads(run(app, [*words, "--json"]).stdout)["cells"]
    for cell in cells:
        assert cell["asked_parameters"] == 2_000
        assert cell["deviation"] == pytest.approx(cell["parameters"] / 2_000 - 1)
    largest = max(abs(cell["deviation"]) for cell in cells)
    assert largest > 0
    shown = run(app, words).stdout
    assert f"parameters are within {percent(largest)} of the budget" in shown


def test_a_name_means_every_entry_of_that_name(tmp_path):
    """And a plan tells them apart; with numbers of its own, a word means itself."""
    suite = tmp_path / "two.toml"
    suite.write_text(
        'description = "x"\nseeds = 1\nwidth = 4\nmodels = ["gru"]\n'
        'tasks = [{ name = "memory", fillers = 3 }, { name = "memory", fillers = 5 }]\n'
        "[trainer]\nsteps = 1\nbatch = 2\n"
    )
    words = ["plan", str(suite), "-r", str(tmp_path / "r"), "--json", "--tasks"]

    def tasks(named):
        answer = run(app, [*words, named])
        assert answer.exit_code == 0, answer.output
        return [row["task"] for row in json.loads(answer.stdout)["cells"]]

    assert tasks("memory") == ["memory (fillers=3)", "memory (fillers=5)"]
    assert tasks("memory(fillers=7)") == ["memory"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "quikc"], "did you mean quick"),
        (["run", "--models", "lsmt"], "did you mean lsm or lstm"),
        (["run", "--tasks", "ad"], "add"),
        (["run", "--tasks", "add(long=3)"], "length"),
        (["run", "--models", "nothere.py"], "nothere.py"),
        (["run", "missing.toml"], "missing.toml"),
        (["run", "smoke", "--on", "slurm"], "say ray, ray:HOST:PORT or ray://HOST"),
        (["run", "smoke", "--on", "ray://"], "say ray, ray:HOST:PORT or ray://HOST"),
        (["run", "smoke", "--on", "ray:head"], "say ray, ray:HOST:PORT or ray://HOST"),
        (["run", "smoke", "--on", "ray", "--workers", "0"], "leave one"),
        (
            ["run", "smoke", "--on", "ray", "--gpus", "1.5"],
            "ask for whole ones",
        ),
        (["run", "smoke", "--on", "ray", "--memory-limit", "1GB"], "leave it out"),
        (["run", "smoke", "--gpus", "1"], "say --on too"),
        (["show", "lstmm"], "did you mean lstm"),
        (["check", "mnits"], "did you mean mnist"),
        (["list", "animals"], "models, tasks, trainers, metrics, penalties, suites"),
        (["compare", "/nonexistent"], "no records"),
        (["report", "/nonexistent"], "/nonexistent"),
        (["export", "/nonexistent"], "/nonexistent"),
        (["export", "/nonexistent", "-f", "gif"], "pdf"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    words, says, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    answer = run(app, words)
    assert answer.exit_code == 2, answer.output
    assert says in answer.output
    assert "Traceback" not in answer.output
    assert list(tmp_path.iterdir()) == []


def test_missing_data_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("NNARENA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NNARENA_CACHE", str(tmp_path / "cache"))
    bad = tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"junk")
    answer = run(app, ["run", "mnist", "-r", str(tmp_path / "out")])
    assert answer.exit_code == 2
    assert "train-images-idx3-ubyte.gz" in answer.output
    assert "not the published one" in answer.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def :", "line 1: SyntaxError: invalid syntax"),
        ("import nothing_at_all", "line 1: ModuleNotFoundError: No module named"),
        ("x = 1", "registers no model"),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["run", "quick", "-m"]])
def test_a_file_that_enters_nothing_is_one_sentence(tmp_path, command, text, says):
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    answer = run(app, [*command, str(plugin)])
    assert answer.exit_code == 2, answer.output
    assert f"mine.py{', ' if 'line' in says else ' '}{says}" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize("no", ["False", "false"])
def test_what_python_calls_false_is_false(results, no):
    def width(task: str) -> int:
        words = ["-m", "elman", "-t", task, "-r", str(results), "--json"]
        (cell,) = json.loads(run(app, ["plan", "quick", *words]).stdout)["cells"]
        return cell["width"]

    assert width(f"memory(raw={no})") == width("memory") != width("memory(raw=true)")
    told = run(app, ["plan", "quick", "-t", "memory(raw=nay)"])
    assert told.exit_code == 2
    assert "memory: raw must be true or false, not 'nay'" in told.output


def test_a_failing_model_ends_in_exit_code_1(tmp_path):
    plugin = tmp_path / "sad.py"
    plugin.write_text(
        "import jax\n"
        "from nnarena import MODELS, AbstractCell\n"
        "@jax.custom_jvp\n"
        "def sad(x): return x\n"
        "@sad.defjvp\n"
        "def slope(x, dx): raise RuntimeError('no slope')\n"
        '@MODELS.register("sad", family="test", source="nowhere")\n'
        "class Sad(AbstractCell):\n"
        "    hidden_size: int\n"
        "    def __init__(self, features, hidden, *, key): self.hidden_size = hidden\n"
        "    def init_state(self): return jax.numpy.zeros(())\n"
        "    def __call__(self, state, x, dt): return state, sad(x)\n"
    )
    suite = tmp_path / "mine.toml"
    suite.write_text(SUITE)
    words = ["run", str(suite), "-m", str(plugin), "-m", "elman", "-s", "1", "-w", "0"]
    answer = run(app, [*words, "-r", str(tmp_path / "out")])
    assert answer.exit_code == 1, answer.output
    assert "no slope" in answer.output
    assert "1 failed" in answer.output


def test_every_command_has_help():
    listed = run(app, ["--help"]).output
    for command in (
        "run",
        "plan",
        "list",
        "show",
        "check",
        "compare",
        "report",
        "export",
        "diagnose",
    ):
        assert command in listed
        helped = run(app, [command, "--help"])
        assert helped.exit_code == 0
        assert len(helped.output) > 100


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from nnarena.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'numpy', 'pandas', 'pydantic'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_show_tells_what_a_suite_departs_from():
    answer = run(app, ["show", "arena"])
    assert answer.exit_code == 0
    assert "Deviations" in answer.stdout
    assert "no test window shares a row with training" in answer.stdout.replace(
        "\n", " "
    )
