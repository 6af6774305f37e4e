"""What is wrong with a stranger's file is one sentence, with file and line, said once.

The commands run in a process of their own, without the types that tests check at run
time: a stranger has none.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.strangers import FLAWS, TASK, TASK_FLAWS, write

import nnarena
from nnarena.core.faults import EntrantProblem


SCRIPT = """
import json, sys
from typer.testing import CliRunner
from nnarena.cli import app
answers = {}
for name, words in json.load(sys.stdin).items():
    answer = CliRunner().invoke(app, words)
    answers[name] = [answer.exit_code, answer.output]
json.dump(answers, sys.stdout)
"""

Answers = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("strangers")


@pytest.fixture(scope="module")
def answers(folder) -> Answers:
    """Exit codes and output of commands on every flawed file, by command and name."""
    commands = {}
    add, out = "add(length=6)", str(folder / "out")
    for name, (text, change, _) in FLAWS.items():
        file = str(write(folder, name, text, change))
        commands[f"check {name}"] = ["check", file]
        words = ["smoke", "-m", f"{file},elman", "-t", add, "-s", "3"]
        commands[f"run {name}"] = ["run", *words, "-w", "0", "-r", out]
    for name, (change, _) in TASK_FLAWS.items():
        file = str(write(folder, name, TASK, change))
        commands[f"check {name}"] = ["check", file]
        words = ["smoke", "-m", "elman,gru", "-t", file, "-s", "3", "-r", out]
        commands[f"run {name}"] = ["run", *words, "-w", "0"]
        commands[f"plan {name}"] = ["plan", *words]
    double = ("dts=jnp.ones(self.length)", "dts=np.ones(self.length)")
    file = str(write(folder, "double", TASK, double))
    small = ["-m", "elman", "-t", file, "-s", "1", "--steps", "2", "-w", "0"]
    commands["run double"] = ["run", "smoke", *small, "-r", str(folder / "double")]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SAYS = {name: says for name, (_, _, says) in FLAWS.items()} | {
    name: says for name, (_, says) in TASK_FLAWS.items()
}


@pytest.mark.parametrize("name", SAYS)
def test_check_says_it_once(answers, folder, name):
    code, output = answers[f"check {name}"]
    assert code == 1
    assert output.count(f"{folder}/{name}.py, {SAYS[name]}") == 1, output
    assert "0 laws hold, 1 broken" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("name", SAYS)
def test_run_says_it_once_before_any_work(answers, folder, name):
    """Beside a sound contender and with three seeds."""
    code, output = answers[f"run {name}"]
    assert code == 2
    where = SAYS[name].split(" ")[1].rstrip(":,")
    assert output.count(f"arena: {folder}/{name}.py, line {where}: ") == 1, output
    assert output.count(".py, line") == 1
    assert "Traceback" not in output
    assert not list((folder / "out").glob("records/*"))


@pytest.mark.parametrize("name", TASK_FLAWS)
def test_plan_says_what_run_would(answers, name):
    code, output = answers[f"plan {name}"]
    assert code == 2
    assert SAYS[name] in output


def test_double_precision_of_numpy_is_taken_as_single(answers):
    code, output = answers["run double"]
    assert code == 0, output


@pytest.mark.parametrize("name", ["growing_state", "raising", "always_all"])
def test_from_python_it_is_raised(tmp_path, name):
    text, change, says = FLAWS[name]
    file = str(write(tmp_path, name, text, change))
    where = says.split(":")[0]
    with pytest.raises(EntrantProblem, match=rf"{name}\.py, {where}: "):
        nnarena.run([file, "elman"], ["add(length=6)"], results=tmp_path / "out")
    assert not list((tmp_path / "out").glob("records/*"))
