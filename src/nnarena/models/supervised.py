"""What a contender is that learns from the sentences that an answer rests on."""

import abc

from ..core.types import Example, Key, Scalar
from .base import AbstractModel


class AbstractSupervised(AbstractModel):
    """A whole contender with a loss of its own, which may read `Example.support`.

    Planning refuses it where the task names no such sentences (`Signature.facts`).
    """

    @abc.abstractmethod
    def own_loss(self, example: Example, *, key: Key | None = None) -> Scalar:
        """Returns what training lowers in the place of the task's loss.

        Validation and test are judged by the task's loss and metric: there it is given
        the question and its context, as every model. The key is that of training.
        """
