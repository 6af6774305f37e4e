"""Splitting a plan among machines that do not know of each other.

Every machine makes the same plan and takes its own piece. The split is a function of
the jobs alone: never of what is already done, of a clock or of the machine.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.problems import UserProblem
from .executors import by_program
from .plan import Job


class ShardProblem(UserProblem, ValueError):
    """Words that name no piece of a plan."""


@dataclass(frozen=True)
class Shard:
    """The piece `index` of `count`, counted from 1."""

    index: int
    count: int

    def of(self, jobs: Sequence[Job]) -> list[Job]:
        """Returns the jobs of this piece, in the order of the plan.

        Pieces differ by one job at most. Runs that share a compiled program stay
        together but for those at a border: at most `count - 1` programs are cut.
        """
        dealt = [job for group in _mixed(by_program(jobs)) for job in group]
        begin, end = (
            len(dealt) * piece // self.count for piece in (self.index - 1, self.index)
        )
        mine = {job.key for job in dealt[begin:end]}
        return [job for job in jobs if job.key in mine]


def parse_shard(text: str) -> Shard:
    """Returns the shard of words like "2/8".

    Raises:
        ShardProblem: they are not such words.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ShardProblem(
            f"--shard takes i/n, the piece i of n counted from 1 (as 2/8), not {text!r}"
        )
    return Shard(int(found[1]), int(found[2]))


def _mixed(groups: Sequence[list[Job]]) -> list[list[Job]]:
    """Returns the groups in an order that spreads every task over the whole.

    Tasks differ most in what they cost. They come in turn, each with its contenders
    in the order of a hash, so that no piece gets all that is dear.
    """
    turns: Counter[str] = Counter()
    order = []
    for group in sorted(groups, key=lambda group: group[0].program):
        task = group[0].identity.task.model_dump_json()
        order.append((turns[task], task, group))
        turns[task] += 1
    return [group for _, _, group in sorted(order, key=lambda entry: entry[:2])]
