"""The same layers as a reader of their equations writes them: one step, then the next.

Nothing is done ahead of the loop, a step reads its input and the time that passed, and
a layer is the loop over its cell. `torch_cells.py` has the forms that were made fast.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Loop(nn.Module):
    """A cell from step to step; one unit of time or so passes between observations."""

    time_first = True

    def __init__(self, cell: nn.Module, time: int):
        super().__init__()
        self.cell, self.output_size = cell, cell.output_size
        self.register_buffer("dts", torch.rand(time) + 0.5)

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last output."""
        state = self.cell.start(xs)
        for x, dt in zip(xs, self.dts, strict=True):
            state = self.cell(x, state, dt)
        return self.cell.output(state)


class CTRNNCell(nn.Module):
    """dh/dt = s tanh(xW + hU + b) - h, by six steps of Euler."""

    def __init__(self, inputs: int, hidden: int, *, unfolds: int = 6):
        super().__init__()
        self.input = nn.Linear(inputs, hidden)
        self.recurrent = nn.Linear(hidden, hidden, bias=False)
        self.gain = nn.Parameter(torch.ones(hidden))
        self.output_size, self.unfolds = hidden, unfolds

    def start(self, xs: Tensor) -> Tensor:
        """Returns the first state."""
        return xs.new_zeros(xs.shape[1], self.output_size)

    def forward(self, x: Tensor, h: Tensor, dt: Tensor) -> Tensor:
        """Returns the next state."""
        drive, part = self.input(x), dt / self.unfolds
        for _ in range(self.unfolds):
            h = h + part * (self.gain * torch.tanh(drive + self.recurrent(h)) - h)
        return h

    def output(self, h: Tensor) -> Tensor:
        """Returns what a state says."""
        return h


class ODELSTMCell(nn.Module):
    """An LSTM whose output drives a CT-RNN, which is what its gates read."""

    def __init__(self, inputs: int, hidden: int, *, unfolds: int = 4):
        super().__init__()
        self.lstm = nn.LSTMCell(inputs, hidden)
        self.flow = CTRNNCell(hidden, hidden, unfolds=unfolds)
        self.output_size = hidden

    def start(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first state."""
        zeros = xs.new_zeros(xs.shape[1], self.output_size)
        return zeros, zeros

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor], dt: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns the next state."""
        out, c = self.lstm(x, state)
        return self.flow(out, state[0], dt), c

    def output(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """Returns what a state says."""
        return state[0]


class CTGRUCell(nn.Module):
    """A GRU whose gates choose among traces that decay at `scales` speeds."""

    def __init__(self, inputs: int, hidden: int, *, scales: int = 8):
        super().__init__()
        self.retrieve = nn.Linear(inputs + hidden, scales * hidden)
        self.store = nn.Linear(inputs + hidden, scales * hidden)
        self.content = nn.Linear(inputs + hidden, hidden)
        self.output_size, self.scales = hidden, scales
        log_tau = torch.arange(scales).float() * math.log(10.0) / 2.0
        self.register_buffer("log_tau", log_tau[:, None])

    def start(self, xs: Tensor) -> Tensor:
        """Returns the first traces."""
        return xs.new_zeros(xs.shape[1], self.scales, self.output_size)

    def forward(self, x: Tensor, traces: Tensor, dt: Tensor) -> Tensor:
        """Returns the next traces."""
        seen = torch.cat([x, traces.sum(1)], 1)
        recalled = (self._shares(self.retrieve(seen)) * traces).sum(1)
        q = torch.tanh(self.content(torch.cat([x, recalled], 1)))
        store = self._shares(self.store(seen))
        mixed = (1.0 - store) * traces + store * q[:, None]
        return mixed * torch.exp(-dt / torch.exp(self.log_tau))

    def _shares(self, log_scale: Tensor) -> Tensor:
        log_scale = log_scale.view(len(log_scale), self.scales, -1)
        return torch.softmax(-((log_scale - self.log_tau) ** 2), 1)

    def output(self, traces: Tensor) -> Tensor:
        """Returns what traces say."""
        return traces.sum(1)


class ExpUnitaryCell(nn.Module):
    """Complex units behind exp(A), A skew-Hermitian, formed once per sequence."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.generator = nn.Parameter(0.1 * torch.randn(hidden, hidden))
        self.real = nn.Linear(inputs, hidden, bias=False)
        self.imaginary = nn.Linear(inputs, hidden, bias=False)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.output_size, self.hidden = 2 * hidden, hidden

    def start(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the first state, and the matrix of the sequence."""
        lower, upper = torch.tril(self.generator, -1), torch.triu(self.generator)
        matrix = torch.matrix_exp(torch.complex(lower - lower.T, upper + upper.T))
        return torch.zeros(xs.shape[1], self.hidden, dtype=matrix.dtype), matrix

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor], dt: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns the next state; time does not reach it."""
        h, matrix = state
        z = h @ matrix + torch.complex(self.real(x), self.imaginary(x))
        modulus = torch.sqrt(z.real**2 + z.imag**2 + 1e-5)
        return z * (torch.relu(modulus + self.bias) / modulus), matrix

    def output(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """Returns [Re h, Im h]."""
        return torch.cat([state[0].real, state[0].imag], 1)
