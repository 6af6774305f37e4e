"""Evolution strategies: weights go where random changes of them lowered the loss."""

import jax
import jax.numpy as jnp
import optax

import nnarena


@nnarena.TRAINERS.register("evolution", family="search", source="Salimans et al. 2017")
class Evolution(nnarena.AbstractIterativeTrainer):
    """Pairs of opposite random changes, each followed by what it gained."""

    pairs: int = 8
    spread: float = 0.05
    rate: float = 0.1

    def init(self, weights):
        return None  # nothing is kept from step to step

    def step(self, weights, memory, loss, *, key):
        def pair(key):
            noise = optax.tree.random_like(key, weights)
            there = optax.tree.add_scale(weights, self.spread, noise)
            back = optax.tree.add_scale(weights, -self.spread, noise)
            return noise, loss(back) - loss(there)

        noise, gains = jax.vmap(pair)(jax.random.split(key, self.pairs))
        shares = self.rate * gains / (self.pairs * (jnp.std(gains) + 1e-8))
        move = jax.tree.map(lambda n: jnp.tensordot(shares, n, 1), noise)
        moved = optax.tree.add(weights, move)
        return nnarena.Step(moved, loss(weights), figures={"gain": gains.mean()})
