"""Shards are a partition of the plan: even, the same everywhere, programs whole."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from nnarena.core.scoring import accuracy
from nnarena.runs.record import Entrant, Identity
from nnarena.suite.plan import Job, make_jobs
from nnarena.suite.shard import Shard, ShardProblem, parse_shard


few = settings(max_examples=60, deadline=None, database=None)


def plan(models: int, tasks: int, seeds: int) -> list[Job]:
    """Returns the jobs of a matrix, in the order of a plan."""
    trainer = Entrant(name="gradient_descent", version="1", settings={})
    return [
        Job(
            identity=Identity(
                model=Entrant(name=f"model{model}", version="1", settings={}),
                width=8,
                task=Entrant(name="add", version="1", settings={"length": task}),
                trainer=trainer,
                seed=seed,
            ),
            family="test",
            parameters=1,
            scoring=accuracy(chance=0.1),
        )
        for model in range(models)
        for task in range(tasks)
        for seed in range(seeds)
    ]


plans = st.builds(plan, st.integers(1, 6), st.integers(1, 4), st.integers(1, 5))


def pieces(jobs: list[Job], count: int) -> list[list[Job]]:
    return [Shard(index, count).of(jobs) for index in range(1, count + 1)]


@few
@given(jobs=plans, count=st.integers(1, 40))
def test_every_job_is_in_exactly_one_piece_and_pieces_are_even(jobs, count):
    cut = pieces(jobs, count)
    keys = [job.key for piece in cut for job in piece]
    assert Counter(keys) == Counter(job.key for job in jobs)
    sizes = {len(piece) for piece in cut}
    assert max(sizes) - min(sizes) <= 1


@few
@given(jobs=plans, count=st.integers(1, 40))
def test_programs_are_cut_only_at_the_borders(jobs, count):
    homes = Counter(
        program
        for piece in pieces(jobs, count)
        for program in {j.program for j in piece}
    )
    assert sum(homes.values()) - len(homes) <= count - 1


@few
@given(jobs=plans, count=st.integers(1, 10), data=st.data())
def test_pieces_do_not_depend_on_the_order_of_the_plan(jobs, count, data):
    """Nor, therefore, on the order in which a suite names its contenders."""
    groups = [list(g) for _, g in itertools.groupby(jobs, lambda job: job.program)]
    mixed = [job for group in data.draw(st.permutations(groups)) for job in group]
    for one, other in zip(pieces(jobs, count), pieces(mixed, count), strict=True):
        assert {job.key for job in one} == {job.key for job in other}


def test_the_order_of_the_plan_is_kept():
    jobs = plan(4, 3, 5)
    for piece in pieces(jobs, 7):
        places = [jobs.index(job) for job in piece]
        assert places == sorted(places)


def test_no_piece_gets_all_runs_of_a_task():
    """Tasks differ most in what they cost."""
    jobs, count = plan(12, 4, 5), 4
    for piece in pieces(jobs, count):
        shares = Counter(job.identity.task.settings["length"] for job in piece)
        assert set(shares) == {0, 1, 2, 3}
        assert max(shares.values()) <= math.ceil(len(piece) / 4) + 5


def test_what_is_named_twice_is_one_job(tiny_suite):
    """Or two machines would do it at once."""
    twice = tiny_suite.model_copy(update={"models": tiny_suite.models * 2})
    assert make_jobs(twice) == make_jobs(tiny_suite)


def test_the_split_is_pinned():
    """If this fails, machines of two versions would do some runs twice, some never."""
    cut = pieces(plan(6, 1, 1), 3)
    found = ["".join(job.identity.model.name[-1] for job in piece) for piece in cut]
    assert found == ["02", "45", "13"]


def test_words_of_a_shard():
    assert parse_shard("2/8") == Shard(2, 8)
    assert parse_shard("1/1") == Shard(1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0/3",
        "4/3",
        "a/b",
        "1",
        "1/",
        "/3",
        "1/0",
        "-1/3",
        "1/3/5",
        "1.5/3",
        " 1/3",
        "1/3\n",
        "²/3",
        "1/" + "9" * 5000,
    ],
)
def test_a_mistake_is_one_sentence(text):
    with pytest.raises(ShardProblem) as caught:
        parse_shard(text)
    assert str(caught.value).startswith("--shard takes i/n, the piece i of n counted")
    assert len(str(caught.value).splitlines()) == 1
