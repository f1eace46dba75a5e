"""Rows of an expression, a document and what the one gives for the other, as tests."""

import pytest

from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON, dump

Row = tuple[str, JSON, JSON]


def rows(*table: Row) -> pytest.MarkDecorator:
    """One test a row, its expression for a name."""
    return pytest.mark.parametrize(("text", "document", "expected"), table, ids=[row[0] for row in table])


def check(text: str, document: JSON, expected: JSON) -> None:
    """Compare as JSON, where 1 and true are not the same."""
    assert dump(Expression.parse({"jmes": f"body | {text}"}).evaluate({"body": document})) == dump(expected)
