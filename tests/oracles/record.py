"""Records what PyTorch and ncps answer, for our modules to be held against.

    python tests/oracles/record.py            writes the files beside this script
    python tests/oracles/record.py --check    recomputes and compares, exits 1 if unlike

Runs where requirements.txt is installed; nnarena is neither needed nor imported.
`test_oracles.py` and others in `tests/models` read the files without torch.
Torch computes and the files hold double precision. Tests run our side in double too:
two implementations of the same formulas then agree to about 1e-13 on any processor,
where single precision would leave a difference that depends on its instructions.

A file `<name>.safetensors` holds `weight.<parameter>` under torch's own names, and
per case `<case>.inputs` and `<case>.outputs`; the recurrent ones also a `probe` of
the outputs' shape and the gradients of sum(probe * outputs), as
`<case>.gradient.<parameter>` and `<case>.gradient.inputs`. Those in continuous time
also have irregular `<case>.times`; the circuit of ncps calls them `elapsed`, and has
`wiring.neurons` and `wiring.sensory`, +1, -1 or 0 for every pair.
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from ncps.torch import CfCCell, LTCCell  # pyright: ignore[reportMissingImports]
from ncps.wirings import NCP, Wiring  # pyright: ignore[reportMissingImports]
from safetensors import safe_open
from safetensors.numpy import save_file


SEED = 1997
FOLDER = Path(__file__).parent
LENGTHS = {"short": 12, "long": 50}
FEATURES, HIDDEN = 3, 5
WIDTH, HEADS = 8, 2
PAIRS = 4
CIRCUIT = {
    "inter_neurons": 9,
    "command_neurons": 7,
    "motor_neurons": 4,
    "sensory_fanout": 2,
    "inter_fanout": 2,
    "recurrent_command_synapses": 14,
    "motor_fanin": 2,
}

Tensors = dict[str, np.ndarray]


def draw(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """Returns normal numbers of single precision, held in double."""
    single = (scale * rng.standard_normal(shape)).astype(np.float32)
    return torch.from_numpy(single).double()


def randomize(module: torch.nn.Module, rng: np.random.Generator) -> None:
    """Sets every parameter, biases and norms too, to numbers of the generator.

    Torch starts many biases at zero and norms at one, where a swapped or forgotten
    parameter would not show.
    """
    for name, parameter in sorted(module.named_parameters()):
        offset = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        parameter.data = draw(rng, *parameter.shape, scale=0.4) + offset


def weights(module: torch.nn.Module) -> Tensors:
    """Returns all parameters under torch's names."""
    return {
        f"weight.{name}": as_numpy(value) for name, value in module.named_parameters()
    }


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Returns the tensor as torch computed it, in double precision."""
    return np.ascontiguousarray(tensor.detach().numpy())


class ODELSTM(torch.nn.Module):
    """An LSTM cell, and an RNN cell as the field of an equation that it drives.

    Solved by Euler's method in 4 steps per observation, as in the thesis.
    """

    def __init__(self, features: int, hidden: int):
        super().__init__()
        self.lstm = torch.nn.LSTMCell(features, hidden)
        self.flow = torch.nn.RNNCell(hidden, hidden)
        self.gain = torch.nn.Parameter(torch.ones(hidden))

    def forward(self, inputs: torch.Tensor, times: torch.Tensor):
        """Returns all states, and the last state and memory as torch's LSTM does."""
        h = c = torch.zeros_like(self.gain)
        states = []
        for x, dt in zip(inputs, times, strict=True):
            drive, c = self.lstm(x, (h, c))
            for _ in range(4):
                h = h + dt / 4 * (self.gain * self.flow(drive, h) - h)
            states.append(h)
        return torch.stack(states), (h[None], c[None])


class CfC(torch.nn.Module):
    """The closed-form cell of ncps over a sequence at irregular times."""

    def __init__(self, mode: str, features: int, hidden: int):
        super().__init__()
        self.cell = CfCCell(features, hidden, mode, backbone_units=7, backbone_layers=2)

    def forward(self, inputs: torch.Tensor, times: torch.Tensor):
        """Returns all states, and the last one."""
        h = torch.zeros(1, self.cell.hidden_size)
        states = []
        for x, dt in zip(inputs, times, strict=True):
            _, h = self.cell(x[None], h, dt)
            states.append(h[0])
        return torch.stack(states), h


def record_recurrent(
    make: Callable[..., torch.nn.Module],
    name: str,
    *,
    timed: bool = False,
    directions: int = 1,
) -> Tensors:
    """A recurrent network over two lengths, with gradients of a random probe."""
    rng = generator(name)
    module = make(FEATURES, HIDDEN)
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        probe = draw(rng, length, directions * HIDDEN)
        times = [draw(rng, length).abs() + 0.05] if timed else []
        outputs, last = module(inputs, *times)
        module.zero_grad()
        (probe * outputs).sum().backward()
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.outputs"] = as_numpy(outputs)
        tensors[f"{case}.probe"] = as_numpy(probe)
        if timed:
            tensors[f"{case}.times"] = as_numpy(times[0])
        if isinstance(last, tuple):
            tensors[f"{case}.last_memory"] = as_numpy(last[1][0])
        assert inputs.grad is not None
        tensors[f"{case}.gradient.inputs"] = as_numpy(inputs.grad)
        for parameter, value in module.named_parameters():
            assert value.grad is not None
            tensors[f"{case}.gradient.{parameter}"] = as_numpy(value.grad)
    return tensors


def hide_later(length: int) -> torch.Tensor:
    """Returns torch's causal mask: true where a step may not look."""
    return torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)


def record_attention(name: str) -> Tensors:
    """Self-attention in both directions and causal."""
    rng = generator(name)
    module = torch.nn.MultiheadAttention(WIDTH, HEADS)
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, WIDTH)
        both, _ = module(inputs, inputs, inputs)
        causal, _ = module(inputs, inputs, inputs, attn_mask=hide_later(length))
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.outputs"] = as_numpy(both)
        tensors[f"{case}.causal_outputs"] = as_numpy(causal)
    return tensors


def record_encoder_block(name: str) -> Tensors:
    """A pre-norm encoder layer with GELU in its tanh form, which is JAX's default."""
    rng = generator(name)
    module = torch.nn.TransformerEncoderLayer(
        WIDTH,
        HEADS,
        dim_feedforward=4 * WIDTH,
        dropout=0.0,
        activation=functools.partial(torch.nn.functional.gelu, approximate="tanh"),
        norm_first=True,
    )
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, WIDTH)
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.outputs"] = as_numpy(module(inputs))
        causal = module(inputs, src_mask=hide_later(length))
        tensors[f"{case}.causal_outputs"] = as_numpy(causal)
    return tensors


def excite(cell: torch.nn.Module, rng: np.random.Generator) -> None:
    """Sets all numbers of a circuit but its masks, reversal potentials too."""
    for name, parameter in sorted(cell.named_parameters()):
        if parameter.requires_grad:
            offset = {"sigma": 4.0, "mu": 0.5, "w": 1.0}.get(name.split("_")[-1], 0.0)
            parameter.data = draw(rng, *parameter.shape, scale=0.5) + offset


class FlipFlops(Wiring):
    """Neurons joined to themselves and to a partner, each with an input of its own."""

    def __init__(self, pairs: int):
        super().__init__(2 * pairs)
        self.set_output_dim(pairs)
        for neuron in range(2 * pairs):
            self.add_synapse(neuron, neuron, 1)
            self.add_synapse((neuron + pairs) % (2 * pairs), neuron, -1)

    def build(self, input_dim: int) -> None:
        """Joins input and neuron of a number."""
        super().build(input_dim)
        for neuron in range(input_dim):
            self.add_sensory_synapse(neuron, neuron, 1)


def record_circuit(name: str) -> Tensors:
    """Liquid time-constant neurons of ncps, observed at irregular times."""
    rng = generator(name)
    wiring = NCP(**CIRCUIT)
    cell = LTCCell(wiring, FEATURES, implicit_param_constraints=True, epsilon=0.0)
    excite(cell, rng)
    return observe(cell, rng)


def record_flip_flops(name: str) -> Tensors:
    """The same neurons in reciprocal pairs, without leak: x drives one, -x the other.

    `outputs` are the first neurons of the pairs.
    """
    rng = generator(name)
    cell = LTCCell(
        FlipFlops(PAIRS), 2 * PAIRS, implicit_param_constraints=True, epsilon=0.0
    )
    excite(cell, rng)
    cell.load_state_dict(
        {
            **cell.state_dict(),
            "gleak": torch.full((2 * PAIRS,), -60.0),  # softplus: 1e-26
            "input_w": torch.ones(2 * PAIRS),
            "input_b": torch.zeros(2 * PAIRS),
            "output_w": torch.ones(PAIRS),
            "output_b": torch.zeros(PAIRS),
        }
    )
    return observe(cell, rng, pairs=PAIRS)


def observe(cell: LTCCell, rng: np.random.Generator, *, pairs: int = 0) -> Tensors:
    """Returns numbers, wiring and answers of a circuit; with pairs, to x and -x."""
    wiring = cell._wiring
    tensors = weights(cell)
    tensors["wiring.neurons"] = wiring.adjacency_matrix.astype(np.int32)
    tensors["wiring.sensory"] = wiring.sensory_adjacency_matrix.astype(np.int32)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, pairs or FEATURES).requires_grad_()
        elapsed = torch.exp(draw(rng, length)).float().double()
        probe = draw(rng, length, wiring.output_dim)
        state, outputs = torch.zeros(1, wiring.units), []
        senses = torch.cat([inputs, -inputs], dim=1) if pairs else inputs
        for x, dt in zip(senses, elapsed, strict=True):
            output, state = cell(x[None], state, dt)
            outputs.append(output[0])
        answers = torch.stack(outputs)
        cell.zero_grad()
        (probe * answers).sum().backward()
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.elapsed"] = as_numpy(elapsed)
        tensors[f"{case}.outputs"] = as_numpy(answers)
        tensors[f"{case}.last_state"] = as_numpy(state[0])
        tensors[f"{case}.probe"] = as_numpy(probe)
        assert inputs.grad is not None
        tensors[f"{case}.gradient.inputs"] = as_numpy(inputs.grad)
        for parameter, value in cell.named_parameters():
            if value.requires_grad:
                assert value.grad is not None
                tensors[f"{case}.gradient.{parameter}"] = as_numpy(value.grad)
    return tensors


def generator(name: str) -> np.random.Generator:
    """Returns the generator of one oracle, whatever others are recorded."""
    return np.random.default_rng([SEED, *name.encode()])


RECORDS: dict[str, Callable[[str], Tensors]] = {
    "rnn": functools.partial(record_recurrent, torch.nn.RNN),
    "rnn_stacked": functools.partial(
        record_recurrent, functools.partial(torch.nn.RNN, num_layers=2)
    ),
    "rnn_bidirectional": functools.partial(
        record_recurrent,
        functools.partial(torch.nn.RNN, bidirectional=True),
        directions=2,
    ),
    "lstm": functools.partial(record_recurrent, torch.nn.LSTM),
    "gru": functools.partial(record_recurrent, torch.nn.GRU),
    "ode_lstm": functools.partial(record_recurrent, ODELSTM, timed=True),
    **{
        f"cfc_{mode}": functools.partial(
            record_recurrent, functools.partial(CfC, mode), timed=True
        )
        for mode in ("default", "no_gate", "pure")
    },
    "attention": record_attention,
    "encoder_block": record_encoder_block,
    "ltc": record_circuit,
    "flip_flops": record_flip_flops,
}


def differences(path: Path, computed: Tensors) -> list[str]:
    """Returns a sentence per tensor of the file that is now answered otherwise."""
    if not path.is_file():
        return [f"{path.name} is missing."]
    with safe_open(path, framework="numpy") as file:
        recorded = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    found = []
    for key in sorted(recorded.keys() | computed.keys()):
        if key not in recorded or key not in computed:
            where = "now" if key in computed else "in the file"
            found.append(f"{path.name}: {key} stands only {where}.")
        elif recorded[key].shape != computed[key].shape:
            shapes = f"{recorded[key].shape} in the file, {computed[key].shape} now"
            found.append(f"{path.name}: {key} has shape {shapes}.")
        elif not np.allclose(computed[key], recorded[key], rtol=1e-10, atol=1e-12):
            gap = np.max(np.abs(computed[key] - recorded[key]))
            found.append(f"{path.name}: {key} differs by up to {gap:.2g}.")
    return found


def main(
    arguments: list[str],
    records: dict[str, Callable[[str], Tensors]],
    oracle: str = f"PyTorch {torch.__version__}",
) -> int:
    """Writes or checks the file of every record; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="compare with the files, write nothing"
    )
    check = parser.parse_args(arguments).check
    torch.set_default_dtype(torch.float64)
    # One key, since safetensors writes several in an order that changes by run.
    versions = {"oracle": oracle, "numpy": np.__version__, "seed": SEED}
    metadata = {"recorded_with": json.dumps(versions)}
    found = []
    for name, record in records.items():
        path = FOLDER / f"{name}.safetensors"
        if check:
            found += differences(path, record(name))
        else:
            save_file(record(name), path, metadata)
            print(f"{path.name}: {path.stat().st_size:,} bytes")
    if found:
        print(f"{oracle} does not answer as recorded:")
        print("\n".join(found))
    elif check:
        print(f"{oracle} answers as recorded in {len(records)} files.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], RECORDS))
