"""What the code of an entrant says: its file, and what that imports of its folder."""

import ast
import contextlib
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path


INSTALLED = {
    Path(sysconfig.get_path(kind)).resolve()
    for kind in ("stdlib", "platstdlib", "purelib", "platlib")
}
"""Folders of what is installed: whatever lies beside a file there is no neighbor."""


def is_neighbor(folder: Path, name: str) -> bool:
    """Whether a folder has a module or package of a name, for the files in it."""
    if not name or name == "nnarena" or folder in INSTALLED:
        return False
    inside = folder / name / "__init__.py"
    return (folder / f"{name}.py").is_file() or inside.is_file()


def sources(file: Path, package: str | None = None) -> dict[str, Path]:
    """Returns a file and what it imports from its own folder, directly or not.

    The imports are read, not done: those within functions count too. With `package`,
    the full name of an installed module, only what lies in its own package counts.

    Returns:
        Paths by their names within the folder; the file itself comes first.
    """
    folder, only = file.parent, None
    if package is not None:
        parents = package.split(".")[: None if file.stem == "__init__" else -1]
        only = package.partition(".")[0]
        folder = file.parents[len(parents)] if parents else file.parent
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(folder).as_posix()
        if name not in found:
            found[name] = path
            waiting += _imported(path, folder, only)
    return found


def text_digest(file: Path, package: str | None = None) -> str:
    """Returns a digest of `sources`; that of a file without neighbors is its text's."""
    first, *others = sources(file, package).items()
    digest = hashlib.sha256(_text(first[1]).encode())
    for name, path in sorted(others):
        digest.update(f"\0{name}\0{_text(path)}".encode())
    return digest.hexdigest()[:12]


def module_sources(module: str) -> dict[str, Path]:
    """Returns the sources of a module by its name; none if it has no file."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or not Path(file).is_file():
        return {}
    return sources(Path(file), _package(module))


def module_digest(module: str) -> str | None:
    """Returns the digest of a module's sources; None if it has no file."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    return text_digest(Path(file), _package(module))


def _package(module: str) -> str | None:
    """Returns the name of an installed module; a script and a plug-in have none."""
    alone = module == "__main__" or module.startswith("nnarena_plugin_")
    return None if alone else module


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _imported(path: Path, folder: Path, only: str | None) -> Iterator[Path]:
    """Yields the files of a folder that one of its files imports by itself."""
    tree = ast.Module([], [])
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        tree = ast.parse(_text(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _absolute(folder, alias.name.split("."), only)
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            for alias in node.names:
                words = [*module, alias.name]
                if node.level == 0:
                    yield from _absolute(folder, words, only)
                else:
                    yield from _relative(path, folder, node.level, words)


def _absolute(folder: Path, words: Sequence[str], only: str | None) -> Iterator[Path]:
    known = is_neighbor(folder, words[0]) if only is None else words[0] == only
    if known:
        yield from _along(folder, words)


def _relative(
    path: Path, folder: Path, level: int, words: Sequence[str]
) -> Iterator[Path]:
    base = path.parents[level - 1]
    if base == folder or folder in base.parents:
        yield from _along(folder, [*base.relative_to(folder).parts, *words])


def _along(folder: Path, words: Sequence[str]) -> Iterator[Path]:
    """Yields the files that importing a dotted name executes, as far as it leads."""
    for word in words:
        module = folder / f"{word}.py"
        folder = folder / word
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"
        elif module.is_file():
            yield module
            return
        elif not folder.is_dir():
            return
