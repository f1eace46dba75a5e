"""The JSON Schema of pipeline files, for editors: keys, types and descriptions of all that is installed.

An editor cannot know what `lint` knows; what this schema refuses, `lint` refuses too.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from sluiceway.config.file import DeadLetterUse, PipelineFile, SinkUse, SourceUse, StageUse
from sluiceway.config.registry import Entry, Kind, Registry, UnknownComponent
from sluiceway.core.component import Component, Sink, Source

Node = dict[str, Any]
"""A part of a JSON Schema."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE: Final[Node] = {
    "type": "string",
    "pattern": r"^\.{1,2}/.+\.py:\w+$",
    "description": "A function or class in a Python file beside this one, which `plugins` names: ./stages.py:name.",
}
FRAGMENT: Final[Node] = {
    "type": "string",
    "pattern": r"^\.{1,2}/.+\.ya?ml$",
    "description": "A fragment, stages in a file of their own; `with` has its parameters: ./common/normalise.yaml.",
}
VARIABLE: Final[Node] = {"type": "string", "pattern": r"\$\{"}

_PLACES: Final[dict[type[BaseModel], Kind]] = {
    SourceUse: "source",
    StageUse: "stage",
    SinkUse: "sink",
    DeadLetterUse: "sink",
}
_MODE: Final[JsonSchemaMode] = "validation"


def pipeline_schema(registry: Registry | None = None) -> Node:
    """Return the schema (draft 2020-12) of a pipeline file that uses what is installed, plugins included.

    A plugin that cannot be imported has its name in the schema and takes any keys.
    """
    components = _components(registry or Registry())
    models: list[type[BaseModel]] = [PipelineFile, *_PLACES, *(component for _, component in components if component)]
    refs, whole = models_json_schema(
        [(model, _MODE) for model in dict.fromkeys(models)], by_alias=True, ref_template="#/$defs/{model}"
    )
    definitions = cast("dict[str, Node]", whole["$defs"])
    for place, kind in _PLACES.items():
        there = [
            (entry, refs[component, _MODE] if component else None, component)
            for entry, component in components
            if entry.kind == kind and (place is not DeadLetterUse or _keeps_dead_letters(component))
        ]
        _choose(definitions[refs[place, _MODE]["$ref"].rpartition("/")[2]], there, files=kind == "stage")
    whole_file = definitions[refs[PipelineFile, _MODE]["$ref"].rpartition("/")[2]]
    whole_file["allOf"] = [_needs_dead_letters(components)]
    schema = {"$schema": DIALECT, "title": "A Sluiceway pipeline", **refs[PipelineFile, _MODE], "$defs": definitions}
    return cast("Node", _relaxed(schema))


def _components(registry: Registry) -> list[tuple[Entry, type[Component] | None]]:
    return [(entry, _loaded(entry)) for entry in registry.entries()]


def _loaded(entry: Entry) -> type[Component] | None:
    try:
        component = entry.load()
        component.model_json_schema()
    except UnknownComponent:
        return None
    except Exception:  # noqa: BLE001 - a plugin's field without a JSON Schema must not cost the others theirs
        return None
    return component


def _keeps_dead_letters(component: type[Component] | None) -> bool:
    return component is None or (issubclass(component, Sink) and component.dead_letters)


def _choose(place: Node, there: Iterable[tuple[Entry, Node | None, type[Component] | None]], *, files: bool) -> None:
    """Say what `use` may be at a place of the file, and what `with` takes then."""
    named: dict[str, Node] = {}
    rules: list[Node] = []
    for entry, ref, component in there:
        if entry.name in named:  # claimed twice: which one it is the file's `plugins` decide
            rules = [rule for rule in rules if rule["if"]["properties"]["use"]["const"] != entry.name]
            continue
        named[entry.name] = {"const": entry.name, "description": _summary(component)}
        if ref is not None and component is not None:
            rules.append(_rule(entry.name, ref, component))
    place["properties"]["use"] = {
        "description": place["properties"]["use"].get("description", ""),
        "anyOf": [*named.values(), *([FILE, FRAGMENT] if files else [])],
    }
    place["allOf"] = rules


def _rule(name: str, ref: Node, component: type[Component]) -> Node:
    then: Node = {"properties": {"with": ref}}
    if any(field.is_required() for field in component.model_fields.values()):
        then["required"] = ["with"]
    return {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": then}


def _needs_dead_letters(components: Iterable[tuple[Entry, type[Component] | None]]) -> Node:
    """Require a dead-letter queue beside a source that would hand out a wrong message for ever."""
    names = [e.name for e, found in components if found and issubclass(found, Source) and found.needs_dead_letters]
    uses = {"properties": {"use": {"enum": names}}, "required": ["use"]}
    letters = {"properties": {"dead_letter": {"type": "object"}}, "required": ["dead_letter"]}
    return {
        "if": {"properties": {"source": uses}, "required": ["source"]},
        "then": {"properties": {"errors": letters}, "required": ["errors"]},
    }


def _summary(component: type[Component] | None) -> str:
    return (inspect.getdoc(component) or "").partition("\n")[0] if component else ""


_SCHEMAS = ("items", "additionalProperties", "contains", "not", "then", "else", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs")
_ANNOTATIONS = ("description", "default", "examples")


def _relaxed(node: object) -> object:
    """Return a schema that takes `${NAME}` where a typed scalar stands, and whose titles repeat no key."""
    if not isinstance(node, dict):
        return node
    made: Node = {}
    for key, value in cast("Node", node).items():
        if key in _SCHEMAS:
            made[key] = _relaxed(value)
        elif key in _LISTS:
            # a text with a variable may satisfy several members, which oneOf would refuse
            made["anyOf" if key == "oneOf" else key] = [_relaxed(member) for member in value]
        elif key in _MAPS:
            made[key] = {name: _relaxed(member) for name, member in value.items()}
        elif key not in ("title", "discriminator") or "$schema" in node:
            made[key] = value
    return _or_variable(made) if _is_typed_scalar(made) else made


def _is_typed_scalar(node: Node) -> bool:
    if node.get("type") in ("integer", "number", "boolean"):
        return "const" not in node
    return node.get("type") == "string" and bool({"pattern", "enum", "minLength", "maxLength", "format"} & set(node))


def _or_variable(node: Node) -> Node:
    said = {key: node.pop(key) for key in _ANNOTATIONS if key in node}
    return {**said, "anyOf": [node, VARIABLE]}
