"""The values that a map computes: `{jmes: …}` with what may stand beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, Literal, Self, TypeAlias, cast

from pydantic import Discriminator, Field, PlainValidator, Tag, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Expression, Reject, Settings, Shape
from sluiceway_patterns.values import CONVERSIONS, TypeName, cut, dotted, enum_key, shown

Scope: TypeAlias = dict[str, object]
"""What expressions see: `id`, `body`, `headers`, `meta`, and inside `each` also `item` and `index`."""
Make: TypeAlias = Callable[[Scope], object]
"""A compiled node: makes its part of the output, which may be LEFT_OUT, or raises Misfit."""

LEFT_OUT: Final = object()
"""Stands for an optional value that is not there."""


class Misfit(Exception):
    """A value that the map cannot make. Each level that it passes on its way out puts its key before the path."""

    def __init__(self, problem: str, error: Literal["invalid", "missing"] = "invalid") -> None:
        super().__init__(problem)
        self.problem = problem
        self.error: Literal["invalid", "missing"] = error
        self.path: list[str | int] = []

    def rejection(self) -> Reject:
        """Return the rejection that names the whole path in the output."""
        place = f"{dotted(self.path)}: " if self.path else ""
        return Reject(place + self.problem, error=self.error)


def _parse_jmes(value: object, info: ValidationInfo) -> Expression:
    if isinstance(value, Expression):
        return value
    try:
        return Expression.parse({"jmes": value}, info.context)
    except ValueError as error:
        # The message goes in last: pydantic fills in {names} in what it has put in before.
        context = {"offset": getattr(error, "offset", None), "message": str(error)}
        raise PydanticCustomError("expression", "{message}", context) from None


Jmes: TypeAlias = Annotated[
    Expression,
    PlainValidator(_parse_jmes),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 4096}),
]
"""The text of a JMESPath expression, compiled."""


class UnknownDefault(Settings):
    """The value to use when an enum does not know the one that came."""

    default: object = Field(description="The value to use.")


OnUnknown: TypeAlias = Annotated[
    Annotated[Literal["reject", "keep"], Tag("<word>")] | Annotated[UnknownDefault, Tag("<default>")],
    Discriminator(lambda value: "<default>" if isinstance(value, dict | UnknownDefault) else "<word>"),
]


class Computed(Settings):
    """A value computed from the message: expression, then `default`, then `enum`, then `type`."""

    jmes: Jmes = Field(description="JMESPath over id, body, headers, meta; inside `each … as` also item and index.")
    default: object = Field(default=None, description="Replaces a value that is missing or null.")
    optional: bool = Field(default=False, description="Leave the key out when the value is missing or null.")
    enum: dict[str, object] | None = Field(
        default=None,
        min_length=1,
        description="Translates a code; numbers, true, false and null stand under their JSON spelling.",
    )
    on_unknown: OnUnknown = Field(
        default="reject", description="What is done about a code that `enum` does not have; or {default: value}."
    )
    type: TypeName | None = Field(default=None, description="Convert without loss, or reject; null stays null.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.optional and self._has_default:
            raise _mistake("with a default the value is never left out: remove optional or default", "optional")
        if self.enum is None and "on_unknown" in self.model_fields_set:
            raise _mistake("on_unknown says what enum does, and there is no enum", "on_unknown")
        self._check_constants()
        return self

    def _check_constants(self) -> None:
        """Find the values in the file that no message could make right."""
        checks = [("enum", partial(self._convert, value)) for value in (self.enum or {}).values()]
        if isinstance(self.on_unknown, UnknownDefault):
            checks.append(("on_unknown", partial(self._convert, self.on_unknown.default)))
        if self._has_default:
            checks.append(("default", partial(self._finish, self.default)))
        for key, check in checks:
            try:
                check("the value")
            except Misfit as misfit:
                raise _mistake(misfit.problem, key) from None

    @property
    def _has_default(self) -> bool:
        return "default" in self.model_fields_set

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the value."""
        if self.type is not None:
            return Shape.of_types(self.type)
        shape = self.jmes.shape(view)
        if self._has_default:
            shape = Shape.either([shape, Shape.of_constant(cast("JSON", self.default))])
        if self.enum is None:
            return shape
        known = [Shape.of_constant(cast("JSON", value)) for value in self.enum.values()]
        if isinstance(self.on_unknown, UnknownDefault):
            known.append(Shape.of_constant(cast("JSON", self.on_unknown.default)))
        return Shape.either([*known, shape] if self.on_unknown == "keep" else known)

    def compile(self) -> Make:
        """Return the function that makes the value."""
        text = text_of(self.jmes)
        read, default, has_default, optional = reader(self.jmes), self.default, self._has_default, self.optional
        finish = self._finish if self.enum is not None or self.type is not None else None

        def make(scope: Scope) -> object:
            value = read(scope)
            if value is None:
                if optional:
                    return LEFT_OUT
                if not has_default:
                    raise Misfit(f"{text} is missing or null", "missing")
                value = default
            return value if finish is None else finish(value, text)

        return make

    def _finish(self, value: object, name: str) -> object:
        if self.enum is not None:
            value = self._translate(value, name)
        return self._convert(value, name)

    def _convert(self, value: object, name: str) -> object:
        if self.type is None or value is None:
            return value
        convert, refusal = CONVERSIONS[self.type]
        converted = convert(value)
        if converted is None:
            raise Misfit(f"{name} is {shown(value)}, {refusal}")
        return converted

    def _translate(self, value: object, name: str) -> object:
        enum = cast("dict[str, object]", self.enum)
        key = enum_key(value)
        if key is not None and key in enum:
            return enum[key]
        if isinstance(self.on_unknown, UnknownDefault):
            return self.on_unknown.default
        if self.on_unknown == "keep":
            return value
        raise Misfit(f"{name} is {shown(value)}; the enum knows {cut(', '.join(enum), 200)}")


def reader(expression: Expression) -> Callable[[Scope], object]:
    """Return the function that computes an expression."""

    def read(scope: Scope) -> object:
        try:
            return expression.evaluate(scope)
        except Reject as rejection:  # a function was given what it does not take: say at which place of the output
            raise Misfit(rejection.reason) from None

    return read


def text_of(expression: Expression) -> str:
    """Return an expression as reasons name it."""
    return cut(expression.text or "")


def _mistake(message: str, key: str) -> PydanticCustomError:
    """Return an error whose place is a key of the node: `path` leads there from the node."""
    return PydanticCustomError("map", "{message}", {"path": [key], "message": message})
