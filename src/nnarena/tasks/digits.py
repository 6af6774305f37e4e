"""Small handwritten digits, pixel by pixel or row by row."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..core.numbers import AtLeastOne, held
from ..core.scoring import accuracy
from ..core.types import Classes, Example, Features, Sequence, Signature
from . import TASKS
from .base import AbstractTask, Splits, random_order


@TASKS.register("digits", family="images", source="alpaydin1998optical")
class Digits(AbstractTask):
    """Read a digit of 8 x 8 pixels as a sequence and name it at the end.

        chunk = 1:   0  5 13  9  1  0  0  0  0 ... 10  0  0   (64 steps)  ->  0
        chunk = 8:   [0 5 13 9 1 0 0 0] ... [0 0 6 13 10 0 0 0]  (8 steps)  ->  0

    Real data that needs no download: the 1,797 digits that scikit-learn bundles (the
    test part of the UCI set), pixels divided by 16. 1,077 train, 360 validate, 360
    test, split once at random for every run alike; the writers of single images are
    not recorded, so one writer may stand on both sides. Score: accuracy; chance
    183/1797 = 0.102, the share of the most frequent digit. Solved at 0.9. The answer is
    given once, after the last step: no input is later.
    """

    chunk: int = eqx.field(static=True)

    @held
    def __init__(self, *, chunk: AtLeastOne = 1):
        if 64 % chunk:
            raise ValueError(f"digits needs a chunk that divides 64, not {chunk}")
        self.chunk = chunk

    @property
    def signature(self):
        return Signature(Features(self.chunk), Classes(10))

    @property
    def scoring(self):
        return accuracy(chance=183 / 1797)

    def splits(self, data, *, key):
        del data  # scikit-learn brings the file with it, and takes a second to import
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)  # pyright: ignore
        order = random_order(len(labels), key=key)
        rows = (images.astype(np.uint8), labels.astype(np.uint8))
        parts = np.split(order, [360, 720])
        test, validation, train = (tuple(x[part] for x in rows) for part in parts)
        return Splits(train=train, validation=validation, test=test)

    def example(self, row):
        image, label = row
        xs = image.astype(jnp.float32).reshape(-1, self.chunk) / 16.0
        return Example(Sequence(xs), label.astype(jnp.int32))
