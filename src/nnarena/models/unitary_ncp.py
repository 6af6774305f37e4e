"""A circuit that listens to a unitary network."""

import equinox as eqx
import jax

from ..core.numbers import AtLeastOne, NotNegative, NotNegativeInt, Share, held
from ..core.types import Key
from . import MODELS
from .base import AbstractCell
from .ncp import NCP
from .unitary_rnn import UnitaryRNN


@MODELS.register("unitary_ncp", family="continuous time", source="brantner2021neural")
class UnitaryNCP(AbstractCell):
    r"""A neural circuit policy whose inputs are the states of a unitary network.

    $$\begin{aligned}
    s_t &= \mathrm{modReLU}(W s_{t-1} + V x_t;\, b), \quad W \text{ unitary} \\
    v_t, h_t &= \mathrm{NCP}(v_{t-1}, \mathrm{Re}\, s_t, \Delta t_t)
    \end{aligned}$$

    The unitary part is to remember, the circuit to decide: `unitary_rnn` and `ncp`
    one after the other at every step, without a linear map in between. Time passes in
    the circuit alone.

    `hidden` is the number of motor neurons. There are twice as many complex units
    unless `units` is given, with `capacity` layers of rotations (as many as units, at
    most). `inter`, `command`, `sparsity` and fan-outs are those of `ncp`, and so are
    `wiring_seed` and `unfolds`. Both parts start as they do alone; `input_scale` is
    that of the unitary one.

    The thesis is `units=32, capacity=4, inter=4, command=4, recurrent_command=0` and
    one motor neuron per answer. It does not say how many synapses a neuron has; the
    2 of its NCP are a guess: `sensory_fanout=2, inter_fanout=2, motor_fanin=2`. Else
    it departs from the thesis as `ncp` and `unitary_rnn` do.
    """

    memory: UnitaryRNN
    circuit: NCP
    hidden_size: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        units: AtLeastOne | None = None,
        capacity: AtLeastOne = 4,
        input_scale: NotNegative | None = 0.01,
        inter: AtLeastOne | None = None,
        command: AtLeastOne | None = None,
        sparsity: Share = 0.5,
        sensory_fanout: AtLeastOne | None = None,
        inter_fanout: AtLeastOne | None = None,
        recurrent_command: NotNegativeInt | None = 0,
        motor_fanin: AtLeastOne | None = None,
        wiring_seed: NotNegativeInt = 22222,
        unfolds: AtLeastOne = 6,
        key: Key,
    ):
        memory_key, circuit_key = jax.random.split(key)
        units = 2 * hidden if units is None else units
        self.memory = UnitaryRNN(
            features,
            units,
            capacity=min(capacity, units),
            input_scale=input_scale,
            key=memory_key,
        )
        self.circuit = NCP(
            units,
            hidden,
            inter=inter,
            command=command,
            sparsity=sparsity,
            sensory_fanout=sensory_fanout,
            inter_fanout=inter_fanout,
            recurrent_command=recurrent_command,
            motor_fanin=motor_fanin,
            wiring_seed=wiring_seed,
            unfolds=unfolds,
            key=circuit_key,
        )
        self.hidden_size = hidden

    def init_state(self):
        return self.memory.init_state(), self.circuit.init_state()

    def __call__(self, state, x, dt):
        remembered, potentials = state
        remembered, s = self.memory(remembered, x, dt)
        potentials, h = self.circuit(potentials, s, dt)
        return (remembered, potentials), h
