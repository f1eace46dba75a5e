"""Read a table from a CSV, JSON or YAML file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

from sluiceway.config import yaml
from sluiceway.config.problems import nearest, shown
from sluiceway.core import json
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.json import JSON
from sluiceway.core.table import Table, key_text

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_ROWS: Final = 1_000_000

Row: TypeAlias = tuple[str, JSON]
"""Where a row stands, as messages have it (`line 3`), and the row."""


class WrongTable(ValueError):
    """A table that cannot be read.

    Attributes:
        key: The setting that is wrong.
        allowed: What could have been meant.
        suggestion: The nearest of them, or what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        key: Literal["file", "key"] = "file",
        allowed: Iterable[str] = (),
        suggestion: str | None = None,
    ) -> None:
        super().__init__(message)
        self.key: Literal["file", "key"] = key
        self.allowed = tuple(allowed)
        self.suggestion = suggestion


def read_table(path: Path, key: str | None) -> Table:
    """Return the table in a file.

    Args:
        path: The file: a CSV file with a header, or JSON or YAML: a list of objects, or one object by key.
        key: The column, or the member of each object, whose values are the keys.

    Raises:
        WrongTable: It cannot be read, is too large, or is no such file; or a row has no key, or another's.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise WrongTable(f"a table is a file of the kind {', '.join(_READERS)}; found {shown(path.name)}")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongTable(f"{path} cannot be read: {(error.strerror or 'unknown').lower()}") from error
    if len(data) > MAX_BYTES:
        raise WrongTable(f"{path} has more than {MAX_BYTES // 1024**2} MiB")
    return read(path, data, key)


def _csv(path: Path, data: bytes, key: str | None) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise WrongTable(f"{path}:{line}: not UTF-8 text") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, list[str]())
        return _by_key(path, _csv_rows(path, reader, header, lambda: reader.line_num), key, header)
    except csv.Error as error:
        raise WrongTable(f"{path}:{reader.line_num}: no CSV: {error}") from error


def _csv_rows(path: Path, rows: Iterator[list[str]], header: list[str], line: Callable[[], int]) -> Iterator[Row]:
    twice = next((name for index, name in enumerate(header) if name in header[:index]), None)
    if twice is not None:
        raise WrongTable(f"{path}:1: two columns are called {shown(twice)}")
    for fields in rows:
        where = f"line {line()}"
        if not fields:  # an empty line
            continue
        if len(fields) != len(header):
            raise WrongTable(f"{path}: {where} has {len(fields)} fields, and the header {len(header)}")
        yield where, dict(zip(header, fields, strict=True))


def _json(path: Path, data: bytes, key: str | None) -> Table:
    try:
        value = json.parse(data.removeprefix(b"\xef\xbb\xbf"))
    except json.InvalidJSON as error:
        raise WrongTable(f"{path} is not JSON: {error}") from error
    listed = cast("list[JSON]", value if isinstance(value, list) else [])
    return _table(path, value, key, ((f"row {place}", row) for place, row in enumerate(listed, start=1)))


def _yaml(path: Path, data: bytes, key: str | None) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongTable(f"{path} is not UTF-8 text") from error
    try:
        lines, root, mistakes = yaml.root(text, str(path))
    except InvalidPipeline as error:
        mistakes, lines, root = list(error.problems), None, None
    if mistakes or root is None or lines is None:
        first = mistakes[0] if mistakes else None
        raise WrongTable(f"{path}:{first.line}: {first.message}" if first else f"{path} is empty")
    rows = ((f"line {lines.position(node.span).line}", cast("JSON", node.value)) for node in root.children.values())
    return _table(path, cast("JSON", root.value), key, rows)


def _table(path: Path, value: JSON, key: str | None, rows: Iterable[Row]) -> Table:
    """Return the table that a list of objects, or an object by key, stands for."""
    if isinstance(value, dict):
        if key is not None:
            advice = "leave `key` out, or write a list of objects"
            raise WrongTable(f"{path} has its rows by key already", key="key", suggestion=advice)
        if len(value) > MAX_ROWS:
            raise _too_many(path)
        return Table(value)
    if not isinstance(value, list):
        raise WrongTable(f"{path} is neither a list of objects nor one object with the rows by their keys")
    first = value[0] if value and isinstance(value[0], dict) else {}
    return _by_key(path, rows, key, list(first))


def _by_key(path: Path, rows: Iterable[Row], key: str | None, names: list[str]) -> Table:
    if key is None:
        advice = f"add `key: {names[0] if names else 'NAME'}`, or another of its columns"
        raise WrongTable(f"`key` is missing: which column of {path} has the keys", allowed=names, suggestion=advice)
    if names and key not in names:
        near = nearest(key, names)
        raise WrongTable(f"{path} has no column {shown(key)}", key="key", allowed=names, suggestion=near)
    by_key: dict[str, JSON] = {}
    places: dict[str, str] = {}
    for where, row in rows:
        text = key_text(row.get(key)) if isinstance(row, dict) else None
        if not text:
            raise WrongTable(f"{path}: {where} has no text or number as its {shown(key)}")
        if text in by_key:
            raise WrongTable(f"{path}: {where} has the key {shown(text)} again, first in {places[text]}")
        if len(by_key) == MAX_ROWS:
            raise _too_many(path)
        by_key[text], places[text] = row, where
    return Table(by_key)


def _too_many(path: Path) -> WrongTable:
    return WrongTable(f"{path} has more than {MAX_ROWS:,} rows")


_READERS: Final[dict[str, Callable[[Path, bytes, str | None], Table]]] = {
    ".csv": _csv,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
}
