"""What a store's files say of the runs that were asked for."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from nnarena.runs.plans import Cell, Plan, keep_plan, make_plan, read_plans, unversioned
from nnarena.runs.progress import Progress, put_progress, read_progress
from nnarena.runs.record import History
from nnarena.runs.store import DirectoryStore
from nnarena.runs.survey import Survey, survey


STEPS = 100  # as `make_identity` says


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "results")


@pytest.fixture
def plan(make_identity) -> Plan:
    cells = [Cell(identity=make_identity(0), seeds=[0, 1, 2, 3, 4], metric="accuracy")]
    return make_plan("quick", 2, "2026-03-01T09:00:00+00:00", cells)


def put(store, record) -> None:
    store.put(record, History(key=record.key), {})


def tell(store, key: str, step: float, seconds: float) -> None:
    put_progress(
        store,
        Progress(
            key=key,
            host="here",
            process=1,
            executor="test",
            told_at="2026-03-01T09:01:00+00:00",
            figures={"step": step, "seconds": seconds},
        ),
    )


def only(store) -> Survey:
    (found,) = survey(store)
    return found


def test_a_plan_is_read_as_it_was_kept(store, plan, make_identity):
    keep_plan(store, plan)
    assert read_plans(store) == [plan]
    assert [run.key for run in plan.runs()] == [make_identity(s).key for s in range(5)]
    assert all(run.total_steps == STEPS for run in plan.runs())


def test_every_state_is_told(store, plan, make_record, make_identity):
    keys = [make_identity(seed).key for seed in range(5)]
    keep_plan(store, plan)
    assert len(only(store).of("left")) == 5
    put(store, make_record(0))
    claim = store.claim(keys[1])
    tell(store, keys[1], step=50, seconds=1.0)
    put(store, make_record(2, outcome="failed"))
    tell(store, keys[3], step=25, seconds=1.0)
    found = only(store)
    states = {run.run.identity.seed: run.state for run in found.runs}
    assert states == {
        0: "done",
        1: "running",
        2: "failed",
        3: "interrupted",
        4: "left",
    }
    assert [run.share for run in found.runs] == [1.0, 0.5, 0.0, 0.25, 0.0]
    claim.release()
    assert only(store).runs[1].state == "interrupted"


def test_a_failed_run_that_is_tried_again_is_running(store, plan, make_record):
    keep_plan(store, plan)
    record = make_record(0, outcome="failed")
    put(store, record)
    claim = store.claim(record.key)
    assert only(store).runs[0].state == "running"
    claim.release()


def test_the_time_left_is_that_of_the_ended_runs(store, plan, make_record):
    keep_plan(store, plan)
    assert only(store).seconds_left is None
    for seed in (0, 1):
        put(store, make_record(seed))
    cost = make_record(0).cost
    each = cost.run_seconds + cost.compile_seconds
    assert only(store).seconds_left == pytest.approx(3 * each / plan.workers)
    for seed in (2, 3):
        put(store, make_record(seed))
    assert only(store).seconds_left == pytest.approx(each)  # one run fills one worker
    put(store, make_record(4))
    assert only(store).seconds_left == 0.0


def test_a_run_under_way_tells_by_its_own_pace(store, plan, make_identity):
    keep_plan(store, plan)
    tell(store, make_identity(0).key, step=20, seconds=2.0)
    assert only(store).seconds_left == pytest.approx((8 + 4 * 10) / 2)


def other_version(identity):
    model = identity.model.model_copy(update={"version": "another"})
    return identity.model_copy(update={"model": model})


def test_records_of_another_version_are_named_and_not_counted(
    store, plan, make_record, make_identity
):
    keep_plan(store, plan)
    record = make_record(0)
    old = other_version(record.identity)
    put(store, record.model_copy(update={"key": old.key, "identity": old}))
    found = only(store)
    assert [known.key for known in found.other_versions] == [old.key]
    assert len(found.of("left")) == 5
    assert unversioned(old) == unversioned(make_identity(0))
    assert unversioned(old) != unversioned(make_identity(1))


def test_a_plan_takes_the_place_of_the_same_one_of_another_version(store, plan):
    cell = plan.cells[0]
    newer = cell.model_copy(update={"identity": other_version(cell.identity)})
    later = make_plan("quick", 4, "2026-03-02T09:00:00+00:00", [newer])
    keep_plan(store, plan)
    keep_plan(store, later)
    assert read_plans(store) == [later]
    more = cell.model_copy(update={"seeds": [0, 1]})
    keep_plan(store, make_plan("quick", 4, "2026-03-01T08:00:00+00:00", [more]))
    assert [len(known.cells[0].seeds) for known in read_plans(store)] == [2, 5]


def test_no_number_of_steps_breaks_the_survey(tmp_path, plan, make_identity):
    for index, steps in enumerate((0, -1, 10**400, "many", None)):
        store = DirectoryStore(tmp_path / str(index))
        trainer = make_identity().trainer.model_copy(
            update={"settings": {"steps": steps}}
        )
        identity = make_identity().model_copy(update={"trainer": trainer})
        cell = Cell(identity=identity, seeds=[0], metric="accuracy")
        keep_plan(store, make_plan("odd", 1, "now", [cell]))
        tell(store, identity.key, step=3, seconds=1e300)
        assert 0 <= only(store).runs[0].share <= 1


@settings(max_examples=60, deadline=None, database=None)
@given(content=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_break_the_survey(tmp_path_factory, content):
    store = DirectoryStore(tmp_path_factory.getbasetemp() / "survey")
    for folder in ("plans", "progress"):
        (store.root / folder).mkdir(parents=True, exist_ok=True)
        (store.root / folder / "abc.json").write_bytes(content)
    assert survey(store) == []
    assert read_progress(store, "abc") is None


@pytest.mark.parametrize("change", [{"seeds": ["one"]}, {"workers": 10**400}, {"x": 1}])
def test_a_damaged_plan_costs_its_overview_alone(store, plan, change):
    keep_plan(store, plan)
    content = json.loads(store.text("plans", plan.key) or "")
    target = content if "seeds" not in change else content["cells"][0]
    target.update(change)
    store.put_text("plans", plan.key, json.dumps(content))
    assert read_plans(store) == []
