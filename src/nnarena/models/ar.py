"""The linear autoregression: least squares on the last inputs."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key, Sequence, Signature
from ..nn.linear import affine, as_vectors
from . import MODELS
from .base import AbstractModel


@MODELS.register("ar", family="linear", source="yule1927periodicities", trainer="ridge")
class AR(AbstractModel):
    r"""One linear map of the last inputs: a delay line and a readout.

    $$y_t = c + \sum_{k=0}^{d-1} x_{t-k} A_k$$

    The width is the order $d$. Of a series whose next step is asked for, this is an
    autoregression, AR(d) or, of several features, VAR(d); of any other answer, a
    finite impulse response. By `ridge`, for which it is made, the weights minimize the
    squared error, and as the strength goes to 0 they are those of ordinary least
    squares. Nothing older than $d$ steps has an influence, and nothing but sums of
    inputs: no product of a marker and a value, no parity.

    Inputs are read as they are, a token as 1 in its place among zeros. Before the
    first step stand zeros, in fitting too: packages of statistics drop the first $d$
    rows instead. A task that does not count its first $d$ answers has it their way.
    """

    head: eqx.nn.Linear
    signature: Signature
    order: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, signature: Signature, hidden: int, *, key: Key):
        self.head = eqx.nn.Linear(
            hidden * signature.inputs.size, signature.outputs.size, key=key
        )
        self.signature, self.order, self.causal = signature, hidden, True

    def __call__(self, sequence: Sequence, *, key: Key | None = None):
        del key  # nothing is drawn; steps are counted, not timed
        if self.signature.answers == "once":
            last = jnp.atleast_1d(jnp.asarray(sequence.last))
            return affine(self.head, self.delay_lines(sequence, last))[0]
        return affine(
            self.head, self.delay_lines(sequence, jnp.arange(sequence.length))
        )

    def delay_lines(
        self, sequence: Sequence, places: Array
    ) -> Float[Array, "places line"]:
        """Returns the last `order` inputs at some steps, the latest first."""
        xs = as_vectors(sequence.xs, self.signature.inputs)
        before = jnp.pad(xs, ((self.order, 0), (0, 0)))
        lags = self.order + places[:, None] - jnp.arange(self.order)[None, :]
        return before[lags].reshape(len(places), -1)
