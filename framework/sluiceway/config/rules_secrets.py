"""Secrets that stand in the file itself, for everybody to read who reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sluiceway.config.document import Document, Path, scalars
from sluiceway.config.draft import Draft
from sluiceway.config.sensitive import is_sensitive, secret_kind
from sluiceway.core.problem import Problem

_NAME: Final = re.compile(
    r"(?:^|[_.-])(?:password|passwd|pwd|passphrase|secret|token|credentials?|(?:api|access|secret|private|signing)[_-]?key)$"
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_]\w*(?::-([^}]*))?\}")
_REFERENCE: Final = re.compile(r"(?:env|file|secretsmanager|ssm):.+", re.DOTALL)


def secrets_in_clear(document: Document, _draft: Draft) -> Iterator[Problem]:
    """A secret is named in a pipeline file, never written there. Tests may have what looks like one."""
    for path, value in scalars(document.written, ()):
        if isinstance(value, str) and path[:1] != ("tests",) and (kind := _kind(path, value)):
            found = document.problem(
                path,
                f"{kind} stands here in clear",
                code="secret",
                suggestion='refer to it where a secret is taken, {secret: "env:NAME"}; elsewhere write ${NAME}',
            )
            yield replace(found, sensitive=True)


def _kind(path: Path, value: str) -> str | None:
    """Return what secret a value is, if it looks like one."""
    text = _VARIABLE.sub(lambda variable: variable[1] or "", value)  # its default stands in the file
    if not text or _REFERENCE.fullmatch(text) or _is_refused_already(path):
        return None
    return secret_kind(text) or _kind_by_name(path)


def _kind_by_name(path: Path) -> str | None:
    *rest, name = path if path[-1:] not in (("literal",), ("default",)) else path[:-1]
    is_setting = "with" in rest and rest[-1] != "enum" and isinstance(name, str)
    return f"the value of `{name}`" if is_setting and _NAME.search(_HUMP.sub("_", str(name)).lower()) else None


def _is_refused_already(path: Path) -> bool:
    """Tell whether only a reference is taken here, so that anything else is an error of the value itself."""
    return path[-1:] == ("secret",) or "sign" in path or ("headers" in path and is_sensitive(path))
