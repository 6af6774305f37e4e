"""A torch module as part of a contender."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from .torch_call import torch_call
from .torch_host import Make, first_parameters, parameter_shapes


class TorchModule(eqx.Module):
    """A `torch.nn.Module` whose parameters are ordinary JAX arrays.

    So trainers, laws, records and stores treat it like any contender; only value and
    gradient are computed by torch (`torch_call.py`). It holds one sequence, `vmap`
    adds the batch, and torch meets the batch at once. The weights start as torch
    starts them, seeded from the key.

    For holding contenders against torch's, not for speed: it runs on the CPU in one
    thread, copies every array, and repeats the forward pass for the gradient. The
    module is in evaluation mode: dropout is off, and buffers never change.
    """

    weights: dict[str, Float[Array, "..."]]
    make: Make = eqx.field(static=True)

    def __init__(self, make: Make, *, key: Key):
        shapes = {
            name: jax.ShapeDtypeStruct(shape, jnp.float32)
            for name, shape in parameter_shapes(make).items()
        }
        self.make = make
        self.weights = jax.pure_callback(
            lambda seed: first_parameters(make, int(seed)),
            shapes,
            jax.random.bits(key, (), jnp.uint32),
            vmap_method="sequential",
        )

    def __call__(self, *inputs: Array, shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Returns the answer to one example, an array of `shape`."""
        return torch_call(self.make, self.weights, *inputs, shape=shape)
