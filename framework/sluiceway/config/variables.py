"""Put the values of environment variables into a document.

`${NAME}` stands for the variable's value, `${NAME:-default}` for the default where the variable is unset or
empty, as in a shell; the default may be empty and cannot contain `}`. `$${` is a literal `${`. Only string
values are looked at, after parsing, so a variable can never add a key or change the shape of a file. What it
gives is a string, which a typed field may read as a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from sluiceway.config.document import Document, Path
from sluiceway.config.problems import nearest
from sluiceway.core.problem import Problem

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")
_SHORTEST = 3  # letters of a name that is suggested: `_` and `PS` are near to too much


def substitute(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    """Return the document with its variables resolved, and what could not be.

    What could not be is left as written and noted in the new document's `unresolved`. No message has a value.

    Args:
        document: As read.
        environ: The environment variables.
    """
    resolver = _Resolver(document, environ)
    value = resolver.resolve(document.value, ())
    return document.with_value(value, document.unresolved | resolver.unresolved), resolver.problems


def explained(problems: Sequence[Problem]) -> list[Problem]:
    """Return problems where `$NAME` that is refused for what it is, is refused for its missing braces alone."""
    bare = {(p.file, p.line, p.column) for p in problems if p.code == "variable" and p.level == "warning"}
    refused = bare & {(p.file, p.line, p.column) for p in problems if p.level == "error"}
    others = [p for p in problems if (p.file, p.line, p.column) not in refused]
    return others + [replace(p, level="error") for p in problems if p.code == "variable" and p not in others]


class _Resolver:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.unresolved: set[Path] = set()
        self._document = document
        self._environ = environ

    def resolve(self, value: object, path: Path) -> object:
        if path in self._document.unresolved:  # it was reported, and will not be read
            return value
        if isinstance(value, dict):
            entries = cast("dict[str, object]", value).items()
            return {key: self.resolve(entry, (*path, key)) for key, entry in entries}
        if isinstance(value, list):
            return [self.resolve(entry, (*path, i)) for i, entry in enumerate(cast("list[object]", value))]
        if isinstance(value, str) and "${" in value:
            return _REFERENCE.sub(lambda found: self._replace(found, path), value)
        if isinstance(value, str) and (bare := _BARE.fullmatch(value)):
            self._warn(path, value, f"write ${{{bare[1]}}} for the variable's value")
        return value

    def _replace(self, found: re.Match[str], path: Path) -> str:
        whole = found[0]
        if whole == "$${":
            return "${"
        name, has_default, default = found[1].partition(":-")
        if not found[2]:
            self._report(path, whole, "`${` without its `}`", "close it, or write $${ for a literal ${")
        elif not _NAME.fullmatch(name):
            advice = "write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
            self._report(path, whole, "`${…}` does not hold a variable's name", advice)
        elif has_default:
            return self._environ.get(name) or default
        elif name in self._environ:
            return self._environ[name]
        else:
            self._report(path, whole, f"the environment variable {name} is not set", self._way_out(name))
        return whole

    def _way_out(self, name: str) -> str:
        ways = f"set it, or give a default: ${{{name}:-…}}"
        near = nearest(name, [known for known in self._environ if len(known) >= _SHORTEST])
        return f"did you mean `{near}`? Else {ways}" if near else ways

    def _warn(self, path: Path, value: str, suggestion: str) -> None:
        message = f"`{value}` is that text, and no variable"
        problem = self._document.problem(path, message, code="variable", suggestion=suggestion, level="warning")
        self.problems.append(problem)

    def _report(self, path: Path, reference: str, message: str, suggestion: str) -> None:
        self.unresolved.add(path)
        problem = self._document.problem(path, message, code="variable", within=reference, suggestion=suggestion)
        self.problems.append(problem)
