"""Records what published Performers and Linformers answer, and two formulas of papers.

    python tests/oracles/record_efficient.py [--check]

Beside `record.py`, whose ways and words hold here too: run it where requirements.txt
is installed. `tests/models/test_efficient_oracles.py` reads the files without torch.

`performer_pytorch` (1.1.4, of lucidrains) maps to features, draws them and weighs; its
causal sums need its "noncuda" function, since the other is a kernel for a GPU.
`linformer` (0.2.3, of the same author) is a whole self-attention. Both compute in
double precision. Linear attention is the formula of its paper, eq. 8 and 9, over all
pairs.
"""

import sys
from collections.abc import Callable

import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # not a dependency of tests
from linformer.linformer import (  # pyright: ignore[reportMissingImports]
    LinformerSelfAttention,
)
from performer_pytorch import performer_pytorch  # pyright: ignore
from record import WIDTH, Tensors, as_numpy, draw, generator, main, randomize, weights


TIME, HEADS, SIZE = 21, 2, 4
FEATURES = 13
ROWS, LONGEST = 5, 24


def heads(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Returns queries, keys and values, and what their gradients are asked with."""
    names = ("queries", "keys", "values", "probe")
    return {name: draw(rng, TIME, HEADS, SIZE) for name in names}


def answered(parts: dict[str, torch.Tensor], gather: Callable) -> Tensors:
    """Returns what heads gather, (time, heads, size), and gradients of a probe."""
    asked = [parts[name].requires_grad_() for name in ("queries", "keys", "values")]
    for one in asked:
        one.grad = None
    mixed = gather(*(one.transpose(0, 1)[None] for one in asked))[0].transpose(0, 1)
    (parts["probe"] * mixed).sum().backward()
    found = {"outputs": as_numpy(mixed)}
    names = ("queries", "keys", "values")
    grads = zip(names, asked, strict=True)
    return found | {f"gradient.{name}": as_numpy(one.grad) for name, one in grads}


def named(case: str, tensors: Tensors) -> Tensors:
    """Returns the tensors of a case under its name."""
    return {f"{case}.{name}": tensor for name, tensor in tensors.items()}


def record_performer(name: str) -> Tensors:
    """Its features for softmax, weighed over all keys, and over those so far.

    Nothing is added to the features. Their scale cancels, but decides what that is
    worth, and is by another bound than ours.
    """
    rng = generator(name)
    parts = heads(rng)
    rows = draw(rng, FEATURES, SIZE)

    def features(data: torch.Tensor, *, is_query: bool) -> torch.Tensor:
        return performer_pytorch.softmax_kernel(
            data, projection_matrix=rows, is_query=is_query, eps=0.0
        )

    def gather(weigh: Callable) -> Callable:
        return lambda q, k, v: weigh(
            features(q, is_query=True), features(k, is_query=False), v
        )

    def causal(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return performer_pytorch.causal_linear_attention_noncuda(
            q, k, v, chunk_size=8, eps=0.0
        )

    whole = performer_pytorch.linear_attention
    tensors = {"directions": as_numpy(rows)}
    tensors |= {key: as_numpy(one) for key, one in parts.items()}
    tensors |= named("whole", answered(parts, gather(whole)))
    return tensors | named("causal", answered(parts, gather(causal)))


def record_linear(name: str) -> Tensors:
    """The formula of the paper, eq. 8 and 9: weights of pairs by elu + 1, and means."""
    rng = generator(name)
    parts = heads(rng)
    tensors = {key: as_numpy(one) for key, one in parts.items()}

    def gather(seen: torch.Tensor) -> Callable:
        def means(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            elu = torch.nn.functional.elu
            pairs = (elu(q) + 1) @ (elu(k) + 1).transpose(-1, -2) * seen
            return pairs @ v / (pairs.sum(-1, keepdim=True) + 1e-6)

        return means

    everything = torch.ones(TIME, TIME)
    tensors |= named("whole", answered(parts, gather(everything)))
    return tensors | named("causal", answered(parts, gather(torch.tril(everything))))


def record_linformer(name: str) -> Tensors:
    """A whole self-attention, of a sequence shorter than its projection."""
    rng = generator(name)
    module = LinformerSelfAttention(WIDTH, LONGEST, k=ROWS, heads=HEADS)
    randomize(module, rng)
    xs, tensors = draw(rng, TIME, WIDTH), weights(module)
    tensors["inputs"] = as_numpy(xs)
    tensors["outputs"] = as_numpy(module(xs[None])[0])
    return tensors


RECORDS: dict[str, Callable[[str], Tensors]] = {
    "performer": record_performer,
    "linear_attention": record_linear,
    "linformer": record_linformer,
}


if __name__ == "__main__":
    oracle = f"performer-pytorch 1.1.4, linformer 0.2.3, PyTorch {torch.__version__}"
    sys.exit(main(sys.argv[1:], RECORDS, oracle))
