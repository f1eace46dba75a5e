"""The facade: `sluiceway` exports what plugins are written with, each thing documented, and no more by accident."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import sluiceway

# What is promised to users.
PROMISED = {
    "Context",
    "Drop",
    "Duration",
    "EventPattern",
    "Expression",
    "Gather",
    "InvalidPattern",
    "Message",
    "Reject",
    "Secret",
    "Sink",
    "Size",
    "Source",
    "Stage",
    "Store",
    "Transient",
    "load",
    "run",
    "stage",
}
# What the built-in patterns and adapters need besides, and so any plugin.
HELPERS = {
    "Bypass",
    "Decision",
    "Place",
    "JSON",
    "Claimed",
    "Defer",
    "Delivery",
    "HttpAnswer",
    "HttpTarget",
    "OversizeAnswer",
    "Process",
    "Record",
    "Resource",
    "Result",
    "Schema",
    "Settings",
    "Shape",
    "StoreChoice",
    "Table",
    "json",
    "shown_url",
    "status_error",
    "store_resources",
}
FACADE = Path(sluiceway.__file__)


def imports(file: Path) -> dict[str, str]:
    """Return the modules from which a file imports its names, those for type checkers included."""
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: str(node.module) for node in nodes for name in node.names}


def is_documented_alias(name: str, module: str) -> bool:
    """Tell whether a text follows the assignment of a name, as documents an alias."""
    file = sys.modules[module].__file__
    body = ast.parse(Path(str(file)).read_text()).body
    return any(
        isinstance(node, ast.Assign | ast.AnnAssign)
        and ast.unparse(node).startswith((f"{name} = ", f"{name}: "))
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        for node, after in pairwise(body)
    )


def test_what_is_promised_is_exported_and_nothing_by_accident() -> None:
    assert set(sluiceway.__all__) == PROMISED | HELPERS
    assert len(set(sluiceway.__all__)) == len(sluiceway.__all__)


@pytest.mark.parametrize("name", sluiceway.__all__)
def test_each_name_is_documented(name: str) -> None:
    found = getattr(sluiceway, name)
    if isinstance(found, type | ModuleType) or inspect.isroutine(found):
        assert found.__doc__
    else:
        assert is_documented_alias(name, imports(FACADE)[name])


@pytest.mark.parametrize("name", sluiceway.__all__)
def test_type_checkers_see_each_name_where_it_is_defined(name: str) -> None:
    module = imports(FACADE)[name]
    assert getattr(__import__(module, fromlist=[name]), name) is getattr(sluiceway, name)


def test_the_aws_client_is_imported_when_a_pipeline_is_loaded_and_not_before() -> None:
    ask = "print('aiobotocore' in sys.modules)"
    code = f"import sys, sluiceway; {ask}; sluiceway.run; {ask}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "True"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sluiceway' has no attribute 'split'"):
        _ = sluiceway.split
