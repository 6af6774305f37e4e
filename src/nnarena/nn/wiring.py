"""Who touches whom in a circuit: sparse wirings as lists of synapses.

Drawn with NumPy from a seed of their own, so that a wiring is part of what a contender
is, not of its random start: every run of it has the same one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


Adjacency = Int[np.ndarray, "sources targets"]
"""+1 where a source excites a target, -1 where it inhibits it, 0 if there is none."""


@dataclass(frozen=True)
class Edges:
    """Synapses from one set of neurons to another, one number per synapse and list."""

    source: Int[np.ndarray, " synapses"]
    target: Int[np.ndarray, " synapses"]
    polarity: Float[np.ndarray, " synapses"]
    sources: int
    targets: int


@dataclass(frozen=True)
class Wiring:
    """A circuit: synapses from inputs to neurons and among neurons."""

    sensory: Edges
    recurrent: Edges

    @property
    def neurons(self) -> int:
        return self.recurrent.targets


def edges(adjacency: Adjacency) -> Edges:
    """Returns the synapses of a matrix of polarities."""
    source, target = (ends.astype(np.int32) for ends in np.nonzero(adjacency))
    polarity = adjacency[source, target].astype(float)
    return Edges(source, target, polarity, *adjacency.shape)


def policy_wiring(
    features: int,
    *,
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent_command: int,
    motor_fanin: int,
    seed: int,
) -> Wiring:
    """Returns inputs -> inter -> command (recurrent) -> motor (Lechner et al. 2020).

    Every input touches `sensory_fanout` inter neurons, every inter neuron
    `inter_fanout` command neurons, every motor neuron is touched by `motor_fanin`
    command neurons, and `recurrent_command` synapses join command neurons to each
    other or themselves. A neuron that the draw left out gets as many synapses as its
    layer has on average, at least one. Neurons are numbered motor, command, inter.

    Raises:
        ValueError: a layer is empty or has fewer neurons than one is to touch.
    """
    _require("motor", motor, "neurons", 1, motor)
    _require("sensory_fanout", sensory_fanout, "inter neurons", 1, inter)
    _require("inter_fanout", inter_fanout, "command neurons", 1, command)
    _require("motor_fanin", motor_fanin, "command neurons", 1, command)
    _require("recurrent_command", recurrent_command, "pairs", 0, command**2)
    rng = np.random.default_rng(seed)
    to_inter = _fan_out(features, inter, sensory_fanout, rng)
    to_command = _fan_out(inter, command, inter_fanout, rng)
    among_command = _signs((command, command), rng)
    pairs = rng.permutation(command**2)
    among_command.flat[pairs[recurrent_command:]] = 0
    to_motor = _fan_out(motor, command, motor_fanin, rng).T

    first_inter = motor + command
    neurons = first_inter + inter
    sensory = np.zeros((features, neurons), np.int32)
    sensory[:, first_inter:] = to_inter
    recurrent = np.zeros((neurons, neurons), np.int32)
    recurrent[first_inter:, motor:first_inter] = to_command
    recurrent[motor:first_inter, motor:first_inter] = among_command
    recurrent[motor:first_inter, :motor] = to_motor
    return Wiring(edges(sensory), edges(recurrent))


def _require(name: str, count: int, of: str, low: int, high: int) -> None:
    if not low <= count <= high:
        raise ValueError(f"{name} is {count}, but of {of} there may be {low} to {high}")


def _signs(shape: tuple[int, int], rng: np.random.Generator) -> Adjacency:
    return rng.choice(np.array([-1, 1], np.int32), size=shape)


def _fan_out(
    sources: int, targets: int, fanout: int, rng: np.random.Generator
) -> Adjacency:
    """Returns synapses of every source to `fanout` targets, no target left out."""
    touched = np.zeros((sources, targets), bool)
    for source in range(sources):
        touched[source, rng.choice(targets, size=fanout, replace=False)] = True
    mean_fanin = min(max(sources * fanout // targets, 1), sources)
    for target in np.flatnonzero(~touched.any(axis=0)):
        touched[rng.choice(sources, size=mean_fanin, replace=False), target] = True
    return np.where(touched, _signs((sources, targets), rng), 0).astype(np.int32)
