"""Read YAML into plain values and exact positions.

A pipeline file uses less of YAML than there is, so that it means what it seems to say:

- A plain scalar is null (`null`, `~` or nothing), `true`, `false` or a JSON number; all else is a string, and
  so is all that is quoted. `012`, `1_000`, `yes` and `2024-01-01` are strings.
- A key is its text as written, quoted or not: `1: one` has the key `"1"`, `null: x` the key `"null"`.
- No tags, no merge keys, no directive but `%YAML 1.2`, one document, each key once in its mapping.
"""

from __future__ import annotations

import re
from pathlib import Path

from sluiceway.config.document import Document, Node
from sluiceway.config.text import Lines, Span, problem_at
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem

MAX_BYTES = 1024 * 1024
"""The largest file that is read."""

_TOO_LARGE = "the file has more than 1 MiB"
_DIRECTIVE = re.compile(r"%YAML[ \t]+1\.2[ \t]*(#.*)?")
_NO_SPACE_AFTER_COLON = re.compile(r"[\w.-]+:\S")


def read(path: Path, name: str | None = None) -> Document:
    """Read a file.

    Args:
        path: The file.
        name: What messages call it; the path as given by default.

    Raises:
        InvalidPipeline: It cannot be read, is too large or binary, or is not as this module describes.
    """
    file = name or str(path)
    return parse(read_text(path, file), file)


def read_text(path: Path, file: str) -> str:
    """Read a file's text, refusing what is too large or binary before anything looks at it.

    Raises:
        InvalidPipeline: It cannot be read, has more than 1 MiB, or is not UTF-8 text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refused(file, f"the file cannot be read: {(error.strerror or 'unknown').lower()}", "file") from error
    if len(data) > MAX_BYTES:
        raise _refused(file, _TOO_LARGE, "too-large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(file, error.object, error.start, "not UTF-8") from error
    if "\0" in text:
        raise _not_text(file, data, data.index(0), "NUL")
    return text


def parse(text: str, file: str) -> Document:
    """Return the document that a text holds.

    Args:
        text: YAML.
        file: What messages call it.

    Raises:
        InvalidPipeline: It is not as this module describes; every mistake is listed.
    """
    document, problems = collect(text, file)
    if problems:
        raise InvalidPipeline(problems)
    return document


def collect(text: str, file: str) -> tuple[Document, list[Problem]]:
    """Return the document and its mistakes, as far as it can be understood in spite of them.

    It is for those who look for more mistakes. What is wrong (a key's second value, a merge key) is left out
    of the document, so that it is not reported twice.

    Args:
        text: YAML.
        file: What messages call it.

    Raises:
        InvalidPipeline: There is no document: the text is no YAML, or beyond the bounds.
    """
    lines, top, problems = root(text, file)
    if top is None or top.value is None:
        raise _refused(file, "the file is empty", "empty", "begin with `version: 1` and a `name`")
    if not isinstance(top.value, dict):
        message = "the top level must be keys with values"
        spaced = isinstance(top.value, str) and _NO_SPACE_AFTER_COLON.match(top.value)
        suggestion = "put a space after the colon" if spaced else None
        problems.append(problem_at(lines, file, top.span, (), message, code="syntax", suggestion=suggestion))
        raise InvalidPipeline(problems)
    return Document(file, lines.text, top), problems


def root(text: str, file: str) -> tuple[Lines, Node | None, list[Problem]]:
    """Return a text's lines, whatever value stands at its top (None where there is none), and its mistakes.

    Args:
        text: YAML.
        file: What messages call it.

    Raises:
        InvalidPipeline: The text is no YAML, or beyond the bounds.
    """
    # ruamel.yaml takes 30 ms to import, and most commands read no file
    from sluiceway.config import yaml_builder  # noqa: PLC0415 - start-up

    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refused(file, _TOO_LARGE, "too-large")
    lines = Lines(text.removeprefix("\ufeff"))
    _check_directives(lines, file)
    return lines, *yaml_builder.build(lines, file)


def _check_directives(lines: Lines, file: str) -> None:
    """Refuse `%YAML 1.1` and `%TAG`: ruamel would read the file by other rules."""
    for index in range(len(lines)):
        line = lines[index]
        if line.startswith("%") and not _DIRECTIVE.fullmatch(line):
            message = "a directive other than `%YAML 1.2`"
            place = lines.span(index)
            problem = problem_at(lines, file, place, (), message, code="syntax", suggestion="remove the line")
            raise InvalidPipeline([problem])
        if line.strip() and line[0] not in "#%":
            return


def _refused(file: str, message: str, code: str, suggestion: str | None = None) -> InvalidPipeline:
    return InvalidPipeline([Problem(file, 1, 1, "", message, code, suggestion=suggestion)])


def _not_text(file: str, data: bytes, offset: int, what: str) -> InvalidPipeline:
    before = data[:offset].decode()
    line, column, _ = Lines(before).position(Span(len(before), len(before)))
    message = f"not a text file: byte {offset + 1} is {what}"
    return InvalidPipeline([Problem(file, line, column, "", message, "binary", suggestion="save it as UTF-8")])
