"""What can be told of a file in which something is wrong, so that what follows from that is not reported too."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import cast

from pydantic import BaseModel

from sluiceway.config.document import Document, Path, scalars, value_at
from sluiceway.config.file import PipelineFile, StageUse
from sluiceway.config.model_fields import misspelt


def id_at(document: Document, path: Path) -> str | None:
    """Return the id of a stage or sink: the one given, or the name in `use` (of `./file.py:name` the name).

    None when it cannot be told, as where an unknown key may be a misspelt `id`.
    """
    given, use = (value_at(document.value, (*path, key)) for key in ("id", "use"))
    if document.unresolved.intersection([(*path, "id"), (*path, "use")]):
        return None
    if given is None and isinstance(use, str) and not {"id", None} & _misspelt(document, path, StageUse):
        return use.rpartition(":")[2]
    return given if isinstance(given, str) else None


def settings_at(document: Document, path: Path) -> dict[str, object] | None:
    """Return the keys under `with`, none where it is left out; None where it is wrong or misspelt."""
    given = value_at(document.value, (*path, "with"))
    if not _has(document, path, "with") and "with" not in _misspelt(document, path, StageUse):
        return {}
    return cast("dict[str, object]", given) if isinstance(given, dict) else None


def folders_at(document: Document, path: Path) -> dict[str, object]:
    """Return what a component at a place reads files from, as the context of its validation.

    `folder` is that of the file which the component stands in, `folders` has those of texts that stand in others.
    """
    home = document.origin_at(path).file
    settings = (*path, "with")
    folders: dict[str, FilePath] = {}
    for place, value in scalars(value_at(document.value, settings), settings):
        file = document.origin_at(place).file
        if isinstance(value, str) and file != home:
            folders[value] = FilePath(file).parent
    return {"folder": FilePath(home).parent, "folders": folders}


def is_known(document: Document, key: str) -> bool:
    """Tell whether a list at the top is known: it is one, or is left out, and not misspelt."""
    is_list = isinstance(value_at(document.value, (key,)), list)
    return is_list or not (_has(document, (), key) or key in _misspelt(document, (), PipelineFile))


def _misspelt(document: Document, path: Path, model: type[BaseModel]) -> set[str | None]:
    keys = value_at(document.value, path)
    return misspelt(cast("dict[str, object]", keys), model) if isinstance(keys, dict) else set()


def _has(document: Document, path: Path, key: str) -> bool:
    keys = value_at(document.value, path)
    return isinstance(keys, dict) and key in keys
