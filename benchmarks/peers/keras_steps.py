"""Training steps of Keras 3 on TensorFlow, by `model.fit`.

    python benchmarks/peers/keras_steps.py lstm 200 32 64

The same networks as those of `torch_steps.py`. A turn of N steps is one epoch of N
steps of `fit` over the same batch; the first fit traces. Keras's own choice on a CPU is
a TensorFlow graph; a name that ends in `_xla` compiles it too (`jit_compile=True`).
ncps's layers are those of `ncps.keras`.
"""

import os
from collections.abc import Callable


os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from ncps.keras import LTC, CfC
from ncps.wirings import NCP
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


class CTRNNCell(keras.layers.Layer):
    """A continuous-time RNN: dh/dt = s tanh(xW + hU + b) - h, by Euler."""

    def __init__(self, units: int, *, unfolds: int = 6):
        super().__init__()
        self.units = self.state_size = self.output_size = units
        self.unfolds = unfolds

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Makes the weights."""
        shape = input_shape[-1], self.units
        self.kernel = self.add_weight(shape=shape, initializer="glorot_uniform")
        self.recurrent = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros")
        self.gain = self.add_weight(shape=(self.units,), initializer="ones")

    def call(self, x: tf.Tensor, states: list[tf.Tensor]):
        """Returns the state after one unit of time, as output and as state."""
        h = states[0]
        drive = keras.ops.matmul(x, self.kernel) + self.bias
        for _ in range(self.unfolds):
            driven = keras.ops.tanh(drive + keras.ops.matmul(h, self.recurrent))
            h = h + (self.gain * driven - h) / self.unfolds
        return h, [h]


LAYERS: dict[str, Callable[[int], keras.layers.Layer]] = {
    "elman": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "ct_rnn": lambda hidden: keras.layers.RNN(CTRNNCell(hidden)),
    "cfc": lambda hidden: CfC(hidden, backbone_units=hidden),
    "ncp": lambda hidden: LTC(NCP(**circuit(hidden))),
}
XLA = "_xla"


def build(name: str, sizes: Sizes, device: str) -> Peer:
    """Returns a compiled model with its data, on the device."""
    with tf.device(device):
        keras.utils.set_random_seed(0)
        mapped = [] if sizes.raw else [keras.layers.Dense(sizes.hidden)]
        model = keras.Sequential(
            [
                keras.Input((sizes.time, FEATURES), batch_size=sizes.batch),
                *mapped,
                LAYERS[name.removesuffix(XLA)](sizes.hidden),
                keras.layers.Dense(OUTPUTS),
            ]
        )
        adam = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        model.compile(adam, "mse", jit_compile=name.endswith(XLA) or "auto")
        rng = np.random.default_rng(0)
        shapes = (sizes.batch, sizes.time, FEATURES), (sizes.batch, OUTPUTS)
        batch = tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)
        data = tf.data.Dataset.from_tensors(batch).repeat()

    def steps(count: int) -> None:
        with tf.device(device):
            model.fit(data, steps_per_epoch=count, shuffle=False, verbose=0)

    return Peer(steps, sum(int(np.prod(w.shape)) for w in model.trainable_weights))


if __name__ == "__main__":
    serve([*LAYERS, *(name + XLA for name in LAYERS)], build)
