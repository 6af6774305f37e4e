"""Records what decoders made of PyTorch's LSTMs answer, as `record.py` does.

    python tests/oracles/record_decoders.py            writes the files beside this
    python tests/oracles/record_decoders.py --check    recomputes and compares

Recurrences are torch's own `LSTM`, over several layers at once, and its autodiff gives
the gradients; what attention adds is two products. All are forced: fed the classes of
`<case>.targets`, after class `START`.
"""

import sys

import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
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


FEATURES, HIDDEN, LAYERS = 3, 5, 2
ANSWERS, CLASSES = 4, 52
START = 50


class Seq2Seq(torch.nn.Module):
    """Two stacks of LSTMs, the source turned round."""

    classes = CLASSES

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(FEATURES, HIDDEN)
        self.table = torch.nn.Embedding(CLASSES, HIDDEN)
        self.encoder = torch.nn.LSTM(HIDDEN, HIDDEN, LAYERS)
        self.decoder = torch.nn.LSTM(HIDDEN, HIDDEN, LAYERS)
        self.head = torch.nn.Linear(HIDDEN, CLASSES)

    def forward(self, inputs: torch.Tensor, fed: torch.Tensor) -> torch.Tensor:
        """Returns the logits after each class that is fed."""
        _, state = self.encoder(self.embed(inputs).flip(0))
        return self.head(self.decoder(self.table(fed), state)[0])


class LSTMAttention(torch.nn.Module):
    """The same, and additive attention to what was read."""

    classes = CLASSES

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(FEATURES, HIDDEN)
        self.table = torch.nn.Embedding(CLASSES, HIDDEN)
        self.encoder = torch.nn.LSTM(HIDDEN, HIDDEN, LAYERS)
        self.decoder = torch.nn.LSTM(2 * HIDDEN, HIDDEN, LAYERS)
        self.query = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.key = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.energy = torch.nn.Linear(HIDDEN, 1, bias=False)
        self.head = torch.nn.Linear(2 * HIDDEN, CLASSES)

    def forward(self, inputs: torch.Tensor, fed: torch.Tensor) -> torch.Tensor:
        """Returns the logits after each class that is fed."""
        hs, state = self.encoder(self.embed(inputs).flip(0))
        found, logits = torch.zeros(HIDDEN), []
        for y in self.table(fed):
            d, state = self.decoder(torch.cat([y, found])[None], state)
            scores = self.energy(torch.tanh(self.key(hs) + self.query(d)))[:, 0]
            found = torch.softmax(scores, 0) @ hs
            logits.append(self.head(torch.cat([d[0], found])))
        return torch.stack(logits)


class PointerNetwork(torch.nn.Module):
    """One LSTM each, and scores of the steps that were read, the stop after them."""

    classes = None

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(FEATURES, HIDDEN)
        self.start = torch.nn.Parameter(torch.zeros(HIDDEN))
        self.stop = torch.nn.Parameter(torch.zeros(HIDDEN))
        self.encoder = torch.nn.LSTM(HIDDEN, HIDDEN)
        self.decoder = torch.nn.LSTM(HIDDEN, HIDDEN)
        self.query = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.key = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.energy = torch.nn.Linear(HIDDEN, 1, bias=False)

    def forward(self, inputs: torch.Tensor, fed: torch.Tensor) -> torch.Tensor:
        """Returns the scores of all steps and the stop after each step that is fed."""
        read = self.embed(inputs)
        hs, state = self.encoder(read)
        hs = torch.cat([hs, self.stop[None]])
        ds, _ = self.decoder(torch.cat([self.start[None], read[fed[1:]]]), state)
        return torch.stack(
            [self.energy(torch.tanh(self.key(hs) + self.query(d)))[:, 0] for d in ds]
        )


MODULES = {
    "seq2seq": Seq2Seq,
    "lstm_attention": LSTMAttention,
    "pointer_network": PointerNetwork,
}


def record(name: str) -> Tensors:
    """The answers to two questions, with gradients of a random probe."""
    rng = generator(name)
    module = MODULES[name]()
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        targets = torch.from_numpy(rng.integers(length, size=ANSWERS))
        fed = torch.cat([torch.tensor([START]), targets[:-1]])
        outputs = module(inputs, fed)
        probe = draw(rng, *outputs.shape)
        module.zero_grad()
        (probe * outputs).sum().backward()
        found = {"inputs": inputs, "targets": targets, "outputs": outputs}
        found |= {"probe": probe, "gradient.inputs": inputs.grad}
        for part, value in module.named_parameters():
            found[f"gradient.{part}"] = value.grad
        tensors |= {f"{case}.{part}": as_numpy(value) for part, value in found.items()}
    return tensors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict.fromkeys(MODULES, record)))
