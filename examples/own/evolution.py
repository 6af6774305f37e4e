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
        keys = jax.random.split(key, self.pairs)
        noise = jax.vmap(lambda k: optax.tree.random_like(k, weights))(keys)
        there = jax.tree.map(lambda w, n: w + self.spread * n, weights, noise)
        back = jax.tree.map(lambda w, n: w - self.spread * n, weights, noise)
        gains = jax.vmap(loss)(back) - jax.vmap(loss)(there)
        shares = self.rate * gains / (self.pairs * (jnp.std(gains) + 1e-8))
        move = jax.tree.map(lambda n: jnp.tensordot(shares, n, 1), noise)
        return nnarena.Step(
            optax.tree.add(weights, move), loss(weights), figures={"gain": gains.mean()}
        )
