"""Registries: a name, what it builds, and where it comes from.

    @MODELS.register("elman", family="gated", source="elman1990finding")
    class Elman(AbstractCell): ...

Entrants are found by importing every module of their package and every entry
point of their group, on the first look-up; no second list has to be kept. This
module imports nothing heavy.
"""

import hashlib
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar

from .elsewhere import REGISTRIES, whose
from .numbers import fitting, setting_kinds
from .plugins import displace, executing, file_of
from .problems import UserProblem
from .source_files import module_digest


T = TypeVar("T", bound=type)


class UnknownName(UserProblem, KeyError):
    """A name that no entrant carries; the message lists near ones."""

    def __init__(self, kind: str, name: str, known: list[str]):
        lower = {each.lower(): each for each in known}
        near = [
            lower[each]
            for each in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
        ]
        hint = f"did you mean {' or '.join(near)}?" if near else "the known ones are: "
        listed = "" if near else ", ".join(known)
        super().__init__(f"there is no {kind} named {name!r}; {hint}{listed}")

    def __str__(self) -> str:
        return self.args[0]


class Shared(NamedTuple):
    """A setting of the frame around entrants: its type and its default."""

    kind: Any
    default: Any


Condition = Callable[[Mapping[str, Any]], bool]
"""Whether a revision can have changed the results of these settings."""

Parts = Callable[[Mapping[str, Any]], Sequence["Entry"]]
"""Returns the other entries that settings name, as a trainer's its penalties."""


@dataclass(frozen=True)
class Entry:
    """One registered entrant.

    `source` is a key of `references.bib` or free text. `version` is that of the first
    results, or a digest of the source text for entrants from outside the package,
    whose authors are still editing it; `home` the module that registered it.
    `revisions` are the later versions, each with
    the settings whose results it changed. `former` holds what a setting meant in runs
    that did not name it, where that is not today's default: the old default, or, for a
    setting that is newer than those runs, the value that is what they did. `trainer`
    is the one that a model is made for, and `frame` holds defaults of the frame's
    settings that are its own. `parts` are other entries that decide the results too:
    their versions are part of this one's.
    """

    name: str
    make: Callable[..., Any]
    family: str
    source: str
    version: str
    home: str
    revisions: Mapping[int, Condition] = field(default_factory=dict)
    former: Mapping[str, Any] = field(default_factory=dict)
    trainer: str | None = None
    parts: Parts | None = None
    frame: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outside(self) -> bool:
        """Whether it comes from outside of this package."""
        return not self.home.startswith("nnarena.")

    @property
    def docstring(self) -> str:
        """The entrant's own account of itself."""
        return inspect.getdoc(self.make) or ""

    @property
    def defaults(self) -> dict[str, Any]:
        """The keyword arguments that a suite may set, with their defaults."""
        parameters = inspect.signature(self.make).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.default is not inspect.Parameter.empty
        }

    @property
    def kinds(self) -> dict[str, Any]:
        """The types of the settings, with their ranges."""
        make: Any = self.make
        return setting_kinds(make.__init__ if isinstance(make, type) else make)

    def in_frame(self, shared: Mapping[str, Shared]) -> dict[str, Shared]:
        """Returns the settings of a frame with the defaults that are its own."""
        own = {n: shared[n]._replace(default=value) for n, value in self.frame.items()}
        return {**shared, **own}

    def settings(
        self, given: Mapping[str, Any], shared: Mapping[str, Shared] | None = None
    ) -> dict[str, Any]:
        """Returns all settings: the given ones over the defaults.

        `shared` are settings that come from a frame around the entrant.

        Raises:
            ValueError: the entrant has no setting of that name, or not that value.
        """
        shared = shared or {}
        found = {name: one.default for name, one in shared.items()} | self.defaults
        kinds = {name: one.kind for name, one in shared.items()} | self.kinds
        for name, value in given.items():
            if name not in kinds:
                own = f"it has: {', '.join(sorted(kinds)) or 'none'}"
                hint = None if get_close_matches(name, kinds) else whose(name)
                raise ValueError(
                    f"{self.name!r} has no setting {name!r}; {hint or own}"
                )
            try:
                found[name] = fitting(kinds[name], value)
            except ValueError as error:
                raise ValueError(f"{self.name}: {name} {error}") from error
        return found

    def baseline(self, shared: Mapping[str, Shared] | None = None) -> dict[str, Any]:
        """Returns the settings that a run without any settings had at first.

        A run's key leaves out what equals them, so that a new setting or a changed
        default gives no new key to a run that still does what it did.
        """
        defaults = {name: one.default for name, one in (shared or {}).items()}
        return {**defaults, **self.defaults, **self.former}

    def version_of(self, settings: Mapping[str, Any]) -> str:
        """Returns the version of the results that these settings have today."""
        touched = [n for n, changes in self.revisions.items() if changes(settings)]
        own = str(max(touched)) if touched else self.version
        parts = self.parts(settings) if self.parts else ()
        others = [f"{p.name} {p.version}" for p in parts if p.version != "1"]
        return ", ".join([own, *others])


class Registry:
    """Entrants of one kind by name, found when first asked for."""

    def __init__(self, kind: str, package: str):
        self.kind = kind
        self.package = package
        self.shared: tuple[str, Sequence[str]] = "", ()
        REGISTRIES.add(self)
        self._entries: dict[str, Entry] = {}
        self._discovered = False

    def register(
        self,
        name: str,
        *,
        family: str,
        source: str,
        version: int | None = None,
        revisions: Mapping[int, Condition] | None = None,
        former: Mapping[str, Any] | None = None,
        trainer: str | None = None,
        parts: Parts | None = None,
        frame: Mapping[str, Any] | None = None,
    ) -> Callable[[T], T]:
        """Returns the decorator that enters a class under `name`.

        A change that touches all results raises `version`. One that touches those of
        some settings is a revision, as `revisions={2: lambda s: s["decay"] > 0}`. A
        changed default, or the old behavior behind a new setting, goes into `former`.
        A model that is made for one `trainer` names it; one that stands in the shared
        frame may have defaults of its own there, as `frame={"embed": "none"}`.

        Raises:
            ValueError: another class already carries the name.
        """

        def enter(make: T) -> T:
            home = _home(make)
            self._require_free(name, make, home)
            stamp = str(version) if version is not None else self._stamp(make, home)
            rest = (revisions or {}, former or {}, trainer, parts, frame or {})
            self._entries[name] = Entry(name, make, family, source, stamp, home, *rest)
            return make

        return enter

    def _require_free(self, name: str, make: type, home: str) -> None:
        """Returns if a class may carry a name: nobody has it, or the class itself.

        A class of the same name in another file is the same, edited, unless it would
        stand for one of the package.
        """
        old = self._entries.get(name)
        if old is None:
            return
        same = old.make.__qualname__ == make.__qualname__
        if not same or (old.home != home and not old.outside):
            raise ValueError(
                f"{self.kind} {name!r} is registered twice: by {file_of(old.home)} and "
                f"by {file_of(home)}"
            )
        if old.home != home:
            displace(old.home, f"{self.kind} {name!r}", by=home)

    def _owns(self, module: str) -> bool:
        return module.startswith(self.package + ".")

    def _stamp(self, make: type, home: str) -> str:
        return "1" if self._owns(home) else f"text-{_digest(make, home)}"

    def discover(self) -> None:
        """Imports every module of the package and every entry point, once."""
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in importlib.metadata.entry_points(group=self.package):
            try:
                point.load()
            except Exception as error:  # somebody else's package must not stop ours
                reason = f"{type(error).__name__}: {error}"
                warnings.warn(f"{point.value} was not loaded: {reason}", stacklevel=2)

    def __getitem__(self, name: str) -> Entry:
        self.discover()
        if name not in self._entries:
            raise UnknownName(self.kind, name, sorted(self._entries))
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self.discover()
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        self.discover()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def names_from(self, module_name: str) -> list[str]:
        """The names that one module registered, as a plug-in's file did."""
        return [e.name for e in self._entries.values() if e.home == module_name]


def _home(make: type) -> str:
    """Returns the module that registers a class: its own, or the file being executed.

    A file may be what first imports a module of a package, which then registers its own
    classes while the file is executed. Such a module does not have the class yet.
    """
    module, name = make.__module__, make.__qualname__
    top = "." not in name  # else made in a function, by whoever calls that
    by_itself = top and getattr(sys.modules.get(module), name, None) is not make
    return module if by_itself else executing() or module


def _digest(make: type, home: str) -> str:
    """Returns a digest of the code of a class: of all that decides its results."""
    found = module_digest(home)
    if found is not None:
        return found
    try:
        text = inspect.getsource(make)
    except (OSError, TypeError):  # typed at a prompt: there is no text
        text = repr(sorted(vars(make)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
