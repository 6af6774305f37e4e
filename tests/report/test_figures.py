"""Figures as data: what is drawn where, before anything is drawn."""

import numpy as np
import pytest
from tests.synthetic import ERROR, make_history, make_record

from nnarena.analysis.costs import cost_table
from nnarena.analysis.frame import runs_frame
from nnarena.analysis.leaderboard import leaderboard, task_cards
from nnarena.analysis.length import length_curves
from nnarena.analysis.ranks import RankTable
from nnarena.analysis.scores import scores_of
from nnarena.analysis.standing import TaskCard
from nnarena.analysis.words import listed
from nnarena.report.export import drawing
from nnarena.report.figures import Figure, all_figures, contender_looks
from nnarena.report.figures.costs import cost_scatters
from nnarena.report.figures.figure import slugs
from nnarena.report.figures.learning import MOST_POINTS, curve_points, learning_curves
from nnarena.report.figures.lengths import length_figures
from nnarena.report.figures.marks import ruler, unit_scale
from nnarena.report.figures.profiles import performance_profiles
from nnarena.report.figures.ranks import rank_diagram
from nnarena.report.figures.scores import heat_map, overall_scores
from nnarena.report.figures.seeds import seed_strips
from nnarena.report.findings import findings_of
from nnarena.report.tables import length_table
from nnarena.report.words import (
    bytes_text,
    count_text,
    interval_text,
    score_text,
    seconds_text,
)
from nnarena.runs.record import History


ADD = TaskCard("add", ERROR.metric, False, ERROR.chance, ERROR.best, ERROR.solved)


def rows_of(*records):
    return [dict(row) for row in runs_frame(records).to_dict("records")]


def history_of(record, steps, scores) -> History:
    series = {"step": steps, "validation_score": scores}
    return History(key=record.key, series=series)


def test_a_curve_is_the_median_and_the_range():
    records = [make_record(seed=seed) for seed in range(3)]
    scores = ([0.1, 0.2], [0.3, 0.6], [0.2, 0.9])
    histories = {
        record.key: history_of(record, [10, 20], own)
        for record, own in zip(records, scores, strict=True)
    }
    first, second = curve_points(rows_of(*records), histories)
    assert (first["step"], first["low"], first["median"], first["high"]) == (
        *(10, 0.1, 0.2, 0.3),
    )
    assert (second["low"], second["median"], second["high"]) == (0.2, 0.6, 0.9)
    assert second["seeds"] == 3


def test_a_run_that_stopped_early_keeps_its_last_score():
    short, long = make_record(seed=0), make_record(seed=1)
    histories = {
        short.key: history_of(short, [10], [0.8]),
        long.key: history_of(long, [10, 20], [0.4, 0.6]),
    }
    last = curve_points(rows_of(short, long), histories)[-1]
    assert (last["step"], last["low"], last["high"]) == (20, 0.6, 0.8)


def test_a_diverged_run_falls_to_chance_and_stays():
    broken, sound = make_record(seed=0, outcome="diverged"), make_record(seed=1)
    histories = {
        broken.key: history_of(broken, [10, 20], [0.7, None]),
        sound.key: history_of(sound, [10, 20, 30], [0.5, 0.6, 0.8]),
    }
    points = curve_points(rows_of(broken, sound), histories)
    assert [point["low"] for point in points] == pytest.approx([0.5, 0.1, 0.1, 0.1])


def test_failed_runs_and_lost_histories_are_left_out():
    failed, lost = make_record(seed=0, outcome="failed"), make_record(seed=1)
    histories = {failed.key: history_of(failed, [10], [0.2])}
    assert curve_points(rows_of(failed, lost), histories) == []


def test_long_curves_are_thinned_to_their_ends():
    record = make_record()
    history = make_history(record, np.random.default_rng(0), checks=1000)
    points = curve_points(rows_of(record), {record.key: history})
    assert len(points) == MOST_POINTS
    assert points[-1]["step"] == record.result.steps


@pytest.mark.parametrize("count", [1, 8, 9, 20, 32])
def test_contenders_have_looks_of_their_own(count):
    names = [f"model{n}" for n in range(count)]
    looks = contender_looks(reversed(names))
    assert list(looks) == names
    assert len(set(looks.values())) == count


def test_equal_colors_have_other_shapes_and_dashes():
    looks = contender_looks(f"model{n}" for n in range(32)).values()
    for same in {look.color for look in looks}:
        alike = [look for look in looks if look.color == same]
        assert len({look.shape for look in alike}) == len(alike)
        assert len({look.dash for look in alike}) == len(alike)


@pytest.fixture(scope="module")
def drawn():
    """All figures of two contenders on one task."""
    records = [
        make_record(model, seed=seed, width=width)
        for model, width in (("gru", 32), ("lstm", 24))
        for seed in range(2)
    ]
    rng = np.random.default_rng(0)
    histories = {record.key: make_history(record, rng) for record in records}
    return all_figures(findings_of(records, histories), histories)


def encodings(spec: object, channel: str) -> list[dict]:
    """Returns all encodings of a channel by contender."""
    if isinstance(spec, list):
        return [found for item in spec for found in encodings(item, channel)]
    if not isinstance(spec, dict):
        return []
    inner = [found for item in spec.values() for found in encodings(item, channel)]
    own = spec.get(channel)
    if isinstance(own, dict) and own.get("field") == "contender":
        return [own, *inner]
    return inner


def test_one_look_per_contender_in_all_figures(drawn):
    looks = contender_looks(["gru", "lstm"])
    for channel, trait in (("color", "color"), ("fill", "color"), ("shape", "shape")):
        found = [
            e["scale"] for f in drawn.values() for e in encodings(f.spec(), channel)
        ]
        assert found
        for scale in found:
            assert scale["domain"] == list(looks)
            assert scale["range"] == [getattr(look, trait) for look in looks.values()]


def test_figures_are_as_wide_as_their_place_or_as_told(drawn):
    for figure in drawn.values():
        assert figure.spec()["width"] == "container"
        alone = figure.spec(width=400)
        assert alone["width"] == 400
        assert alone["datasets"]["rows"] == figure.rows


def test_every_figure_listens_to_the_legend(drawn):
    for figure in drawn.values():
        assert {"name": "focus", "value": []} in figure.spec()["params"]


def names_all(figure: Figure) -> bool:
    """Returns whether a figure says by itself who is who: on paper it has no page."""
    words = drawing(figure, "svg").decode()
    return all(f">{row['contender']}<" in words for row in figure.rows)


def test_every_figure_on_paper_names_its_contenders(drawn):
    assert [name for name, figure in drawn.items() if not names_all(figure)] == []


def test_every_judged_run_is_a_point():
    records = [
        make_record(seed=0, score=0.4),
        make_record(seed=1, outcome="diverged"),
        make_record(seed=2, outcome="failed"),
    ]
    frame = runs_frame(records)
    (card,) = task_cards([dict(row) for row in frame.to_dict("records")])
    figure = seed_strips(frame, card, contender_looks(["gru"]), "seeds-0", ["gru"])
    assert figure is not None
    points = [(row["outcome"], row["score"]) for row in figure.rows]
    assert points == [("finished", 0.4), ("diverged", 0.1)]


def test_nothing_to_draw_is_no_figure():
    frame = runs_frame([make_record(outcome="failed")])
    (card,) = task_cards([dict(row) for row in frame.to_dict("records")])
    looks = contender_looks(["gru"])
    assert seed_strips(frame, card, looks, "seeds-0", ["gru"]) is None
    assert learning_curves(frame, {}, card, looks, "curves-0") is None
    board = leaderboard(frame)
    assert cost_scatters(board, cost_table(frame), looks) == []
    assert performance_profiles(scores_of(frame), looks) is None
    assert rank_diagram(None, looks) is None
    assert length_figures([], looks) == []
    assert overall_scores(board, looks).rows == []
    assert [row["text"] for row in heat_map(board).rows] == ["–"]


def test_groups_of_ranks_are_bars_and_letters():
    table = RankTable(
        contenders=("gru", "lstm", "elman"),
        tasks=("copy", "add"),
        average_ranks=(1.0, 2.0, 3.0),
        friedman=0.01,
        p_values=((1.0, 0.5, 0.01), (0.5, 1.0, 0.5), (0.01, 0.5, 1.0)),
        cliques=(("gru", "lstm"), ("lstm", "elman")),
        critical_difference=1.5,
        left_out=("ncp",),
        note="Too few tasks.",
    )
    figure = rank_diagram(table, contender_looks(table.contenders))
    assert figure is not None
    assert [row["groups"] for row in figure.rows] == ["1", "1, 2", "2"]
    bars = [
        (row["first"], row["last"])
        for rows in figure.spec(width=400)["datasets"].values()
        for row in rows
        if "first" in row
    ]
    assert sorted(bars) == [("gru", "lstm"), ("lstm", "elman")]
    for words in ("p = 0.01", "1.50 ranks", "ncp", "Too few tasks."):
        assert words in figure.caption


def test_a_group_that_passes_others_by_has_dots_at_its_members():
    table = RankTable(
        contenders=("gru", "lstm", "elman"),
        tasks=("copy", "add"),
        average_ranks=(1.0, 2.0, 3.0),
        friedman=0.01,
        p_values=((1.0, 0.01, 0.5), (0.01, 1.0, 0.5), (0.5, 0.5, 1.0)),
        cliques=(("gru", "elman"), ("lstm", "elman")),
        critical_difference=1.5,
        left_out=(),
        note=None,
    )
    figure = rank_diagram(table, contender_looks(table.contenders))
    assert figure is not None
    datasets = figure.spec(width=400)["datasets"].values()
    dots = [row["one"] for rows in datasets for row in rows if "one" in row]
    assert dots == ["gru", "elman"]
    assert "joins only those that have a dot on it" in figure.caption


def test_scores_below_blind_are_on_the_scale():
    assert unit_scale([0.2, None]).to_dict() == {"domain": [0.0, 1.0]}
    assert unit_scale([0.2, -0.31]).to_dict() == {"domain": [-0.4, 1.0]}
    assert unit_scale([]).to_dict() == {"domain": [0.0, 1.0]}


def test_fronts_are_those_of_the_analysis(drawn):
    figure = drawn["cost-parameters"]
    costs = [row["cost"] for row in figure.rows]
    assert costs == sorted(costs)
    best = max(figure.rows, key=lambda row: row["overall"])
    assert best["front"] == "yes"


def test_lengths_are_drawn_where_tasks_differ_in_length():
    records = [
        make_record(m, seed=seed, task_settings={"length": length}, score=score)
        for m in ("gru", "lstm")
        for seed in range(2)
        for length, score in ((10, 0.95), (20, 0.5))
    ]
    curves = length_curves(runs_frame(records))
    (figure,) = length_figures(curves, contender_looks(["gru", "lstm"]))
    assert names_all(figure)
    assert figure.name == "length-copy"
    assert {row["length"] for row in figure.rows} == {10, 20}
    table = length_table(curves)
    assert table is not None
    assert [field.text for field in table.rows[0]] == ["gru", "10"]
    assert length_table([]) is None


def test_intervals_that_may_be_too_narrow_bear_a_mark_in_figures_and_tables():
    records = [
        make_record(m, seed=seed, task_settings={"length": length}, score=score)
        for m in ("gru", "lstm")
        for length, level in ((10, 0.95), (20, 0.5))
        for seed, score in enumerate((level, level + 0.01, level + 0.02))
    ]
    frame = runs_frame(records)
    curves, looks = length_curves(frame), contender_looks(["gru", "lstm"])
    (lengths,) = length_figures(curves, looks)
    overall = overall_scores(leaderboard(frame), looks)
    for figure in (lengths, overall):
        assert {row["mark"] for row in figure.rows} == {"‡"}
        assert "‡: takes runs to scatter around one level" in figure.caption
    table = length_table(curves)
    assert table is not None
    assert [field.notes for field in table.rows[0]] == [(), ("10 to 10 ‡",)]
    split = [make_record("gru", seed=seed, score=own) for seed, own in SPLIT]
    plain = overall_scores(leaderboard(runs_frame(split)), looks)
    assert [row["mark"] for row in plain.rows] == [""]
    assert "‡" not in plain.caption


SPLIT = ((0, 1.0), (1, 0.2), (2, 0.99))
"""Scores of seeds that solve their task or stay far from it."""


def test_files_have_names_of_their_own():
    labels = ["add (length=50)", "add, length 50", "add-length-50", "?!", "mnist"]
    names = slugs(labels)
    assert names[0] == "add-length-50"
    assert names[-2:] == ["task", "mnist"]
    assert len(set(names)) == len(labels)


def test_errors_over_decades_get_a_logarithmic_scale():
    wide, narrow = ruler(ADD, [1e-5, 0.2]), ruler(ADD, [0.1, 0.2])
    assert wide.log
    assert wide.low < 1e-5 < 0.2 < wide.high
    assert not wide.holds(ADD.best)
    # The bar itself, 0.001, is more than a decade below chance.
    assert narrow.log
    assert not ruler(TaskCard("copy", "accuracy", True, 0.001, 1.0, 0.9), [0.5]).log


def test_a_perfect_error_stays_on_a_logarithmic_scale():
    span = ruler(ADD, [0.0, 1e-5])
    assert span.clipped([{"score": 0.0}], "score") == [{"score": span.low}]


def test_numbers_for_people():
    assert [score_text(x) for x in (None, 0.0, 0.8734, 0.0053, 3.21e-5, 4567.0)] == [
        *("–", "0.000", "0.873", "0.0053", "3.2e-05", "4.6e+03"),
    ]
    assert [seconds_text(x) for x in (0.00042, 1.36, 31.0, 126.0, 12240.0)] == [
        *("0.42 ms", "1.36 s", "31 s", "2.1 min", "3.4 h"),
    ]
    assert bytes_text(600_000_000) == "600 MB"
    assert [count_text(x) for x in (20_032, 4_000_000)] == ["20,032", "4 M"]
    assert interval_text(None) == "no interval: one seed"
    assert interval_text(None, 5) == "no interval: equal runs"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
