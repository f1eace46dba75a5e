"""All the functions that expressions may call, and how a call is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from jmespath.exceptions import ArityError
from jmespath.functions import Functions

from sluiceway.core.functions.dates import DateFunctions
from sluiceway.core.functions.hashes import HashFunctions
from sluiceway.core.functions.lists import ListFunctions
from sluiceway.core.functions.numbers import NumberFunctions
from sluiceway.core.functions.regex import RegexFunctions
from sluiceway.core.functions.signatures import Takes, arity
from sluiceway.core.functions.standard import StandardFunctions
from sluiceway.core.functions.tables import NO_TABLES, TableFunctions, Tables
from sluiceway.core.functions.text import TextFunctions
from sluiceway.core.functions.urls import UrlFunctions

__all__ = ["THEMES", "SluicewayFunctions", "arity", "check_literals"]

THEMES: Final[Sequence[type]] = (
    TextFunctions,
    RegexFunctions,
    NumberFunctions,
    DateFunctions,
    ListFunctions,
    HashFunctions,
    UrlFunctions,
    TableFunctions,
)
"""In the order of the documentation."""


class SluicewayFunctions(
    TextFunctions,
    RegexFunctions,
    NumberFunctions,
    DateFunctions,
    ListFunctions,
    HashFunctions,
    UrlFunctions,
    TableFunctions,
    StandardFunctions,
):
    """The functions that expressions may call: JMESPath's own and ours.

    Each is a method `_func_NAME` under `@signature(…)`: the library finds them by that.

    Args:
        tables: What `lookup` may look up.
    """

    def __init__(self, tables: Tables = NO_TABLES) -> None:
        super().__init__(tables)

    def _validate_arguments(self, args: Sequence[object], signature: Sequence[Takes], function_name: str) -> None:
        """Check a call's arguments; the library knows none that may be left out."""
        least, most = arity(signature)
        if len(args) < least or (most is not None and len(args) > most):
            raise ArityError(least, len(args), function_name)
        check_types(self, function_name, dict(enumerate(args)))


def check_types(functions: Functions, name: str, arguments: Mapping[int, object]) -> None:
    """Check the types of some arguments of a call, given by their places.

    Raises:
        JMESPathTypeError: The function does not take one.
    """
    signature: Sequence[Takes] = functions.FUNCTION_TABLE[name]["signature"]
    for place, value in arguments.items():
        if types := signature[min(place, len(signature) - 1)]["types"]:
            cast("Any", functions)._type_check_single(value, types, name)  # noqa: SLF001 - the library's hook for subclasses


def check_literals(functions: SluicewayFunctions, name: str, arguments: Sequence[Mapping[str, Any]]) -> None:
    """Check what is known of a call's arguments, given as nodes, before it is computed.

    Where several must fit, the function has a method `_check_NAME`, which takes what it takes; None is not known yet.

    Raises:
        ValueError: No message could make the call right.
    """
    signature: Sequence[Takes] = functions.FUNCTION_TABLE[name]["signature"]
    literals = {place: node["value"] for place, node in enumerate(arguments) if node["type"] == "literal"}
    check_types(functions, name, literals)
    try:
        for place, takes in enumerate(signature):
            if "check" in takes and place in literals:
                takes["check"](literals[place])
        if check := getattr(functions, f"_check_{name}", None):
            check(*map(literals.get, range(len(arguments))))
    except ValueError as error:
        raise ValueError(f"{name}(): {error}") from None
    for place, takes in enumerate(signature):
        if takes.get("literal") and place not in literals:
            raise ValueError(
                f"{name}() takes its {_ORDINALS[place]} argument as a text in quotes, known without a message"
            )


_ORDINALS: Final = ("first", "second")
