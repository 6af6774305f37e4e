"""Neural circuit policies."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, NotNegative, NotNegativeInt, Share, held
from ..core.types import Key
from ..nn.ltc import Circuit
from ..nn.ode import Method, Solver
from ..nn.wiring import policy_wiring
from . import MODELS
from .base import AbstractCell


@MODELS.register("ncp", family="continuous time", source="lechner2020neural")
class NCP(AbstractCell):
    r"""A sparse circuit of neurons whose inputs set their time constants.

    $$\begin{aligned}
    C_i \frac{dv_i}{dt} &= G_i (L_i - v_i) + \sum_{s \to i} w_s \,
    \sigma(\gamma_s (u_{j(s)} - \mu_s)) \, (E_s - v_i),
    \quad u = [v, \; a \odot x + b] \\
    v_i &\leftarrow \frac{C_i v_i + \delta \, (G_i L_i + \sum_s w_s \sigma_s E_s)}
    {C_i + \delta \, (G_i + \sum_s w_s \sigma_s)},
    \quad \delta = \frac{dt}{\mathrm{unfolds}} \\
    h &= c \odot v_{\mathrm{motor}} + d
    \end{aligned}$$

    Where a CT-RNN adds its inputs up, here they open synapses: conductances that pull
    the potential towards $E_s$ and shorten its time constant
    $C_i / (G_i + \sum_s w_s \sigma_s)$, so that it stays bounded whatever comes in.
    The fused step is stable at any elapsed time and of order 1; it is the `solver`
    "semi_implicit", and any other of `nnarena.nn.ode` may stand for it (`rtol`, `atol`
    and `max_steps` are those of the adaptive ones).

    The wiring is drawn once from `wiring_seed`, whatever the run's seed: inputs touch
    `inter` neurons, those `command` neurons, those each other and the motor neurons.
    `hidden` is the number of motor neurons, whose potentials are the output; there are
    as many command and 3/2 as many inter neurons unless told otherwise, and every
    neuron touches a part of 1 - `sparsity` of the next layer, the shares of `AutoNCP`
    in the authors' package `ncps`. Fan-outs given as numbers go before. The thesis is
    `inter=9, command=7, sensory_fanout=2, inter_fanout=2, recurrent_command=14,
    motor_fanin=2` and one motor neuron per answer.

    Departs from the thesis in that $w$, $C$ and $G$ are the softplus of free numbers,
    started so that they have the thesis's start: it set them to zero where training
    made them negative, which every optimizer would have to know of, and a capacitance
    of zero is not a differential equation. Absent synapses are not parameters (thesis
    and package mask full matrices and count them), recurrent ones are drawn without
    repetition, and the answer goes through the frame's head, where the thesis took the
    motor neurons for logits. $a, c$ start at one, $b, d$ at zero, the rest as
    `nnarena.nn.ltc` says.
    """

    circuit: Circuit
    input_scale: Float[Array, " features"]
    input_shift: Float[Array, " features"]
    output_scale: Float[Array, " hidden"]
    output_shift: Float[Array, " hidden"]
    hidden_size: int = eqx.field(static=True)
    neurons: int = eqx.field(static=True)

    @held
    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        inter: AtLeastOne | None = None,
        command: AtLeastOne | None = None,
        sparsity: Share = 0.5,
        sensory_fanout: AtLeastOne | None = None,
        inter_fanout: AtLeastOne | None = None,
        recurrent_command: NotNegativeInt | None = None,
        motor_fanin: AtLeastOne | None = None,
        wiring_seed: NotNegativeInt = 22222,
        solver: Solver = "semi_implicit",
        unfolds: AtLeastOne = 6,
        rtol: NotNegative = 1e-4,
        atol: NotNegative = 1e-6,
        max_steps: AtLeastOne = 256,
        key: Key,
    ):
        inter = -(-3 * hidden // 2) if inter is None else inter
        command = hidden if command is None else command
        wiring = policy_wiring(
            features,
            inter=inter,
            command=command,
            motor=hidden,
            sensory_fanout=share(sensory_fanout, inter, sparsity),
            inter_fanout=share(inter_fanout, command, sparsity),
            recurrent_command=min(
                share(recurrent_command, 2 * command, sparsity), command**2
            ),
            motor_fanin=share(motor_fanin, command, sparsity),
            seed=wiring_seed,
        )
        method = Method(solver, unfolds, rtol, atol, max_steps)
        self.circuit = Circuit(wiring, method=method, key=key)
        self.input_scale, self.input_shift = jnp.ones(features), jnp.zeros(features)
        self.output_scale, self.output_shift = jnp.ones(hidden), jnp.zeros(hidden)
        self.hidden_size = hidden
        self.neurons = wiring.neurons

    def init_state(self):
        return jnp.zeros(self.neurons)

    def __call__(self, state, x, dt):
        senses = self.input_scale * x + self.input_shift
        potentials = self.circuit(state, senses, dt)
        motor = potentials[: self.hidden_size]
        return potentials, self.output_scale * motor + self.output_shift


def share(given: int | None, neurons: int, sparsity: float) -> int:
    """Returns the number given, or the part of the neurons that sparsity leaves."""
    return max(int(neurons * (1.0 - sparsity)), 1) if given is None else given
