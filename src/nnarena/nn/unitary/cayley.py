"""Unitary matrices as scaled Cayley transforms of skew-Hermitian ones."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from ...core.roles import role
from ..parametrization import AbstractParametrization
from .forms import AbstractUnitaryMap, nearest_unitary, phase


class CayleyMap(AbstractUnitaryMap):
    r"""W = (1 + A)^{-1} (1 - A) D, A skew-Hermitian (Helfrich et al. 2018).

    The transform alone has no eigenvalue -1, which the diagonal D supplies. With a
    complex A, D is $\mathrm{diag}(e^{i \omega})$ of trained `phases` (Maduranga et al.
    2019), and W any unitary matrix: n^2 + n numbers for n^2 dimensions. With a real
    one, D is -1 at the first `negatives` places and 1 at the others, fixed before
    training: W has determinant (-1)^negatives, and every orthogonal matrix of it is
    reached by some order of the signs.
    """

    generator: AbstractParametrization = eqx.field(metadata=role(decay=False))
    phases: Float[Array, " n"] | None = eqx.field(
        default=None, metadata=role(decay=False)
    )
    negatives: int = eqx.field(static=True, default=0)

    def unitary(self) -> Inexact[Array, "n n"]:
        skew = self.generator.value()
        one = jnp.eye(len(skew), dtype=skew.dtype)
        transform = nearest_unitary(jnp.linalg.solve(one + skew, one - skew))
        if self.phases is not None:
            return transform * phase(self.phases)[None, :]
        signs = np.where(np.arange(len(skew)) < self.negatives, -1.0, 1.0)
        return transform * jnp.asarray(signs, skew.dtype)[None, :]
