"""What tests ask of the package, as one program: by itself each of its steps is one."""

import equinox as eqx
from jaxtyping import Array

from nnarena.core.types import Sequence
from nnarena.models import AbstractLayer, AbstractModel
from nnarena.nn import ode, unroll as loop
from nnarena.training import objective


unroll = eqx.filter_jit(loop.unroll)
integrate = eqx.filter_jit(ode.integrate)
evaluate = eqx.filter_jit(objective.evaluate)


@eqx.filter_jit
def answer(model: AbstractModel | AbstractLayer, *asked: Sequence) -> Array:
    """Returns what a model answers, or a layer puts out."""
    return model(*asked)
