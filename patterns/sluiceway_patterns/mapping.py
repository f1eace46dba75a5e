"""The map of `translate`: its nodes as a pipeline file has them, and what they are compiled to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, TypeAlias, cast

from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from sluiceway import JSON, Expression, Settings, Shape
from sluiceway_patterns.computed import LEFT_OUT, Computed, Jmes, Make, Misfit, Scope, reader, text_of
from sluiceway_patterns.values import shown

_TAGS: Final = ("jmes", "each", "literal")
ELEMENT: Final = ("item", "index")
"""What `each` adds to what expressions see."""

_LEVELS: Final = 64


class Elements(Settings):
    """The list that `each` goes through."""

    jmes: Jmes = Field(description="JMESPath that gives a list.")
    default: list[object] | None = Field(default=None, description="The list to use when it is missing or null.")


class Each(Settings):
    """A list, with each element of another list translated."""

    each: Elements = Field(description="The list to go through.")
    as_: Node = Field(alias="as", description="What becomes of an element, which is `item`; its place is `index`.")

    def view_for(self, key: str, view: Shape) -> Shape:
        """Return what `as` sees: each element as `item`, its place as `index`, and all else besides."""
        if key != "as_":
            return view
        return view.put(["item"], self.each.jmes.shape(view).items()).put(["index"], Shape.of_types("integer"))

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the list."""
        return Shape.of_items(self.as_.shape(self.view_for("as_", view)))

    def compile(self) -> Make:
        """Return the function that makes the list."""
        text, read, default = text_of(self.each.jmes), reader(self.each.jmes), self.each.default
        make_one = self.as_.compile()

        def make(scope: Scope) -> object:
            elements = read(scope)
            if elements is None:
                if default is None:
                    raise Misfit(f"{text} is missing or null", "missing")
                elements = default
            if not isinstance(elements, list):
                raise Misfit(f"{text} is {shown(elements)}, not a list")
            return _make_list(
                (make_one, {**scope, "item": item, "index": index})
                for index, item in enumerate(cast("list[object]", elements))
            )

        return make


class Verbatim(Settings):
    """A value that stands for itself, whatever its keys."""

    literal: object = Field(description="The value.")

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the value."""
        return Shape.of_constant(cast("JSON", self.literal))

    def compile(self) -> Make:
        """Return the function that gives the value."""
        return _constant(self.literal)


class Scalar(RootModel[object]):
    """A scalar, which stands for itself."""

    model_config = ConfigDict(json_schema_extra={"type": ["string", "number", "boolean", "null"]})

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the scalar."""
        return Shape.of_constant(cast("JSON", self.root))

    def compile(self) -> Make:
        """Return the function that gives the scalar."""
        return _constant(self.root)


class Items(RootModel[list["Node"]]):
    """A list, each element a node."""

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the list."""
        return Shape.of_items(Shape.either([node.shape(view) for node in self.root]))

    def compile(self) -> Make:
        """Return the function that makes the list."""
        makes = [node.compile() for node in self.root]
        return lambda scope: _make_list((make, scope) for make in makes)


class Fields(RootModel[dict[str, "Node"]]):
    """An object, each member a node."""

    model_config = ConfigDict(json_schema_extra={"propertyNames": {"not": {"enum": list(_TAGS)}}})

    def shape(self, view: Shape) -> Shape:
        """Return the shape of the object: a map's keys are all that there is."""
        return Shape.of_members({key: node.shape(view) for key, node in self.root.items()})

    def compile(self) -> Make:
        """Return the function that makes the object."""
        makes = [(key, node.compile()) for key, node in self.root.items()]

        def make_object(scope: Scope) -> object:
            made: dict[str, object] = {}
            for key, make in makes:
                try:
                    value = make(scope)
                except Misfit as misfit:
                    misfit.path.insert(0, key)
                    raise
                if value is not LEFT_OUT:
                    made[key] = value
            return made

        return make_object


def _tag(value: object) -> str:
    """Tell which kind of node a value is. The tags stand in error paths, so they are no possible keys."""
    match value:
        case dict():
            return next((f"<{tag}>" for tag in _TAGS if tag in value), "<object>")
        case list():
            return "<list>"
        case _:
            return "<scalar>"


Node: TypeAlias = Annotated[
    Annotated[Computed, Tag("<jmes>")]
    | Annotated[Each, Tag("<each>")]
    | Annotated[Verbatim, Tag("<literal>")]
    | Annotated[Fields, Tag("<object>")]
    | Annotated[Items, Tag("<list>")]
    | Annotated[Scalar, Tag("<scalar>")],
    Discriminator(_tag),
]
"""One place in the map. A mapping with a key jmes, each or literal is that node, any other an object."""


def check_depth(value: object) -> object:
    """Refuse a map of too many levels: they are counted without recursion, before anything that recurses reads it."""
    level = [value]
    for _ in range(_LEVELS + 1):  # below the last level of containers there are scalars
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise PydanticCustomError("map", "nested deeper than {levels} levels", {"levels": _LEVELS})


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def check_body(node: Node, *, added: Sequence[str] = ()) -> Node:
    """Refuse a node that makes no body of its own, may make nothing, or names what is not there."""
    if isinstance(node, Scalar):
        hint = "expected a mapping in the shape of the new body; an expression is written {jmes: …}"
        raise PydanticCustomError("map", "{message}", {"message": hint})
    if isinstance(node, Computed) and node.optional:
        raise PydanticCustomError("map", "the whole body cannot be left out: remove optional")
    if wrong := list(wrong_names(node, added)):
        raise ValidationError.from_exception_data("map", wrong, hide_input=True)
    return node


def wrong_names(node: Node, added: Sequence[str] = (), at: Sequence[str | int] = ()) -> Iterator[InitErrorDetails]:
    """Yield an error for each expression that names what is not there, which no message could make right.

    Args:
        node: The node.
        added: The names that expressions in it may use besides those of the message.
        at: Where the node stands in the map.
    """
    match node:
        case Computed():
            yield from _wrong_name(node.jmes, added, at)
        case Each():
            yield from _wrong_name(node.each.jmes, added, (*at, "each"))
            yield from wrong_names(node.as_, tuple(dict.fromkeys((*added, *ELEMENT))), (*at, "as"))
        case Fields() | Items():
            children = node.root.items() if isinstance(node, Fields) else enumerate(node.root)
            for key, child in children:
                yield from wrong_names(child, added, (*at, key))
        case _:
            return


def _wrong_name(jmes: Expression, added: Sequence[str], at: Sequence[str | int]) -> Iterator[InitErrorDetails]:
    if error := jmes.wrong_name(*added):
        yield InitErrorDetails(type=error, loc=tuple(at), input=None)


def _make_list(steps: Iterable[tuple[Make, Scope]]) -> list[object]:
    made: list[object] = []
    for index, (make, scope) in enumerate(steps):
        try:
            value = make(scope)
        except Misfit as misfit:
            misfit.path.insert(0, index)
            raise
        if value is not LEFT_OUT:
            made.append(value)
    return made


def _constant(value: object) -> Make:
    return lambda _scope: value


for _model in (Each, Items, Fields):
    _model.model_rebuild()
