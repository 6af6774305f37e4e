"""How long and of what value random expressions of ListOps are, exactly.

Arguments are independent, so that lengths add up: the chances of a list of arguments
are a convolution over lengths, which is a product of spectra. Operators know their
arguments by how many are at most a value, which `below` and `above` count.
"""

from functools import cache
from math import comb

import numpy as np
from jaxtyping import Complex, Float

from .listops_rows import DIGITS, NESTED, Limits


Chances = Float[np.ndarray, "values lengths"]
"""The joint chances of a value and a length."""

Spectra = Complex[np.ndarray, "values frequencies"]

ALIAS = 1e-10
"""What is left, at a length, of the chances of lengths that the spectra cannot hold."""


@cache
def expression_chances(limits: Limits) -> Chances:
    """Returns the chances of expressions that begin with an operator, below a length.

    Expressions of a larger length have a chance too, so that they do not sum to 1.
    """
    digits = np.zeros((DIGITS, limits.length))
    digits[:, 1] = 1 / DIGITS
    share, argument = NESTED / 256, digits
    found = digits
    for _ in range(limits.depth - 1):  # from the innermost operators to the root
        found = _operators(argument, limits.arguments)
        argument = (1 - share) * digits + share * found
    return found


def length_chances(limits: Limits) -> Float[np.ndarray, " lengths"]:
    """Returns the chances of the lengths that are kept, and 0 of all others."""
    return _kept(limits).sum(axis=0)


def value_shares(limits: Limits) -> Float[np.ndarray, " values"]:
    """Returns the shares of values among expressions of a length that is kept."""
    shares = _kept(limits).sum(axis=1)
    return shares / shares.sum()


def _kept(limits: Limits) -> Chances:
    lengths = np.arange(limits.length)
    return np.where(lengths > limits.shortest, expression_chances(limits), 0.0)


def _operators(argument: Chances, most: int) -> Chances:
    """Returns the chances of an operator with two to so many arguments."""
    lengths = argument.shape[1]
    size = 2 << lengths.bit_length()
    # Scaled so that a length that is too large for the spectra falls on a right one,
    # as it does in a circle, with a weight that is next to nothing.
    scale = ALIAS ** (np.arange(lengths) / size)
    spectra = np.fft.rfft(argument * scale, size)
    found = np.zeros_like(spectra)
    for count in range(2, most + 1):
        found += _values_of(spectra, count) / (most - 1)
    chances = np.fft.irfft(found, size)[:, : lengths - 2] / scale[: lengths - 2]
    # Two tokens more are the operator and its bracket.
    return np.pad(np.maximum(chances, 0.0), ((0, 0), (2, 0)))


def _values_of(spectra: Spectra, count: int) -> Spectra:
    """Returns the spectra of the values of a random operator of so many arguments."""
    below = np.cumsum(spectra, axis=0)
    above = below[-1] - below
    total = below[-1] ** count
    at_most = np.stack(
        [
            total - above**count,  # MIN
            below**count,  # MAX
            total - _median_above(below, above, count),
        ]
    )
    values = np.diff(at_most, axis=1, prepend=0.0).sum(axis=0)
    sums = np.fft.ifft(np.fft.fft(spectra, axis=0) ** count, axis=0)
    return (values + sums) / 4


def _median_above(below: Spectra, above: Spectra, count: int) -> Spectra:
    """Returns the spectra of a median, truncated, above each value."""
    found = np.zeros_like(below)
    # So few are at most the value that the one in the middle, or both, are above it.
    for few in range((count - 1) // 2 + 1):
        found += comb(count, few) * below**few * above ** (count - few)
    if count % 2 == 0:
        half = count // 2
        low = np.diff(below**half, axis=0, prepend=0.0) * comb(count, half)
        high = above**half
        # The lower of the two is `first`, and the upper one above what makes the mean.
        for value in range(DIGITS):
            for first in range(value + 1):
                least = 2 * value + 1 - first
                if least < DIGITS:
                    found[value] += low[first] * high[least]
    return found
