"""Torch's long short-term memory, as a guest."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx

from ..core.types import Key
from ..models import MODELS
from ..models.base import AbstractLayer
from .torch_model import TorchModule


@dataclass(frozen=True)
class MakeLSTM:
    """Makes `torch.nn.LSTM` of a size, reading (batch, time, features)."""

    features: int
    hidden: int

    def __call__(self) -> Any:
        import torch  # pyright: ignore[reportMissingImports]

        return torch.nn.LSTM(self.features, self.hidden, batch_first=True)


@MODELS.register("torch_lstm", family="guest", source="hochreiter1997long", version=1)
class TorchLSTM(AbstractLayer):
    r"""PyTorch's LSTM, computed by PyTorch.

    $$\begin{aligned}
    i, f, g, o &= \sigma, \sigma, \tanh, \sigma \;
        (x_t W^T + b + h_{t-1} U^T + b') \\
    c_t &= f \odot c_{t-1} + i \odot g \\
    h_t &= o \odot \tanh(c_t)
    \end{aligned}$$

    The same function as `lstm`, which it is here to be compared with. It has two
    biases, which add up, and starts differently: every weight and bias is uniform
    within $\pm 1 / \sqrt{n}$ and the forget gate's bias is not raised. Slow beside the
    native one, on the CPU only (`nnarena.guests.torch_model`).
    """

    module: TorchModule
    hidden_size: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, features: int, hidden: int, *, key: Key):
        self.module = TorchModule(MakeLSTM(features, hidden), key=key)
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        del key  # nothing is drawn; a discrete model: one observation is one step
        return self.module(sequence.xs, shape=(sequence.length, self.hidden_size))
