"""What there is to know about a component: its reference page, from its docstring and its fields alone."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from sluiceway.config import yaml
from sluiceway.config.document import value_at
from sluiceway.config.file import SourceUse, StageUse
from sluiceway.config.registry import Entry, UnknownComponent
from sluiceway.config.words import in_words, models_in
from sluiceway.core.component import Component
from sluiceway.core.errors import InvalidPipeline

_EXAMPLE = re.compile(r"^```yaml\n(.*?)\n```\s*", re.DOTALL | re.MULTILINE)
_OWN = ("use", "with_")
_LEVELS = 3
"""How deep nested settings are written out."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a component's settings.

    Attributes:
        name: With the keys that lead to it: `visibility.initial`, `messages[].body`.
        type: What it takes, in words.
        required: It has no default.
        default: As a file would say it.
        description: What it means.
    """

    name: str
    type: str
    required: bool
    default: object
    description: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A component's reference page.

    Attributes:
        kind: Source, stage or sink.
        name: What `use` says.
        distribution: Where it comes from.
        needs_plugins: A file must name the distribution under `plugins`.
        summary: The first line of its docstring.
        text: The docstring without the example.
        example: YAML that uses it.
        keys: Its settings, nested ones included.
        beside: The keys that stand beside `use` and `with`.
        actions: The IAM actions that the example needs.
        schema: The JSON Schema of its settings.
        error: Why it cannot be used; all that follows the name is then empty.
    """

    kind: str
    name: str
    distribution: str
    needs_plugins: bool
    summary: str = ""
    text: str = ""
    example: str = ""
    keys: Sequence[Key] = ()
    beside: Sequence[str] = ()
    actions: Sequence[str] = ()
    schema: dict[str, object] = field(default_factory=dict[str, object])
    error: str | None = None


def describe(entry: Entry) -> Reference:
    """Return the reference page of an installed component; one that is broken has its error there."""
    names = (entry.kind, entry.name, entry.distribution, not entry.is_ours)
    try:
        component = entry.load()
        schema = cast("dict[str, object]", component.model_json_schema(by_alias=True))
        text = inspect.getdoc(component) or ""
        example = _example(text) or _made_example(entry, component, schema)
        return Reference(
            *names,
            summary=text.partition("\n")[0],
            text=_EXAMPLE.sub("", text).strip(),
            example=example,
            keys=list(_keys(component, "", 1)),
            beside=_beside(SourceUse if entry.kind == "source" else StageUse),
            actions=_actions(component, example),
            schema=schema,
        )
    except UnknownComponent as error:
        return Reference(*names, error=str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may do anything, and one must not hide the others
        return Reference(*names, error=f"cannot be described: {type(error).__name__}: {str(error)[:200]}")


def _beside(use: type[BaseModel]) -> list[str]:
    return [key for name, field in use.model_fields.items() if name not in _OWN and (key := field.alias or name)]


def _keys(model: type[BaseModel], prefix: str, level: int) -> Iterator[Key]:
    defaults = value_at(model.model_json_schema(by_alias=True), ("properties",))
    for attribute, info in model.model_fields.items():
        key = info.alias or attribute
        nested = models_in(info.annotation)
        expand = len(nested) == 1 and level < _LEVELS
        default = value_at(defaults, (key, "default"))
        yield Key(
            name=f"{prefix}{key}",
            type=in_words(info.annotation),
            required=info.is_required(),
            default=None if expand and isinstance(default, dict) else default,
            description=info.description or (_summary(nested[0]) if expand else ""),
        )
        if expand:
            yield from _keys(nested[0], f"{prefix}{key}{_step(info)}", level + 1)


def _step(info: FieldInfo) -> str:
    """Return what leads from a key to the keys below: an element of a list, a value of a mapping."""
    words = in_words(info.annotation)
    return "[]." if words.startswith("list of") else ".*." if words.startswith("mapping of") else "."


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").partition("\n")[0]


def _example(text: str) -> str:
    found = _EXAMPLE.search(text)
    return found[1] if found else ""


def _made_example(entry: Entry, component: type[Component], schema: object) -> str:
    """Return an example from those of the required keys, to be copied as it is; nothing when one has none."""
    rows = [f"use: {entry.name}"]
    for attribute, info in component.model_fields.items():
        if info.is_required():
            key = info.alias or attribute
            sample = value_at(schema, ("properties", key, "examples", 0))
            if sample is None:
                return ""
            rows += ["with:"] if len(rows) == 1 else []
            rows.append(f"  {key}: {_as_yaml(sample)}")
    first, rest = ("", "") if entry.kind == "source" else ("- ", "  ")  # stages and sinks stand in lists
    return "\n".join([first + rows[0], *(rest + row for row in rows[1:])])


def _as_yaml(sample: object) -> str:
    is_plain = isinstance(sample, str) and re.fullmatch(r"[A-Za-z][\w.-]*", sample)
    return str(sample) if is_plain else json.dumps(sample, ensure_ascii=False)


def _actions(component: type[Component], example: str) -> list[str]:
    """Return the IAM actions that the example's settings need; none where they cannot be told from them alone."""
    try:
        document = yaml.parse("example:\n" + "".join(f"  {line}\n" for line in example.splitlines()), "example")
        place = ("example",) if value_at(document.value, ("example", "use")) else ("example", 0)
        settings = value_at(document.value, (*place, "with"))
        made = component.model_validate(settings or {}, context={"folder": Path()})
    except (InvalidPipeline, ValidationError):
        return []
    return sorted({action for resource in made.resources() for action in resource.actions})
