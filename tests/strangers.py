"""Files as a stranger writes them: sound ones, and the ways in which they go wrong."""

from pathlib import Path


CELL = '''import jax
import jax.numpy as jnp
import nnarena


@nnarena.MODELS.register("{name}", family="test", source="a stranger")
class Fader(nnarena.AbstractCell):
    r"""A leak: $$h = 0.9 h + 0.1 \\tanh([x, h] W)$$."""

    weight: jax.Array
    hidden_size: int

    def __init__(self, features, hidden, *, rate: float = 0.1, key):
        self.weight = jax.random.normal(key, (features + hidden, hidden)) * rate
        self.hidden_size = hidden

    def init_state(self):
        return jnp.zeros(self.hidden_size)

    def __call__(self, state, x, dt):
        h = 0.9 * state + 0.1 * jnp.tanh(jnp.concatenate([x, state]) @ self.weight)
        return h, h
'''

LAYER = '''import jax
import jax.numpy as jnp
import nnarena


@nnarena.MODELS.register("{name}", family="test", source="a stranger")
class Mean(nnarena.AbstractLayer):
    r"""The mean so far: $$h_t = W \\sum x_s / t$$."""

    weight: jax.Array
    hidden_size: int
    causal: bool

    def __init__(self, features, hidden, *, key):
        self.weight = jax.random.normal(key, (features, hidden))
        self.hidden_size, self.causal = hidden, True

    def __call__(self, sequence, *, key=None):
        steps = jnp.arange(1.0, sequence.length + 1.0)[:, None]
        return jnp.cumsum(sequence.xs, axis=0) / steps @ self.weight
'''

MODEL = '''import jax
import jax.numpy as jnp
import nnarena


@nnarena.MODELS.register("{name}", family="test", source="a stranger")
class Whole(nnarena.AbstractModel):
    r"""A line: $$y_t = x_t W V$$."""

    weight: jax.Array
    head: jax.Array
    once: bool
    features: bool
    causal: bool

    def __init__(self, signature, hidden, *, key):
        first, second = jax.random.split(key)
        self.weight = jax.random.normal(first, (signature.inputs.size, hidden))
        self.head = jax.random.normal(second, (hidden, signature.outputs.size))
        self.once, self.causal = signature.answers == "once", True
        self.features = isinstance(signature.inputs, nnarena.Features)

    def __call__(self, sequence, *, key=None):
        xs = sequence.xs
        hs = xs @ self.weight if self.features else self.weight[xs]
        answers = hs @ self.head
        return answers[-1] if self.once else answers
'''

TASK = '''import jax
import jax.numpy as jnp
import numpy as np
import nnarena


@nnarena.TASKS.register("{name}", family="test", source="a stranger")
class First(nnarena.AbstractTask):
    """Gives back the first number: .3 .2 .9 -> .3; chance 1, the variance."""

    length: int

    def __init__(self, *, length: int = 5):
        self.length = length

    @property
    def signature(self):
        return nnarena.Signature(nnarena.Features(1), nnarena.Values(1))

    @property
    def scoring(self):
        return nnarena.mean_squared_error(chance=1.0, solved=0.1)

    def splits(self, data, *, key):
        return nnarena.SyntheticSplits(64, 64).draw(key=key)

    def example(self, row):
        xs = jax.random.normal(row, (self.length, 1))
        return nnarena.Example(
            nnarena.Sequence(xs, dts=jnp.ones(self.length)), targets=xs[0]
        )
'''


def write(folder: Path, name: str, text: str, *changes: tuple[str, str]) -> Path:
    """Writes a file NAME.py that registers NAME, some of its text replaced."""
    text = text.replace("{name}", name)
    for old, new in changes:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


STEP = "        return h, h\n"

FLAWS: dict[str, tuple[str, tuple[str, str], str]] = {
    "wide_output": (
        CELL,
        (STEP, "        return h, jnp.concatenate([h, h])\n"),
        "line 20: Fader.__call__ returned (16,) in float32 as its output, but "
        "`hidden_size` is 8: expected is shape (8,)",
    ),
    "whole_output": (
        CELL,
        (STEP, "        return h, (h > 0).astype(int)\n"),
        "line 20: Fader.__call__ returned (8,) in int32 as its output, but "
        "`hidden_size` is 8: expected is shape (8,) in float32",
    ),
    "thawed": (
        CELL,
        ("@ self.weight)\n", "@ self.weight.array)\n"),
        "line 21: Fader.__call__, given an input of shape (8,) and (8,) in float32 as "
        "its state, raised AttributeError: ",
    ),
    "growing_state": (
        CELL,
        (STEP, "        return jnp.concatenate([h, h]), h\n"),
        "line 20: Fader.__call__ returned (16,) in float32 as its next state, but "
        "`init_state` began with (8,) in float32: shapes and types stay from step to "
        "step",
    ),
    "whole_state": (
        CELL,
        (STEP, "        return jnp.round(h).astype(int), h\n"),
        "line 20: Fader.__call__ returned (8,) in int32 as its next state, but "
        "`init_state` began with (8,) in float32",
    ),
    "output_alone": (
        CELL,
        (STEP, "        return h\n"),
        "line 20: Fader.__call__ returned (8,) in float32, but expected is a pair: the "
        "next state, the output",
    ),
    "wrong_product": (
        CELL,
        ("(features + hidden, hidden)", "(features, hidden)"),
        "line 21: Fader.__call__, given an input of shape (8,) and (8,) in float32 as "
        "its state, raised TypeError: dot_general requires contracting dimensions to "
        "have the same shape, got (16,) and (8,).",
    ),
    "no_key": (
        CELL,
        (", *, rate: float = 0.1, key)", ", rate: float = 0.1)"),
        "line 13: Fader.__init__ is called with (features, hidden, *, key) and with "
        "settings, which are keywords with defaults, but takes (features, hidden, "
        "rate: float = 0.1): got an unexpected keyword argument 'key'",
    ),
    "raising": (
        CELL,
        ("        self.hidden_size = hidden\n", "        raise KeyError('no luck')\n"),
        "line 15: Fader.__init__, at width 8, raised KeyError: 'no luck'",
    ),
    "stateless": (
        CELL,
        ("def init_state(self)", "def initial_state(self)"),
        "line 6: Fader lacks init_state, which its kind, AbstractCell, has to have",
    ),
    "short_layer": (
        LAYER,
        (
            "return jnp.cumsum(sequence.xs, axis=0) / steps @ self.weight",
            "return sequence.xs[1:]",
        ),
        "line 18: Mean.__call__ returned (16, 8) in float32 for 17 steps, but expected "
        "is one output of `hidden_size` numbers for each: shape (17, 8)",
    ),
    "whole_layer": (
        LAYER,
        ("steps @ self.weight", "steps @ self.weight > 0"),
        "line 18: Mean.__call__ returned (17, 8) in bool for 17 steps, but expected is "
        "one output of `hidden_size` numbers for each: shape (17, 8) in float32",
    ),
    "whole_answers": (
        MODEL,
        (
            "return answers[-1] if self.once else answers",
            "return (answers[-1] if self.once else answers).astype(int)",
        ),
        "line 23: Whole.__call__ returned (2,) in int32 to 17 steps, but a task that "
        "answers once expects answers of shape (2,) in float32",
    ),
    "always_all": (
        MODEL,
        ("return answers[-1] if self.once else answers", "return answers"),
        "line 23: Whole.__call__ returned (17, 2) in float32 to 17 steps, but a task "
        "that answers once expects answers of shape (2,)",
    ),
}
"""By name: the sound text, what is replaced by what, and what `arena check` says."""

EXAMPLE = """        return nnarena.Example(
            nnarena.Sequence(xs, dts=jnp.ones(self.length)), targets=xs[0]
        )
"""
SPLITS = "        return nnarena.SyntheticSplits(64, 64).draw(key=key)\n"

TASK_FLAWS: dict[str, tuple[tuple[str, str], str]] = {
    "flat_inputs": (
        ("Sequence(xs, dts", "Sequence(xs[:, 0], dts"),
        "line 27: First.example gave (5,) in float32 as `xs`, but expected, by the "
        "signature, is an array of shape (5, 1) in float32",
    ),
    "lists": (
        ("dts=jnp.ones(self.length)", "dts=[1.0] * self.length"),
        "line 27: First.example gave a list as `dts`, but expected, by the signature, "
        "is an array of shape (5,) in float32",
    ),
    "whole_targets": (
        ("targets=xs[0]", "targets=jnp.round(xs[0]).astype(int)"),
        "line 27: First.example gave (1,) in int32 as `targets`, but expected, by the "
        "signature, is an array of shape (1,) in float32",
    ),
    "wide_targets": (
        ("targets=xs[0]", "targets=xs"),
        "line 27: First.example gave (5, 1) in float32 as `targets`, but expected, by "
        "the signature, is an array of shape (1,) in float32",
    ),
    "numpy_inside": (
        ("jax.random.normal(row, (self.length, 1))", "np.sort(jax.random.normal(row))"),
        "line 28: First.example, given a row of () in key<fry>, raised "
        "TracerArrayConversionError: The numpy.ndarray conversion method __array__() "
        "was called on traced array with shape float32[]; JAX traces it, so that its "
        "arrays have no numbers yet: compute with jax.numpy, and without if, for or "
        "int() on what an array holds",
    ),
    "no_splits": (
        ("def splits(self", "def split(self"),
        "line 7: First lacks splits, which its kind, AbstractTask, has to have",
    ),
    "a_pair_of_splits": (
        (SPLITS, "        return jax.random.split(key), jax.random.split(key)\n"),
        "line 24: First.splits returned ((2,) in key<fry>, (2,) in key<fry>), but "
        "expected is Splits(train, validation, test)",
    ),
    "uneven_rows": (
        (
            SPLITS,
            "        rows = {'a': np.ones(3), 'b': np.ones(4)}\n"
            "        return nnarena.Splits(train=None, validation=rows, test=rows)\n",
        ),
        "line 24: First.splits gave validation rows whose arrays have 3 and 4 rows, "
        "but expected are equally many, and one at least",
    ),
    "holes": (
        ("(self.length, 1))\n", "(self.length, 1)).at[1].set(jnp.nan)\n"),
        "line 27: First.example gave inputs that are not finite in 64 of 64 examples "
        "of its validation split, the first at row 0",
    ),
    "lost_file": (
        (SPLITS, "        return open('/no/such/file')\n"),
        "line 25: First.splits, asked for its rows, raised FileNotFoundError: "
        "[Errno 2] No such file or directory: '/no/such/file'",
    ),
    "no_example": (
        (EXAMPLE, "        return xs\n"),
        "line 27: First.example returned (5, 1) in float32, but expected is an Example",
    ),
    "no_scoring": (
        ("return nnarena.mean_squared_error(chance=1.0, solved=0.1)", "return 'error'"),
        "line 20: First.scoring is a str, but expected is a Scoring",
    ),
}
"""The same of tasks."""
