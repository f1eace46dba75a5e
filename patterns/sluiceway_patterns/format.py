"""Format: bodies that are not JSON yet, and those that must not be JSON any more."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Message, Reject, Stage
from sluiceway_patterns import codecs
from sluiceway_patterns.body_path import MISSING, BodyPath, find, put
from sluiceway_patterns.codecs import Csv, Limits

Format: TypeAlias = Literal["base64", "gzip", "json", "ndjson", "csv", "text"]

_BYTES: Final = ("base64", "gzip")
"""What becomes bytes, and is made of them; all other formats stand at one end."""


def _decodes(steps: tuple[Format, ...]) -> tuple[Format, ...]:
    return _check(steps, steps[-1], steps[:-1], "the last step says what the body becomes: json, ndjson, csv or text")


def _encodes(steps: tuple[Format, ...]) -> tuple[Format, ...]:
    return _check(steps, steps[0], steps[1:], "the first step says what the body is: json, ndjson, csv or text")


def _check(steps: tuple[Format, ...], end: Format, others: tuple[Format, ...], rule: str) -> tuple[Format, ...]:
    if end in _BYTES or any(other not in _BYTES for other in others):
        raise PydanticCustomError("format", "{rule}; before or behind it are base64 and gzip alone", {"rule": rule})
    return steps


class Decode(Limits, Stage):
    """Read a body, or a field of it, that is base64, gzip, NDJSON, CSV or JSON in a text.

    `steps` are taken in order: `[base64, gzip, csv]` reads rows that were compressed and then written as text. The
    last one says what comes out: `json` any value; `ndjson` a list with the value of each line; `csv` a list with an
    object for each row, all values texts (`translate` has `type` for them); `text` a text. A splitter makes messages
    of a list.

    The body is taken as the bytes that came, or, when it is a text, as that; so a source of such bodies is best given
    `format: text`. With `path` the text at that place is read, and what it stands for is put there.

    CSV is that of RFC 4180, with the `delimiter` that is given. Its first row has the names of the columns, each once;
    with `header: false` they are `columns`. A row of another length is rejected, empty lines are skipped. A field may
    have 128 KiB, a row 250 fields. JSON is read as strictly as a source reads it.

    What is not what `steps` says is rejected (`invalid`, with the line), and so is what is missing (`missing`); what is
    larger than `max_size` after a step, or has more than `max_rows`, is `oversize`. Gzip is never unpacked beyond that.

    See Message Translator in Enterprise Integration Patterns (Hohpe and Woolf, chapter 3), which tells data types from
    data representation; this is the second.

    ```yaml
    - id: rows
      use: format.decode
      with: {steps: [base64, gzip, csv], csv: {delimiter: ";"}, max_rows: 500}
    ```
    """

    steps: Annotated[tuple[Format, ...], AfterValidator(_decodes)] = Field(
        min_length=1, max_length=8, description="What is read, from the outside in."
    )
    path: BodyPath | None = Field(default=None, description="The place in the body that is read; without it all of it.")
    csv: Csv = Field(default=Csv(), description="How the rows are written.")

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if self.csv.header == bool(self.csv.columns):
            text = "columns are for `header: false`" if self.csv.header else "without a header, give `columns`"
            raise PydanticCustomError("format", "{text}", {"path": ["csv"], "text": text})
        return self

    def process(self, message: Message) -> Message:
        """Return the message with the body that it stands for."""
        if self.path is not None:
            value = self._read(codecs.write_text(_at(message.body, self.path)))
            return message.with_body(put(message.body, self.path, value))
        value = self._read(_bytes_of(message))
        if self.steps[-1] == "text" and isinstance(value, str):
            return message.with_text(value)
        return message.with_json(value)

    def _read(self, raw: bytes) -> JSON:
        for step in self.steps[:-1]:
            raw = codecs.read_base64(raw) if step == "base64" else codecs.read_gzip(raw, self)
        self.check_size(raw)
        match self.steps[-1]:
            case "json":
                return codecs.read_json(raw)
            case "ndjson":
                return codecs.read_ndjson(raw, self)
            case "csv":
                return codecs.read_csv(raw, self.csv, self)
            case _:
                return codecs.read_text(raw)


class Encode(Stage):
    """Write a body, or a field of it, as NDJSON, CSV, JSON in a text, gzip or base64.

    `steps` are taken in order: `[csv, gzip, base64]` writes rows, compresses them and makes text of that. The first
    one says what is written: `json` any value; `ndjson` and `csv` a list, an element a line; `text` a text. A body is
    then that text itself, not a JSON string. One that ends with `gzip` is bytes, which no later stage can read and SQS
    does not take: `base64` behind it makes text of them. With `path` the value at that place is written, and the text
    put there.

    CSV is that of RFC 4180. Its columns are `columns`, or all fields of all objects as they first appear; what an
    object lacks, or has as null, is an empty field, and fields that no column names are left out. A spreadsheet takes
    a field that begins with `=`, `+`, `-` or `@` for a formula: where texts come from strangers and people open them
    in one, make them harmless before.

    What is of another kind than is written is rejected (`invalid`), and so is a place where nothing is (`missing`). The
    same body gives the same bytes at every attempt. `format.decode` with the steps in reverse gives it back, of CSV
    with all values as texts.

    See Message Translator in Enterprise Integration Patterns (Hohpe and Woolf, chapter 3), which tells data types from
    data representation; this is the second.

    ```yaml
    - id: rows
      use: format.encode
      with: {steps: [csv], csv: {columns: [sku, qty], delimiter: ";"}}
    ```
    """

    steps: Annotated[tuple[Format, ...], AfterValidator(_encodes)] = Field(
        min_length=1, max_length=8, description="What is written, from the inside out."
    )
    path: BodyPath | None = Field(
        default=None, description="The place in the body that is written; without it all of it."
    )
    csv: Csv = Field(default=Csv(), description="How the rows are written.")

    @model_validator(mode="after")
    def _text_in_a_body(self) -> Self:
        if self.path is not None and self.steps[-1] == "gzip":
            text = "gzip is bytes, which JSON does not have: put base64 behind it"
            raise PydanticCustomError("format", "{text}", {"path": ["steps"], "text": text})
        return self

    def process(self, message: Message) -> Message:
        """Return the message with its body as it is to be written."""
        raw = self._write(message.body if self.path is None else _at(message.body, self.path))
        if self.steps[-1] == "gzip":
            return message.with_payload(raw)
        text = raw.decode()
        return message.with_text(text) if self.path is None else message.with_body(put(message.body, self.path, text))

    def _write(self, value: JSON) -> bytes:
        match self.steps[0]:
            case "json":
                raw = codecs.write_json(value)
            case "ndjson":
                raw = codecs.write_ndjson(value)
            case "csv":
                raw = codecs.write_csv(value, self.csv)
            case _:
                raw = codecs.write_text(value)
        for step in self.steps[1:]:
            raw = codecs.write_gzip(raw) if step == "gzip" else b64encode(raw)
        return raw


def _bytes_of(message: Message) -> bytes:
    """Return the bytes that came, also those that the source's format cannot read; of a JSON string the text in it."""
    try:
        body = message.body
    except Reject:
        return message.payload
    return codecs.write_text(body) if isinstance(body, str) else message.payload


def _at(body: JSON, path: str) -> JSON:
    value = find(body, path)
    if value is MISSING:
        raise Reject(f"body.{path} is missing", error="missing")
    return value  # type: ignore[return-value] # part of a body, so JSON
