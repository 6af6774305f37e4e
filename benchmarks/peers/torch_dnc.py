"""A Differentiable Neural Computer in plain PyTorch (Graves et al. 2016).

All of it: content lookup, allocation by usage, temporal links. Batched and without a
loop over slots or heads; allocation sorts, as in the paper.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_cells import glorot, zeros


EPSILON = 1e-6


class DNC(nn.Module):
    """An LSTM with a memory of `slots` words, one write head and some read heads."""

    time_first = True

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        slots: int = 16,
        word: int = 8,
        heads: int = 2,
    ):
        super().__init__()
        self.hidden, self.slots, self.word, self.heads = hidden, slots, word, heads
        self.input = nn.Linear(inputs, 4 * hidden)
        self.recurrent = glorot(hidden + heads * word, 4 * hidden)
        # Keys and strengths of all lookups, erase and write vectors, gates, read modes.
        self.sizes = [(heads + 1) * word, heads + 1, word + heads + 2, word, 3 * heads]
        self.interface = glorot(hidden, sum(self.sizes))
        self.interface_bias = zeros(sum(self.sizes))
        self.register_buffer("off_diagonal", 1.0 - torch.eye(slots))
        self.output_size = hidden + heads * word

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the controller's last output beside the last words read."""
        batch = xs.shape[1]
        answer = xs.new_zeros(batch, self.output_size)
        c = xs.new_zeros(batch, self.hidden)
        memory = self._blank(xs)
        for drive in self.input(xs).unbind():
            gates = torch.addmm(drive, answer, self.recurrent)
            logits, new = gates.split([3 * self.hidden, self.hidden], 1)
            i, f, o = torch.sigmoid(logits).chunk(3, 1)
            c = torch.addcmul(f * c, i, torch.tanh(new)).clamp(-20.0, 20.0)
            h = o * torch.tanh(c)
            memory, reads = self._access(memory, h)
            answer = torch.cat([h, reads], 1)
        return answer

    def _blank(self, xs: Tensor) -> tuple[Tensor, ...]:
        """Returns an unused memory: all its numbers are zero."""
        slots, words = self.slots, (self.slots, self.word)
        shapes = [words, words, (slots,), (slots,), (slots, slots), (slots,)]
        shapes.append((self.heads, slots))
        return tuple(xs.new_zeros(xs.shape[1], *shape) for shape in shapes)

    def _access(
        self, memory: tuple[Tensor, ...], h: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Writes, then reads: returns the memory after it and the words read."""
        words, unit_words, usage, precedence, link, writing, reading = memory
        keys, strengths, gates, write, modes = self._request(h)
        read_keys, write_key = keys.split([self.heads, 1], 1)
        read_strengths, write_strength = strengths.split([self.heads, 1], 1)
        erase, free, allocating, gate = gates.split([self.word, self.heads, 1, 1], 1)

        usage = torch.addcmul(usage + writing, usage, writing, value=-1.0)
        for kept in (1.0 - free[:, :, None] * reading).unbind(1):
            usage = usage * kept  # its product over an axis has a slower gradient
        looked_up = lookup(unit_words, write_key, write_strength)[:, 0]
        writing = gate * torch.lerp(looked_up, allocation(usage), allocating)
        column = writing[:, :, None]
        change = torch.addcmul(write[:, None], words, erase[:, None], value=-1.0)
        words = torch.addcmul(words, column, change)
        unit_words = normalized(words)

        kept = (1.0 - column - writing[:, None]) * link
        link = torch.addcmul(kept, column, precedence[:, None]) * self.off_diagonal
        precedence = writing + (1.0 - writing.sum(1, keepdim=True)) * precedence

        backward, content, forward = modes.split(1, 2)
        looked_up = lookup(unit_words, read_keys, read_strengths)
        followed = torch.bmm(backward * reading, link)
        followed = torch.baddbmm(followed, forward * reading, link.mT)
        reading = torch.addcmul(followed, content, looked_up)
        reads = torch.bmm(reading, words).flatten(1)
        memory = words, unit_words, usage, precedence, link, writing, reading
        return memory, reads

    def _request(self, h: Tensor) -> tuple[Tensor, ...]:
        """Returns what the controller asks: keys, strengths, gates, write, modes."""
        raw = torch.addmm(self.interface_bias, h, self.interface)
        keys, strengths, gates, write, modes = raw.split(self.sizes, 1)
        return (
            normalized(keys.unflatten(1, (-1, self.word))),
            1.0 + F.softplus(strengths)[:, :, None],
            torch.sigmoid(gates),
            write,
            torch.softmax(modes.unflatten(1, (-1, 3)), 2),
        )


def lookup(words: Tensor, keys: Tensor, strengths: Tensor) -> Tensor:
    """Returns the softmax over slots of strength times cosine; all have length 1."""
    cosines = torch.bmm(keys, words.mT)
    return torch.softmax(strengths * cosines, 2)


def normalized(vectors: Tensor) -> Tensor:
    """Returns vectors of length 1, but for those near zero."""
    squares = (vectors * vectors).sum(-1, keepdim=True)
    return vectors * torch.rsqrt(squares + EPSILON)


def allocation(usage: Tensor) -> Tensor:
    """Returns how much of a write goes to each slot, the least used ones first."""
    used, order = (EPSILON + (1.0 - EPSILON) * usage).sort(dim=1)
    logs = torch.log(used)
    before = torch.exp(torch.cumsum(logs, 1) - logs)
    return torch.zeros_like(usage).scatter(1, order, (1.0 - used) * before)
