"""Records what the parts of DI-engine answer as a gated transformer-XL.

    PYTHONPATH=... python tests/oracles/record_gated.py [--check]     see `record.py`

Attention, its waves, the gate and the fully connected layers are DI-engine's
(`pip install --no-deps DI-engine==0.5.3`; of it the modules of these parts alone are
imported, which need nothing but torch). Put together they are here as the paper has
them, since DI-engine's own block does not normalize its queries, and segment after
segment with a memory that is carried on, where ours has all at once. Its maps in
attention have biases, the paper's none: they are zero.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from record import (  # pyright: ignore[reportMissingImports]
    Tensors,
    as_numpy,
    draw,
    generator,
    main,
    randomize,
    weights,
)


WIDTH, HEADS, BLOCKS, EXPANSION = 6, 2, 2, 2
SEGMENT, MEMORY = 4, 6
LENGTHS = {"short": 4, "long": 18}


def parts_of_ding() -> ModuleType:
    """Returns the module of DI-engine, whose packages import all there is unasked."""
    found = find_spec("ding")
    assert found is not None, "pip install --no-deps DI-engine==0.5.3"
    assert found.origin is not None
    for name in ("ding.torch_utils", "ding.torch_utils.network"):
        package = ModuleType(name)
        package.__path__ = [
            str(Path(found.origin).parent.joinpath(*name.split(".")[1:]))
        ]
        sys.modules[name] = package
    from ding.torch_utils.network import gtrxl  # pyright: ignore

    return gtrxl


class Block(torch.nn.Module):
    """A block of the paper, of DI-engine's parts."""

    def __init__(self):
        super().__init__()
        ding = parts_of_ding()
        rest = torch.nn.Identity()
        self.norm1 = torch.nn.LayerNorm(WIDTH)
        self.attention = ding.AttentionXL(WIDTH, WIDTH // HEADS, HEADS, rest)
        self.u = torch.nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.v = torch.nn.Parameter(torch.zeros(HEADS, WIDTH // HEADS))
        self.gate1 = ding.GRUGatingUnit(WIDTH, 2.0)
        self.norm2 = torch.nn.LayerNorm(WIDTH)
        self.widen = ding.fc_block(WIDTH, EXPANSION * WIDTH, activation=torch.nn.ReLU())
        self.narrow = ding.fc_block(
            EXPANSION * WIDTH, WIDTH, activation=torch.nn.ReLU()
        )
        self.gate2 = ding.GRUGatingUnit(WIDTH, 2.0)
        self.waves = [ding.PositionalEmbedding(WIDTH).double()]

    def forward(self, xs: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Returns a segment's outputs; time leads, one example is a batch."""
        whole = torch.cat([memory, xs])[:, None]
        distances = torch.arange(len(whole) - 1, -1, -1.0)
        later = torch.ones(len(xs), len(whole)).triu(1 + len(memory)).bool()
        attended = self.attention(
            self.norm1(xs[:, None]),
            self.waves[0](distances),
            self.norm1(whole),
            self.u,
            self.v,
            mask=later[..., None],
        )
        ys = self.gate1(xs, attended.relu()[:, 0])
        return self.gate2(ys, self.narrow(self.widen(self.norm2(ys))))


class GTrXL(torch.nn.Module):
    """Blocks that read a sequence a segment at a time, and keep their inputs."""

    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns one vector per step."""
        memories = [torch.zeros(0, WIDTH) for _ in self.blocks]
        outputs = []
        for segment in inputs.split(SEGMENT):
            xs = segment
            for index, block in enumerate(self.blocks):
                known, kept = xs, memories[index]
                xs = block(known, kept)
                memories[index] = torch.cat([kept, known])[-MEMORY:].detach()
            outputs.append(xs)
        return torch.cat(outputs)


def record_gtrxl(name: str) -> Tensors:
    """Sequences of one segment and of several, with gradients of a random probe."""
    rng = generator(name)
    module = GTrXL()
    randomize(module, rng)
    with torch.no_grad():
        for path, parameter in module.named_parameters():
            if ".attention." in path and path.endswith("bias"):
                parameter.zero_()
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, WIDTH).requires_grad_()
        probe = draw(rng, length, WIDTH)
        outputs = module(inputs)
        module.zero_grad()
        (probe * outputs).sum().backward()
        tensors[f"{case}.inputs"] = as_numpy(inputs)
        tensors[f"{case}.outputs"] = as_numpy(outputs)
        tensors[f"{case}.probe"] = as_numpy(probe)
        assert inputs.grad is not None
        tensors[f"{case}.gradient.inputs"] = as_numpy(inputs.grad)
        for parameter, value in module.named_parameters():
            assert value.grad is not None
            tensors[f"{case}.gradient.{parameter}"] = as_numpy(value.grad)
    return tensors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], {"gtrxl": record_gtrxl}))
