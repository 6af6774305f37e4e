"""Records what PyTorch answers as an encoder-decoder, for ours to be held against.

    python tests/oracles/record_transformers.py [--check]

Beside `record.py`, whose ways and words hold here too: run it where requirements.txt
is installed. `tests/models/test_encoder_decoder.py` and
`tests/models/test_rnn_augmented_transformer.py` read the files without torch.

The encoder-decoder has start tokens of ones and the sinusoids of the paper, written
out; its layers are torch's own. Torch divides the width among the heads, so that one
head is as wide as the model, and of two each half as wide.
"""

import functools
import math
import sys
from collections.abc import Callable

import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from record import (
    FEATURES,
    LENGTHS,
    WIDTH,
    Tensors,
    as_numpy,
    draw,
    generator,
    hide_later,
    main,
    randomize,
    weights,
)


ANSWERS, LAYERS = 4, 2
QUERIES = 5


def sinusoids(length: int) -> torch.Tensor:
    """Returns the position code of Vaswani et al. (2017), 3.5, entry by entry."""
    table = torch.zeros(length, WIDTH)
    for position in range(length):
        for i in range(0, WIDTH, 2):
            angle = position / 10_000 ** (i / WIDTH)
            table[position, i], table[position, i + 1] = (
                math.sin(angle),
                math.cos(angle),
            )
    return table


class EncoderDecoder(torch.nn.Module):
    """The transformer of the thesis, asked by start tokens of ones."""

    def __init__(self, heads: int):
        super().__init__()
        layer = {
            "dim_feedforward": 4 * WIDTH,
            "dropout": 0.0,
            "activation": "relu",
            "layer_norm_eps": 1e-6,
        }
        encoder = torch.nn.TransformerEncoderLayer(WIDTH, heads, **layer)
        decoder = torch.nn.TransformerDecoderLayer(WIDTH, heads, **layer)
        self.embed = torch.nn.Linear(FEATURES, WIDTH)
        self.start = torch.nn.Linear(ANSWERS, WIDTH)
        self.encoder = torch.nn.TransformerEncoder(
            encoder, LAYERS, enable_nested_tensor=False
        )
        self.decoder = torch.nn.TransformerDecoder(decoder, LAYERS)
        self.head = torch.nn.Linear(WIDTH, ANSWERS)

    def forward(self, inputs: torch.Tensor, tokens: int) -> torch.Tensor:
        """Returns as many answers as there are start tokens, which look back only."""
        scale = math.sqrt(WIDTH)
        ones = torch.ones(tokens, ANSWERS)
        encoded = self.encoder(self.embed(inputs) * scale + sinusoids(len(inputs)))
        asked = self.start(ones) * scale + sinusoids(tokens)
        return self.head(self.decoder(asked, encoded, tgt_mask=hide_later(tokens)))


class AugmentedAttention(torch.nn.Module):
    """Attention whose weighted values go through an LSTM each head has of its own."""

    def __init__(self, heads: int, size: int):
        super().__init__()
        self.heads, self.size = heads, size
        self.query = torch.nn.Linear(WIDTH, heads * size)
        self.key = torch.nn.Linear(WIDTH, heads * size)
        self.value = torch.nn.Linear(WIDTH, heads * size)
        self.lstms = torch.nn.ModuleList(
            torch.nn.LSTM(size, size) for _ in range(heads)
        )
        self.merge = torch.nn.Linear(heads * size, WIDTH)

    def forward(self, queries: torch.Tensor, memory: torch.Tensor, *, causal: bool):
        """Returns one vector per query, each from an LSTM run by itself."""
        parts = []
        for head, lstm in enumerate(self.lstms):
            own = slice(head * self.size, (head + 1) * self.size)
            q, k = self.query(queries)[:, own], self.key(memory)[:, own]
            scores = q @ k.T / math.sqrt(self.size)
            if causal:
                scores = scores.masked_fill(hide_later(len(memory)), -torch.inf)
            v = self.value(memory)[:, own]
            rows = [lstm(row[:, None] * v)[0][-1] for row in torch.softmax(scores, -1)]
            parts.append(torch.stack(rows))
        return self.merge(torch.cat(parts, dim=-1))


def probed(
    module: torch.nn.Module, case: str, inputs: dict, answers: torch.Tensor, rng
) -> Tensors:
    """Returns answers, a random probe of them, and the gradients of their product."""
    probe = draw(rng, *answers.shape)
    module.zero_grad()
    (probe * answers).sum().backward()
    found = {f"{case}.outputs": as_numpy(answers), f"{case}.probe": as_numpy(probe)}
    for name, tensor in inputs.items():
        found[f"{case}.{name}"] = as_numpy(tensor)
        found[f"{case}.gradient.{name}"] = as_numpy(tensor.grad)
    for name, value in module.named_parameters():
        found[f"{case}.gradient.{name}"] = as_numpy(value.grad)
    return found


def record_encoder_decoder(name: str, *, heads: int) -> Tensors:
    """The whole model, asked at every step and once."""
    rng = generator(name)
    module = EncoderDecoder(heads)
    randomize(module, rng)
    tensors = weights(module)
    for case, length in LENGTHS.items():
        inputs = draw(rng, length, FEATURES).requires_grad_()
        tensors[f"{case}.once"] = as_numpy(module(inputs, 1)[-1])
        answers = module(inputs, length)
        tensors |= probed(module, case, {"inputs": inputs}, answers, rng)
    return tensors


def record_augmented(name: str) -> Tensors:
    """A few queries of a longer memory, and a sequence of itself, looking back."""
    rng = generator(name)
    module = AugmentedAttention(heads=2, size=3)
    randomize(module, rng)
    tensors = weights(module)
    memory = draw(rng, LENGTHS["short"], WIDTH).requires_grad_()
    queries = draw(rng, QUERIES, WIDTH).requires_grad_()
    answers = module(queries, memory, causal=False)
    between = {"queries": queries, "memory": memory}
    tensors |= probed(module, "cross", between, answers, rng)
    memory.grad = None
    answers = module(memory, memory, causal=True)
    return tensors | probed(module, "causal", {"memory": memory}, answers, rng)


RECORDS: dict[str, Callable[[str], Tensors]] = {
    "encoder_decoder": functools.partial(record_encoder_decoder, heads=1),
    "encoder_decoder_of_two_heads": functools.partial(record_encoder_decoder, heads=2),
    "rnn_augmented_attention": record_augmented,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], RECORDS))
