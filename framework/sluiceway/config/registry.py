"""Components by name: entry points of installed distributions, and functions or classes in Python files.

Names are read without importing anything; only what a file uses is imported.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, TypeAlias

from sluiceway.core.component import Component, Sink, Source, Stage

Kind: TypeAlias = Literal["source", "stage", "sink"]

KINDS: Final[dict[Kind, type[Component]]] = {"source": Source, "stage": Stage, "sink": Sink}
_PLACES: Final[dict[str, str]] = {"source": "source", "stage": "stages", "sink": "sinks"}
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


class BrokenPlugin(UnknownComponent):
    """A Python file that `plugins` names is missing or cannot be imported, so that nothing in it can be found.

    Attributes:
        file: As `plugins` has it.
    """

    def __init__(self, message: str, file: str) -> None:
        self.file = file
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Entry:
    """A component that is installed: its kind, its name, and the distribution that it comes from."""

    kind: Kind
    name: str
    distribution: str
    point: EntryPoint

    @property
    def is_ours(self) -> bool:
        """Whether it comes with Sluiceway, so that a file may use it without naming a plugin."""
        return canonical(self.distribution) == OURS

    def load(self) -> type[Component]:
        """Import the component.

        Raises:
            UnknownComponent: It cannot be imported, or is of another kind.
        """
        try:
            found = self.point.load()
        except (Exception, SystemExit) as error:
            raise UnknownComponent(
                f"`{self.name}` cannot be imported from {self.point.value}: {_short(error)}"
            ) from error
        return _component(self.kind, self.name, found)


class Registry:
    """All components that are installed.

    Args:
        entries: What is installed; by default what Python's package metadata says.
    """

    def __init__(self, entries: Iterable[Entry] | None = None) -> None:
        self._entries = tuple(_installed() if entries is None else entries)

    @property
    def plugins(self) -> list[str]:
        """The distributions, other than our own, that bring components."""
        return sorted({entry.distribution for entry in self._entries if not entry.is_ours})

    def entries(self, plugins: Sequence[str] | None = None) -> list[Entry]:
        """Return what is installed, sorted by name; with `plugins`, only what those and our own bring."""
        named = {OURS, *map(canonical, plugins or ())}
        usable = [e for e in self._entries if plugins is None or canonical(e.distribution) in named]
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
            BrokenPlugin: It stands in a file that is missing or cannot be imported.
        """
        if is_file(use):
            return _component(kind, use, _from_file(kind, use, plugins, folder))
        usable = [entry for entry in self.entries(plugins) if entry.kind == kind and entry.name == use]
        if len(usable) > 1:
            raise _claimed_twice(usable)
        if usable:
            return usable[0].load()
        unnamed = [entry for entry in self.entries() if entry.kind == kind and entry.name == use]
        if unnamed:
            plugin = unnamed[0].distribution
            raise UnknownComponent(
                f"{kind} `{use}` belongs to the plugin {plugin}, which this file does not name",
                suggestion=f"add `plugins: [{plugin}]` to the file",
            )
        if others := [entry.kind for entry in self.entries(plugins) if entry.name == use]:
            raise _of_another_kind(kind, use, others)
        names = [entry.name for entry in self.entries(plugins) if entry.kind == kind]
        raise UnknownComponent(f"there is no {kind} `{use}`", names)


def import_file(file: str, folder: Path) -> ModuleType:
    """Import a Python file that `plugins` names, once.

    Raises:
        BrokenPlugin: It is missing, or cannot be imported.
    """
    path = (folder / file).resolve()
    if not path.is_file():
        raise BrokenPlugin(f"there is no file {file} beside the pipeline file", file)
    name = f"sluiceway_plugin_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{file} is no Python module", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        where = _line_of(error, path)
        raise BrokenPlugin(f"{file} cannot be imported: {path.name}{where}: {_short(error)}", file) from error
    return module


def canonical(distribution: str) -> str:
    """Return a distribution's name in the spelling in which names are compared.

    https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def is_file(use: str) -> bool:
    """Tell whether a `use`, or an entry of `plugins`, names a Python file beside the pipeline file."""
    return use.startswith(("./", "../"))


def _installed() -> Iterable[Entry]:
    for kind in KINDS:
        for point in entry_points(group=f"{OURS}.{kind}s"):
            yield Entry(kind, point.name, point.dist.name if point.dist else "", point)


def _claimed_twice(entries: Sequence[Entry]) -> UnknownComponent:
    entry = entries[0]
    both = " and ".join(entry.distribution for entry in entries)
    others = " or ".join(entry.distribution for entry in entries if not entry.is_ours)
    return UnknownComponent(
        f"{entry.kind} `{entry.name}` is claimed by {both}", suggestion=f"remove {others} from `plugins`"
    )


def _from_file(kind: Kind, use: str, plugins: Sequence[str], folder: Path) -> object:
    file, _, name = use.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise UnknownComponent(f"`{use}` is not of the form ./file.py:name")
    if file not in plugins:
        raise UnknownComponent(
            f"`{file}` is code that this file does not name", suggestion=f"add `plugins: [{file}]` to the file"
        )
    module = import_file(file, folder)
    if not hasattr(module, name):
        there = [f"{file}:{n}" for n, v in vars(module).items() if _class(v, kind) and v is not KINDS[kind]]
        raise UnknownComponent(f"{file} has no `{name}`", there)
    return getattr(module, name)


def _line_of(error: BaseException, path: Path) -> str:
    """Return `:line`, that of the file at which importing it failed, or nothing when that cannot be told."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _component(kind: Kind, use: str, found: object) -> type[Component]:
    component = _class(found, kind)
    if component is not None:
        return component
    if others := [other for other in KINDS if _class(found, other)]:
        raise _of_another_kind(kind, use, others)
    hint = "decorate it with @stage, or make it a subclass of Stage" if kind == "stage" else None
    raise UnknownComponent(f"`{use}` is no {kind}", suggestion=hint)


def _of_another_kind(kind: Kind, use: str, kinds: Sequence[str]) -> UnknownComponent:
    what, where = (" or ".join(words) for words in (kinds, [f"`{_PLACES[kind]}`" for kind in kinds]))
    return UnknownComponent(f"`{use}` is a {what}, not a {kind}", suggestion=f"put it under {where}")


def _class(found: object, kind: Kind) -> type[Component] | None:
    """Return the component that an object is, or that `@stage` made of it."""
    component = getattr(found, "__sluiceway_stage__", found)
    return component if isinstance(component, type) and issubclass(component, KINDS[kind]) else None


def _short(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)  # its text repeats the line
    return f"{type(error).__name__}: {text[:200]}"
