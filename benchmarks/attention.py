"""Attention normalized after the product, against `jax.nn.dot_product_attention`.

Forward and backward of a batch, one thread, pairs in turn; prints the ratio of medians
(theirs over ours) and the quartiles of the ratios of pairs.
"""

import os


os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("NPROC", "1")

import time

import jax
import jax.numpy as jnp
import numpy as np

from nnarena.nn.attention import attend


SHAPES = [(32, 64, 2, 8), (32, 64, 4, 4), (32, 200, 4, 16), (16, 784, 4, 16)]
PAIRS = 15


def gradient(attention):
    """Returns the compiled gradient of a batch through one form of attention."""

    def loss(q, k, v):
        return jnp.sum(jax.vmap(attention)(q, k, v) ** 2)

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2)))


def seconds(function, operands) -> float:
    """Returns the time of one call."""
    begun = time.perf_counter()
    jax.block_until_ready(function(*operands))
    return time.perf_counter() - begun


def main() -> None:
    """Prints a line per shape."""
    ours = gradient(lambda q, k, v: attend(q, k, v, causal=False))
    theirs = gradient(jax.nn.dot_product_attention)
    print("batch time heads size   ours ms   theirs ms   theirs/ours [quartiles]")
    for shape in SHAPES:
        operands = [jax.random.normal(jax.random.key(i), shape) for i in range(3)]
        for one, two in zip(ours(*operands), theirs(*operands), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-3)
        pairs = np.array(
            [(seconds(ours, operands), seconds(theirs, operands)) for _ in range(PAIRS)]
        )
        own, other = 1e3 * np.median(pairs, axis=0)
        low, high = np.quantile(pairs[:, 1] / pairs[:, 0], [0.25, 0.75])
        sizes = " ".join(f"{size:5d}" for size in shape)
        print(
            f"{sizes} {own:9.2f} {other:11.2f}   "
            f"{other / own:.2f} [{low:.2f}, {high:.2f}]"
        )


if __name__ == "__main__":
    main()
