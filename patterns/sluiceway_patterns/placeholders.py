"""Templates with placeholders, `<$.body.order_no>`, as EventBridge Pipes has them: read once, filled for each message.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from sluiceway import JSON, Reject, json
from sluiceway_patterns.values import cut, to_string

Fill: TypeAlias = Callable[[Mapping[str, object]], JSON]
"""Fills a part of a template, from what placeholders see."""

RESERVED: Final = {
    "aws.pipes.pipe-name": "pipeline",
    "aws.pipes.event.ingestion-time": "time",
    "aws.pipes.event": "event",
    "aws.pipes.event.json": "event",
}
"""What stands for what, besides the message."""

_VIEW: Final = ("id", "body", "headers", "meta")
_OTHER_NAMES: Final = {"messageId": "id", "messageAttributes": "headers", "attributes": "meta", "detail": "body.detail"}
"""What Pipes calls the parts of a message from SQS, and what a rule's event has."""

_MOST: Final = 100
_LEVELS: Final = 64
_BARE: Final = "\0"
"""Before a placeholder that stands without quotes in JSON text, and so for a value; no text in a file has it."""

_BEGINNING: Final = re.compile(r"<(?=\$|aws\.)")
_STEP: Final = re.compile(r"\.([\w/-]+)|\[(\d{1,9})\]|\.\*|\[\*\]")
_IN_JSON: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|<(?:\$|aws\.)[^<>"]*>', re.DOTALL)
_EVERY: Final = "*"


class WrongTemplate(ValueError):
    """A template that cannot be filled.

    Attributes:
        path: The keys and indices in the template that lead to the mistake.
        offset: Where in the text at that place.
    """

    def __init__(self, message: str, offset: int = 0, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.offset = offset
        self.path = tuple(path)


def compile_template(template: JSON) -> tuple[Fill, bool]:
    """Return the function that fills a template, and whether what it makes is text that is sent as it is.

    Raises:
        WrongTemplate: It is none.
    """
    found = [0]
    if not isinstance(template, str):
        return _tree(template, (), found), False
    alone = _BEGINNING.match(stripped := template.strip()) and stripped.find(">") == len(stripped) - 1
    if alone:
        return _value(stripped, found), False
    if not stripped.startswith(("{", "[")):
        return _text(template, (), found), True
    if _BARE in template or "\\u0000" in template:
        raise WrongTemplate("U+0000 cannot stand in a template")
    quoted = _IN_JSON.sub(lambda part: f'"\\u0000{part[0]}"' if part[0].startswith("<") else part[0], template)
    try:
        parsed = json.parse(quoted.encode())
    except json.InvalidJSON as error:
        raise WrongTemplate(f"the template begins as JSON and is none: {error}") from error
    return _tree(parsed, (), found, quotes=True), False


def _tree(node: JSON, path: Sequence[str | int], found: list[int], *, quotes: bool = False) -> Fill:
    if len(path) > _LEVELS:
        raise WrongTemplate(f"nested deeper than {_LEVELS} levels", path=path[:3])
    try:
        return _node(node, path, found, quotes=quotes)
    except WrongTemplate as wrong:
        wrong.path = wrong.path or tuple(path)
        raise


def _node(node: JSON, path: Sequence[str | int], found: list[int], *, quotes: bool) -> Fill:
    match node:
        case dict():
            if wrong := next((key for key in node if _BEGINNING.search(key)), None):
                raise WrongTemplate(f"a placeholder cannot stand in a key: {cut(wrong)}")
            members = [(key, _tree(child, (*path, key), found, quotes=quotes)) for key, child in node.items()]
            return lambda seen: {key: fill(seen) for key, fill in members}
        case list():
            elements = [_tree(child, (*path, at), found, quotes=quotes) for at, child in enumerate(node)]
            return lambda seen: [fill(seen) for fill in elements]
        case str() if node.startswith(_BARE):
            return _value(node[1:], found)
        case str() if not quotes and _BEGINNING.match(node) and node.find(">") == len(node) - 1:
            return _value(node, found)
        case str() if _BEGINNING.search(node):
            return _text(node, path, found)
        case _:
            return lambda _seen: node


def _value(placeholder: str, found: list[int]) -> Fill:
    steps = _steps(placeholder[1:-1], 1, found)
    return lambda seen: _look_up(seen, steps)


def _text(template: str, path: Sequence[str | int], found: list[int]) -> Fill:
    parts: list[str | tuple[str | int, ...]] = []
    end = 0
    for begin in _BEGINNING.finditer(template):
        close = template.find(">", begin.end())
        if close < 0:
            raise WrongTemplate(f"no > ends {cut(template[begin.start() :], 40)}", begin.start(), path)
        parts += [template[end : begin.start()], _steps(template[begin.end() : close], begin.end(), found)]
        end = close + 1
    parts.append(template[end:])
    return lambda seen: "".join(part if isinstance(part, str) else _as_text(_look_up(seen, part)) for part in parts)


def _steps(inside: str, offset: int, found: list[int]) -> tuple[str | int, ...]:
    """Read what stands between < and >."""
    found[0] += 1
    if found[0] > _MOST:
        raise WrongTemplate(f"more than {_MOST} placeholders", offset)
    if not inside.startswith("$"):
        if inside in RESERVED:
            return (RESERVED[inside],)
        raise WrongTemplate(f"<{cut(inside)}> is not known here; known are {', '.join(RESERVED)}", offset)
    steps: list[str | int] = []
    at = 1
    while at < len(inside):
        step = _STEP.match(inside, at)
        if step is None:
            raise WrongTemplate(f"{cut(inside)} is no path: expected .name, [0] or [*]", offset + at)
        steps.append(int(step[2]) if step[2] else step[1] or _EVERY)
        at = step.end()
    if len(steps) > _LEVELS:
        raise WrongTemplate(f"a path of more than {_LEVELS} steps", offset)
    if not steps or steps[0] not in _VIEW:
        raise WrongTemplate(_wrong_root(inside, str(steps[0]) if steps else ""), offset)
    return ("event", *steps)


def _wrong_root(inside: str, name: str) -> str:
    near = _OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, _VIEW, n=1)), "body")
    return f"{cut(inside)}: a message has {', '.join(_VIEW)}; did you mean $.{near}?"


def _look_up(seen: Mapping[str, object], steps: Sequence[str | int]) -> JSON:
    if _EVERY not in steps:
        return next(_found(seen, steps), None)
    return list(_found(seen, steps))


def _found(value: object, steps: Sequence[str | int]) -> Iterator[JSON]:
    """Yield what a path leads to, one value but for `*`."""
    if not steps:
        yield _plain(value)
        return
    step, *rest = steps
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        inner = (
            members.values() if step == _EVERY else [members[step]] if isinstance(step, str) and step in members else ()
        )
    elif isinstance(value, list):
        elements = cast("list[object]", value)
        inner = elements if step == _EVERY else elements[step : step + 1] if isinstance(step, int) else ()
    else:
        return
    for one in inner:
        yield from _found(one, rest)


def _plain(value: object) -> JSON:
    """Return a value as JSON has it: headers, meta and the message itself are no dicts."""
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return {name: _plain(member) for name, member in cast("Mapping[str, object]", value).items()}
    return cast("JSON", value)


def _as_text(value: JSON) -> str:
    if value is None:
        return ""
    text = to_string(value)
    if text is not None:
        return text
    try:
        return json.dump(value).decode()
    except ValueError as error:
        raise Reject(f"what the template shows cannot be written as JSON: {error}") from error
