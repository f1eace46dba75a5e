"""Turn pydantic's validation errors into problems: in our words, at their places in the file.

A validator of ours raises `ValueError("expected a duration such as 30s, found 12")`. What follows `, found `
is replaced where the value must not be shown: secrets, and what came from an environment variable. In pydantic's
`ctx` an error may have a `path`, and is placed that much deeper (so is `InvalidPattern` by its own); `allowed`, the
keys that would have been right; `within`, the part of the text that is wrong; a `suggestion`; and `value_free`, a
promise that its message shows no value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sluiceway.config.document import Document, Path, value_at
from sluiceway.config.hidden import hidden_texts, tells
from sluiceway.config.model_fields import fields_at
from sluiceway.config.problems import in_order, nearest, shown
from sluiceway.config.sensitive import is_sensitive, names_secret
from sluiceway.core.problem import Problem

_EXPECTED: dict[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
}
"""What a field would have taken, by pydantic's error type."""

_NOT_A_KEY = re.compile(r"<.*>|\[key\]|function-.*")
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(?<!\w)(?!or\b)([^\s,'"]+)""")


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One of pydantic's errors, placed in the document.

    Attributes:
        kind: Pydantic's error type.
        path: Where, from the top of the document.
        loc: Pydantic's own path, with tags.
        context: Pydantic's `ctx`.
        message: Pydantic's message.
        in_union: It is what one member of a union says about the whole value.
        of_key: It is about the key, not the value.
    """

    kind: str
    path: Path
    loc: Path
    context: Mapping[str, Any]
    message: str
    in_union: bool
    of_key: bool


def problems_from(
    error: ValidationError, document: Document, prefix: Sequence[str | int], model: type[BaseModel]
) -> list[Problem]:
    """Return the problems that a validation error lists, in order, follow-on errors left out.

    Args:
        error: What pydantic raised.
        document: The file.
        prefix: Where in it the validated value stands.
        model: The model that it was validated against.
    """
    details = error.errors(include_url=False, include_input=False)
    mistakes = [_placed(detail, document, tuple(prefix)) for detail in details]
    mistakes = _without_follow_ons(mistakes, document, model)
    return in_order(_problem(mistake, mistakes, document, model) for mistake in _first_of_unions(mistakes))


def _placed(detail: ErrorDetails, document: Document, prefix: Path) -> _Mistake:
    """Find the place of an error: what is no key of the document there is a union's tag or type name."""
    path, is_key = prefix, False
    for index, part in enumerate(detail["loc"], start=1):
        value: object = value_at(document.value, path)
        names_itself = index == len(detail["loc"]) and detail["type"] in ("missing", "extra_forbidden")
        key = part if _has(value, part) else str(part)
        is_key = names_itself or (not _NOT_A_KEY.fullmatch(str(part)) and _has(value, key))
        path = (*path, key) if is_key else path
    context = cast("Mapping[str, Any]", detail.get("ctx", {}))
    deeper = context.get("path", getattr(context.get("error"), "path", ()))
    loc = detail["loc"]
    of_key = bool(loc) and loc[-1] == "[key]"
    in_union = bool(loc) and not is_key and not of_key
    return _Mistake(detail["type"], (*path, *deeper), loc, context, detail["msg"], in_union, of_key)


def _has(value: object, key: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(key, int) and 0 <= key < len(cast("list[object]", value))
    return isinstance(value, dict) and key in value


def _without_follow_ons(mistakes: Sequence[_Mistake], document: Document, model: type[BaseModel]) -> list[_Mistake]:
    """Drop what another mistake explains: one mistake, one error."""

    def follows(mistake: _Mistake) -> bool:
        if any(mistake.path[:end] in document.unresolved for end in range(len(mistake.path) + 1)):
            return True
        if mistake.kind == "missing":
            return mistake.path in meant
        # a union says what each member would have taken; the member that got further knows more
        return mistake.in_union and any(
            len(other.path) > len(mistake.path) and other.path[: len(mistake.path)] == mistake.path
            for other in mistakes
        )

    meant: set[Path] = set()
    for mistake in mistakes:
        if mistake.kind == "extra_forbidden":
            name = nearest(str(mistake.path[-1]), fields_at(model, mistake.loc[:-1]))
            meant |= {(*mistake.path[:-1], name)} if name else set()
    return [mistake for mistake in mistakes if not follows(mistake)]


def _first_of_unions(mistakes: Sequence[_Mistake]) -> list[_Mistake]:
    firsts = {mistake.path: mistake for mistake in reversed(mistakes) if mistake.in_union}
    return [m for m in mistakes if not m.in_union or firsts[m.path] is m]


def _problem(mistake: _Mistake, mistakes: Sequence[_Mistake], document: Document, model: type[BaseModel]) -> Problem:
    special: dict[str, Callable[[_Mistake, Document, type[BaseModel]], Problem]] = {
        "extra_forbidden": _unknown_key,
        "missing": _missing_key,
        "literal_error": _not_allowed,
        "enum": _not_allowed,
        "union_tag_invalid": _not_allowed,
        "union_tag_not_found": _no_tag,
    }
    make = special.get(mistake.kind)
    if make:
        return make(mistake, document, model)
    if mistake.kind in _EXPECTED:
        same = [m for m in mistakes if m.path == mistake.path and m.kind in _EXPECTED]
        wanted = dict.fromkeys(_EXPECTED[m.kind].format(**m.context) for m in same)
        message = f"expected {' or '.join(wanted)}{_found(mistake, document)}"
    else:
        message = _own_message(mistake, document)
    allowed = tuple(mistake.context.get("allowed", ()))
    suggestion = nearest(str(mistake.path[-1]), allowed) if allowed else mistake.context.get("suggestion")
    return document.problem(
        mistake.path,
        message,
        code="invalid",
        key=mistake.of_key or bool(allowed),
        within=mistake.context.get("within", ""),
        allowed=allowed,
        suggestion=suggestion,
    )


def _unknown_key(mistake: _Mistake, document: Document, model: type[BaseModel]) -> Problem:
    key, parent = str(mistake.path[-1]), value_at(document.value, mistake.path[:-1])
    allowed = tuple(sorted(fields_at(model, mistake.loc[:-1])))
    unused = [name for name in allowed if not _has(parent, name)]
    return document.problem(
        mistake.path,
        f"unknown key `{key}`",
        code="unknown-key",
        key=True,
        allowed=allowed,
        suggestion=nearest(key, unused) or nearest(key, allowed),
    )


def _missing_key(mistake: _Mistake, document: Document, model: type[BaseModel]) -> Problem:
    key, parent = str(mistake.path[-1]), mistake.path[:-1]
    field = fields_at(model, mistake.loc[:-1]).get(key)
    sample = field.examples[0] if field and field.examples else None
    written = sample if isinstance(sample, str) else json.dumps(sample, default=str)
    suggestion = None if sample is None else f"add `{key}: {written}`"
    message = f"the key `{key}` is missing"
    return document.problem(mistake.path, message, code="missing", key=True, at=parent, suggestion=suggestion)


def _not_allowed(mistake: _Mistake, document: Document, _model: type[BaseModel]) -> Problem:
    """Report a value outside a closed list, or a discriminator's value that no member of the union has."""
    discriminator = str(mistake.context.get("discriminator", "")).strip("'")
    path = (
        (*mistake.path, discriminator) if _has(value_at(document.value, mistake.path), discriminator) else mistake.path
    )
    listed = str(mistake.context.get("expected", mistake.context.get("expected_tags", "")))
    allowed = _listed(listed)
    value = value_at(document.written, path)
    suggestion = nearest(value, allowed) if isinstance(value, str) and not is_sensitive(path) else None
    found = "a value" if is_sensitive(path) else shown(value)
    return document.problem(
        path, f"{found} is not allowed here", code="not-allowed", allowed=allowed, suggestion=suggestion
    )


def _no_tag(mistake: _Mistake, document: Document, _model: type[BaseModel]) -> Problem:
    discriminator = str(mistake.context.get("discriminator", ""))
    if discriminator.startswith("'"):
        key = discriminator.strip("'")
        message = f"the key `{key}` is missing"
        return document.problem((*mistake.path, key), message, code="missing", key=True, at=mistake.path)
    message = f"expected another kind of value{_found(mistake, document)}"
    return document.problem(mistake.path, message, code="invalid")


def _own_message(mistake: _Mistake, document: Document) -> str:
    """Return a validator's message, without the value where that must not be shown."""
    message = str(mistake.context.get("error", mistake.message)) or mistake.message
    message = re.sub("^Input should be ", "expected ", message)
    hidden = hidden_texts(document, mistake.path)
    is_secret = is_sensitive(mistake.path) and mistake.path in hidden
    if mistake.context.get("value_free") or not (is_secret or any(tells(message, text) for text in hidden.values())):
        return message
    expected, found, _ = message.partition(", found ")
    return f"{expected if found else 'the value is not accepted'}{_found(mistake, document)}"


def _found(mistake: _Mistake, document: Document) -> str:
    """Return what stands at the place as the file has it: `${NAME}`, never the variable's value."""
    if is_sensitive(mistake.path) or names_secret(str(value_at(document.written, mistake.path))):
        return ""
    value = mistake.path[-1] if mistake.of_key else value_at(document.written, mistake.path)
    return f", found {shown(value)}"


def _listed(text: str) -> tuple[str, ...]:
    """Read pydantic's list of allowed values, `'a', 'b' or 3`; a tag `<each>` stands for the key `each`."""
    found = (one or two or bare for one, two, bare in _QUOTED.findall(text))
    return tuple(name.strip("<>") for name in found)
