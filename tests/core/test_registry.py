"""Registries: names, suggestions, files from outside, versions."""

import importlib.metadata
import sys

import pytest

from nnarena.core.plugins import BrokenFile, import_file
from nnarena.core.registry import Registry, Shared, UnknownName
from nnarena.models import MODELS


PLUGIN = '''
from nnarena.models import MODELS, AbstractCell

@MODELS.register("plugged", family="test", source="a letter")
class Plugged(AbstractCell):
    """{text}"""

    def __init__(self, features, hidden, *, gain=1.0, key):
        pass
'''


class First:
    """The first."""

    def __init__(self, features: int, *, depth: int = 2, tied: bool = False):
        self.features = features


class Bare:
    """Without annotations."""

    def __init__(self, gain=1.0, count=2, flag=False):
        pass


class Second:
    """The second."""


@pytest.fixture
def registry() -> Registry:
    """A registry of nothing, which looks for entrants in an empty package."""
    registry = Registry("model", package="nnarena.models")
    registry._discovered = True
    return registry


@pytest.fixture
def models(monkeypatch) -> Registry:
    """The real registry, as it was before when the test is over."""
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return MODELS


def enter(registry: Registry, name: str, make: type, **numbers) -> None:
    registry.register(name, family="test", source="a letter", **numbers)(make)


def test_an_entry_knows_itself(registry):
    enter(registry, "first", First)
    entry = registry["first"]
    assert entry.make is First
    assert entry.docstring == "The first."
    assert entry.defaults == {"depth": 2, "tied": False}
    assert "first" in registry
    assert "second" not in registry


def test_entries_come_by_name(registry):
    enter(registry, "zebra", First)
    enter(registry, "ape", Second)
    assert [entry.name for entry in registry] == ["ape", "zebra"]


def test_near_names_are_suggested(registry):
    enter(registry, "transformer", First)
    with pytest.raises(UnknownName) as caught:
        registry["transfomer"]
    assert str(caught.value) == (
        "there is no model named 'transfomer'; did you mean transformer?"
    )


def test_where_no_name_is_near_all_are_told(registry):
    enter(registry, "lstm", First)
    enter(registry, "gru", Second)
    with pytest.raises(UnknownName, match="the known ones are: gru, lstm"):
        registry["zzzzzz"]


def test_two_classes_cannot_share_a_name(registry):
    enter(registry, "first", First)
    with pytest.raises(ValueError, match="model 'first' is registered twice: by "):
        enter(registry, "first", Second)
    assert registry["first"].make is First


def test_a_module_may_be_run_twice(registry):
    enter(registry, "first", First)
    enter(registry, "first", First)
    assert len(list(registry)) == 1


def test_settings_are_the_given_ones_over_the_defaults(registry):
    enter(registry, "first", First)
    frame = {"readout": Shared(str, "last")}
    settings = registry["first"].settings({"depth": 3}, frame)
    assert settings == {"depth": 3, "tied": False, "readout": "last"}


def test_a_value_of_another_kind_is_refused(registry):
    enter(registry, "first", First)
    with pytest.raises(ValueError, match="tied must be true or false, not 'False'"):
        registry["first"].settings({"tied": "False"})


def test_a_number_without_annotation_is_of_its_defaults_kind(registry):
    enter(registry, "bare", Bare)
    settings = registry["bare"].settings({"gain": 2, "count": 3})
    assert [repr(value) for value in settings.values()] == ["2.0", "3", "False"]
    with pytest.raises(ValueError, match="flag must be true or false, not 1"):
        registry["bare"].settings({"flag": 1})


def test_an_unknown_setting_is_refused(registry):
    enter(registry, "first", First)
    with pytest.raises(ValueError, match=r"no setting 'dept'; it has: depth, tied"):
        registry["first"].settings({"dept": 3})


def test_the_package_is_discovered():
    assert {"elman", "lstm", "gru"} <= {entry.name for entry in MODELS}
    assert MODELS["elman"].version == "1"


def test_a_file_enters_its_classes(models, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(text="Mine."))
    module = import_file(file)
    assert models.names_from(module) == ["plugged"]
    assert models["plugged"].defaults == {"gain": 1.0}
    assert import_file(file) == module, "a file is imported once"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent\.py"):
        import_file(tmp_path / "absent.py")


def test_a_file_that_breaks_leaves_nothing_behind(models, tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("why = 'no'\nraise RuntimeError(why)")
    for _ in range(2):
        with pytest.raises(BrokenFile, match=r"bad\.py, line 2: RuntimeError: no"):
            import_file(file)
    assert not [name for name in sys.modules if name.endswith(".bad")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ndef :", r"line 2: SyntaxError: invalid syntax"),
        (PLUGIN.replace("plugged", "gru"), "line 4: ValueError: model 'gru' is reg"),
    ],
)
def test_a_broken_file_is_one_sentence(models, tmp_path, text, told):
    file = tmp_path / "bad.py"
    file.write_text(text)
    with pytest.raises(BrokenFile, match=told):
        import_file(file)


def test_a_version_from_outside_is_a_digest_of_the_text(models, tmp_path):
    versions = []
    for folder, text in [("a", "Mine."), ("b", "Mine, too."), ("c", "Mine.")]:
        file = tmp_path / folder / "mine.py"
        file.parent.mkdir()
        file.write_text(PLUGIN.format(text=text))
        models._entries.pop("plugged", None)
        import_file(file)
        versions.append(models["plugged"].version)
    assert all(version.startswith("text-") for version in versions)
    assert versions[0] != versions[1], "another text is another version"
    assert versions[0] == versions[2], "the place of the file is not"


def test_a_version_can_be_given(registry):
    enter(registry, "first", First, version=3)
    assert registry["first"].version == "3"


def test_a_broken_package_of_somebody_else_is_a_warning(monkeypatch):
    point = importlib.metadata.EntryPoint("theirs", "no_such_package", "nnarena.tasks")
    registry = Registry("task", package="nnarena.tasks")
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **wanted: [point] if wanted == {"group": "nnarena.tasks"} else [],
    )
    with pytest.warns(UserWarning, match="no_such_package was not loaded"):
        registry.discover()


class Grown:
    """With a newer setting, and another default than at first."""

    def __init__(self, *, depth: int = 3, gate: str = "chrono"):
        pass


def test_the_baseline_is_what_a_run_without_settings_did_at_first(registry):
    enter(registry, "grown", Grown, former={"depth": 2, "gate": "constant"})
    frame = {"readout": Shared(str, "last")}
    baseline = registry["grown"].baseline(frame)
    assert baseline == {"depth": 2, "gate": "constant", "readout": "last"}


def test_a_revision_touches_only_the_settings_that_it_can_have_changed(registry):
    revisions = {2: lambda s: s["depth"] > 2, 3: lambda s: s["tied"]}
    enter(registry, "first", First, version=1, revisions=revisions)
    versions = [
        registry["first"].version_of({"depth": depth, "tied": tied})
        for depth, tied in ((2, False), (3, False), (2, True), (3, True))
    ]
    assert versions == ["1", "2", "3", "3"]
