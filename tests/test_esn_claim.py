"""The page of the echo state network's radius: its measure, its rule, its tables."""

import json

import numpy as np
import pytest
from experiments import esn


RNG = np.random.default_rng(0)
STEPS = sum(esn.MEASURE[part] for part in ("washout", "fitted", "judged"))


@pytest.fixture(scope="module")
def page() -> str:
    return (esn.ROOT / "docs/claims/esn.md").read_text(encoding="utf-8")


def delay_line(inputs: np.ndarray, lags: list[int]) -> np.ndarray:
    """Returns states that hold the inputs of some steps ago."""
    return np.stack([np.roll(inputs, lag) for lag in lags], axis=1)


def test_a_delay_line_remembers_what_it_holds():
    """Beside it stand the delays of which nothing is known, 1/judged of each."""
    inputs = RNG.uniform(-0.8, 0.8, STEPS)
    turn = np.linalg.qr(RNG.standard_normal((7, 7)))[0]
    found = esn.capacity(inputs, delay_line(inputs, [1, 2, 3, 4, 5, 9, 200]) @ turn)
    by_chance = (esn.MEASURE["delays"] - 7) / esn.MEASURE["judged"]
    assert found == pytest.approx(7 + by_chance, abs=0.03)


def test_what_is_held_of_this_step_and_of_too_long_ago_does_not_count():
    inputs = RNG.uniform(-0.8, 0.8, STEPS)
    assert esn.capacity(inputs, delay_line(inputs, [0, 201])) < 0.08


def test_noise_beside_an_input_takes_its_share():
    inputs = RNG.uniform(-0.8, 0.8, STEPS)
    noise = inputs.std() * RNG.standard_normal(STEPS)
    found = esn.capacity(inputs, delay_line(inputs, [3]) + noise[:, None])
    assert found == pytest.approx(0.5 + 199 / esn.MEASURE["judged"], abs=0.05)


def curve(**means: float) -> dict[float, np.ndarray]:
    """Returns five scores around each mean, by radius: `r09` is 0.9."""
    around = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return {float(r[1:]) / 10: mean + around for r, mean in means.items()}


@pytest.mark.parametrize(
    ("means", "top", "level", "word"),
    [
        ({"r04": 0.0, "r09": 90.0, "r30": 0.0}, 0.9, (0.9,), "agrees"),
        ({"r04": 90.0, "r09": 0.0, "r30": 0.0}, 0.4, (0.4,), "contradicts"),
        ({"r04": 89.0, "r09": 90.0, "r30": 0.0}, 0.9, (0.4, 0.9), "open"),
        ({"r04": 0.0, "r08": 90.0, "r12": 89.0}, 0.8, (0.8, 1.2), "agrees"),
    ],
)
def test_the_rule_is_that_of_the_suite(means, top, level, word):
    found = esn.verdict(curve(**means))
    assert (found.top, found.level, found.word) == (top, level, word)


def test_two_radii_are_told_apart_by_welch_s_interval():
    """Equal spreads of five: t of 8 degrees of freedom, sd sqrt(2.5), error 1."""
    low, high = (float(scale) for scale in (2.30, 2.32))  # t(0.975, 8) = 2.306
    here = curve(r10=0.0)[1.0]
    assert not esn.told_apart(here, here + low, tests=1)
    assert esn.told_apart(here, here + high, tests=1)
    assert not esn.told_apart(here, here + high, tests=36)


def test_scores_that_do_not_vary_go_by_their_means():
    same = np.ones(5)
    assert not esn.told_apart(same, same, tests=36)
    assert esn.told_apart(same, same + 0.1, tests=36)
    assert esn.works(same, 0.9, curves=6)
    assert not esn.works(same, 1.0, curves=6)


def test_the_tables_of_the_page_are_those_of_the_measured_files(page: str):
    assert esn.verdict_table() in page
    assert esn.capacity_table() in page


def test_the_verdicts_are_those_of_the_prose(page: str):
    found = {name: esn.verdict(curve) for name, curve in esn.curves().items()}
    levels = [one.level for one in found.values()]
    assert {one.word for one in found.values()} == {"open"}
    tops = sorted(one.top for one in found.values())
    assert (tops[0], tops[1], tops[-1]) == (0.1, 0.9, 1.1)
    assert all({0.7, 1.3} & {*level} for level in levels)
    assert [sum(r in level for level in levels) for r in (2.0, 3.0)] == [4, 3]
    assert "worse than the\ntop on five of the six curves" in page
    assert esn.verdict_table().count("| worse, works |") == 5
    assert esn.verdict_table().count("| not told apart, works |") == 1


def test_what_was_measured_is_what_the_script_measures():
    results = json.loads(esn.CAPACITIES.read_text(encoding="utf-8"))
    assert results["measure"] == esn.MEASURE
    rows = results["capacities"]
    assert [(row["radius"], row["leak"]) for row in rows] == esn.settings()
    assert all(len(row["capacity"]) == len(esn.MEASURE["seeds"]) for row in rows)
    most = max(max(row["capacity"]) for row in rows)
    assert most < esn.MEASURE["units"]


def test_every_curve_has_all_radii_and_seeds():
    curves = esn.curves()
    assert len(curves) == 9
    for scores in curves.values():
        assert [(r, len(found)) for r, found in scores.items()] == [
            (r, 5) for r in sorted({radius for radius, _ in esn.settings()})
        ]
