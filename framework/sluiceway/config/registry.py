"""Components by name: entry points of installed distributions, and functions or classes in Python files.

Names are read without importing anything; only what a file uses is imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, TypeAlias

from sluiceway.core.component import Component, Sink, Source, Stage

Kind: TypeAlias = Literal["source", "stage", "sink"]

KINDS: Final[dict[Kind, type[Component]]] = {"source": Source, "stage": Stage, "sink": Sink}
OURS: Final = "sluiceway"


class UnknownComponent(Exception):
    """There is no component of that name that may be used.

    Attributes:
        names: The names that there are.
        suggestion: What to do, when it is not another name.
    """

    def __init__(self, message: str, names: Sequence[str] = (), suggestion: str | None = None) -> None:
        self.names = tuple(names)
        self.suggestion = suggestion
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Entry:
    """A component that is installed: its kind, its name, and the distribution that it comes from."""

    kind: Kind
    name: str
    distribution: str
    point: EntryPoint


class Registry:
    """All components that are installed.

    Args:
        entries: What is installed; by default what Python's package metadata says.
    """

    def __init__(self, entries: Iterable[Entry] | None = None) -> None:
        self._entries = tuple(_installed() if entries is None else entries)

    def entries(self, plugins: Sequence[str] | None = None) -> list[Entry]:
        """Return what is installed, sorted by name; with `plugins`, only what those and our own bring."""
        usable = [e for e in self._entries if plugins is None or e.distribution in {OURS, *plugins}]
        return sorted(usable, key=lambda entry: (entry.name, entry.kind, entry.distribution))

    def find(self, kind: Kind, use: str, plugins: Sequence[str], folder: Path) -> type[Component]:
        """Return the component that a file's `use` names.

        Args:
            kind: What it must be.
            use: Its name, or `./file.py:name`.
            plugins: The distributions and Python files that may be used besides our own.
            folder: Where the pipeline file is.

        Raises:
            UnknownComponent: There is none, or it may not be used, or it cannot be imported.
        """
        if use.startswith(("./", "../")):
            return _component(kind, use, _from_file(use, plugins, folder))
        found = [entry for entry in self._entries if entry.kind == kind and entry.name == use]
        usable = [entry for entry in found if entry.distribution in {OURS, *plugins}]
        if len(usable) > 1:
            both = " and ".join(sorted(entry.distribution for entry in usable))
            raise UnknownComponent(
                f"{kind} `{use}` is claimed by {both}", suggestion="name only one of them in `plugins`"
            )
        if usable:
            return _component(kind, use, _load(usable[0].point, use))
        if found:
            plugin = found[0].distribution
            raise UnknownComponent(
                f"{kind} `{use}` belongs to the plugin {plugin}, which this file does not name",
                suggestion=f"add `plugins: [{plugin}]` to the file",
            )
        names = [entry.name for entry in self.entries(plugins) if entry.kind == kind]
        raise UnknownComponent(f"there is no {kind} `{use}`", names)


def _installed() -> Iterable[Entry]:
    for kind in KINDS:
        for point in entry_points(group=f"{OURS}.{kind}s"):
            yield Entry(kind, point.name, point.dist.name if point.dist else "", point)


def _load(point: EntryPoint, use: str) -> object:
    try:
        return point.load()
    except Exception as error:
        raise UnknownComponent(f"`{use}` cannot be imported from {point.value}: {_short(error)}") from error


def _from_file(use: str, plugins: Sequence[str], folder: Path) -> object:
    file, _, name = use.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise UnknownComponent(f"`{use}` is not of the form ./file.py:name")
    if file not in plugins:
        raise UnknownComponent(
            f"`{file}` is code that this file does not name", suggestion=f"add `plugins: [{file}]` to the file"
        )
    path = (folder / file).resolve()
    if not path.is_file():
        raise UnknownComponent(f"there is no file {file} beside the pipeline file")
    module = _module(path)
    if not hasattr(module, name):
        marked = [n for n, v in vars(module).items() if hasattr(v, "__sluiceway_stage__")]
        raise UnknownComponent(f"{file} has no `{name}`", marked)
    return getattr(module, name)


def _module(path: Path) -> ModuleType:
    name = f"sluiceway_plugin_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownComponent(f"{path.name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UnknownComponent(f"{path.name} cannot be imported: {_short(error)}") from error
    return module


def _component(kind: Kind, use: str, found: object) -> type[Component]:
    component = getattr(found, "__sluiceway_stage__", found)
    base = KINDS[kind]
    if isinstance(component, type) and issubclass(component, base):
        return component
    hint = "decorate it with @stage, or make it a subclass of Stage" if kind == "stage" else None
    raise UnknownComponent(f"`{use}` is no {kind}", suggestion=hint)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
