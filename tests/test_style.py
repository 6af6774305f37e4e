"""House rules that a linter cannot express; `docs` and `design.md` give the reasons."""

import abc
import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import pytest

import nnarena


SOURCE = Path(nnarena.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
LINES = 300

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def place(path: Path, node: ast.AST | None = None) -> str:
    """Returns where something stands, for a message."""
    line = "" if node is None else f":{getattr(node, 'lineno', 1)}"
    return f"{path.relative_to(SOURCE.parent)}{line}"


def definitions(tree: ast.AST) -> Iterator[Definition]:
    """Returns all classes and functions, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


def test_modules_are_short():
    lengths = {place(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > LINES} == {}


def test_nothing_is_named_for_being_useful():
    """A name says what a thing holds or does."""
    vague = re.compile(r"(^|_)(utils?|helpers?|misc|managers?|handlers?)(_|$)")
    words = re.compile(r"(?<=[a-z])(?=[A-Z])")
    named = [(place(path), path.stem) for path in FILES]
    named += [(place(path), path.parent.name) for path in FILES]
    for path, tree in TREES.items():
        named += [(place(path, node), node.name) for node in definitions(tree)]
    found = [at for at, name in named if vague.search(words.sub("_", name).lower())]
    assert found == []


def test_nothing_is_left_to_do():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [place(path) for path in FILES if marks.search(path.read_text())]
    assert found == []


CLASSES = {
    (path, node.name): node
    for path, tree in TREES.items()
    for node in tree.body
    if isinstance(node, ast.ClassDef)
}


def documented_methods(name: str) -> set[str]:
    """Returns the methods of the classes of a name that say what they do."""
    return {
        node.name
        for (_, owner), found in CLASSES.items()
        if owner == name
        for node in found.body
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
    }


def inherited_docstrings(node: ast.ClassDef) -> set[str]:
    """Returns the methods that a base class within the package documents."""
    bases = [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]
    found = set().union(*map(documented_methods, bases))
    for (_, name), base in CLASSES.items():
        if name in bases:
            found |= inherited_docstrings(base)
    return found


def is_trivial_property(node: Definition) -> bool:
    """Whether it is a property of two statements at most: a name and its value."""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    return bool(decorators & {"property", "cached_property"}) and len(node.body) < 3


def undocumented(path: Path, node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Returns what has no docstring though others may call it."""
    if ast.get_docstring(node) is None:
        yield place(path, node)
    exempt = inherited_docstrings(node) if isinstance(node, ast.ClassDef) else set()
    for member in node.body:
        if not isinstance(member, Definition) or member.name.startswith("_"):
            continue
        if isinstance(member, ast.ClassDef):
            yield from undocumented(path, member)
        elif member.name not in exempt and not is_trivial_property(member):
            yield from () if ast.get_docstring(member) else (place(path, member),)


def test_what_is_public_has_a_docstring():
    """Modules, classes, functions and methods without a leading underscore.

    Exempt: what implements a documented method of a base class, whose words hold for
    it; properties of one or two statements; and functions within functions.
    """
    found = [at for path, tree in TREES.items() for at in undocumented(path, tree)]
    assert found == []


def module_name(path: Path) -> str:
    """Returns the name under which a file is imported."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_classes() -> list[type]:
    """Returns the Equinox classes and interfaces of the package, guests' aside."""
    found = []
    for path in FILES:
        name = module_name(path)
        if "guests" in name or name.endswith("__main__"):
            continue
        members = vars(importlib.import_module(name)).values()
        found += [m for m in members if inspect.isclass(m) and m.__module__ == name]
    return [c for c in found if issubclass(c, eqx.Module) or abc.ABC in c.__mro__]


def test_classes_are_abstract_or_final():
    """An interface is named for it and has members; a leaf has no subclass."""
    classes = package_classes()
    assert len(classes) > 20
    bases = {base for c in classes for base in c.__mro__[1:]}
    exported = {getattr(nnarena, name) for name in nnarena.__all__}
    for c in classes:
        if c.__name__.startswith("Abstract"):
            assert c in bases or c in exported, f"nothing implements {c}"
            lacking = inspect.isabstract(c) or getattr(c, "__abstractvars__", ())
            assert lacking, f"{c} could be made as it is"
        else:
            assert c not in bases, f"{c} is not abstract, but has a subclass"


LOAD = "import sys, {names}; print(*sorted({heavy} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("names", "heavy"),
    [
        ("nnarena", {"numpy", "jax", "pandas", "pydantic", "torch", "typer"}),
        (
            "nnarena.report.page, nnarena.analysis.leaderboard, nnarena.runs.store",
            {"jax", "jaxlib", "equinox", "optax", "torch"},
        ),
    ],
    ids=["the package alone", "reading results"],
)
def test_imports_stay_light(names, heavy):
    script = LOAD.format(names=names, heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


PURE = (
    *("core", "nn", "models", "tasks", "metrics", "training", "runs", "analysis"),
    "diagnostics",
)
OUTSIDE = {"time", "datetime", "subprocess", "os", "tempfile", "platform", "socket"}
FILES_ONLY = {
    SOURCE / "runs" / "store.py": {"os"},
    SOURCE / "runs" / "claims.py": {"os", "time"},
}


def outside_names(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Returns every import of, and every environment read from, the outside world."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node, (node.module or "").split(".")[0]
        elif isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            yield node, "environ"


def test_only_suite_and_above_read_clock_environment_and_git():
    """What stands below is a function of its arguments; the store may keep files."""
    found = []
    for path, tree in TREES.items():
        if path.relative_to(SOURCE).parts[0] not in PURE:
            continue
        refused = (OUTSIDE | {"environ"}) - FILES_ONLY.get(path, set())
        names = outside_names(tree)
        found += [place(path, node) for node, name in names if name in refused]
    assert found == []
