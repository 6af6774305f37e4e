"""Recording a walker: files, determinism, and the way back into the task."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from nnarena.cli import app, record as record_command
from nnarena.recording import RecordingProblem, Roll, open_walker, record_walker
from nnarena.recording.gait import LEGS_EXCHANGED, TURN, Gait, search, swinging
from nnarena.recording.walker import roll_out
from nnarena.tasks.files import DataFolder, DataProblem
from nnarena.tasks.walker import Walker, describe, read_rollout


class Ball:
    """A noisy linear system of 17 numbers that ends after a while, paid to lie still.

    What it is is decided by the seed of its reset and by the actions.
    """

    def __init__(self, shortest: int = 120, longest: int = 300):
        self.lengths = shortest, longest
        self.actions: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        self.rng = np.random.default_rng(seed)
        self.left = int(self.rng.integers(*self.lengths))
        self.state = self.rng.normal(size=17)
        return self.state.copy(), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self.actions.append(action)
        self.left -= 1
        self.state = 0.9 * self.state + 0.1 * self.rng.normal(size=17)
        self.state[8:14] += action
        reward = 1.0 - float(np.square(action).sum())
        return self.state.copy(), reward, self.left <= 0, False, {}


def record(folder: Path, seed: int = 0, **numbers: Any) -> list[Roll]:
    settings = {"rollouts": 12, "updates": 4, "stages": 2, **numbers}
    return record_walker(Ball(), folder, seed=seed, **settings)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "walker_new"
    record(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_files_are_those_of_the_published_set(recording: Path):
    names = [f"rollout_{number:03}.npy" for number in range(12)]
    assert sorted(contents(recording)) == ["recording.json", *names]
    for name in names:
        states = read_rollout(recording / name)
        assert states.dtype == np.float64
        assert 131 <= len(states) <= 300


def test_the_account_says_what_was_recorded(recording: Path):
    about = json.loads((recording / "recording.json").read_text())
    assert about["environment"] == "Walker2d-v5"
    assert set(about["versions"]) == {"gymnasium", "mujoco", "numpy"}
    assert [roll["stage"] for roll in about["rollouts"]] == [0, 1] * 6
    for roll in about["rollouts"]:
        content = (recording / roll["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == roll["sha256"]
        assert len(np.load(recording / roll["file"])) == roll["steps"]


def test_a_roll_out_is_that_of_its_seed(recording: Path):
    """The states are those before the actions, the first as it was reset."""
    roll = json.loads((recording / "recording.json").read_text())["rollouts"][1]
    first, _ = Ball().reset(seed=roll["seed"])
    states = np.load(recording / roll["file"])
    np.testing.assert_array_equal(states[0], first)
    last_gait = list(search(Ball(), seed=0, updates=4))[-1]
    again, reward = roll_out(Ball(), last_gait, roll["seed"])
    np.testing.assert_array_equal(again, states)
    assert reward == roll["reward"]


def test_the_same_seed_records_the_same_bytes(recording: Path, tmp_path: Path):
    record(tmp_path / "again")
    record(tmp_path / "other", seed=1)
    assert contents(tmp_path / "again") == contents(recording)
    other = contents(tmp_path / "other")
    assert all(other[name] != content for name, content in contents(recording).items())


def test_one_action_in_a_hundred_is_random():
    gait, world = Gait(np.zeros((3, 20))), Ball(20_000, 20_001)
    roll_out(world, gait, 3)
    share = np.mean([action.any() for action in world.actions])
    assert abs(share - 0.01) < 4 * (0.01 / 20_000) ** 0.5


def test_legs_do_the_same_half_a_turn_apart():
    """With half a turn of an even number of steps, states exchanged exchange legs."""
    rng = np.random.default_rng(0)
    gait, state = Gait(rng.normal(size=(3, 20)) / 40), rng.normal(size=17)
    here = gait.action(state, 0)
    half = round(np.pi / TURN)
    there = gait.action(state[LEGS_EXCHANGED], half)
    np.testing.assert_allclose(there, np.roll(here, 3), rtol=0, atol=0.01)


def test_the_search_finds_what_pays():
    """Lying still pays: the swinging it starts from has to go."""
    last = list(search(Ball(), seed=0, updates=12))[-1]
    start, _ = worth(swinging()), None
    assert worth(last) > start + 2.0


def worth(gait: Gait) -> float:
    return float(np.mean([roll_out(Ball(200, 201), gait, s)[1] for s in range(5)]))


def test_a_gait_that_always_falls_is_given_up(tmp_path: Path):
    with pytest.raises(RecordingProblem, match="stage 1 fell before step 131 in 50"):
        record_walker(Ball(5, 20), tmp_path / "w", rollouts=8, seed=0, updates=4)


def test_nothing_is_overwritten(recording: Path):
    with pytest.raises(RecordingProblem, match="is not empty"):
        record(recording)


@pytest.mark.parametrize("numbers", [{"stages": 0}, {"stages": 5}, {"rollouts": 1}])
def test_impossible_numbers_are_refused(tmp_path: Path, numbers: dict[str, int]):
    with pytest.raises(RecordingProblem, match="stages need as many updates"):
        record(tmp_path / "w", **numbers)


def split(folder: DataFolder, words: str, **numbers: Any) -> Any:
    """Returns the splits of a task that is named as on the command line."""
    match = re.fullmatch(r"walker\(recording=(.*), chance=(.*)\)", words)
    assert match is not None
    task = Walker(recording=match[1], chance=float(match[2]), **numbers)
    return task.splits(folder, key=jax.random.key(0))


def test_the_task_reads_a_recording_by_the_words_that_describe_it(recording: Path):
    data = DataFolder(recording.parent)
    words = describe(data, recording)
    assert words.startswith("walker(recording=walker_new@")
    splits = split(data, words)
    rows = [len(part[1]) for part in (splits.train, splits.validation, splits.test)]
    lengths = [roll["steps"] for roll in account(recording)["rollouts"]]
    assert sum(rows) == sum(len(range(0, length - 64, 16)) for length in lengths)
    assert min(rows) > 0


def account(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "recording.json").read_text())


def test_a_recording_elsewhere_is_named_by_its_path(recording: Path, tmp_path: Path):
    data = DataFolder(tmp_path)
    words = describe(data, recording)
    assert f"recording={recording}@" in words
    assert len(split(data, words).test[1]) > 0


def test_chance_and_bar_are_the_recording_s_own(recording: Path):
    words = describe(DataFolder(recording.parent), recording)
    chance = float(words.split("chance=")[1][:-1])
    splits = split(DataFolder(recording.parent), words)
    errors = np.square(splits.test.following - splits.test.last)
    assert abs(errors.mean() / chance - 1.0) < 0.01
    scoring = Walker(recording="a@b", chance=2 * 4.53).scoring
    assert (scoring.chance, scoring.solved) == (2 * 4.53, 3.0)
    for chance in (4.53, 9.57):
        scoring = Walker(chance=chance).scoring
        assert (scoring.chance, scoring.solved) == (chance, 1.5)


def refusal(data: DataFolder, recording: str, chance: float, **numbers: Any) -> str:
    """Returns the sentence by which the task refuses a recording."""
    task = Walker(recording=recording, chance=chance, **numbers)
    with pytest.raises(DataProblem) as caught:
        task.splits(data, key=jax.random.key(0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_recording_that_is_another_one_is_refused_with_the_remedy(recording: Path):
    data = DataFolder(recording.parent)
    words = describe(data, recording)
    name = words.split("recording=")[1].split(",")[0]
    for wrong in ("walker_new", "walker_new@0123456789ab"):
        assert f"is {name}, not {wrong}" in refusal(data, wrong, 1.0)
    assert "is no" not in refusal(data, name, 50.0)
    assert words in refusal(data, name, 50.0)
    every = {"rows": 1_280, "window": 1, "stride": 1}
    assert f"the chance of {name} is" in refusal(data, name, 50.0, **every)
    assert "arena record" in refusal(data, "absent@0", 1.0)


def test_a_changed_file_is_refused(tmp_path: Path):
    record(tmp_path / "w")
    data = DataFolder(tmp_path)
    words = describe(data, tmp_path / "w")
    np.save(tmp_path / "w" / "rollout_003.npy", np.zeros((200, 17)))
    with pytest.raises(DataProblem, match="is not the one that was measured"):
        split(data, words)


def test_too_few_roll_outs_are_refused(tmp_path: Path):
    record(tmp_path / "w", rollouts=7)
    name = (
        "w@"
        + hashlib.sha256((tmp_path / "w" / "recording.json").read_bytes()).hexdigest()
    )
    assert "record eight or more" in refusal(DataFolder(tmp_path), name[:14], 1.0)


def test_a_chance_needs_a_recording():
    with pytest.raises(ValueError, match=r"chance of the published roll-outs is 4\.53"):
        Walker(chance=3.0)


def test_the_command_records_and_says_how_to_read_it(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(record_command, "open_walker", Ball)
    monkeypatch.setenv("NNARENA_DATA", str(tmp_path))
    options = ["--rollouts", "8", "--updates", "2", "--stages", "2"]
    out = tmp_path / "mine"
    done = CliRunner().invoke(app, ["record", "walker", "-o", str(out), *options])
    assert done.exit_code == 0, done.output
    words = re.search(r"--tasks '(.*)'", done.output)
    assert words is not None
    assert words[1].startswith("walker(recording=mine@")
    assert len(split(DataFolder(tmp_path), words[1]).test[1]) > 0
    again = CliRunner().invoke(app, ["record", "walker", "-o", str(out), *options])
    assert (again.exit_code, "is not empty" in again.output) == (2, True)


def test_the_command_knows_what_can_be_recorded(tmp_path: Path):
    done = CliRunner().invoke(app, ["record", "cartpole", "-o", str(tmp_path / "c")])
    assert done.exit_code == 2
    assert "there is: walker" in done.output


@pytest.mark.slow
def test_the_real_walker_walks_twice_alike(tmp_path: Path):
    pytest.importorskip("mujoco")
    pytest.importorskip("gymnasium")
    for name in ("one", "two"):
        record_walker(
            open_walker(), tmp_path / name, rollouts=8, seed=0, updates=8, stages=2
        )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    states = np.concatenate([np.load(p) for p in (tmp_path / "one").glob("*.npy")])
    assert np.abs(states[:, 8:]).max() <= 10.0  # velocities are clipped, as published
    assert 0.7 < states[:, 0].min() <= states[:, 0].max() < 2.0


def test_without_the_simulator_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(RecordingProblem, match=r"pip install .*\[walker\]"):
        open_walker()
