"""What happens on torch's side: modules, their first weights, values and gradients.

Everything runs on the CPU, in one thread, so that results repeat bit for bit. Arrays
are copied on the way in and out, and a pullback computes the forward pass again,
since a JAX program cannot hold a torch graph.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


Make = Callable[[], Any]
"""Returns the torch module; hashable and equal by value, as a frozen dataclass is."""


def parameter_shapes(make: Make) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a module's parameters by name; allocates nothing."""
    import torch  # pyright: ignore[reportMissingImports]

    with torch.device("meta"):
        module = make()
    return {name: tuple(p.shape) for name, p in sorted(module.named_parameters())}


def first_parameters(make: Make, seed: int) -> dict[str, np.ndarray]:
    """Returns the parameters that a fresh module has under a seed.

    Torch's own random numbers go on as if nothing had been drawn.
    """
    import torch  # pyright: ignore[reportMissingImports]

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make()
    parameters = dict(sorted(module.named_parameters()))
    return {name: p.detach().float().numpy() for name, p in parameters.items()}


def answer(
    make: Make, names: Sequence[str], operands: Sequence[Any]
) -> list[np.ndarray]:
    """Returns the module's answers to a batch: weights first, then inputs."""
    import torch  # pyright: ignore[reportMissingImports]

    with torch.no_grad():
        return [_forward(make, names, _tensors(operands)).numpy()]


def pull_back(
    make: Make, names: Sequence[str], wanted: Sequence[bool], operands: Sequence[Any]
) -> list[np.ndarray]:
    """Returns the cotangents of the wanted operands; the last is the answers' own."""
    import torch  # pyright: ignore[reportMissingImports]

    *tensors, cotangent = _tensors(operands)
    asked = [t for t, wants in zip(tensors, wanted, strict=True) if wants]
    for tensor in asked:
        tensor.requires_grad_()
    with torch.enable_grad():
        answers = _forward(make, names, tensors)
    found = torch.autograd.grad(
        answers, asked, cotangent, allow_unused=True, materialize_grads=True
    )
    return [gradient.contiguous().numpy() for gradient in found]


def _forward(make: Make, names: Sequence[str], tensors: Sequence[Any]) -> Any:
    """A module that answers with a tuple means its first part, as torch's RNNs do."""
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    weights = dict(zip(names, tensors, strict=False))
    inputs = tuple(tensors[len(names) :])
    answers = torch.func.functional_call(_module(make), weights, inputs)
    return answers[0] if isinstance(answers, tuple) else answers


@functools.cache
def _module(make: Make) -> Any:
    """Returns the module whose parameters every call replaces; buffers stay."""
    import torch  # pyright: ignore[reportMissingImports]

    with torch.random.fork_rng(devices=[]):
        return make().eval()


def _tensors(operands: Sequence[Any]) -> list[Any]:
    import torch  # pyright: ignore[reportMissingImports]

    tensors = [torch.tensor(np.asarray(operand)) for operand in operands]
    return [t if t.is_floating_point() else t.long() for t in tensors]
