"""Training steps of PyTorch: its own layers, plain cells, and the package ncps.

    python benchmarks/peers/torch_steps.py lstm 200 32 64

The network is that of our contenders: a linear map of the inputs to the layer's width,
the layer, a linear head on its last output; mean squared error, AdamW. See `turns.py`
for how steps are asked for. A name that ends in `_plain` is a cell of `torch_plain.py`.
"""

from collections.abc import Callable

import torch
from ncps.torch import LTC, CfC
from ncps.wirings import NCP
from torch import Tensor, nn
from torch.nn import functional as F
from torch_cells import CTGRU, CTRNN, ODELSTM, ExpUnitary, UnitaryRNN
from torch_dnc import DNC
from torch_plain import CTGRUCell, CTRNNCell, ExpUnitaryCell, Loop, ODELSTMCell
from turns import (
    FEATURES,
    LEARNING_RATE,
    OUTPUTS,
    WEIGHT_DECAY,
    Peer,
    Sizes,
    serve,
)
from wirings import circuit


class Own(nn.Module):
    """A recurrent layer of PyTorch itself."""

    time_first = True

    def __init__(self, make: Callable[..., nn.Module], sizes: Sizes):
        super().__init__()
        self.layer = make(sizes.inputs, sizes.hidden)
        self.output_size = sizes.hidden

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last state."""
        return self.layer(xs)[0][-1]


class OfPackage(nn.Module):
    """A recurrent layer of ncps."""

    time_first = True

    def __init__(self, make: Callable[..., nn.Module], sizes: Sizes, **numbers: object):
        super().__init__()
        self.layer = make(
            sizes.inputs, batch_first=False, return_sequences=False, **numbers
        )
        self.output_size = sizes.hidden

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the last output."""
        return self.layer(xs)[0]


class Transformer(nn.Module):
    """Two encoder blocks behind sinusoidal positions."""

    time_first = False

    def __init__(self, hidden: int, *, time: int):
        super().__init__()
        block = nn.TransformerEncoderLayer(
            hidden,
            nhead=2,
            dim_feedforward=4 * hidden,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            block, 2, norm=nn.LayerNorm(hidden), enable_nested_tensor=False
        )
        rates = 10_000.0 ** (-torch.arange(0, hidden, 2) / hidden)
        phases = torch.arange(time)[:, None] * rates
        waves = torch.stack([torch.sin(phases), torch.cos(phases)], 2)
        self.register_buffer("waves", waves.flatten(1)[:, :hidden])
        self.output_size = hidden

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the vector of the last step."""
        return self.encoder(xs + self.waves)[:, -1]


class Network(nn.Module):
    """A linear map of the inputs, a layer, and a linear head on its last output."""

    def __init__(self, layer: nn.Module, sizes: Sizes):
        super().__init__()
        self.embed = nn.Identity() if sizes.raw else nn.Linear(FEATURES, sizes.hidden)
        self.layer = layer
        self.head = nn.Linear(layer.output_size, OUTPUTS)

    def forward(self, xs: Tensor) -> Tensor:
        """Returns the answers to sequences `(batch, time, features)`."""
        xs = xs.transpose(0, 1).contiguous() if self.layer.time_first else xs
        return self.head(self.layer(self.embed(xs)))


LAYERS: dict[str, Callable[[Sizes], nn.Module]] = {
    "elman": lambda sizes: Own(nn.RNN, sizes),
    "lstm": lambda sizes: Own(nn.LSTM, sizes),
    "gru": lambda sizes: Own(nn.GRU, sizes),
    "ct_rnn": lambda sizes: CTRNN(sizes.inputs, sizes.hidden),
    "ct_gru": lambda sizes: CTGRU(sizes.inputs, sizes.hidden),
    "ode_lstm": lambda sizes: ODELSTM(sizes.inputs, sizes.hidden),
    "exp_unitary": lambda sizes: ExpUnitary(sizes.inputs, sizes.hidden),
    "unitary_rnn": lambda sizes: UnitaryRNN(sizes.inputs, sizes.hidden),
    "dnc": lambda sizes: DNC(sizes.inputs, sizes.hidden),
    "cfc": lambda sizes: OfPackage(
        CfC, sizes, units=sizes.hidden, backbone_units=sizes.hidden
    ),
    "ncp": lambda sizes: OfPackage(LTC, sizes, units=NCP(**circuit(sizes.hidden))),
    "transformer": lambda sizes: Transformer(sizes.hidden, time=sizes.time),
}


PLAIN = {
    "ct_rnn": CTRNNCell,
    "ct_gru": CTGRUCell,
    "ode_lstm": ODELSTMCell,
    "exp_unitary": ExpUnitaryCell,
}
LAYERS |= {
    f"{name}_plain": lambda sizes, cell=cell: Loop(
        cell(sizes.inputs, sizes.hidden), sizes.time
    )
    for name, cell in PLAIN.items()
}


def build(name: str, sizes: Sizes, device: str) -> Peer:
    """Returns a network with its data and optimizer, on the device."""
    torch.manual_seed(0)
    network = Network(LAYERS[name](sizes), sizes).to(device)
    xs = torch.randn(sizes.batch, sizes.time, FEATURES, device=device)
    targets = torch.randn(sizes.batch, OUTPUTS, device=device)
    trained = [p for p in network.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(
        trained, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )

    def steps(count: int) -> None:
        for _ in range(count):
            adam.zero_grad()
            loss = F.mse_loss(network(xs), targets)
            loss.backward()
            adam.step()
        loss.item()  # waits for a device that runs ahead

    return Peer(steps, sum(p.numel() for p in trained))


if __name__ == "__main__":
    serve(list(LAYERS), build)
