"""Files from outside: what they import of their folder, and when that is read."""

import sys
from pathlib import Path

import pytest

from nnarena.core.plugins import BrokenFile, digest_of, displaced, import_file
from nnarena.models import MODELS


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch):
    MODELS.discover()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))


ENTRANT = """
import nnarena
{imports}

@nnarena.MODELS.register("{name}", family="test", source="a stranger")
class Entrant(nnarena.AbstractCell):
    value = {value}

    def init_state(self): ...

    def __call__(self, state, x, dt):
        {late}
        return {value}
"""


def entrant(
    folder: Path,
    name: str = "neighborly",
    *,
    imports: str = "",
    value: str = "0",
    late: str = "",
) -> Path:
    """Writes a file that registers an entrant; returns its path."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{name}.py"
    text = ENTRANT.format(imports=imports, name=name, value=value, late=late)
    path.write_text(text, encoding="utf-8")
    return path


def value_of(file: Path, name: str = "neighborly"):
    import_file(file)
    return MODELS[name].make.value  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize(
    ("imports", "value"),
    [
        ("import parts", "parts.VALUE"),
        ("from parts import VALUE", "VALUE"),
        ("from .parts import VALUE", "VALUE"),
        ("from . import parts", "parts.VALUE"),
        ("import box.inside", "box.inside.VALUE"),
        ("from box import inside as there", "there.VALUE"),
        ("from box.inside import VALUE as V", "V"),
    ],
)
def test_a_neighbor_is_imported_and_its_text_counts(tmp_path, imports, value):
    file = entrant(tmp_path, imports=imports, value=value)
    alone = entrant(tmp_path, "alone")
    (tmp_path / "parts.py").write_text("VALUE = 3")
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "__init__.py").write_text("")
    (tmp_path / "box" / "inside.py").write_text("from parts import VALUE")
    assert value_of(file) == 3
    first, loner = MODELS["neighborly"].version, digest_of(import_file(alone))
    (tmp_path / "parts.py").write_text("VALUE = 4")
    assert value_of(file) == 4, "an edited neighbor is read again"
    assert MODELS["neighborly"].version != first
    assert digest_of(import_file(alone)) == loner


def test_neighbors_of_one_name_never_meet(tmp_path):
    """Nor do they meet what is installed: `tests` and `json` are modules here."""
    imports = "import json, parts, tests\nVALUE = parts.VALUE, json.V, tests.V"
    files = []
    for place, value in (("a", 1), ("b", 2)):
        files.append(entrant(tmp_path / place, place, imports=imports, value="VALUE"))
        (tmp_path / place / "parts.py").write_text(f"VALUE = {value}")
        (tmp_path / place / "json.py").write_text(f"V = {10 * value}")
        (tmp_path / place / "tests").mkdir()
        (tmp_path / place / "tests" / "__init__.py").write_text(f"V = {-value}")
    others = {name: sys.modules[name] for name in ("json", "tests")}
    assert value_of(files[0], "a") == (1, 10, -1)
    assert value_of(files[1], "b") == (2, 20, -2)
    assert value_of(files[0], "a") == (1, 10, -1)
    assert others == {name: sys.modules[name] for name in others}
    assert "parts" not in sys.modules


def test_a_neighbor_is_found_by_a_late_import(tmp_path):
    """Its text counts from the beginning: imports are read, not waited for."""
    late = "from parts import VALUE"
    file = entrant(tmp_path, late=late, value="0")
    file.write_text(file.read_text().replace("return 0", "return VALUE"))
    (tmp_path / "parts.py").write_text("VALUE = 1")
    import_file(file)
    first = MODELS["neighborly"].version
    assert MODELS["neighborly"].make.__call__(None, 0, 0, 0) == 1
    (tmp_path / "parts.py").write_text("VALUE = 2")
    import_file(file)
    assert MODELS["neighborly"].make.__call__(None, 0, 0, 0) == 2
    assert MODELS["neighborly"].version != first


def test_an_entrant_made_by_a_neighbor_belongs_to_the_file_that_enters_it(tmp_path):
    maker = "def make():\n    class Made:\n        value = 5\n    return Made\n"
    (tmp_path / "parts.py").write_text(maker)
    file = tmp_path / "made.py"
    file.write_text(
        "import nnarena\nfrom parts import make\n"
        'nnarena.MODELS.register("made", family="t", source="s")(make())\n'
    )
    assert MODELS.names_from(import_file(file)) == ["made"]
    assert MODELS["made"].version == f"text-{digest_of(import_file(file))}"


def test_nothing_is_left_in_the_folder(tmp_path):
    entrant(tmp_path, imports="import parts")
    (tmp_path / "parts.py").write_text("VALUE = 3")
    import_file(tmp_path / "neighborly.py")
    assert {path.name for path in tmp_path.iterdir()} == {"neighborly.py", "parts.py"}


def test_a_neighbor_that_breaks_is_told_by_its_own_line(tmp_path):
    file = entrant(tmp_path, imports="import parts")
    (tmp_path / "parts.py").write_text("A = 1\nB = A / 0\n")
    with pytest.raises(BrokenFile, match=r"parts\.py, line 2: ZeroDivisionError"):
        import_file(file)


def test_a_file_whose_entrant_was_replaced_enters_it_again(tmp_path):
    first = entrant(tmp_path / "a", "twice", value="1")
    second = entrant(tmp_path / "b", "twice", value="2")
    assert value_of(first, "twice") == 1
    assert value_of(second, "twice") == 2
    told = f"model 'twice' is registered by {first} and {second}"
    assert displaced(import_file(second)) is None
    assert value_of(first, "twice") == 1
    import_file(second)
    name = next(
        n for n, m in sys.modules.items() if m.__dict__.get("__file__") == str(first)
    )
    assert displaced(name) == told


def test_no_file_replaces_what_the_package_has(tmp_path):
    file = entrant(tmp_path, "gru")
    file.write_text(file.read_text().replace("class Entrant", "class GRU"))
    with pytest.raises(BrokenFile, match="model 'gru' is registered twice"):
        import_file(file)
