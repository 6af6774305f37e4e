"""One unit that has to hold one bit, and weights that are guessed: for latch.toml."""

import equinox as eqx
import jax
import jax.numpy as jnp

import nnarena


@nnarena.MODELS.register(
    "latch_unit", family="recurrent", source="bengio1994learning", version=1
)
class LatchUnit(nnarena.AbstractCell):
    r"""A single tanh unit whose first input is a free number, one for each class.

    $$h_t = \tanh(w h_{t-1} + c_k [t = 1] + n_t), \quad z = (-2 h_T, 2 h_T)$$

    Three numbers are learned: $w$, $c_0$ and $c_1$. The noise $n_t$ enters with the
    weight 1. With $w > 1$ the unit has two stable states, and $w$ starts at `start`;
    the other two start uniformly in (-0.1, 0.1). The task is `bengio_latch` in the form
    "free", of two channels: +1 or -1 at the first step, and the noise.

    Departs from the paper in the answer: it had targets of 0.8 and -0.8 and a squared
    error, here $z$ are the logits of two classes.
    """

    weight: jax.Array
    first: jax.Array
    hidden_size: int = eqx.field(static=True)

    def __init__(
        self, features: int, hidden: int, *, start: float = 1.25, key: jax.Array
    ):
        if features != 2 or hidden != 2:
            raise ValueError(
                'latch_unit needs two channels, a width of 2 and embed="none", not '
                f"{features} channels and a width of {hidden}"
            )
        self.weight = jnp.asarray(start, jnp.float32)
        self.first = jax.random.uniform(key, (2,), minval=-0.1, maxval=0.1)
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(())

    def __call__(self, state, x, dt):
        del dt
        shown = jnp.stack([jax.nn.relu(-x[0]), jax.nn.relu(x[0])])
        h = jnp.tanh(self.weight * state + shown @ self.first + x[1])
        return h, 2 * jnp.stack([-h, h])


@nnarena.TRAINERS.register(
    "guessing", family="search", source="Hochreiter & Schmidhuber 1996", version=1
)
class Guessing(nnarena.AbstractIterativeTrainer):
    """Draws all weights anew at every step, and keeps the better on the step's batch.

    Weights are uniform in (-`spread`, `spread`), 100 as where the latch was guessed
    first. Nothing is learned from one guess for the next.
    """

    spread: float = 100.0

    def init(self, weights):
        return None

    def step(self, weights, memory, loss, *, key):
        leaves, tree = jax.tree.flatten(weights)
        keys = jax.random.split(key, len(leaves))
        guess = jax.tree.unflatten(
            tree,
            [
                self.spread * jax.random.uniform(one, leaf.shape, minval=-1.0)
                for one, leaf in zip(keys, leaves, strict=True)
            ],
        )
        kept, new = loss(weights), loss(guess)
        better = new < kept
        weights = jax.tree.map(lambda a, b: jnp.where(better, b, a), weights, guess)
        return nnarena.Step(weights, jnp.minimum(kept, new))
