"""The next state of a simulated walker."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float
from pydantic import Field

from ..core.numbers import AboveZero, AtLeastOne, held
from ..core.scoring import mean_squared_error
from ..core.types import Example, Features, Sequence, Signature, Values
from . import TASKS
from .base import AbstractForecast, FiniteRows, Splits, shuffled_splits
from .files import DataFolder, DataProblem, LocalFolder
from .recordings import name_recording, recorded


SIZE = 17
"""Numbers in a state: 8 places and angles, then 9 velocities."""

CHANCE, SOLVED = 4.53, 1.5
"""The score of the last state, and the thesis's bar, on the published roll-outs."""

OLD_CHANCE = 9.57
"""The score of the training mean there, from which runs were counted at first."""

Rollout = Float[np.ndarray, "_ features"]
"""The states of one roll-out; lengths differ."""


def _read_sums(name: str) -> dict[str, str]:
    """Returns the digests by file name of a list beside this module."""
    text = files("nnarena.tasks").joinpath(name).read_text(encoding="ascii")
    return {file: sha256 for sha256, file in map(str.split, text.splitlines())}


ROLLOUTS = LocalFolder(
    "walker",
    _read_sums("walker.sha256"),
    "unpack walker.zip, published with the ODE-LSTM at "
    "https://pub.ist.ac.at/~mlechner/datasets/walker.zip, into it or put it beside "
    "it",
)


def describe(data: DataFolder, folder: Path) -> str:
    """Returns the words by which the task reads a recording: its name and chance."""
    named = name_recording(data, folder)
    paths = data.folder(recorded(data, named))
    *_, test = split_rollouts([read_rollout(path) for path in paths])
    task = Walker()
    windows, following = cut_windows(test, task.window, task.stride)
    chance = measure_chance(windows[:, -1], following)
    return f"walker(recording={named}, chance={chance:.3g})"


def read_rollout(path: Path) -> Rollout:
    """Returns the states of one roll-out, one per row.

    Raises:
        DataProblem: the file holds no such array.
    """
    try:
        states = np.load(path, allow_pickle=False)
        if states.ndim != 2 or states.shape[1] != SIZE or states.dtype.kind != "f":
            raise ValueError(f"it holds {states.dtype} of shape {states.shape}")
    except (OSError, EOFError, ValueError, AttributeError) as error:
        raise DataProblem(
            f"the file {path} is not an array of {SIZE} real numbers per step "
            f"({error}); delete it and fetch it again"
        ) from error
    return states


def split_rollouts(
    rollouts: list[Rollout],
) -> tuple[list[Rollout], list[Rollout], list[Rollout]]:
    """Returns those to train on, to validate and to test with, as their authors did.

    Lechner & Hasani shuffle the files by this generator and seed, take 15 % for the
    test and 10 % to validate.
    """
    order = list(range(len(rollouts)))
    np.random.RandomState(125487).shuffle(order)
    drawn = [rollouts[index] for index in order]
    first, second = int(0.15 * len(drawn)), int(0.25 * len(drawn))
    return drawn[second:], drawn[first:second], drawn[:first]


def cut_windows(
    rollouts: list[Rollout], window: int, stride: int
) -> tuple[Float[np.ndarray, "rows window features"], Float[np.ndarray, "rows size"]]:
    """Returns windows, one every `stride` states, and the state after each of them."""
    starts = [np.arange(0, len(states) - window, stride) for states in rollouts]
    pairs = list(zip(rollouts, starts, strict=True))
    offsets = np.arange(window)
    windows = [states[first[:, None] + offsets] for states, first in pairs]
    following = [states[first + window] for states, first in pairs]
    return np.concatenate(windows), np.concatenate(following)


def measure_chance(
    last: Float[np.ndarray, "rows size"], following: Float[np.ndarray, "rows size"]
) -> float:
    """Returns the squared error of answering with the last state."""
    return float(np.mean(np.square(following - last), dtype=float))


WindowSize = Annotated[int, Field(ge=1, le=130)]
"""The shortest roll-out has 131 states."""


class Windows(NamedTuple):
    """Rows of the task: inputs, the raw state after them, and their raw last one."""

    inputs: Float[np.ndarray, "rows window size"]
    following: Float[np.ndarray, "rows size"]
    last: Float[np.ndarray, "rows size"]


@TASKS.register(
    "walker",
    family="physics",
    source="lechner2020learning",
    former={"chance": OLD_CHANCE},
)
class Walker(AbstractForecast):
    """Foretell the next state of a simulated two-legged walker from the last ones.

        step            1      2      3   ...     64
        height       1.25   1.24   1.24   ...   1.11   ->   1.11
        ... (17 numbers: 8 places and angles, 9 velocities) ...
        velocity     0.00  10.00  10.00   ...  -3.39   ->  -7.68

    Tests how well the recent past of a physical system is used. 400 roll-outs of
    Walker2d-v2 by policies of several stages of training, 254,963 states, of Lechner &
    Hasani. Windows of `window` states start every `stride` states (the thesis's 4 gives
    four times the rows). Roll-outs, not windows, are split, by the authors' own draw:
    300 train, 40 validate, 60 test, so that no state is on two sides. With `scaled`,
    inputs have mean 0 and variance 1 over the training roll-outs; targets are raw.
    With `rows` (the thesis: 40,000) the first so many windows of all roll-outs, or as
    many as there are, are shuffled and split in tenths instead, as the thesis did:
    windows of stride 4 share 60 of 64 states with their neighbors, so that this split
    leaks.

    Score: mean squared error in raw units, as published, where velocities weigh most.
    Chance 4.53, that of repeating the last state, measured on the test windows by
    default; runs of `chance` = 9.57, that of the training mean, are counted from there.
    Solved below 1.5, the thesis's bar.

    Little of it needs memory: ridge regression on the last state, its squares and
    products scores 2.39; with the last 4 states 2.30, with the last 16 of them 2.33.

    `recording` names other roll-outs, of `arena record walker`, as FOLDER@DIGEST; the
    command prints it together with their `chance`, of which the bar then is as large a
    share (`docs/walker.md`).

    The answer, the state after the window, is not an input of its example, and is given
    once, after the last step: no input is later. A form that asks for the next state at
    every step would have to be causal.

    The authors dropped states at random, to make time irregular; here none is dropped.
    The digests beside this module are of the copy that was measured: none is published.
    """

    window: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)
    scaled: bool = eqx.field(static=True)
    rows: int | None = eqx.field(static=True)
    recording: str | None = eqx.field(static=True)
    chance: float = eqx.field(static=True)

    @held
    def __init__(
        self,
        *,
        window: WindowSize = 64,
        stride: AtLeastOne = 16,
        scaled: bool = True,
        rows: FiniteRows | None = None,
        recording: str | None = None,
        chance: AboveZero = CHANCE,
    ):
        if recording is None and chance not in (CHANCE, OLD_CHANCE):
            raise ValueError(
                f"the chance of the published roll-outs is {CHANCE}, or {OLD_CHANCE} "
                f"from the mean, not {chance}; another one belongs to a recording"
            )
        self.window, self.stride = window, stride
        self.scaled, self.rows = scaled, rows
        self.recording, self.chance = recording, chance

    @property
    def signature(self):
        return Signature(Features(SIZE), Values(SIZE))

    @property
    def scoring(self):
        solved = SOLVED if self.recording is None else SOLVED * (self.chance / CHANCE)
        return mean_squared_error(chance=self.chance, solved=solved)

    def splits(self, data: DataFolder, *, key):
        paths = data.folder(self._rollouts(data))
        rollouts = [read_rollout(path) for path in paths]
        parts = split_rollouts(rollouts)  # as published, the same for everyone
        mean, scale = np.zeros(SIZE), np.ones(SIZE)
        if self.scaled:
            known = np.concatenate(parts[0])
            mean, scale = known.mean(axis=0), known.std(axis=0)

        def windows(part: list[Rollout]) -> Windows:
            inputs, following = cut_windows(part, self.window, self.stride)
            scaled = (inputs - mean) / scale
            columns = scaled, following, inputs[:, -1]
            return Windows(*(column.astype(np.float32) for column in columns))

        if self.rows is not None:
            first = jax.tree.map(lambda column: column[: self.rows], windows(rollouts))
            splits = shuffled_splits(first, key=key)
            self._require_chance(splits.test)
            return splits
        if not all(parts):
            raise DataProblem(
                f"{len(paths)} roll-outs leave a split empty; record eight or more"
            )
        train, validation, test = map(windows, parts)
        splits = Splits(train=train, validation=validation, test=test)
        self._require_chance(splits.test)
        return splits

    def _rollouts(self, data: DataFolder) -> LocalFolder:
        return ROLLOUTS if self.recording is None else recorded(data, self.recording)

    def _require_chance(self, test: Windows) -> None:
        if self.recording is None:
            return
        measured = measure_chance(test.last, test.following)
        if abs(measured / self.chance - 1.0) < 0.1:
            return  # other windows and strides move it by a few percent
        raise DataProblem(
            f"the chance of {self.recording} is {measured:.3g}, not {self.chance:.3g}; "
            f"say walker(recording={self.recording}, chance={measured:.3g})"
        )

    def example(self, row):
        return Example(Sequence(row.inputs), row.following)

    def persistence(self, row):
        return row.last
