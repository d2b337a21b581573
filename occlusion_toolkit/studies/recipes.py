"""Recipes: the commands that make one figure or table of the paper, as data, for two worlds.

The open world is the networks, body and people that come with the toolkit; the official world is the files of
the authors. A recipe names its commands once; what differs between the worlds is a value of each.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.texts import read_yaml

World = Literal["open", "official"]

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]

_PLACE = re.compile(r"\{(\w+)\}")

GIVEN = ("out", "data", "open_test")
"""Values that every recipe has: the output folder, the user's data sets, the shipped people."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Part):
    """One command of this toolkit.

    Attributes:
        command: its name.
        arguments: words after the name; `{name}` stands for a value, and a word that is nothing else for
            each of a value's several.
        options: by name without dashes. True gives a flag, several values repeat the option.
        only: the world that the step belongs to; None for both.
    """

    command: Literal[
        "attention",
        "breaking-size",
        "compare",
        "confidence",
        "evaluate",
        "figure",
        "heatmap",
        "influence",
        "mesh",
        "natural",
        "reversals",
        "worst-pair",
    ]
    arguments: tuple[Scalar, ...] = ()
    options: dict[str, Value] = Field(default_factory=dict)
    only: World | None = None


class Recipe(_Part):
    """How one figure or table is made.

    Attributes:
        title: what it is, one line.
        paper: its name in the paper.
        worlds: values by name, for each world.
        steps: what is run, in order.
    """

    title: str
    paper: str
    worlds: dict[World, dict[str, Value]]
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _values_are_known(self) -> "Recipe":
        if set(self.worlds) != {"open", "official"}:
            raise ValueError("a recipe has the worlds open and official")
        for world, values in self.worlds.items():
            taken = sorted(set(values) & set(GIVEN))
            if taken:
                raise ValueError(f"{', '.join(taken)} cannot be a value of the world {world}")
            if unknown := sorted(_names(values.values()) - set(GIVEN)):
                raise ValueError(f"values of {world} use {', '.join(unknown)}, not one of {', '.join(GIVEN)}")
            for step in self.steps_in(world):
                used = _names([*step.arguments, *step.options.values()])
                if unknown := sorted(used - set(values) - set(GIVEN)):
                    raise ValueError(f"{step.command} uses {', '.join(unknown)}, not a value of {world}")
        return self

    def steps_in(self, world: World) -> tuple[Step, ...]:
        """The steps of one world."""
        return tuple(step for step in self.steps if step.only in (None, world))

    def command_lines(
        self, world: World, out: Path, changed: Mapping[str, str] | None = None
    ) -> list[list[str]]:
        """What to run: for each step the words of a command line of this toolkit.

        Args:
            world: which values.
            out: the output folder.
            changed: values to use instead of the recipe's; several are separated by commas.

        Raises:
            UsageError: a value to change is not one of the recipe's.
        """
        given: dict[str, Value] = {
            "out": str(out),
            "data": str(toolkit_home() / "data"),
            "open_test": str(shipped("open-test")),
        }
        # Values may use the given ones, such as "{data}/3dpw"; what the user gives is taken as it is.
        values = {name: _filled_value(value, given) for name, value in self.worlds[world].items()}
        for name, text in (changed or {}).items():
            if name not in values:
                raise UsageError(f"{name} is not a value of this recipe; its values are: {', '.join(values)}")
            values[name] = tuple(text.split(",")) if isinstance(values[name], tuple) else text
        return [_words(step, values | given) for step in self.steps_in(world)]


def recipes() -> dict[str, Path]:
    """The recipes by name, sorted: those of the wheel, or of the source tree's `analyses/`."""
    return {path.stem: path for path in sorted(shipped("analyses").glob("*.yaml"))}


def find_recipe(name_or_path: str) -> Path:
    """The file of a recipe.

    Args:
        name_or_path: the name of a shipped recipe, or a path that ends in .yaml.

    Raises:
        UsageError: there is no such recipe; the message lists those known.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    known = recipes()
    if name_or_path not in known:
        close = difflib.get_close_matches(name_or_path, known, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(f"there is no recipe {name_or_path!r}. {hint}The recipes are: {', '.join(known)}")
    return known[name_or_path]


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe.

    Raises:
        UsageError: the file is missing, is not YAML, or breaks the schema; the message lists every wrong
            entry.
    """
    try:
        content = read_yaml(path)
    except OSError as error:
        raise UsageError(f"the recipe {str(path)!r} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is not a YAML file: {' '.join(str(error).split())}") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()]
        raise UsageError(f"{str(path)!r} is not a recipe. " + "; ".join(lines)) from error


def _words(step: Step, values: Mapping[str, Value]) -> list[str]:
    words: list[str] = [step.command]
    for argument in step.arguments:
        words += [str(item) for item in _several(_filled(argument, values))]
    for name, value in step.options.items():
        filled = _filled_value(value, values)
        if isinstance(filled, bool):
            words += [f"--{name}"] * filled
        else:
            words += [word for item in _several(filled) for word in (f"--{name}", str(item))]
    return words


def _filled_value(value: Value, values: Mapping[str, Value]) -> Value:
    if isinstance(value, tuple):
        return tuple(item for each in value for item in _several(_filled(each, values)))
    return _filled(value, values)


def _filled(text: Scalar, values: Mapping[str, Value]) -> Value:
    """A word with values in the places of their names; one that is a single name is that value itself."""
    if not isinstance(text, str):
        return text
    whole = _PLACE.fullmatch(text)
    if whole:
        return values[whole[1]]
    return _PLACE.sub(lambda found: str(values[found[1]]), text)


def _several(value: Value) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def _names(values: Iterable[Value]) -> set[str]:
    """Names in braces."""
    words = [item for value in values for item in _several(value)]
    return {name for word in words if isinstance(word, str) for name in _PLACE.findall(word)}
