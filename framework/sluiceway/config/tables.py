"""The tables of a pipeline file: read when the file is, and looked up by its components."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ValidationError

from sluiceway.config.document import Document, scalars, value_at
from sluiceway.config.draft import Draft
from sluiceway.config.table_files import WrongTable, read_table
from sluiceway.config.table_source import TableSource
from sluiceway.core.problem import Problem
from sluiceway.core.table import Table

_LOOKUP = re.compile(r"""\blookup\(\s*(?:'([^']*)'|`"([^"]*)"`)""")
_USERS = ("source", "stages", "sinks", "errors")


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a file, those that are wrong without rows, and what is wrong with them."""

    by_name: Mapping[str, Table] = field(default_factory=dict[str, Table])
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()


class AnyTable(dict[str, Table]):
    """Tables of whatever name: what is taken for those of a pipeline that is not known."""

    def __init__(self) -> None:
        super().__init__({"": Table({})})

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Table:
        return self[""]


def read_tables(document: Document, folder: Path) -> Tables:
    """Return the tables of a file.

    Args:
        document: The file.
        folder: What the paths of tables are relative to.
    """
    given = value_at(document.value, ("tables",))
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    files: list[Path] = []
    for name, value in cast("dict[str, object]", given).items() if isinstance(given, dict) else ():
        tables[name] = Table({})  # so that who uses one that is wrong is not reported too
        try:
            source = TableSource.model_validate(value)
        except ValidationError:  # validating the whole has reported it
            continue
        if source.rows is not None:
            tables[name] = Table(source.rows)
        elif source.file is not None and ("tables", name, "file") not in document.unresolved:
            files.append(folder / source.file)
            try:
                tables[name] = read_table(folder / source.file, source.key)
            except WrongTable as error:
                problems.append(_problem(document, name, error))
    return Tables(tables, tuple(problems), tuple(files))


def _problem(document: Document, name: str, error: WrongTable) -> Problem:
    return document.problem(
        ("tables", name, error.key), str(error), code="table", allowed=error.allowed, suggestion=error.suggestion
    )


def unused_tables(document: Document, draft: Draft) -> Iterator[Problem]:
    """A table that nothing looks up is a mistake, or in the way."""
    used = [*(stage.component for stage in draft.stages), *(sink.component for sink in draft.sinks)]
    if draft.unread or None in used:
        return
    components = [draft.source, draft.dead_letter, *used]
    held = {id(table) for component in components for table in _held(component)}
    texts = (text for key in _USERS for _, text in scalars(value_at(document.value, (key,)), ()))
    named = {one or other for text in texts if isinstance(text, str) for one, other in _LOOKUP.findall(text)}
    for name, table in draft.tables.items():
        if id(table) not in held and name not in named:
            yield document.problem(
                ("tables", name),
                f"nothing looks anything up in the table `{name}`",
                code="unused-table",
                key=True,
                suggestion="remove it, or use it: enrich.table, or lookup() in an expression",
                level="warning",
            )


def _held(value: object) -> Iterator[Table]:
    """Yield the tables in a component's fields."""
    if isinstance(value, Table):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from _held(inner)
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[object, object]", value).values():
            yield from _held(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[object]", value):
            yield from _held(inner)
