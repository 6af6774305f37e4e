"""What the code of an entrant says: its file, and what that imports of its folder."""

import ast
import contextlib
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path


PREFIX = "nnarena_plugin_"
"""How the packages begin that plug-ins' folders are in `sys.modules`."""

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


def sources(
    file: Path, folder: Path | None = None, only: str | None = None
) -> dict[str, Path]:
    """Returns a file and what it imports from its folder, directly or not.

    The imports are read, not done: those within functions count too.

    Args:
        file: the file.
        folder: where its neighbors lie: beside it, if not given.
        only: the package that alone counts, for a file of an installed one.

    Returns:
        Paths by their names within the folder; the file itself comes first.
    """
    folder = folder or file.parent
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(folder).as_posix()
        if name not in found:
            found[name] = path
            waiting += _imported(path, folder, only)
    return found


def text_digest(file: Path, folder: Path | None = None, only: str | None = None) -> str:
    """Returns a digest of `sources`; that of a file without neighbors is its text's."""
    first, *others = sources(file, folder, only).items()
    digest = hashlib.sha256(_text(first[1]).encode())
    for name, path in sorted(others):
        digest.update(f"\0{name}\0{_text(path)}".encode())
    return digest.hexdigest()[:12]


def text_digests(file: Path) -> dict[str, str]:
    """Returns the digests of each of a file's `sources` alone, by their names."""
    return {
        name: hashlib.sha256(_text(path).encode()).hexdigest()[:12]
        for name, path in sources(file).items()
    }


def module_sources(module: str) -> dict[str, Path]:
    """Returns the sources of a module by its name; none if it has no file."""
    file = _file_of(module)
    return {} if file is None else sources(file, *_reach(module, file))


def module_digest(module: str) -> str | None:
    """Returns the digest of a module's sources; None if it has no file."""
    file = _file_of(module)
    return None if file is None else text_digest(file, *_reach(module, file))


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file is not None and Path(file).is_file() else None


def _reach(module: str, file: Path) -> tuple[Path, str | None]:
    """Returns the folder of a module's neighbors and the package that alone counts.

    What counts for a script or a plug-in is its folder, for an installed module the
    package that it is in.
    """
    package, *inside = module.split(".")
    if package.startswith(PREFIX):
        return Path(sys.modules[package].__path__[0]), None
    if module == "__main__":
        return file.parent, None
    depth = len(inside) + (file.stem == "__init__")
    return file.parents[depth], package


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
