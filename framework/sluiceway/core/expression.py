"""Expressions: the values in a pipeline file that are computed for each message."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final, cast, final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sluiceway.core.errors import InvalidExpression
from sluiceway.core.functions.tables import NO_TABLES, Tables
from sluiceway.core.jmes import MAX_BYTES, compile_jmes
from sluiceway.core.jmes_names import root_names
from sluiceway.core.jmes_shape import shape_of
from sluiceway.core.json import JSON, dump
from sluiceway.core.message import VIEW_NAMES
from sluiceway.core.shape import Shape

_TAGS: Final = ("jmes", "literal")


@final
class Expression:
    """A value in a pipeline file that is computed for each message.

    `{jmes: body.order_no}` is JMESPath over the message view `{id, body, headers, meta}` and the names that
    a stage adds, such as `item` and `index` in `translate`. A bare scalar stands for itself; `{literal: …}`
    stands for anything else. Expressions are immutable, and equal when they were written the same.
    """

    __slots__ = ("_literal", "_program", "_written")

    def __init__(self, *, jmes: str | None = None, literal: JSON = None, tables: Tables = NO_TABLES) -> None:
        self._program = None if jmes is None else compile_jmes(jmes, tables)
        self._literal = literal
        try:
            self._written = (jmes, dump(literal))
        except (TypeError, ValueError) as error:
            raise InvalidExpression(f"the literal is not JSON: {error}") from None

    @classmethod
    def parse(cls, value: object, context: object = None) -> Expression:
        """Read an expression as it stands in a pipeline file.

        Args:
            value: `{jmes: text}`, `{literal: anything}`, a scalar, or an `Expression`, which is returned.
            context: The context of the validation, a pydantic validator's `info.context`: it has the file's tables.

        Raises:
            InvalidExpression: The JMESPath cannot be compiled, or the value is a list or another mapping.
        """
        if isinstance(value, Expression):
            return value
        if isinstance(value, list):
            raise InvalidExpression("a list is no expression: write {literal: […]} for the list itself")
        if not isinstance(value, Mapping):
            return cls(literal=cast("JSON", value))
        tag, content = _tagged(cast("Mapping[object, object]", value))
        if tag == "literal":
            return cls(literal=cast("JSON", content))
        if not isinstance(content, str):
            raise InvalidExpression(f"jmes takes text, found {type(content).__name__}: put it in quotes")
        return cls(jmes=content, tables=_tables(context))

    def evaluate(self, view: Mapping[str, object]) -> JSON:
        """Compute the value for one message; a path that leads nowhere gives None.

        The result may be part of the view: it must not be changed.

        Args:
            view: The names that the expression may use. Only those that it does use are read.

        Raises:
            Reject: A function was given a value that it does not take (class `invalid`), or the expression makes
                millions of values of this message (class `oversize`).
        """
        return self._literal if self._program is None else self._program(view)

    @property
    def is_literal(self) -> bool:
        """Whether the value is the same for every message."""
        return self._program is None

    @property
    def text(self) -> str | None:
        """The JMESPath source, or None for a literal."""
        return self._written[0]

    def shape(self, view: Shape) -> Shape:
        """Return what is known of the value when the view has a shape."""
        return Shape.of_constant(self._literal) if self.text is None else shape_of(self.text, view)

    def wrong_name(self, *added: str) -> PydanticCustomError | None:
        """Return an error for a validator to raise when the expression looks up what is never there.

        Args:
            added: The names that a stage adds to the view, such as `item`.
        """
        known = (*VIEW_NAMES, *added)
        names = root_names(self.text) if self.text is not None else ()
        return next((_wrong_name(name, known) for name in names if name not in known), None)

    def __eq__(self, other: object) -> bool:
        return self._written == other._written if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._written)

    def __repr__(self) -> str:
        return f"Expression(literal={self._literal!r})" if self.is_literal else f"Expression(jmes={self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(cls._as_written)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        text = {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "JMESPath over the message",
        }
        return {
            "description": "A value computed for each message, or a scalar that stands for itself.",
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                _schema_of_tag("jmes", text),
                _schema_of_tag("literal", {"description": "The value itself"}),
            ],
        }

    @classmethod
    def _validate(cls, value: object, info: core_schema.ValidationInfo) -> Expression:
        try:
            expression = cls.parse(value, info.context)
        except InvalidExpression as error:
            at_text = isinstance(value, Mapping) and "jmes" in value and len(cast("Mapping[str, object]", value)) == 1
            # The message goes in last, as pydantic replaces {names} in what it has put in before.
            context = {"offset": error.offset, "path": ["jmes"] if at_text else [], "message": str(error)}
            raise PydanticCustomError("expression", "{message}", context) from None
        if wrong := expression.wrong_name():
            raise wrong
        return expression

    def _as_written(self) -> JSON:
        if self.text is not None:
            return {"jmes": self.text}
        return {"literal": self._literal} if isinstance(self._literal, (dict, list)) else self._literal


def _tables(context: object) -> Tables:
    found = cast("Mapping[str, object]", context).get("tables") if isinstance(context, Mapping) else None
    return cast("Tables", found or NO_TABLES)


def _tagged(value: Mapping[object, object]) -> tuple[object, object]:
    if len(value) == 1:
        ((tag, content),) = value.items()
        if tag in _TAGS:
            return tag, content
        near = difflib.get_close_matches(str(tag), _TAGS, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; write {literal: {…}} for the mapping itself"
        raise InvalidExpression(f"{tag!r} is not a tag of expressions, which are {' and '.join(_TAGS)}{hint}")
    if tags := [tag for tag in _TAGS if tag in value]:
        raise InvalidExpression(f"an expression has one key: nothing may stand beside {tags[0]}")
    raise InvalidExpression("a mapping is no expression: write {literal: {…}} for the mapping itself")


def _wrong_name(name: str, known: Sequence[str]) -> PydanticCustomError:
    near = difflib.get_close_matches(name, known, n=1)
    if name in ("item", "index"):
        advice = f"{name} is known inside `each … as` of translate only"
    else:
        advice = near[0] if near else f"a field of the body is written body.{name}"
    has = "a message has" if known == VIEW_NAMES else "here there are"
    context = {
        "path": ["jmes"],
        "within": name,
        "suggestion": advice,
        "message": f"there is no `{name}`; {has} {', '.join(known)}",
    }
    return PydanticCustomError("expression", "{message}", context)


def _schema_of_tag(tag: str, content: JsonSchemaValue) -> JsonSchemaValue:
    return {"type": "object", "properties": {tag: content}, "required": [tag], "additionalProperties": False}
