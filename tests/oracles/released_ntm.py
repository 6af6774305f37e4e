"""Records what a released Neural Turing Machine answers, as `record.py` does.

    PYTHONPATH=CHECKOUT python tests/oracles/released_ntm.py [--check]

CHECKOUT is github.com/loudinthecloud/pytorch-ntm at 3c64937c, which no registry of
packages has: `.ci/run` therefore does not record this file afresh. The whole cell
answers, with controller, heads and memory, but without its output layer, so that
`outputs` are the logistic of the controller's output and of what was read. Both read
heads stand before the write head there, so that all read before it writes. Its random
constants, which it keeps out of training, are `start.*`.
"""

import sys

import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from ntm.controller import LSTMController  # pyright: ignore[reportMissingImports]
from ntm.head import NTMReadHead, NTMWriteHead  # pyright: ignore[reportMissingImports]
from ntm.memory import NTMMemory  # pyright: ignore[reportMissingImports]
from ntm.ntm import NTM  # pyright: ignore[reportMissingImports]
from record import (  # pyright: ignore[reportMissingImports]
    LENGTHS,
    Tensors,
    as_numpy,
    draw,
    generator,
    main,
    randomize,
    weights,
)


FEATURES, HIDDEN = 3, 6
SLOTS, WORD, READS = 7, 4, 2


def released() -> NTM:
    """Returns two read heads and a write head on one memory."""
    controller = LSTMController(FEATURES + READS * WORD, HIDDEN, 1)
    memory = NTMMemory(SLOTS, WORD)
    reading = [NTMReadHead(memory, HIDDEN) for _ in range(READS)]
    heads = torch.nn.ModuleList([*reading, NTMWriteHead(memory, HIDDEN)])
    machine = NTM(FEATURES, 1, controller, memory, heads)
    machine.fc = torch.nn.Identity()
    return machine


def record_ntm(name: str) -> Tensors:
    """Outputs and the last memory over two lengths, with gradients of a probe."""
    rng = generator(name)
    machine = released()
    randomize(machine, rng)
    memory = machine.memory
    memory.mem_bias = draw(rng, SLOTS, WORD)
    machine.init_r = [draw(rng, 1, WORD) for _ in range(READS)]
    tensors = weights(machine)
    tensors["start.memory"] = as_numpy(memory.mem_bias)
    tensors["start.reads"] = as_numpy(torch.cat(machine.init_r, 1)[0])
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        probe = draw(rng, length, HIDDEN + READS * WORD)
        memory.reset(1)
        state, outputs = machine.create_new_state(1), []
        for x in inputs:
            output, state = machine(x[None], state)
            outputs.append(output[0])
        answers = torch.stack(outputs)
        machine.zero_grad()
        (probe * answers).sum().backward()
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.outputs"] = as_numpy(answers)
        tensors[f"{case}.probe"] = as_numpy(probe)
        tensors[f"{case}.last_memory"] = as_numpy(memory.memory[0])
        tensors[f"{case}.looks"] = as_numpy(torch.cat(state[2]))
        tensors[f"{case}.gradient.inputs"] = as_numpy(inputs.grad)
        for parameter, value in machine.named_parameters():
            tensors[f"{case}.gradient.{parameter}"] = as_numpy(value.grad)
    return tensors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], {"ntm": record_ntm}))
