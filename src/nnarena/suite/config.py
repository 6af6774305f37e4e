"""Suite files: TOML that names contenders, tasks, seeds and one budget.

description = "..."
models = ["lstm", {name = "transformer", encoding = "rotary", width = 32},
          {name = "gru", trainer = "ridge"},                     # trainers of their own
          {name = "gru", trainer = {learning_rate = 0.01}}]      # or settings of one
tasks = [{name = "add", length = 50}, "digits",
         {name = "copy", delay = 20, evaluate = [{delay = 40}, {delay = 80}]}]
seeds = 5
parameters = 5_000          # width is solved to meet it; or: width = 64
deviations = ["..."]        # from the study that the suite follows, or the usual
plugins = ["my_model.py"]   # files that register entrants, beside this one

`evaluate` names test sets of the same task with other settings, which a run's model is
asked when it is trained.

Models, tasks and trainers may be words too, as on the command line (`words`):
"add(length=50)", "my_model.py", "my_model.py:fader(rate=0.2)".

[trainer]
name = "gradient_descent"   # the default, for contenders that are made for no other
steps = 1_000
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..core.numbers import Count
from ..core.problems import SuiteProblem, first_problem
from ..core.registry import UnknownName
from .words import in_words


MOST_SEEDS = 10_000

MOST_UNITS = 10**6
Width = Annotated[int, Field(ge=1, le=MOST_UNITS)]
Budget = Annotated[int, Field(ge=1, le=10**11)]


def _as_trainer(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Trainer = Annotated[dict[str, Any], BeforeValidator(_as_trainer)]
"""Settings of a trainer, and its "name" where it is not the one that holds anyway."""


def _as_own_width(value: Any) -> Any:
    """Refuses in one sentence what pydantic would refuse once for every alternative."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is None or value == "outputs" or (whole and 1 <= value <= MOST_UNITS):
        return value
    wanted = f"a whole number of 1 to {MOST_UNITS:,} or 'outputs'"
    raise ValueError(f"has to be {wanted}, and is {value!r}")


class Choice(BaseModel):
    """A registered name and the settings that differ from its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)


class ModelChoice(Choice):
    """A contender, and its own width and trainer where it does not follow the suite's.

    A width of "outputs" is as many units as the task has answers.
    """

    width: Annotated[
        int | Literal["outputs"] | None, BeforeValidator(_as_own_width)
    ] = None
    trainer: Trainer = Field(default_factory=dict)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class TaskChoice(Choice):
    """A task, and with which other settings its trained models are asked.

    What an item of `evaluate` does not name is as in the task itself.
    """

    evaluate: Annotated[list[dict[str, Any]], BeforeValidator(_as_list)] = []


OWN = ("name", "width", "trainer", "evaluate")
"""Keys of a table that are not settings."""


def _as_choice(value: Any) -> Any:
    """Returns the form that is kept of a name, or of a table of name and settings."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and "name" in value and not _is_kept(value):
        own = {key: value[key] for key in OWN if key in value}
        settings = {key: given for key, given in value.items() if key not in own}
        return {**own, "settings": settings}
    return value


def _is_kept(table: dict[str, Any]) -> bool:
    """Returns whether a table has the form that is kept.

    Else `settings` in it is the setting of an entrant that has one of this name.
    """
    return "settings" in table and set(table) <= {*OWN, "settings"}


def _as_seeds(value: Any) -> Any:
    if isinstance(value, list):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"has to be a whole number or a list, and is {value!r}")
    if value > MOST_SEEDS:
        raise ValueError(f"may be {MOST_SEEDS:,} at most")
    return list(range(value))


Models = Annotated[
    list[Annotated[ModelChoice, BeforeValidator(_as_choice)]], Field(min_length=1)
]
Tasks = Annotated[
    list[Annotated[TaskChoice, BeforeValidator(_as_choice)]], Field(min_length=1)
]
Seeds = Annotated[
    list[Count],
    BeforeValidator(_as_seeds),
    Field(min_length=1, max_length=MOST_SEEDS),
]


class Suite(BaseModel):
    """What a suite file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    models: Models
    tasks: Tasks
    seeds: Seeds = [0, 1, 2, 3, 4]
    parameters: Budget | None = None
    width: Width | None = None
    trainer: Trainer = Field(default_factory=dict)
    deviations: list[str] = []
    plugins: list[str] = []


def suite_names() -> list[str]:
    """Returns the names of the suites in the package."""
    folder = resources.files("nnarena.suite") / "suites"
    return sorted(
        item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml")
    )


def load_suite(name_or_path: str, changes: dict[str, Any] | None = None) -> Suite:
    """Returns the suite of a name in the package, or of a TOML file.

    `changes` replace its entries; those under "trainer" are merged in, unless they name
    another one.

    Raises:
        UnknownName: there is no suite of that name.
        SuiteProblem: the file is missing, is not TOML, or says what no suite can say.
    """
    path = None
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if "\0" in name_or_path or not path.is_file():
            raise SuiteProblem(f"there is no suite file {path}")
        text, where = path.read_bytes(), str(path)
    else:
        if name_or_path not in suite_names():
            raise UnknownName("suite", name_or_path, suite_names())
        source = resources.files("nnarena.suite") / "suites" / f"{name_or_path}.toml"
        text, where = source.read_bytes(), f"suite {name_or_path}"
    try:
        content = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or too deep
        raise SuiteProblem(f"{where} is not valid TOML: {error}") from error
    if path is not None and isinstance(content.get("plugins"), list):
        content["plugins"] = [str(path.parent / str(p)) for p in content["plugins"]]
    content = in_words(content, None if path is None else path.parent)
    merged = {"name": Path(name_or_path).stem, **content, **(changes or {})}
    own = content.get("trainer")
    if isinstance(own, dict) and changes and "trainer" in changes:
        changed = changes["trainer"]
        if changed.get("name", own.get("name")) == own.get("name"):
            merged["trainer"] = {**own, **changed}
    if changes and ("parameters" in changes or "width" in changes):
        merged = {
            key: value
            for key, value in merged.items()
            if key not in ("parameters", "width") or key in changes
        }
    return parse_suite(merged, where)


def parse_suite(content: dict[str, Any], where: str) -> Suite:
    """Returns the suite that a dictionary describes.

    Raises:
        SuiteProblem: naming `where`, the key, and what would be allowed.
    """
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        key, what = first_problem(error)
        if error.errors()[0]["type"] == "extra_forbidden":
            allowed = ", ".join(sorted(Suite.model_fields))
            raise SuiteProblem(
                f"{where}: there is no key {key!r}; the allowed ones are: {allowed}"
            ) from error
        raise SuiteProblem(f"{where}: {key} {what}") from error
    if suite.parameters is not None and suite.width is not None:
        raise SuiteProblem(
            f"{where}: give 'parameters' (a budget) or 'width', not both"
        )
    if suite.parameters is None and suite.width is None:
        for choice in suite.models:
            if choice.width is None:
                raise SuiteProblem(
                    f"{where}: give either 'parameters' (a budget) or 'width', or "
                    f"{choice.name} a width of its own"
                )
    return suite
