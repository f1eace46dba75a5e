"""Mutants: deliberate bugs in the engine, each of which the simulation must find, by the rule that it breaks."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Final

from .mutant import Mutant
from .mutants_of_delivery import OF_DELIVERY
from .mutants_of_holding import OF_HOLDING

MUTANTS: Final = (*OF_DELIVERY, *OF_HOLDING)


def install(name: str) -> None:
    """Make this process import a mutated engine; nothing of it may have been imported yet. No name: the real one."""
    if not name:
        return
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    module = f"sluiceway.engine.{mutant.module}"
    if module in sys.modules:
        raise RuntimeError(f"{module} has been imported already: a mutant needs a process of its own")
    sys.meta_path.insert(0, _Finder(module, mutant))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, mutant: Mutant) -> None:
        self._module = module
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module that is mutated."""
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._mutant)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed source, past every cache."""
        source = self.get_data(self.path).decode()
        if source.count(self._mutant.old) != 1:
            raise RuntimeError(f"mutant {self._mutant.name}: what it replaces is not there exactly once in {self.path}")
        return compile(source.replace(self._mutant.old, self._mutant.new), self.path, "exec")
