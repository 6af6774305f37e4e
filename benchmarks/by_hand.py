"""Does the arena cost anything? Contenders against the same equations by hand.

    benchmarks/by_hand.py [NAME ...] [--size T,BATCH,HIDDEN] [--rounds N]
        [--limit RATIO]

By hand: plain JAX with a batch axis written out, weights in a dictionary, one
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
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nnarena.models.contender import Contender
from nnarena.suite.training_step import FEATURES, Size, TrainingStep, cpu_seconds


Weights = dict[str, Any]
Step = Callable[[Weights, Any, Any], tuple[Any, Any]]


def elman(w: Weights, h, x):
    """tanh(x W + h U + b)."""
    h = jnp.tanh(x @ w["W"] + h @ w["U"] + w["b"])
    return h, h


def lstm(w: Weights, state, x):
    """The usual four gates in one matrix."""
    h, c = state
    i, f, g, o = jnp.split(x @ w["W"] + h @ w["U"] + w["b"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru(w: Weights, h, x):
    """Reset after the product."""
    a, b = x @ w["W"] + w["b"], h @ w["U"] + w["c"]
    ar, az, an = jnp.split(a, 3, axis=1)
    br, bz, bn = jnp.split(b, 3, axis=1)
    r, z = jax.nn.sigmoid(ar + br), jax.nn.sigmoid(az + bz)
    h = z * h + (1 - z) * jnp.tanh(an + r * bn)
    return h, h


def ct_rnn(w: Weights, h, x):
    """Euler in six steps over an interval of one."""
    drive = x @ w["W"] + w["b"]
    for _ in range(6):
        h = h + (w["s"] * jnp.tanh(drive + h @ w["U"]) - h) / 6
    return h, h


def ode_lstm(w: Weights, state, x):
    """An LSTM whose output drives Euler in four steps."""
    h, c = state
    i, f, g, o = jnp.split(x @ w["W"] + h @ w["U"] + w["b"], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    drive = (jax.nn.sigmoid(o) * jnp.tanh(c)) @ w["V"] + w["d"]
    for _ in range(4):
        h = h + (w["s"] * jnp.tanh(drive + h @ w["R"]) - h) / 4
    return (h, c), h


def ct_gru(w: Weights, state, x):
    """Eight traces per unit, each map one matrix."""
    h, (batch, scales, hidden) = jnp.sum(state, axis=1), state.shape
    log_tau = jnp.arange(scales)[:, None] * np.log(10) / 2
    chosen = jnp.concatenate([x, h], axis=1) @ w["W"] + w["b"]
    chosen = chosen.reshape(batch, 2, scales, hidden)
    weights = jax.nn.softmax(-((chosen - log_tau) ** 2), axis=2)
    recalled = jnp.sum(weights[:, 0] * state, axis=1)
    q = jnp.tanh(jnp.concatenate([x, recalled], axis=1) @ w["Q"] + w["c"])[:, None]
    s = weights[:, 1]
    state = ((1 - s) * state + s * q) * jnp.exp(-jnp.exp(-log_tau))
    return state, jnp.sum(state, axis=1)


def shapes(name: str, n: int) -> tuple[Step, dict[str, tuple[int, ...]], list]:
    """Returns a step, the shapes of its weights and those of its state."""
    table: dict[str, Any] = {
        "elman": (elman, {"W": (n, n), "U": (n, n), "b": (n,)}, [(n,)]),
        "lstm": (
            lstm,
            {"W": (n, 4 * n), "U": (n, 4 * n), "b": (4 * n,)},
            [(n,), (n,)],
        ),
        "gru": (
            gru,
            {"W": (n, 3 * n), "U": (n, 3 * n), "b": (3 * n,), "c": (3 * n,)},
            [(n,)],
        ),
        "ct_rnn": (ct_rnn, {"W": (n, n), "U": (n, n), "b": (n,), "s": (n,)}, [(n,)]),
        "ode_lstm": (
            ode_lstm,
            {
                **{"W": (n, 4 * n), "U": (n, 4 * n), "b": (4 * n,), "V": (n, n)},
                **{"d": (n,), "R": (n, n), "s": (n,)},
            },
            [(n,), (n,)],
        ),
        "ct_gru": (
            ct_gru,
            {"W": (2 * n, 16 * n), "b": (16 * n,), "Q": (2 * n, n), "c": (n,)},
            [(8, n)],
        ),
    }
    return table[name]


NAMES = ["elman", "lstm", "gru", "ct_rnn", "ct_gru", "ode_lstm"]


def by_hand(name: str, size: Size) -> tuple[Callable[[int], None], int]:
    """Returns what takes so many steps, and the number of weights."""
    step, own, state = shapes(name, size.hidden)
    frame = {
        **{"embed": (FEATURES, size.hidden), "embed_bias": (size.hidden,)},
        **{"head": (size.hidden, FEATURES), "head_bias": (FEATURES,)},
    }
    keys = iter(jax.random.split(jax.random.key(0), 32))
    weights = {
        key: jax.random.normal(next(keys), shape) * 0.5 / np.sqrt(size.hidden)
        for key, shape in {**own, **frame}.items()
    }
    xs = jax.random.normal(next(keys), (size.batch, size.length, FEATURES))
    targets = jax.random.normal(next(keys), (size.batch, FEATURES))
    start = [jnp.zeros((size.batch, *part)) for part in state]
    adam = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(3e-3, weight_decay=0.01)
    )

    def loss(w):
        embedded = xs @ w["embed"] + w["embed_bias"]
        begin = start[0] if len(start) == 1 else tuple(start)
        _, hs = jax.lax.scan(
            lambda h, x: step(w, h, x), begin, jnp.swapaxes(embedded, 0, 1)
        )
        return jnp.mean((hs[-1] @ w["head"] + w["head_bias"] - targets) ** 2)

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
    parser.add_argument("--size", default="200,32,64")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=float("inf"))
    given = parser.parse_args()
    size = Size(*map(int, given.size.split(",")))
    print(f"contender   ours ms   by hand ms   ours / by hand   {size}")
    slow = False
    for name in given.names or NAMES:
        ours = TrainingStep(Contender(name), size)
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
            f"{name:10s} {own:8.1f} {other:12.1f}   {middle:.2f} "
            f"[{low:.2f}, {high:.2f}]{' above the limit' if above else ''}",
            flush=True,
        )
    raise SystemExit(int(slow))


if __name__ == "__main__":
    main()
