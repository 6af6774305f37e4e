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
from dataclasses import dataclass
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


def cfc(w: Weights, h, x):
    """A backbone of one layer, four heads in one matrix, and the gate of the time."""
    z = jnp.concatenate([x, h], axis=1) @ w["W"] + w["b"]
    heads = 1.7159 * jnp.tanh(0.666 * z) @ w["V"] + w["c"]
    f, g, slope, shift = jnp.split(heads, 4, axis=1)
    f, g = jnp.tanh(f), jnp.tanh(g)
    h = f + jax.nn.sigmoid(slope + shift) * (g - f)
    return h, h


def exp_unitary(w: Weights, h, x):
    """modReLU(h W + x V) in real numbers."""
    z = h @ w["M"] + x @ w["V"]
    re, im = jnp.split(z, 2, axis=1)
    modulus = jnp.sqrt(re**2 + im**2 + 1e-5)
    kept = jax.nn.relu(modulus + w["b"]) / modulus
    h = jnp.concatenate([kept * re, kept * im], axis=1)
    return h, h


def with_exponential(w: Weights) -> Weights:
    """Adds the unitary matrix of a sequence, as a real one of twice the size."""
    lower, upper = jnp.tril(w["A"], -1), jnp.triu(w["A"])
    turn = jax.scipy.linalg.expm(lower - lower.T + 1j * (upper + upper.T))
    top = jnp.concatenate([turn.real, turn.imag], axis=1)
    bottom = jnp.concatenate([-turn.imag, turn.real], axis=1)
    return {**w, "M": jnp.concatenate([top, bottom])}


def transformer(w: Weights, xs):
    """Two blocks of an encoder behind sinusoidal positions; returns its last vector."""
    batch, time, n = xs.shape
    h = xs + waves(time, n)
    for block in range(2):
        own = {key[1:]: w[key] for key in w if key.startswith(str(block))}
        seen = norm(h, own["gain"], own["shift"]) @ own["qkv"] + own["qkv_bias"]
        q, k, v = jnp.moveaxis(seen.reshape(batch, time, 3, 2, n // 2), 2, 0)
        scores = jnp.einsum("bthc,bshc->bhts", q, k) / np.sqrt(n // 2)
        mixed = jnp.einsum("bhts,bshc->bthc", jax.nn.softmax(scores), v)
        h = h + mixed.reshape(batch, time, n) @ own["out"] + own["out_bias"]
        inner = norm(h, own["gain2"], own["shift2"]) @ own["up"] + own["up_bias"]
        h = h + jax.nn.gelu(inner) @ own["down"] + own["down_bias"]
    return norm(h, w["gain"], w["shift"])[:, -1]


def waves(time, n):
    """The sinusoidal code of positions."""
    phases = np.arange(time)[:, None] * 10_000.0 ** (-np.arange(0, n, 2) / n)
    both = np.stack([np.sin(phases), np.cos(phases)], axis=2)
    return jnp.asarray(both.reshape(time, n), jnp.float32)


def encoder_decoder(w: Weights, xs):
    """Two layers each, post-norm, heads as wide as the model, asked by one token."""
    batch, time, n = xs.shape
    h = np.sqrt(n) * xs + waves(time, n)
    for layer in range(2):
        own = {key[2:]: w[key] for key in w if key.startswith(f"e{layer}")}
        h = norm(h + look(own, "", h, h), own["gain"], own["shift"])
        h = feed(own, h)
    token = jnp.sum(w["start"], axis=0) + w["start_bias"]
    y = jnp.tile(np.sqrt(n) * token + waves(1, n), (batch, 1, 1))
    for layer in range(2):
        own = {key[2:]: w[key] for key in w if key.startswith(f"d{layer}")}
        y = norm(y + look(own, "", y, y), own["gain"], own["shift"])
        y = norm(y + look(own, "x", y, h), own["xgain"], own["xshift"])
        y = feed(own, y)
    return y[:, 0]


def look(w: Weights, part: str, asking, kept):
    """Attention in two heads."""
    batch, queries, n = asking.shape
    q = (asking @ w[part + "q"] + w[part + "q_bias"]).reshape(batch, queries, 2, n)
    seen = (kept @ w[part + "kv"] + w[part + "kv_bias"]).reshape(batch, -1, 2, 2, n)
    scores = jnp.einsum("bthc,bshc->bhts", q, seen[:, :, 0]) / np.sqrt(n)
    mixed = jnp.einsum("bhts,bshc->bthc", jax.nn.softmax(scores), seen[:, :, 1])
    mixed = mixed.reshape(batch, queries, 2 * n)
    return mixed @ w[part + "out"] + w[part + "out_bias"]


def feed(w: Weights, x):
    """A feed-forward network, added and normalized."""
    inner = jax.nn.relu(x @ w["up"] + w["up_bias"])
    added = x + inner @ w["down"] + w["down_bias"]
    return norm(added, w["gain2"], w["shift2"])


def norm(x, gain, shift):
    """Layer normalization."""
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    scale = jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    return centred * scale * gain + shift


@dataclass(frozen=True)
class Plain:
    """What stands between a linear map and a head: its weights, its last output."""

    shapes: dict[str, tuple[int, ...]]
    last: Callable[[Weights, Any], Any]
    outputs: int


def loop(
    step: Step,
    shapes: dict[str, tuple[int, ...]],
    *state: tuple[int, ...],
    prepare: Callable[[Weights], Weights] = lambda w: w,
) -> Plain:
    """Returns what a step becomes from the first to the last observation."""

    def last(w: Weights, xs):
        start = tuple(jnp.zeros((len(xs), *part)) for part in state)
        ready = prepare(w)
        begin = start[0] if len(start) == 1 else start
        over_time = jnp.swapaxes(xs, 0, 1)
        return jax.lax.scan(lambda h, x: step(ready, h, x), begin, over_time)[1][-1]

    return Plain(shapes, last, state[0][-1])


def encoder(n: int) -> Plain:
    """Returns the transformer of a width."""
    block = {
        **{"gain": (n,), "shift": (n,), "qkv": (n, 3 * n), "qkv_bias": (3 * n,)},
        **{"out": (n, n), "out_bias": (n,), "gain2": (n,), "shift2": (n,)},
        **{"up": (n, 4 * n), "up_bias": (4 * n,), "down": (4 * n, n)},
        "down_bias": (n,),
    }
    blocks = {f"{i}{key}": shape for i in range(2) for key, shape in block.items()}
    return Plain({**blocks, "gain": (n,), "shift": (n,)}, transformer, n)


def both_coders(n: int) -> Plain:
    """Returns the transformer with encoder and decoder of a width."""
    attention = {
        **{"q": (n, 2 * n), "q_bias": (2 * n,), "kv": (n, 4 * n), "kv_bias": (4 * n,)},
        **{"out": (2 * n, n), "out_bias": (n,), "gain": (n,), "shift": (n,)},
    }
    network = {
        **{"up": (n, 4 * n), "up_bias": (4 * n,), "down": (4 * n, n)},
        **{"down_bias": (n,), "gain2": (n,), "shift2": (n,)},
    }
    cross = {"x" + key: shape for key, shape in attention.items()}
    coders = {"e": {**attention, **network}, "d": {**attention, **cross, **network}}
    layers = {
        f"{coder}{layer}{key}": shape
        for coder, shapes in coders.items()
        for layer in range(2)
        for key, shape in shapes.items()
    }
    start = {"start": (FEATURES, n), "start_bias": (n,)}
    return Plain({**layers, **start}, encoder_decoder, n)


def plain(name: str, n: int) -> Plain:
    """Returns the equations of a contender of n units by hand."""
    gates = {"W": (n, 4 * n), "U": (n, 4 * n), "b": (4 * n,)}
    square = {"W": (n, n), "U": (n, n), "b": (n,)}
    reset = {"W": (n, 3 * n), "U": (n, 3 * n), "b": (3 * n,), "c": (3 * n,)}
    flow = {"V": (n, n), "d": (n,), "R": (n, n), "s": (n,)}
    traces = {"W": (2 * n, 16 * n), "b": (16 * n,), "Q": (2 * n, n), "c": (n,)}
    heads = {"W": (2 * n, n), "b": (n,), "V": (n, 4 * n), "c": (4 * n,)}
    turned = {"A": (n, n), "V": (n, 2 * n), "b": (n,)}
    made: dict[str, Callable[[], Plain]] = {
        "elman": lambda: loop(elman, square, (n,)),
        "lstm": lambda: loop(lstm, gates, (n,), (n,)),
        "gru": lambda: loop(gru, reset, (n,)),
        "ct_rnn": lambda: loop(ct_rnn, {**square, "s": (n,)}, (n,)),
        "ct_gru": lambda: loop(ct_gru, traces, (8, n)),
        "ode_lstm": lambda: loop(ode_lstm, {**gates, **flow}, (n,), (n,)),
        "cfc": lambda: loop(cfc, heads, (n,)),
        "exp_unitary": lambda: loop(
            exp_unitary, turned, (2 * n,), prepare=with_exponential
        ),
        "transformer": lambda: encoder(n),
        "encoder_decoder_transformer": lambda: both_coders(n),
    }
    return made[name]()


NAMES = [
    *("elman", "lstm", "gru", "ct_rnn", "ct_gru", "ode_lstm", "cfc"),
    *("exp_unitary", "transformer", "encoder_decoder_transformer"),
]


def by_hand(name: str, size: Size) -> tuple[Callable[[int], None], int]:
    """Returns what takes so many steps, and the number of weights."""
    layer = plain(name, size.hidden)
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
    parser.add_argument("--size", default="200,32,64")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=float("inf"))
    given = parser.parse_args()
    size = Size(*map(int, given.size.split(",")))
    print(f"{'contender':27s}  ours ms   by hand ms   ours / by hand   {size}")
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
            f"{name:27s} {own:8.1f} {other:12.1f}   {middle:.2f} "
            f"[{low:.2f}, {high:.2f}]{' above the limit' if above else ''}",
            flush=True,
        )
    raise SystemExit(int(slow))


if __name__ == "__main__":
    main()
