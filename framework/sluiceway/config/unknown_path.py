"""Say that a path in an expression or a pattern leads nowhere."""

from __future__ import annotations

from typing import Final, Literal

from sluiceway.config.document import Document, Path
from sluiceway.config.problems import nearest
from sluiceway.core.problem import Problem
from sluiceway.core.shape import Shape
from sluiceway.core.shape_parts import ARRAY, OBJECT, Types

WORDS: Final = {
    "string": "text",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
"""What people call the types of JSON."""


def unknown_path(  # noqa: PLR0913 - what there is to say of a name
    document: Document,
    path: Path,
    shape: Shape,
    where: str,
    name: str,
    *,
    offset: int | None = None,
    language: Literal["jmes", "pattern"],
) -> Problem:
    """Return the problem of a name that nothing has: an error where it cannot be there, else a warning.

    Args:
        document: The file.
        path: Where the expression stands, or the key of the pattern.
        shape: What is known of what the name was asked of.
        where: What that is, as the file has it: `body.customer`; empty where it has no path.
        name: The name.
        offset: Where in the expression it begins.
        language: What an element of a list is written in.
    """
    place = f"`{where}`" if where else "what comes here"
    names = tuple(sorted(shape.names()))
    suggestion = nearest(name, names)
    if shape.types is not None and not shape.types & OBJECT:
        message = f"{place} is {in_words(shape.types)} and has no `{name}`"
        if language == "jmes" and shape.types & ARRAY:
            suggestion = f"write {where or '@'}[].{name} for that of each element"
    elif shape.lacks(name):
        message = f"{place} has no `{name}`"
    else:
        message = f"nothing that is known of {place} names `{name}`"
    return document.problem(
        path,
        message,
        code="unknown-path",
        key=language == "pattern",
        within=name,
        offset=offset,
        allowed=names,
        suggestion=suggestion,
        level="error" if shape.lacks(name) else "warning",
    )


def in_words(types: Types) -> str:
    """Return the types of a value as people call them."""
    names = types - {"integer"} if "number" in types else types
    if names >= {"string", "number", "boolean", "null"}:
        names = names - {"string", "number", "boolean", "null"}
        return " or ".join(["a scalar", *(WORDS[name] for name in sorted(names))])
    return " or ".join(WORDS[name] for name in sorted(names)) or "nothing that can be"
