"""What is wrong with the distributions and Python files that a pipeline file names under `plugins`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from sluiceway.config.document import Document, value_at
from sluiceway.config.problems import nearest
from sluiceway.config.registry import BrokenPlugin, Registry, canonical, import_file, is_file
from sluiceway.core.problem import Problem


def named_plugins(document: Document) -> dict[int, str]:
    """Return what stands under `plugins`, by its place there."""
    plugins = value_at(document.value, ("plugins",))
    listed = cast("list[object]", plugins) if isinstance(plugins, list) else []
    return {index: name for index, name in enumerate(listed) if isinstance(name, str)}


def plugin_problems(document: Document, registry: Registry, folder: Path) -> Iterator[Problem]:
    """A plugin must be installed, a file be there and be importable: said once, and not at every use."""
    installed = registry.plugins
    known = {canonical(name) for name in installed}
    for index, name in named_plugins(document).items():
        path = ("plugins", index)
        if path in document.unresolved:
            continue
        written = str(value_at(document.written, path))
        if is_file(name):
            try:
                import_file(name, folder)
            except BrokenPlugin as error:
                yield document.problem(path, str(error).replace(name, written), code="plugin")
        elif canonical(name) not in known:
            yield document.problem(
                path,
                f"no plugin `{written}` is installed",
                code="unknown-plugin",
                allowed=tuple(installed),
                suggestion=nearest(name, installed) or f"install {written} beside sluiceway",
            )
