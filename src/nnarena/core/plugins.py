"""Files from outside the package that register entrants, and what they import.

A plug-in imports its neighbors as a script does: `import parts` finds `parts.py`, or
the package `parts`, in its own folder before anything that is installed. It alone sees
them: the modules of a folder have names of their own, so that files of one name in two
folders never meet, and whatever else runs in the process finds what it always found.
"""

import builtins
import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from .problems import UserProblem
from .source_files import (
    PREFIX,
    is_neighbor,
    module_digest,
    sources,
    text_digest,
)


_digests: dict[str, str] = {}
"""Of the modules that were executed and whose entrants are still the ones registered:
the text that they had then."""

_displaced: dict[str, str] = {}
"""Of modules whose entrant another module replaced: which, and by which."""

_executing: list[str] = []
"""The modules being executed, the innermost last."""


class BrokenFile(UserProblem, ImportError):
    """Somebody's file that cannot be imported; the message says where and why."""

    def __init__(self, path: Path, error: Exception):
        frames = traceback.extract_tb(error.__traceback__)
        places = [(frame.filename, frame.lineno) for frame in frames]
        if isinstance(error, SyntaxError):
            places.append((error.filename or "", error.lineno))
        theirs = {str(source) for source in sources(path).values()}
        own = [(file, line) for file, line in places if file in theirs]
        where = f"{own[-1][0]}, line {own[-1][1]}" if own else str(path)
        super().__init__(f"{where}: {type(error).__name__}: {error}")


def import_file(path: str | Path) -> str:
    """Imports a Python file that registers entrants; returns its module's name.

    A file that is imported already is so again if its text, or that of a neighbor that
    it imports, has changed since, or if another file has replaced what it registered.

    Raises:
        FileNotFoundError: there is no such file.
        BrokenFile: its text is not Python, or raises an error.
    """
    path = existing_file(path)
    package = _package_of(path.parent)
    name = f"{package}.{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    digest = text_digest(path)
    if name in sys.modules and _digests.get(name) == digest:
        return name
    _forget_changed(package)
    importlib.invalidate_caches()
    loader = _PluginLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, Exception):
            raise BrokenFile(path, error) from error
        raise
    return name


def existing_file(path: str | Path) -> Path:
    """Returns the absolute path of a file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if "\0" in str(path):  # what a system call would refuse by a ValueError
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def executing() -> str | None:
    """Returns the name of the plug-in's module that is being executed, if one is."""
    return _executing[-1] if _executing else None


def displace(home: str, what: str, by: str) -> None:
    """Notes that an entrant of a module was replaced: the module counts no more."""
    if _digests.pop(home, None) is not None:
        _displaced[home] = f"{what} is registered by {file_of(home)} and {file_of(by)}"


def digest_of(module: str) -> str:
    """Returns the digest of the text of a plug-in's module as it was executed."""
    return _digests[module]


def is_here(digest: str) -> bool:
    """Returns whether a file of this text is imported, from wherever it lies."""
    return any(
        own == digest and Path(file_of(module)).is_file()
        for module, own in _digests.items()
    )


def displaced(module: str) -> str | None:
    """Returns what another file has replaced of what a module registered, if any."""
    return _displaced.get(module)


def file_of(module: str) -> str:
    """Returns the file of a module, for people; its name where there is none."""
    return getattr(sys.modules.get(module), "__file__", None) or module


def _package_of(folder: Path) -> str:
    """Returns the name of the package that a folder's modules are in, there made."""
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    name = f"{PREFIX}{digest}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    if not any(isinstance(finder, _PluginFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PluginFinder())
    return name


def _forget_changed(package: str) -> None:
    """Drops the modules of a folder that are not as they were executed."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        if module_digest(name) is None or _digests.get(name) != module_digest(name):
            _drop(name)


def _drop(name: str) -> None:
    module = sys.modules.pop(name)
    _digests.pop(name, None)
    parent, _, last = name.rpartition(".")
    if getattr(sys.modules.get(parent), last, None) is module:
        delattr(sys.modules[parent], last)


class _PluginFinder:
    """Finds the neighbors of a plug-in in its folder, and only for it."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        del target
        if path is None or not name.startswith(PREFIX):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _PluginLoader(spec.loader.name, spec.loader.path)
        return spec


class _PluginLoader(SourceFileLoader):
    """Executes a module whose imports find its neighbors first.

    It keeps no compiled text: only its second distinguishes it from newer text, too
    coarse for a file that is being edited, and it would be left in a user's folder.
    """

    def path_stats(self, path: Any) -> Any:
        """Refuses, by which Python keeps no compiled text."""
        raise OSError(f"{path} is compiled each time")

    def exec_module(self, module: ModuleType) -> None:
        """Executes the text of a module."""
        name = module.__name__
        own = {**vars(builtins), "__import__": _importer(name)}
        module.__dict__["__builtins__"] = own
        _digests[name] = module_digest(name) or ""
        _displaced.pop(name, None)
        with _entering(name):
            SourceFileLoader.exec_module(self, module)


@contextlib.contextmanager
def _entering(name: str) -> Iterator[None]:
    _executing.append(name)
    try:
        yield
    except BaseException:
        _digests.pop(name, None)
        raise
    finally:
        _executing.pop()


def _importer(name: str) -> Any:
    """Returns what `import` calls in a module of a plug-in's folder."""
    package = name.partition(".")[0]
    folder = Path(sys.modules[package].__path__[0])

    def import_(name, globals=None, locals=None, fromlist=(), level=0):
        first = name.partition(".")[0]
        if level or not is_neighbor(folder, first):
            return builtins.__import__(name, globals, locals, fromlist, level)
        full = f"{package}.{name}"
        found = builtins.__import__(full, globals, locals, fromlist or ("__name__",), 0)
        return found if fromlist else sys.modules[f"{package}.{first}"]

    return import_
