"""Recurrent layers in plain PyTorch, as one writes them who wants them fast.

Inputs are `(time, batch, numbers)`; the answer is the last output of each sequence.
What does not depend on the state is computed for all steps at once, before the loop: in
eager PyTorch every operation saved in the loop counts. Gates are one matrix, added to
the drive by `addmm`. One unit of time passes between observations, so that decays and
step sizes are constants.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def glorot(inputs: int, outputs: int) -> nn.Parameter:
    """Returns a matrix for vectors on its left."""
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(inputs, outputs)))


def zeros(*shape: int) -> nn.Parameter:
    """Returns a bias."""
    return nn.Parameter(torch.zeros(*shape))


class CTRNN(nn.Module):
    """A continuous-time RNN: dh/dt = s tanh(xW + hU + b) - h, by Euler."""

    time_first = True

    def __init__(self, inputs: int, hidden: int, *, unfolds: int = 6):
        super().__init__()
        self.input = nn.Linear(inputs, hidden)
        self.recurrent = glorot(hidden, hidden)
        self.gain = nn.Parameter(torch.ones(hidden))
        self.output_size, self.unfolds = hidden, unfolds

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last state."""
        drives = self.input(xs)
        h = drives.new_zeros(drives.shape[1:])
        scaled = self.gain / self.unfolds
        for drive in drives.unbind():
            h = flow(h, drive, self.recurrent, scaled, self.unfolds)
        return h


def flow(
    h: Tensor, drive: Tensor, recurrent: Tensor, scaled: Tensor, unfolds: int
) -> Tensor:
    """Returns h after steps of Euler's method; `scaled` is the gain of one of them."""
    kept = 1.0 - 1.0 / unfolds
    for _ in range(unfolds):
        driven = torch.tanh(torch.addmm(drive, h, recurrent))
        h = torch.add(scaled * driven, h, alpha=kept)
    return h


class ODELSTM(nn.Module):
    """An LSTM whose output drives a CT-RNN, which is what its gates read."""

    time_first = True

    def __init__(self, inputs: int, hidden: int, *, unfolds: int = 4):
        super().__init__()
        self.input = nn.Linear(inputs, 4 * hidden)
        self.recurrent = glorot(hidden, 4 * hidden)
        self.drive = nn.Linear(hidden, hidden)
        self.flow_recurrent = glorot(hidden, hidden)
        self.gain = nn.Parameter(torch.ones(hidden))
        self.output_size, self.unfolds = hidden, unfolds

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last state that flowed."""
        size = self.output_size
        from_input = self.input(xs)
        h = c = xs.new_zeros(xs.shape[1], size)
        scaled = self.gain / self.unfolds
        for term in from_input.unbind():
            gates, new = torch.addmm(term, h, self.recurrent).split([3 * size, size], 1)
            i, f, o = torch.sigmoid(gates).chunk(3, 1)
            c = torch.addcmul(f * c, i, torch.tanh(new))
            drive = self.drive(o * torch.tanh(c))
            h = flow(h, drive, self.flow_recurrent, scaled, self.unfolds)
        return h


class CTGRU(nn.Module):
    """A GRU whose gates choose among traces that decay at `scales` speeds."""

    time_first = True

    def __init__(self, inputs: int, hidden: int, *, scales: int = 8):
        super().__init__()
        self.scale_input = nn.Linear(inputs, 2 * scales * hidden)
        self.scale_recurrent = glorot(hidden, 2 * scales * hidden)
        self.content_input = nn.Linear(inputs, hidden)
        self.content_recurrent = glorot(hidden, hidden)
        self.output_size, self.scales = hidden, scales
        log_tau = torch.arange(scales).float() * math.log(10.0) / 2.0
        self.register_buffer("log_tau", log_tau[:, None])
        self.register_buffer("decay", torch.exp(-torch.exp(-log_tau))[:, None])

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last sum of the traces."""
        batch, size = xs.shape[1], self.output_size
        shift = self.log_tau.expand(2, -1, size).reshape(-1)
        bias = self.scale_input.bias - shift  # distances are all that is needed
        distances = F.linear(xs, self.scale_input.weight, bias)
        contents = self.content_input(xs)
        traces = xs.new_zeros(batch, self.scales, size)
        h = xs.new_zeros(batch, size)
        for term, content in zip(distances.unbind(), contents.unbind(), strict=True):
            distance = torch.addmm(term, h, self.scale_recurrent)
            distance = distance.view(batch, 2, self.scales, size)
            shares = torch.softmax(-(distance * distance), 2)
            retrieve, store = shares.unbind(1)
            recalled = (retrieve * traces).sum(1)
            q = torch.tanh(torch.addmm(content, recalled, self.content_recurrent))
            traces = torch.lerp(traces, q[:, None], store) * self.decay
            h = traces.sum(1)
        return h


class ExpUnitary(nn.Module):
    """n complex units behind exp(A), A skew-Hermitian, formed once per sequence."""

    time_first = True

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.generator = nn.Parameter(0.1 * torch.randn(hidden, hidden))
        self.input = nn.Linear(inputs, 2 * hidden, bias=False)
        self.bias = zeros(hidden)
        self.output_size = 2 * hidden

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last state as [Re h, Im h]."""
        lower, upper = torch.tril(self.generator, -1), torch.triu(self.generator)
        skew = torch.complex(lower - lower.T, upper + upper.T)
        return turned_state(torch.matrix_exp(skew), self.input(xs), self.bias)


class UnitaryRNN(nn.Module):
    """n complex units behind layers of rotations (EUNN), multiplied once as well."""

    time_first = True

    def __init__(self, inputs: int, hidden: int, *, capacity: int = 16):
        super().__init__()
        self.capacity = min(capacity, hidden)
        odd = 2, -(-self.capacity // 2), hidden // 2
        even = 2, self.capacity // 2, (hidden - 1) // 2
        self.odd, self.even, self.phases = (
            nn.Parameter(2.0 * math.pi * torch.rand(shape))
            for shape in (odd, even, (hidden,))
        )
        self.input = nn.Linear(inputs, 2 * hidden, bias=False)
        self.bias = zeros(hidden)
        self.output_size = hidden

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the real part of the last state."""
        phases = torch.polar(torch.ones_like(self.phases), self.phases)
        matrix = torch.eye(self.output_size, dtype=phases.dtype, device=phases.device)
        for layer in range(self.capacity):
            angles = self.even if layer % 2 else self.odd
            matrix = rotated(matrix, *angles[:, layer // 2], first=layer % 2)
        last = turned_state(matrix * phases, self.input(xs), self.bias, 0.01)
        return last[:, : self.output_size]


def rotated(rows: Tensor, theta: Tensor, phi: Tensor, *, first: int) -> Tensor:
    """Returns the rows with the pairs of neighbors from `first` on rotated."""
    end = first + 2 * len(theta)
    one, other = rows[:, first:end].unflatten(1, (-1, 2)).unbind(2)
    other = other * torch.polar(torch.ones_like(phi), phi)
    cosine, sine = torch.cos(theta), torch.sin(theta)
    pairs = [cosine * one - sine * other, sine * one + cosine * other]
    turned = torch.stack(pairs, 2).flatten(1)
    return torch.cat([rows[:, :first], turned, rows[:, end:]], 1)


def turned_state(
    matrix: Tensor, drives: Tensor, bias: Tensor, stabilizer: float = 0.0
) -> Tensor:
    """Returns h = modReLU(h W + drive) after all steps, as [Re h, Im h]."""
    top = torch.cat([matrix.real, matrix.imag], 1)
    whole = torch.cat([top, torch.cat([-matrix.imag, matrix.real], 1)])
    h = drives.new_zeros(drives.shape[1:])
    for drive in drives.unbind():
        z = torch.addmm(drive, h, whole).view(len(h), 2, -1)
        modulus = torch.sqrt((z * z).sum(1) + 1e-5)
        if stabilizer:
            modulus = modulus + stabilizer
        factor = torch.relu(modulus + bias) / modulus
        h = (z * factor[:, None]).view(len(h), -1)
    return h
