"""Roll-outs of Walker2d in files like those of Lechner & Hasani (2020)."""

import hashlib
import importlib
import importlib.metadata
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from .gait import Environment, Gait, search


NAME = "Walker2d-v5"
RANDOM_ACTIONS = 0.01
"""How often a random action takes the place of the gait's, as in the published set."""

SHORTEST = 131
"""States that a roll-out needs to be kept: those of the shortest published one."""

PATIENCE = 50
"""How many roll-outs in a row may be too short before a stage is given up."""


class RecordingProblem(Exception):
    """Nothing can be recorded; one sentence says why, and what to do."""


@dataclass(frozen=True)
class Roll:
    """The account of one recorded roll-out."""

    file: str
    sha256: str
    stage: int
    seed: int
    steps: int
    reward: float


def open_walker() -> Environment:
    """Returns the simulator.

    Raises:
        RecordingProblem: it is not installed.
    """
    try:
        gymnasium = importlib.import_module("gymnasium")
        importlib.import_module("mujoco")  # gymnasium would miss it only later
    except ImportError as error:
        raise RecordingProblem(
            f"the simulator is not installed ({error}); "
            "pip install '.[walker]' in the arena's clone does it"
        ) from error
    return cast(Environment, gymnasium.make(NAME, disable_env_checker=True))


def record_walker(
    world: Environment,
    folder: Path,
    *,
    rollouts: int,
    seed: int,
    updates: int = 100,
    stages: int = 4,
    news: Callable[[str], None] = lambda sentence: None,
) -> list[Roll]:
    """Writes roll-outs of gaits of several stages of a search; returns what they are.

    The stages are equally far apart in the search, the last at its end, and take turns.
    Beside the arrays `recording.json` is written, last: a folder without it is not
    whole. The same seed and versions of the simulator give the same files.

    Raises:
        RecordingProblem: the folder is not empty, a number makes no sense, or a gait
            falls too early time and again.
    """
    if folder.exists() and any(folder.iterdir()):
        raise RecordingProblem(f"the folder {folder} is not empty; name a new one")
    if not 1 <= stages <= min(updates, rollouts):
        raise RecordingProblem(
            f"{stages} stages need as many updates and roll-outs at least, not "
            f"{updates} and {rollouts}"
        )
    gaits = _staged(world, seed, updates, stages, news)
    rng = np.random.default_rng([seed, 1])
    folder.mkdir(parents=True, exist_ok=True)
    rolls = []
    for number in range(rollouts):
        stage = number % stages
        roll = _long_one(world, gaits[stage], stage, rng)
        rolls.append(_keep(folder / f"rollout_{number:03}.npy", stage, *roll))
    about = {
        "environment": NAME,
        "versions": dict(_versions()),
        "seed": seed,
        "updates": updates,
        "stages": stages,
        "random_actions": RANDOM_ACTIONS,
        "policy": "linear with a clock, by Augmented Random Search",
        "rollouts": [asdict(roll) for roll in rolls],
    }
    text = json.dumps(about, indent=1) + "\n"
    (folder / "recording.json").write_text(text, encoding="utf-8")
    return rolls


def _staged(
    world: Environment,
    seed: int,
    updates: int,
    stages: int,
    news: Callable[[str], None],
) -> list[Gait]:
    """Returns the gaits of the search at its stages."""
    marks = {(stage + 1) * updates // stages for stage in range(stages)}
    gaits = []
    for done, gait in enumerate(search(world, seed=seed, updates=updates), start=1):
        if done in marks:
            gaits.append(gait)
            news(f"gait {len(gaits)} of {stages} after {done} updates of the search")
    return gaits


def _long_one(
    world: Environment, gait: Gait, stage: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "steps features"], int, float]:
    """Returns states, seed and reward of the first roll-out that is long enough."""
    for _ in range(PATIENCE):
        start = int(rng.integers(2**31))
        states, reward = roll_out(world, gait, start)
        if len(states) >= SHORTEST:
            return states, start, reward
    raise RecordingProblem(
        f"the gait of stage {stage + 1} fell before step {SHORTEST} in {PATIENCE} "
        "roll-outs; search longer, or from another seed"
    )


def roll_out(
    world: Environment, gait: Gait, seed: int
) -> tuple[Float[np.ndarray, "steps features"], float]:
    """Returns the states before every action, and the reward of one roll-out."""
    rng = np.random.default_rng(seed)
    state, _ = world.reset(seed=seed)
    states, total, ended = [], 0.0, False
    while not ended:
        states.append(state)
        action = gait.action(state, len(states) - 1)
        if rng.random() < RANDOM_ACTIONS:
            action = rng.uniform(-1.0, 1.0, size=action.shape)
        state, reward, fell, over, _ = world.step(action)
        total += float(reward)
        ended = fell or over
    return np.array(states, dtype=np.float64), total


def _keep(path: Path, stage: int, states: Any, seed: int, reward: float) -> Roll:
    """Writes the states and returns their account."""
    np.save(path, states, allow_pickle=False)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Roll(path.name, sha256, stage, seed, len(states), reward)


def _versions() -> Iterator[tuple[str, str]]:
    for package in ("gymnasium", "mujoco", "numpy"):
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"
