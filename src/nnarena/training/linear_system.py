"""Linear systems with normal noise: filtered, smoothed and fitted, on the host.

    filter      t = 1 ... T   what the steps so far say of each state
    smoother    t = T ... 1   what all steps say of it
    maximize                  the system that these states and the inputs suit best

Vectors stand on the left of matrices, and everything is float64. Covariances depend on
the length of a sequence alone: they are computed once for all of one length.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float


Start = Literal["zero", "free"]
"""Where the mean of the first state lies: at zero, or where it fits best."""

DOUBLINGS = 40
"""After so many the filter has gone through 2^40 steps."""

NOISE = 1e-6
"""The least variance of the noise of inputs, in their own units.

So that a channel that never changes has a finite likelihood. To keep the eigenvalues
above it is the maximum under that constraint, so that likelihoods still never fall.
"""


class System(eqx.Module):
    """A hidden state and what is seen of it: x = m C + u, m' = m A + w.

    `state_noise` and `input_noise` are the covariances of w and u, `mean` and `spread`
    those of the first state.
    """

    transition: Float[np.ndarray, "*seeds hidden hidden"]
    observation: Float[np.ndarray, "*seeds hidden features"]
    state_noise: Float[np.ndarray, "*seeds hidden hidden"]
    input_noise: Float[np.ndarray, "*seeds features features"]
    mean: Float[np.ndarray, "*seeds hidden"]
    spread: Float[np.ndarray, "*seeds hidden hidden"]


class Filtered(NamedTuple):
    """Means and covariances of states at every step, before and after its input.

    `loss` is the negative log-likelihood of all inputs, in nats.
    """

    foreseen: Float[np.ndarray, "time rows hidden"]
    foreseen_spread: Float[np.ndarray, "time hidden hidden"]
    found: Float[np.ndarray, "time rows hidden"]
    found_spread: Float[np.ndarray, "time hidden hidden"]
    loss: float


class Expected(NamedTuple):
    """Sums of expected products of states, over the steps of sequences.

    `before` are those of states that have a next one, `after` of states that have a
    last one, `along` of each with its next; `seen` of states with inputs, `power` of
    inputs. `loss` is the negative log-likelihood of all inputs, in nats.
    """

    loss: float
    rows: float
    steps: float
    first: Float[np.ndarray, " hidden"]
    first_power: Float[np.ndarray, "hidden hidden"]
    before: Float[np.ndarray, "hidden hidden"]
    after: Float[np.ndarray, "hidden hidden"]
    along: Float[np.ndarray, "hidden hidden"]
    states: Float[np.ndarray, "hidden hidden"]
    seen: Float[np.ndarray, "hidden features"]
    power: Float[np.ndarray, "features features"]


def filtered(system: System, xs: Float[np.ndarray, "time rows features"]) -> Filtered:
    """Returns what the Kalman filter makes of sequences of one length."""
    a, c = system.transition, system.observation
    mean = np.broadcast_to(system.mean, (xs.shape[1], len(a)))
    spread, loss, steps = system.spread, 0.0, []
    for x in xs:
        inputs_spread = c.T @ spread @ c + system.input_noise
        weight = np.linalg.solve(inputs_spread, c.T @ spread)
        error = x - mean @ c
        found, found_spread = mean + error @ weight, _even(spread - spread @ c @ weight)
        steps.append((mean, spread, found, found_spread))
        squares = np.sum(error * np.linalg.solve(inputs_spread, error.T).T)
        constant = c.shape[1] * np.log(2.0 * np.pi)
        constant += np.linalg.slogdet(inputs_spread)[1]
        loss += 0.5 * float(squares + len(error) * constant)
        mean, spread = found @ a, _even(a.T @ found_spread @ a) + system.state_noise
    foreseen, foreseen_spread, found, found_spread = map(
        np.stack, zip(*steps, strict=True)
    )
    return Filtered(foreseen, foreseen_spread, found, found_spread, loss)


def smoothed(
    system: System, seen: Filtered
) -> tuple[
    Float[np.ndarray, "time rows hidden"],
    Float[np.ndarray, "time hidden hidden"],
    Float[np.ndarray, "earlier hidden hidden"],
]:
    """Returns means and covariances of states, and those of each with its next.

    By Rauch, Tung and Striebel's recursion, from what the filter found.
    """
    mean, spread = seen.found[-1], seen.found_spread[-1]
    means, spreads, along = [mean], [spread], []
    for t in range(len(seen.found) - 2, -1, -1):
        found, foreseen = seen.found_spread[t], seen.foreseen_spread[t + 1]
        back = np.linalg.solve(foreseen, system.transition.T @ found)
        along.append(back.T @ spread)
        mean = seen.found[t] + (mean - seen.foreseen[t + 1]) @ back
        spread = _even(found + back.T @ (spread - foreseen) @ back)
        means.append(mean)
        spreads.append(spread)
    return (
        np.stack(means[::-1]),
        np.stack(spreads[::-1]),
        np.reshape(along[::-1], (-1, *spread.shape)),
    )


def expected(system: System, xs: Float[np.ndarray, "time rows features"]) -> Expected:
    """Returns what the smoother makes of sequences of one length, in sums."""
    found = filtered(system, xs)
    means, spreads, along = smoothed(system, found)
    time, rows, _ = xs.shape

    def sums(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.tensordot(one, other, ((0, 1), (0, 1)))

    def powers(steps: slice) -> np.ndarray:
        return sums(means[steps], means[steps]) + rows * spreads[steps].sum(axis=0)

    return Expected(
        loss=found.loss,
        rows=float(rows),
        steps=float(time * rows),
        first=means[0].sum(axis=0),
        first_power=powers(slice(1)),
        before=powers(slice(-1)),
        after=powers(slice(1, None)),
        along=sums(means[:-1], means[1:]) + rows * along.sum(axis=0),
        states=powers(slice(None)),
        seen=sums(means, xs),
        power=sums(xs, xs),
    )


def maximized(system: System, sums: Expected, *, start: Start) -> System:
    """Returns the system under which the expected likelihood is greatest.

    Where no state has a next one, the transition stays.
    """
    transition, state_noise = system.transition, system.state_noise
    moves = sums.steps - sums.rows
    if moves:
        transition = np.linalg.solve(sums.before, sums.along)
        state_noise = _even(sums.after - transition.T @ sums.along) / moves
    observation = np.linalg.solve(sums.states, sums.seen)
    input_noise = _even(sums.power - observation.T @ sums.seen) / sums.steps
    mean = sums.first / sums.rows if start == "free" else np.zeros_like(sums.first)
    return System(
        transition=transition,
        observation=observation,
        state_noise=state_noise,
        input_noise=_at_least(input_noise, NOISE),
        mean=mean,
        spread=_even(sums.first_power / sums.rows - np.outer(mean, mean)),
    )


def improved(
    system: System, groups: Sequence[np.ndarray], *, start: Start
) -> tuple[System, float]:
    """Returns the system after an iteration of EM, and the loss before it.

    Args:
        system: any with likelihoods that are finite.
        groups: sequences of one length each, as (time, rows, features).
        start: where the mean of the first state lies.
    """
    found = [expected(system, xs) for xs in groups]
    total = jax.tree.map(lambda *parts: sum(parts), *found)
    return maximized(system, total, start=start), total.loss


def settled_gain(system: System) -> Float[np.ndarray, "features hidden"]:
    """Returns the gain of the filter after very many steps: m' = m A + (x - m C) K.

    The covariance solves Riccati's equation, by doubling (Anderson 1978): each round
    makes the filter of two spans of steps from that of one. It starts from a state that
    is known, so that where no noise moves the state the gain is 0, also of a transition
    that grows, with which a filter that was once in doubt would keep a gain.
    """
    a, c, eye = system.transition, system.observation, np.eye(len(system.transition))
    on, told = a, c @ np.linalg.solve(system.input_noise, c.T)
    spread = system.state_noise
    for _ in range(DOUBLINGS):
        met = np.linalg.inv(eye + told @ spread)
        told, on, spread, last = (
            _even(told + on @ met @ told @ on.T),
            on @ met @ on,
            _even(spread + on.T @ spread @ met @ on),
            spread,
        )
        if np.allclose(spread, last, rtol=1e-12, atol=0.0):
            break
    inputs_spread = c.T @ spread @ c + system.input_noise
    return np.linalg.solve(inputs_spread, c.T @ spread @ a)


def _even(matrix: np.ndarray) -> np.ndarray:
    """Returns a matrix made symmetric, which rounding leaves it not quite."""
    return 0.5 * (matrix + matrix.T)


def _at_least(spread: np.ndarray, least: float) -> np.ndarray:
    """Returns a covariance with no eigenvalue below the least."""
    values, vectors = np.linalg.eigh(spread)
    return (vectors * np.maximum(values, least)) @ vectors.T
