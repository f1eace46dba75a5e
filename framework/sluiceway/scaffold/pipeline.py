"""A pipeline proposed from samples: the upstream's schema, a map to our own words, and a test."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sluiceway.core.json import JSON
from sluiceway.scaffold.infer import schema_of

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What a new pipeline may be called: its file and its queues have that name too."""

_PLAIN: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SAFE_KEY: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_TAGS: Final = frozenset(
    {"jmes", "literal", "each", "secret", "as", "default", "enum", "type", "optional", "on_unknown"}
)
_DEEPEST: Final = 6
_LONGEST_TEST: Final = 4000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new pipeline, but for what its test expects.

    Attributes:
        name: The pipeline's name.
        stages: The text of its stages.
        sample: What its test gives.
        schema: The schema of the samples; None without one.
    """

    name: str
    stages: str
    sample: JSON
    schema: str | None = None

    @property
    def schema_file(self) -> str:
        """Where the schema stands, beside the pipeline."""
        return _schema_file(self.name)

    def text(self, expected: JSON = None) -> str:
        """Return the pipeline file, with a test that expects this body; without one, it has no test."""
        text = _HEAD.format(name=self.name) + self.stages + _TAIL.format(name=self.name)
        given, result = _flow(self.sample), _flow(expected)
        if expected is None or len(given) + len(result) > _LONGEST_TEST:
            return text
        return text + _TEST.format(given=given, result=result)


def propose(name: str, samples: Sequence[JSON] = ()) -> Proposal:
    """Return a pipeline for messages like these, which passes `lint`.

    Args:
        name: The pipeline's name; its queues are called after it.
        samples: Bodies of messages as the upstream sends them; without one the pipeline passes everything on.
    """
    if not samples:
        return Proposal(name, "stages: []\n", {"hello": "world"})
    stages = "stages:\n" + _VALIDATE.format(schema=_schema_file(name))
    if all(isinstance(sample, dict) and sample for sample in samples):
        stages += _TRANSLATE + "\n".join(_object_lines(samples, "body", 8)) + "\n"
    schema = json.dumps(schema_of(samples, name), indent=2, ensure_ascii=False)
    return Proposal(name, stages, samples[0], schema + "\n")


def _schema_file(name: str) -> str:
    return f"schemas/{name}.v1.json"


_HEAD: Final = """\
# yaml-language-server: $schema=./sluiceway.schema.json
version: 1
name: {name}
description: What {name} carries, from whom, and for whom.

source:
  use: sqs
  with: {{queue: "${{QUEUE:-{name}}}"}}

"""
_VALIDATE: Final = """\
  - id: as-agreed
    use: validate                         # what the upstream sends: proposed from samples, to be agreed with them
    with: {{schema: {schema}, unknown_fields: count}}
"""
_TRANSLATE: Final = """\
  - id: our-words
    use: translate                        # keep what you need, under the names that your own people use
    with:
      map:
"""


_TAIL: Final = """
sinks:
  - id: out
    use: sqs
    with: {{queue: "${{OUT_QUEUE:-{name}-out}}"}}

errors:
  dead_letter: {{use: sqs, with: {{queue: "${{DEAD_LETTERS:-{name}-dlq}}"}}}}
"""
_TEST: Final = """
tests:
  - name: a message as the sample goes out
    given: {{body: {given}}}
    expect: {{out: [{{body: {result}}}]}}
"""


def _object_lines(samples: Sequence[JSON], path: str, indent: int, level: int = 0) -> list[str]:
    """Return the lines of a map for objects: each member under its own name, written as we write names."""
    objects = [sample for sample in samples if isinstance(sample, dict)]
    names = list(dict.fromkeys(name for each in objects for name in each))
    ours = {name: _name(name) for name in names}
    if len(set(ours.values())) < len(names):
        ours = {name: name for name in names}
    lines: list[str] = []
    for name in names:
        values = [each[name] for each in objects if name in each]
        is_optional = len(values) < len(samples)
        lines += _member(_key(ours[name]), values, f"{path}.{_step(name)}", indent, level, optional=is_optional)
    return lines


def _member(key: str, values: Sequence[JSON], path: str, indent: int, level: int, *, optional: bool) -> list[str]:
    space = " " * indent
    is_deep = level >= _DEEPEST or optional
    if not is_deep and all(isinstance(value, dict) and _maps(value) for value in values):
        return [f"{space}{key}:", *_object_lines(values, path, indent + 2, level + 1)]
    elements = [element for value in values if isinstance(value, list) for element in value]
    is_list = all(isinstance(value, list) for value in values)
    if not is_deep and is_list and elements and all(isinstance(each, dict) and _maps(each) for each in elements):
        inner = _object_lines(elements, "item", indent + 4, _DEEPEST)
        return [f"{space}{key}:", f"{space}  each: {{jmes: {_quoted(path)}}}", f"{space}  as:", *inner]
    may_miss = optional or any(value is None for value in values)
    extra = ", optional: true" if may_miss else _typed(values)
    return [f"{space}{key}: {{jmes: {_quoted(path)}{extra}}}"]


def _typed(values: Sequence[JSON]) -> str:
    return ", type: integer" if all(type(value) is int for value in values) else ""


def _maps(value: Mapping[str, JSON]) -> bool:
    """Tell whether an object can be written as a map: it has members, and none of them reads as a tag."""
    return bool(value) and not _TAGS.intersection(value) and not _TAGS.intersection(map(_name, value))


def _name(name: str) -> str:
    """Return a name as the proposed map has it: `order_no` and `OrderNo` are `orderNo`; what is no word stays."""
    if not _SAFE_KEY.fullmatch(name):
        return name
    first, *rest = [part for part in re.split(r"[_-]+", name) if part] or [name]
    return first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in rest)


def _key(name: str) -> str:
    return name if _SAFE_KEY.fullmatch(name) and name not in ("null", "true", "false") else json.dumps(name)


def _step(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w.]+", path, re.ASCII) else json.dumps(path, ensure_ascii=True)


def _flow(value: JSON) -> str:
    """Return a value as JSON, which is YAML too; its `$` escaped, which begins a variable there."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${")
