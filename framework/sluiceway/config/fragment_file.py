"""A fragment: stages in a file of their own, with parameters, for the pipelines that use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, cast

from pydantic import Field, ValidationError

from sluiceway.config import yaml
from sluiceway.config.document import Document, Node, Note
from sluiceway.config.document import Path as Place
from sluiceway.config.file import Keys, Name
from sluiceway.config.problems import nearest
from sluiceway.config.pydantic_problems import problems_from
from sluiceway.config.sensitive import names_secret
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem, Related
from sluiceway.core.settings import Settings

_FILE: Final = re.compile(r".+\.ya?ml")
_ONLY_IN_PIPELINES: Final = frozenset({"name", "source", "sinks"})


class Parameter(Settings):
    """What those who use a fragment may give it."""

    description: str = Field(default="", description="What it is for.")
    default: object = Field(default=None, description="Its value where `with` gives none; without it `with` must.")


class FragmentFile(Settings):
    """A fragment. Its stages are looked at where they are used, once their parameters are known."""

    version: Literal[1] = Field(description="The version of this format.", examples=["1"])
    description: str = Field(default="", description="What the fragment is for.")
    parameters: dict[Name, Parameter] = Field(
        default_factory=dict[str, Parameter], description="By name; `{param: NAME}` stands for the value."
    )
    stages: list[object] = Field(min_length=1, description="The steps, in their order.", examples=["[{use: …}]"])


class FragmentUse(Settings):
    """The place of a fragment in a list of stages."""

    use: str = Field(description="The fragment's path, relative to this file.")
    id: str | None = Field(default=None, description="What the ids of its stages begin with.")
    with_: Keys = Field(default_factory=dict, alias="with", description="Its parameters.")
    routes: tuple[str, ...] | None = Field(default=None, min_length=1, description="The routes of its stages.")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment that was read, and is right as far as that can be told without its parameters."""

    document: Document
    spec: FragmentFile

    @property
    def stages(self) -> tuple[Node, ...]:
        """Its stages, as written."""
        return tuple(self.document.root.children["stages"].children.values())

    def default(self, name: str) -> Node | None:
        """Return the default of a parameter, if it has one."""
        return self.document.root.children["parameters"].children[name].children.get("default")


def names_fragment(use: object) -> bool:
    """Tell whether a stage's `use` names a fragment, and no component."""
    return isinstance(use, str) and _FILE.fullmatch(use) is not None


def named_parameter(value: object) -> str | None:
    """Return the name of the parameter that a value, `{param: NAME}`, stands for."""
    keys = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    name = keys.get("param") if len(keys) == 1 else None
    return name if isinstance(name, str) else None


def is_fragment(document: Document) -> bool:
    """Tell whether a file is a fragment rather than a pipeline."""
    keys = set(cast("dict[str, object]", document.value))
    return "parameters" in keys or ("stages" in keys and not keys & _ONLY_IN_PIPELINES)


def read_fragment(file: str, notes: tuple[Note, ...]) -> tuple[Fragment | None, list[Problem]]:
    """Return the fragment in a file, None where it cannot be used, and what is wrong with it.

    Args:
        file: Its path.
        notes: Where it is used.
    """
    try:
        document, mistakes = yaml.collect(yaml.read_text(Path(file), file), file)
    except InvalidPipeline as error:
        document, mistakes = None, list(error.problems)
    related = tuple(_related(note) for note in notes)
    mistakes = [replace(mistake, related=related) for mistake in mistakes]
    if document is None:
        return None, mistakes
    fragment, problems = checked_fragment(Document(file, document.text, document.root, notes))
    return fragment, [*mistakes, *problems]


def _related(note: Note) -> Related:
    lines = note.origin.lines
    place = lines.position(note.span)
    return Related(note.what, note.origin.file, *place, names_secret(lines[place.line - 1]))


def checked_fragment(document: Document) -> tuple[Fragment | None, list[Problem]]:
    """Return the fragment in a document, None where it cannot be used, and what is wrong with it."""
    try:
        fragment = Fragment(document, FragmentFile.model_validate(document.value))
    except ValidationError as error:
        return None, problems_from(error, document, (), FragmentFile)
    return fragment, list(_parameters(fragment))


def _parameters(fragment: Fragment) -> Iterator[Problem]:
    """What is used must be declared; what is declared should be used."""
    document, declared = fragment.document, fragment.spec.parameters
    used: set[str] = set()
    for index, stage in enumerate(fragment.stages):
        for path, name in _used_in(stage, ("stages", index)):
            used.add(name)
            if name not in declared:
                yield document.problem(
                    path,
                    f"the fragment has no parameter `{name}`",
                    code="unknown-parameter",
                    allowed=tuple(sorted(declared)),
                    suggestion=nearest(name, declared) or f"declare it: `parameters: {{{name}: {{description: …}}}}`",
                )
    for name in declared.keys() - used:
        message = f"no stage uses the parameter `{name}`"
        advice = f"write {{param: {name}}} where its value belongs"
        place = ("parameters", name)
        yield document.problem(place, message, code="unused-parameter", key=True, suggestion=advice, level="warning")


def _used_in(node: Node, path: Place) -> Iterator[tuple[Place, str]]:
    name = named_parameter(node.value)
    if name is not None:
        yield (*path, "param"), name
    for part, child in node.children.items() if name is None else ():
        yield from _used_in(child, (*path, part))
