"""Unitary matrices as layers of rotations of neighboring pairs (EUNN)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ...core.roles import role
from .forms import AbstractUnitaryMap, phase


Angles = Float[Array, "2 _ _"]
"""Theta and phi of every pair of every layer of one kind."""

Diagonal = Complex[Array, "layers n"]


class RotationMap(AbstractUnitaryMap):
    r"""W = D F_L ... F_2 F_1 on columns, tunable style (Jing et al. 2017).

    Odd layers F turn the pairs (0, 1), (2, 3), ..., even ones (1, 2), (3, 4), ...,
    what is left over at the ends passing unchanged; on a pair (p, q)

        y_p = cos(theta) x_p - e^{i phi} sin(theta) x_q
        y_q = sin(theta) x_p + e^{i phi} cos(theta) x_q,

    and D = diag(e^{i omega}). With as many layers as coordinates all of U(n) is
    reached, by n^2 numbers (Clements et al. 2016); with fewer, a coordinate reaches
    only so many neighbors.

    Formed once per sequence by turning the unit vectors. Turning the state at every
    step instead, without any matrix, took 5 to 12 times as long in training at 128
    coordinates and 16 layers, and over 17 times at 64 and 64
    (`benchmarks/unitary.py --turning`).
    """

    odd_layers: Angles = eqx.field(metadata=role(decay=False))
    even_layers: Angles = eqx.field(metadata=role(decay=False))
    phases: Float[Array, " n"] = eqx.field(metadata=role(decay=False))

    def unitary(self) -> Complex[Array, "n n"]:
        layers, phases = self._layers(), phase(self.phases)

        def turn(state, layer):
            own, following, previous = layer
            after, before = jnp.roll(state, -1), jnp.roll(state, 1)
            return own * state + following * after + previous * before, None

        def act(state):
            return jax.lax.scan(turn, state, layers)[0] * phases

        return jax.vmap(act)(jnp.eye(len(phases), dtype=phases.dtype))

    def _layers(self) -> tuple[Diagonal, Diagonal, Diagonal]:
        """Returns what a layer takes of a coordinate itself and of its neighbors."""
        size = len(self.phases)
        odd, even = (
            _diagonals(angles, offset, size)
            for offset, angles in enumerate((self.odd_layers, self.even_layers))
        )
        own, following, previous = map(_alternate, odd, even)
        return own, following, previous


def _diagonals(
    angles: Angles, offset: int, size: int
) -> tuple[Diagonal, Diagonal, Diagonal]:
    """Returns the diagonals of layers whose first pair begins at `offset`."""
    theta, phi = angles
    turned = phase(phi)
    cosine, sine = (
        jax.lax.complex(part, jnp.zeros_like(part))
        for part in (jnp.cos(theta), jnp.sin(theta))
    )
    none = jnp.zeros_like(turned)
    used = 2 * theta.shape[1]
    rest = size - offset - used

    def woven(first, second, fill):
        pairs = jnp.stack([first, second], axis=2).reshape(len(first), used)
        return jnp.pad(pairs, ((0, 0), (offset, rest)), constant_values=fill)

    return (
        woven(cosine, turned * cosine, 1.0),
        woven(-turned * sine, none, 0.0),
        woven(none, sine, 0.0),
    )


def _alternate(
    odd: Complex[Array, "more n"], even: Complex[Array, "fewer n"]
) -> Complex[Array, "layers n"]:
    """Returns rows in turn, beginning with the odd layers, of which one may be more."""
    both = jnp.stack([odd[: len(even)], even], axis=1).reshape(-1, odd.shape[1])
    return jnp.concatenate([both, odd[len(even) :]])
