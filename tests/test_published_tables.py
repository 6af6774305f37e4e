"""Runs beside the figures of a study that is no thesis, of made-up records."""

from experiments import published_tables
from tests.synthetic import make_record


def runs(model: str, task: int, *scores: float):
    return [
        make_record(
            model,
            "babi",
            seed,
            score=score,
            task_settings={"task": task, "collection": "en"},
        )
        for seed, score in enumerate(scores)
    ]


def test_it_says_what_agrees_what_differs_and_what_cannot_be_compared(monkeypatch):
    made = [
        *runs("lstm", 1, 0.5, 0.501, 0.499),
        *runs("lstm", 2, 0.9, 0.901, 0.899),
        *runs("memory_network", 1, 1.0, 1.0, 0.99),
    ]
    kept = {record.key: record for record in made}
    monkeypatch.setattr(published_tables, "records_of", lambda store: kept)
    text = "\n".join(published_tables.published_table("claims/babi"))
    rows = [[cell.strip() for cell in row.split("|")] for row in text.splitlines()]
    found = {(row[1], row[2]): row for row in rows if len(row) > 8}
    verdicts = {key: row[8] for key, row in found.items() if key[0].startswith("babi")}
    assert sorted(verdicts.values()) == ["agrees", "differs (better)", "not comparable"]
    assert "- lstm on 1 task: agrees." in text
    assert "- lstm on 1 task: differs." in text
    assert "- memory_network on 1 task: not comparable, " in text
    assert "one network for all twenty tasks" in text
    assert (
        "- lstm, mean over 2 tasks: 0.700 ours, 1 short of the bar; "
        "0.350 published, 2 short of the bar."
    ) in text


def test_runs_that_broke_are_told(monkeypatch):
    posed = {"task": 1, "collection": "en"}
    made = [
        *runs("lstm", 1, 0.5, 0.51),
        make_record("lstm", "babi", 2, outcome="diverged", task_settings=posed),
        make_record("lstm", "babi", 3, outcome="failed", task_settings=posed),
        make_record("gru", "babi", 3, outcome="failed", task_settings=posed),
    ]
    kept = {record.key: record for record in made}
    monkeypatch.setattr(published_tables, "records_of", lambda store: kept)
    lines = list(published_tables.published_table("claims/babi"))
    (row,) = (line for line in lines if line.startswith("| babi"))
    assert row.startswith("| babi | lstm | 3, 1 diverged | 0.370 | 0.500 |")
    assert lines[-1] == "- lstm: 1 failed run left out."
