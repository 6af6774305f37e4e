"""Trainers and penalties in words: files stand wherever their names do."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nnarena
from nnarena.analysis.frame import runs_frame
from nnarena.cli import app
from nnarena.core.problems import SuiteProblem
from nnarena.core.registry import UnknownName
from nnarena.suite.config import load_suite
from nnarena.suite.plan import make_jobs
from nnarena.suite.session import open_session
from nnarena.suite.words import chosen, in_words


run = CliRunner().invoke

TRAINER = """
import nnarena
from nnarena.training.gradient_descent import GradientDescent


@nnarena.TRAINERS.register("slow", family="test", source="a stranger")
class Slow(GradientDescent):
    "Gradient descent under another name."
"""

PENALTY = """
import jax.numpy as jnp
import nnarena


@nnarena.PENALTIES.register("quiet", family="penalty", source="a stranger")
class Quiet(nnarena.AbstractPenalty):
    "The mean size of the hidden numbers."

    def __call__(self, model, example, *, key):
        return jnp.mean(jnp.abs(model.hidden(example.question, key=key)))
"""

SUITE = """
models = [
  { name = "gru", trainer = { optimizer = "sgd", learning_rate = 0.05 } },
  { name = "gru", trainer = { optimizer = "adamw", learning_rate = 0.01 } },
  { name = "gru", trainer = { penalties = { "quiet.py" = 30.0 } } },
]
tasks = ["add(length=4)"]
seeds = 1
width = 4

[trainer]
steps = 60
learning_rate = 0.01
batch = 16
checks = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    for name, text in (("slow.py", TRAINER), ("quiet.py", PENALTY)):
        (folder / name).write_text(text)
    (folder / "mine.toml").write_text(SUITE)
    return folder


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("ridge", {"name": "ridge"}),
        ("ridge(strengths=[0.1, 1.0], steps=4)", {"strengths": [0.1, 1.0], "steps": 4}),
        ("descent(penalties={l1=0.1,quiet=2})", {"penalties": {"l1": 0.1, "quiet": 2}}),
        ("ridge(strengths=[[1,2],[3]])", {"strengths": [[1, 2], [3]]}),
    ],
)
def test_a_list_or_a_table_is_one_setting(word, table):
    found = chosen(word)
    assert {key: found[key] for key in table} == table
    assert len(found) == len({"name", *table})


def test_a_suite_has_sgd_adamw_and_a_penalty_of_a_file_beside_each_other(folder):
    session = open_session(load_suite(str(folder / "mine.toml")), folder / "results")
    assert not [e for e in session.run(workers=0) if e.kind == "failed"]
    frame = runs_frame(session.store)
    assert sorted(frame["outcome"]) == ["finished"] * 3
    assert len(set(frame["contender"])) == 3
    weights = {}
    for record in session.store:
        settings = record.identity.trainer.all_settings
        name = "quiet" if settings["penalties"] else settings["optimizer"]
        weights[name] = session.store.weights(record.key)
        files = [Path(p.path).name for p in record.provenance.plugins]
        assert files == ["quiet.py"]
    assert weights.keys() == {"sgd", "adamw", "quiet"}
    (place,) = [p for p in weights["sgd"] if p.endswith("head.weight")]
    ends = [found[place] for found in weights.values()]
    for index, one in enumerate(ends):
        assert not any(np.allclose(one, other) for other in ends[index + 1 :])


@pytest.mark.parametrize(
    "words",
    [
        lambda folder: {"trainer": f"{folder}/slow.py"},
        lambda folder: {"trainer": f"{folder}/slow.py:slow(learning_rate=0.5)"},
        lambda folder: {"trainer": {"name": f"{folder}/slow.py:slow", "steps": 3}},
        lambda folder: {"models": [{"name": "gru", "trainer": f"{folder}/slow.py"}]},
    ],
)
def test_a_trainer_is_named_by_its_file(folder, words):
    said = words(folder)
    given = {"models": ["gru"], "tasks": ["add"], **said}
    content = in_words(given)
    table = content.get("trainer") or content["models"][0]["trainer"]
    assert table["name"] == "slow"
    assert content["plugins"] == [f"{folder}/slow.py"]
    assert given == {"models": ["gru"], "tasks": ["add"], **words(folder)}, "kept"


def test_the_command_takes_a_trainer_and_what_it_shares_with_the_suites(folder):
    def trainers(*words):
        done = run(app, ["plan", "smoke", "-m", "gru", "-t", "add", *words, "--json"])
        assert done.exit_code == 0, done.output
        return {cell["trainer"] for cell in json.loads(done.stdout)["cells"]}

    assert trainers() == {"gradient_descent"}
    assert trainers("--trainer", "ridge(strengths=[0.1, 1.0])") == {"ridge"}
    assert trainers("--trainer", f"{folder}/slow.py:slow(batch=8)") == {"slow"}


def test_another_trainer_takes_over_what_it_shares_with_the_suites(folder):
    from nnarena.cli.request import Request, resolve

    request = Request("smoke", ["gru"], ["add"], steps=7, trainer="ridge")
    (job, *_) = resolve(request, str(folder / "none")).jobs
    usual = load_suite("smoke").trainer
    found = job.identity.trainer
    assert found.name == "ridge"
    assert found.all_settings["steps"] == 7
    assert found.all_settings["batch"] == usual.get("batch", 32)
    assert "learning_rate" not in found.all_settings
    same = Request("smoke", ["gru"], ["add"], trainer="gradient_descent(clip=2.0)")
    (job, *_) = resolve(same, str(folder / "none")).jobs
    assert job.identity.trainer.settings == {**usual, "clip": 2.0}


def test_python_takes_the_same_words(folder):
    board = nnarena.run(
        ["gru"],
        ["add(length=4)"],
        seeds=1,
        width=4,
        trainer=f"{folder}/slow.py:slow(batch=8)",
        results=folder / "python",
        steps=4,
        checks=1,
    )
    assert "gru" in str(board)


def test_what_is_wrong_is_one_sentence(folder):
    both = folder / "both.py"
    again = TRAINER.replace('"slow"', '"slower"').replace("class Slow", "class Slower")
    both.write_text(TRAINER.replace('"slow"', '"slow2"') + again)
    for word, sentence in (
        (str(both), "several trainers: add :NAME, one of slow2, slower"),
        (f"{folder}/quiet.py", "registers no trainer"),
        (f"{folder}/slow.py:fast", "registers no trainer named 'fast'"),
    ):
        with pytest.raises(SuiteProblem, match=sentence):
            in_words({"trainer": word})
    with pytest.raises(UnknownName, match="no trainer named 'rigde'"):
        make_jobs(load_suite("smoke", {"trainer": {"name": "rigde"}}))


@pytest.mark.parametrize("kind", ["trainers", "metrics", "penalties"])
def test_what_is_listed_can_be_shown(kind):
    rows = json.loads(run(app, ["list", kind, "--json"]).stdout)
    assert rows
    for row in rows:
        shown = run(app, ["show", row["name"], "--json"])
        assert shown.exit_code == 0, shown.output
        assert json.loads(shown.stdout)["family"] == row["family"]


def test_a_file_is_shown_whatever_it_registers(folder):
    done = run(app, ["show", f"{folder}/quiet.py", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["kind"] == "penalty"
    assert "did you mean AUROC" in run(app, ["show", "auroc"]).output
