"""Formats of bodies: what bytes become, and what becomes bytes."""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import Field

from sluiceway import JSON, Reject, Settings, Size, json
from sluiceway_patterns.values import cut, shown, to_string

_GZIP: Final = 31  # zlib's word for 32 KiB of window in gzip's own frame
_COLUMNS: Final = 250
"""Each empty field is a byte in the text, and a hundred in memory."""


class Csv(Settings):
    """How rows are written."""

    delimiter: str = Field(default=",", pattern=r'^[^\r\n" ]$', description="What stands between fields.")
    header: bool = Field(default=True, description="The first row has the names of the columns.")
    columns: tuple[str, ...] = Field(
        default=(),
        max_length=_COLUMNS,
        description="The columns in their order: what a text without `header` has; which are written.",
    )


class Limits(Settings):
    """What a decoded body may have at most."""

    max_size: Size = Field(default=Size("4MiB"), description="Bytes, after each step: small gzip can hold a lot.")
    max_rows: int = Field(default=10_000, ge=1, le=1_000_000, description="Rows of `csv`, lines of `ndjson`.")

    def check_size(self, raw: bytes) -> bytes:
        """Return the bytes, or reject them (`oversize`)."""
        if len(raw) > self.max_size:
            raise self.too_large()
        return raw

    def too_large(self) -> Reject:
        """Return the rejection of what is larger."""
        return Reject(f"the decoded body is larger than max_size, {self.max_size}", error="oversize")

    def bounded(self, rows: Iterable[JSON], what: str) -> list[JSON]:
        """Return the rows, or reject them (`oversize`)."""
        kept: list[JSON] = []
        for row in rows:
            if len(kept) == self.max_rows:
                raise Reject(f"the body has more {what} than max_rows, {self.max_rows}", error="oversize")
            kept.append(row)
        return kept


def read_base64(raw: bytes) -> bytes:
    """Return what base64 stands for; white space in it does not count."""
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error as error:
        raise Reject(f"the body is not base64: {error}") from error


def read_gzip(raw: bytes, limits: Limits) -> bytes:
    """Return what is compressed, without ever holding more than may be."""
    whole = bytearray()
    while raw:
        member = zlib.decompressobj(_GZIP)
        try:
            whole += member.decompress(raw, limits.max_size - len(whole) + 1)
        except zlib.error as error:
            raise Reject(f"the body is not gzip: {error}") from error
        if len(whole) > limits.max_size:
            raise limits.too_large()
        if not member.eof:
            raise Reject("the body is not gzip: it ends too early")
        raw = member.unused_data.lstrip(b"\0")  # files may be padded
    return bytes(whole)


def read_text(raw: bytes) -> str:
    """Return a text, without the mark that some put before it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Reject(f"the body is not UTF-8: byte {error.start}") from error


def read_json(raw: bytes) -> JSON:
    """Return what JSON stands for."""
    try:
        return json.parse(raw)
    except json.InvalidJSON as error:
        raise Reject(f"the body is not valid JSON: {error}") from error


def read_ndjson(raw: bytes, limits: Limits) -> JSON:
    """Return a list with the value of each line."""

    def lines() -> Iterator[JSON]:
        for number, line in enumerate(raw.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                yield json.parse(line)
            except json.InvalidJSON as error:
                raise Reject(f"line {number} is not valid JSON: {error}") from error

    return limits.bounded(lines(), "lines")


def read_csv(raw: bytes, settings: Csv, limits: Limits) -> JSON:
    """Return a list with an object for each row, whose values are texts."""
    reader = csv.reader(io.StringIO(read_text(raw), newline=""), delimiter=settings.delimiter, strict=True)

    def rows() -> Iterator[JSON]:
        columns = list(settings.columns)
        try:
            for row in reader:
                if not row:
                    continue
                if not columns:
                    columns = _names(row)
                elif len(row) != len(columns):
                    raise Reject(f"line {reader.line_num} has {len(row)} fields, and there are {len(columns)} columns")
                else:
                    yield dict(zip(columns, row, strict=True))
        except csv.Error as error:
            raise Reject(f"line {reader.line_num} is not CSV: {error}") from error

    return limits.bounded(rows(), "rows")


def write_text(value: JSON) -> bytes:
    """Return a text as bytes."""
    if not isinstance(value, str):
        raise Reject(f"{shown(value)} is not text")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise Reject(f"the text is not UTF-8: character {error.start} is half of a surrogate pair") from error


def write_json(value: JSON) -> bytes:
    """Return a value as JSON."""
    try:
        return json.dump(value)
    except ValueError as error:
        raise Reject(f"the value cannot be written as JSON: {error}") from error


def write_ndjson(value: JSON) -> bytes:
    """Return the elements of a list as JSON, a line each."""
    return b"".join(write_json(element) + b"\n" for element in _elements(value))


def write_csv(value: JSON, settings: Csv) -> bytes:
    """Return the objects of a list as rows; without `columns` the columns are all fields, as they first appear."""
    rows = [_row(element, index) for index, element in enumerate(_elements(value))]
    columns = settings.columns or tuple(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=settings.delimiter)
    if settings.header and columns:
        writer.writerow(columns)
    writer.writerows([_field(row.get(name), index, name) for name in columns] for index, row in enumerate(rows))
    return write_text(written.getvalue())


def write_gzip(raw: bytes) -> bytes:
    """Return compressed bytes: the same ones for the same, at every attempt."""
    return gzip.compress(raw, compresslevel=6, mtime=0)


def _names(row: list[str]) -> list[str]:
    if len(row) > _COLUMNS:
        raise Reject(f"the header has {len(row)} columns; {_COLUMNS} are allowed", error="oversize")
    if "" in row:
        raise Reject(f"column {row.index('') + 1} of the header has no name")
    if len(set(row)) < len(row):
        twice = next(name for index, name in enumerate(row) if name in row[:index])
        raise Reject(f"the header has the column {cut(twice)} twice")
    return row


def _elements(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise Reject(f"{shown(value)} is not a list, and every line is an element of one")
    return value


def _row(element: JSON, index: int) -> dict[str, JSON]:
    if not isinstance(element, dict):
        raise Reject(f"element {index} is {shown(element)}, not an object, and every row is one")
    return element


def _field(value: JSON, index: int, name: str) -> str:
    if value is None:
        return ""
    text = to_string(value)
    if text is None:
        raise Reject(f"{cut(name)} of element {index} is {shown(value)}, which is no single field")
    return text
