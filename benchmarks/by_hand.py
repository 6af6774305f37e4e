"""Does the arena cost anything? Contenders against the same equations by hand.

    benchmarks/by_hand.py [NAME ...] [--size T,BATCH,HIDDEN] [--rounds N]
        [--limit RATIO]

By hand: plain JAX with a batch axis written out, weights in a dictionary, at most one
`lax.scan`, one jitted update, no arena and no Equinox. Forward, backward, clipping and
AdamW in both, one core, in turns in one process. Prints the time of ours over theirs,
median and quartiles of pairs; with `--limit` a median above it exits with 1.
"""

import argparse
import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from hand.attention import attending
from hand.further import further
from hand.history import historic
from hand.memory import remembering
from hand.recurrent import recurrent

from nnarena.models.contender import Contender
from nnarena.suite.training_step import FEATURES, Size, TrainingStep, cpu_seconds
from nnarena.suite.worker import pin_to_core


RECURRENT = [
    *("elman", "lstm", "gru", "ct_rnn", "ct_gru", "ode_lstm", "cfc"),
    *("exp_unitary", "unitary_rnn", "linear_dynamical", "esn"),
]
HISTORIC = [
    *("leaky", "skip_rnn", "clockwork", "deep_rnn", "reciprocal_gated"),
    *("exp_rnn", "scaled_cayley", "eunn"),
]
FURTHER = ["urnn", "bidirectional", "gtrxl"]
ATTENDING = ["transformer", "linear_attention", "encoder_decoder_transformer"]
READING = [
    *("rnn_augmented_transformer", "rnn_attention_transformer"),
    "memory_layer_transformer",
]
REMEMBERING = ["ntm"]
SETTINGS = {
    **{name: {"embed": "linear"} for name in ("linear_dynamical", "esn")},
    "bidirectional": {"readout": "mean"},
}
"""Two read inputs as they are by default; by hand all of them are mapped first. Of a
last step the second direction has read nothing but that."""

SIZES = {
    **dict.fromkeys(READING, "50,32,16"),
    "gtrxl": "50,32,64",
    "ntm": "41,1,100",
}
"""For every query some take as many steps as there are: a smaller size by default. By
hand `gtrxl` has one segment, of up to 64 steps, and `ntm` is trained on one sequence a
batch."""


def by_hand(name: str, size: Size) -> tuple[Callable[[int], None], int]:
    """Returns what takes so many steps, and the number of weights."""
    made = {
        **dict.fromkeys(RECURRENT, recurrent),
        **{**dict.fromkeys(HISTORIC, historic), **dict.fromkeys(FURTHER, further)},
        **dict.fromkeys(REMEMBERING, remembering),
    }
    layer = made.get(name, attending)(name, size.hidden)
    frame = {
        **{"embed": (FEATURES, size.hidden), "embed_bias": (size.hidden,)},
        **{"head": (layer.outputs, FEATURES), "head_bias": (FEATURES,)},
    }
    keys = iter(jax.random.split(jax.random.key(0), 128))
    weights = {
        key: jax.random.normal(next(keys), shape) * 0.5 / np.sqrt(size.hidden)
        for key, shape in {**layer.shapes, **frame}.items()
    }
    xs = jax.random.normal(next(keys), (size.batch, size.length, FEATURES))
    targets = jax.random.normal(next(keys), (size.batch, FEATURES))
    adam = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(3e-3, weight_decay=0.01)
    )

    def loss(w):
        last = layer.last(w, xs @ w["embed"] + w["embed_bias"])
        return jnp.mean((last @ w["head"] + w["head_bias"] - targets) ** 2)

    @jax.jit
    def repeat(w, moments, count):
        def update(_, carry):
            w, moments = carry
            changes, moments = adam.update(jax.grad(loss)(w), moments, w)
            return optax.apply_updates(w, changes), moments

        return jax.lax.fori_loop(0, count, update, (w, moments))

    moments = adam.init(weights)

    def run(count: int) -> None:
        jax.block_until_ready(repeat(weights, moments, jnp.int32(count)))

    return run, sum(w.size for w in weights.values())


def main() -> None:
    """Prints a line per contender; exits with 1 where one is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--size", help="200,32,64, or what suits the contender")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=float("inf"))
    given = parser.parse_args()
    pin_to_core(0)  # or threads that wait for work would be counted as work
    print(f"{'contender':27s} {'size':>11s}  ours ms   by hand ms   ours / by hand")
    slow = False
    every = [*RECURRENT, *HISTORIC, *FURTHER, *ATTENDING, *READING, *REMEMBERING]
    for name in given.names or every:
        written = given.size or SIZES.get(name, "200,32,64")
        size = Size(*map(int, written.split(",")))
        ours = TrainingStep(Contender(name, SETTINGS.get(name, {})), size)
        theirs, count = by_hand(name, size)
        assert ours.parameters == count, f"{name}: {ours.parameters} and {count}"
        ours.run(1)
        theirs(1)
        steps = max(1, round(0.2 / cpu_seconds(theirs, 1)))
        pairs = np.array(
            [
                (cpu_seconds(ours.run, steps), cpu_seconds(theirs, steps))
                for _ in range(given.rounds)
            ]
        )
        low, middle, high = np.quantile(pairs[:, 0] / pairs[:, 1], [0.25, 0.5, 0.75])
        own, other = 1e3 * np.median(pairs, axis=0)
        above = bool(middle > given.limit)
        slow |= above
        print(
            f"{name:27s} {written:>11s} {own:8.1f} {other:12.1f}   {middle:.2f} "
            f"[{low:.2f}, {high:.2f}]{' above the limit' if above else ''}",
            flush=True,
        )
    raise SystemExit(int(slow))


if __name__ == "__main__":
    main()
