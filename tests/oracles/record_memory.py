"""Records what PyTorch answers of networks with a memory, as `record.py` does.

    python tests/oracles/record_memory.py            writes the files beside this script
    python tests/oracles/record_memory.py --check    recomputes and compares

`dnc` is the memory of the package `dnc`, driven as the paper has it: its read and write
are called with an interface within the paper's ranges, where the package would put
tanh on keys and words and no 1 below strengths. What it adds against divisions by zero
is 0 here, as in the test: the paper adds nothing, and ours is added elsewhere. It
starts from a random memory, in which no two slots are equally used, since the package's
order of equals is undefined.
`memory_augmented_transformer` is written with torch's encoder layer, its two norms one.
"""

import math
import sys

import dnc  # pyright: ignore[reportMissingImports]
import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from dnc.memory import Memory  # pyright: ignore[reportMissingImports]
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
from torch.nn.functional import softplus  # pyright: ignore[reportMissingImports]


FEATURES, HIDDEN = 3, 6
SLOTS, WORD, HEADS = 5, 4, 2
WIDTH, ROWS, COLUMNS, ATTENTION_HEADS = 8, 5, 3, 2


class DNC(torch.nn.Module):
    """An LSTM cell, the interface of the paper, and the package's memory."""

    def __init__(self):
        super().__init__()
        self.controller = torch.nn.LSTMCell(FEATURES + HEADS * WORD, HIDDEN)
        self.interface = torch.nn.Linear(HIDDEN, (HEADS + 3) * WORD + 5 * HEADS + 3)
        # In a list, so that its own layers are not parameters: they are not used.
        self.memory = [Memory(HIDDEN, SLOTS, WORD, HEADS, independent_linears=False)]
        self.memory[0].I = self.memory[0].I.double()
        dnc.memory.δ = dnc.util.δ = 0.0

    def forward(self, inputs: torch.Tensor, memory: dict[str, torch.Tensor]):
        """Returns controller and reads at every step, and the memory at the end."""
        h = c = torch.zeros(1, HIDDEN)
        reads, outputs = torch.zeros(1, HEADS * WORD), []
        for x in inputs:
            h, c = self.controller(torch.cat([x[None], reads], 1), (h, c))
            found, memory = self.access(self.interface(h), memory)
            reads = found.reshape(1, HEADS * WORD)
            outputs.append(torch.cat([h, reads], 1)[0])
        return torch.stack(outputs), memory

    def access(self, raw: torch.Tensor, memory: dict[str, torch.Tensor]):
        """Returns what the heads read, and the memory after it."""
        sizes = [HEADS * WORD, HEADS, WORD, 1, WORD, WORD, HEADS, 1, 1, 3 * HEADS]
        keys, strengths, key, strength, erase, write, free, allocate, gate, modes = (
            torch.split(raw, sizes, dim=1)
        )
        memory = self.memory[0].write(
            key[:, None],
            write[:, None],
            torch.sigmoid(erase)[:, None],
            torch.sigmoid(free),
            None,
            1.0 + softplus(strength),
            torch.sigmoid(gate),
            torch.sigmoid(allocate),
            dict(memory),
        )
        usage, _ = torch.sort(memory["usage_vector"][0].detach())
        assert float((usage[1:] - usage[:-1]).min()) > 1e-5, "order hangs on rounding"
        # The package has the modes backward, forward, lookup.
        modes = torch.softmax(modes.reshape(1, HEADS, 3), 2)[:, :, [0, 2, 1]]
        return self.memory[0].read(
            keys.reshape(1, HEADS, WORD), 1.0 + softplus(strengths), modes, memory
        )


def random_memory(rng) -> dict[str, torch.Tensor]:
    """Returns a memory that could have come about."""
    writing, precedence, *reading = (
        torch.softmax(draw(rng, 1, SLOTS), 1) for _ in range(2 + HEADS)
    )
    link = torch.softmax(draw(rng, SLOTS, SLOTS), 1) / SLOTS
    return {
        "memory": draw(rng, 1, SLOTS, WORD),
        "link_matrix": (link * (1.0 - torch.eye(SLOTS)))[None, None],
        "precedence": precedence[None],
        "read_weights": torch.stack(reading, 1),
        "write_weights": 0.9 * writing[None],
        "usage_vector": torch.sigmoid(draw(rng, 1, SLOTS)),
    }


class MemoryAugmentedTransformer(torch.nn.Module):
    """The equations of the thesis with torch's own parts."""

    def __init__(self):
        super().__init__()
        self.input_embed = torch.nn.Linear(FEATURES, WIDTH)
        self.memory_embed = torch.nn.Linear(COLUMNS, WIDTH)
        self.layer = torch.nn.TransformerEncoderLayer(
            WIDTH, ATTENTION_HEADS, 4 * WIDTH, dropout=0.0, layer_norm_eps=1e-6
        )
        self.layer.norm2 = self.layer.norm1
        self.control = torch.nn.Linear(WIDTH, 1 + COLUMNS)

    def forward(self, inputs: torch.Tensor):
        """Returns the input's token at every step, and the memory at the end."""
        memory = torch.full((ROWS, COLUMNS), 1e-6)
        outputs = []
        for x in inputs:
            rows = self.memory_embed(memory)
            tokens = torch.cat([self.input_embed(x)[None], rows]) + code(1 + ROWS)
            encoded = self.layer(tokens)
            control = self.control(encoded[1:])
            gate, data = control[:, :1], control[:, 1:]
            memory = torch.sigmoid(-gate) * memory + torch.sigmoid(gate) * data
            outputs.append(encoded[0])
        return torch.stack(outputs), memory


def code(tokens: int) -> torch.Tensor:
    """Returns sin and cos of every position, interleaved, one number at a time."""
    waves = [math.sin, math.cos]
    return torch.tensor(
        [
            [waves[i % 2](t / 10_000 ** (2 * (i // 2) / WIDTH)) for i in range(WIDTH)]
            for t in range(tokens)
        ]
    )


def differentiate(module, case: str, inputs, outputs, rng) -> Tensors:
    """Returns inputs, outputs, and the gradients of a random probe."""
    probe = draw(rng, *outputs.shape)
    module.zero_grad()
    (probe * outputs).sum().backward()
    tensors = {"inputs": inputs, "outputs": outputs, "probe": probe}
    tensors["gradient.inputs"] = inputs.grad
    for name, value in module.named_parameters():
        tensors[f"gradient.{name}"] = value.grad
    return {f"{case}.{name}": as_numpy(value) for name, value in tensors.items()}


def record_dnc(name: str) -> Tensors:
    """The controller's output and what was read, from a random memory on."""
    rng = generator(name)
    module = DNC()
    randomize(module, rng)
    tensors = weights(module)
    start = random_memory(rng)
    tensors |= {f"start.{part}": as_numpy(value[0]) for part, value in start.items()}
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        outputs, memory = module(inputs, start)
        tensors |= differentiate(module, case, inputs, outputs, rng)
        for part, value in memory.items():
            tensors[f"{case}.end.{part}"] = as_numpy(value[0])
    return tensors


def record_transformer(name: str) -> Tensors:
    """The input's token at every step, from a blank memory on."""
    rng = generator(name)
    module = MemoryAugmentedTransformer()
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        outputs, memory = module(inputs)
        tensors |= differentiate(module, case, inputs, outputs, rng)
        tensors[f"{case}.last_memory"] = as_numpy(memory)
    return tensors


RECORDS = {
    "dnc": record_dnc,
    "memory_augmented_transformer": record_transformer,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], RECORDS))
