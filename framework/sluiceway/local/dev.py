"""The dev loop: pipeline files on the embedded AWS, run again whenever they change."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from sluiceway import app
from sluiceway.config import settings
from sluiceway.core.errors import InvalidPipeline, OutsideError
from sluiceway.core.schema import Schema
from sluiceway.core.spec import Pipeline, SinkSpec, SourceSpec, StageSpec
from sluiceway.engine.report import start_facts
from sluiceway.local.laptop import STAND_IN, create_for, only_emulator, with_short_polls
from sluiceway.local.ways import Ways

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at the files."""

Stamps = dict[Path, tuple[int, int] | None]
"""When each file was written and how large it is; None for one that is not there."""


class DevLoop:
    """Runs files on an emulator and reloads them on save.

    Args:
        paths: The pipeline files.
        say: Hears what happens, a line each.
        show: Shows what is wrong: an `InvalidPipeline` or an `OutsideError`.

    Raises:
        InvalidPipeline: A file is wrong now, at the start. Later that is shown, and the old pipelines run on.
    """

    def __init__(self, paths: Sequence[Path], say: Callable[[str], None], show: Callable[[Exception], object]) -> None:
        self._paths = paths
        self._say = say
        self._show = show
        self._environ = dict(os.environ)
        sys.dont_write_bytecode = True  # a plugin saved twice in a second would be taken from its old bytecode
        self._pipelines = self._load()
        self._stopped = False
        self._stood_in: set[str] = set()

    async def run(self, endpoint: str) -> None:
        """Run until SIGTERM or SIGINT, then drain.

        Args:
            endpoint: The emulator's URL.

        Raises:
            OutsideError: The first start failed. Later that is shown, and the next change is waited for.
        """
        with only_emulator(endpoint):
            await self._run_until_change(endpoint, first=True)
            while not self._stopped:
                self._say("reloaded")
                await self._run_until_change(endpoint, first=False)
        self._say("stopped")

    def _stand_in(self, reference: str) -> str:
        if reference not in self._stood_in:
            self._stood_in.add(reference)
            self._say(f"the secret {reference} is not here: {STAND_IN} stands in for it")
        return STAND_IN

    async def _run_until_change(self, endpoint: str, *, first: bool) -> None:
        """Run the present pipelines until there are others to run, or a signal has stopped the worker."""
        stop = asyncio.Event()
        change = asyncio.create_task(self._changed())
        worker = asyncio.create_task(self._serve(endpoint, stop, say_what=first))
        try:
            await asyncio.wait({worker, change}, return_when=asyncio.FIRST_COMPLETED)
            self._stopped = stop.is_set()
            stop.set()
            try:
                await worker
            except OutsideError as error:
                if first:
                    raise
                self._stopped = False
                self._show(error)
            if not self._stopped:
                self._pipelines = await change
        finally:
            change.cancel()

    async def _serve(self, endpoint: str, stop: asyncio.Event, *, say_what: bool) -> None:
        await create_for(self._pipelines, endpoint)
        if say_what:
            for pipeline in self._pipelines:
                facts = start_facts(pipeline)
                self._say(f"{pipeline.name} runs: {facts['source']} → {facts['sinks']}")
        reports = {pipeline.name: Ways(self._say).report() for pipeline in self._pipelines}
        pipelines = [with_short_polls(pipeline) for pipeline in self._pipelines]
        await app.serve(pipelines, app.Options(endpoint=endpoint, reports=reports, stand_in=self._stand_in), stop)

    async def _changed(self) -> list[Pipeline]:
        """Return the pipelines once their files have changed and are right."""
        seen = _stamps(self._files())
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if (now := _stamps(seen)) == seen:
                continue
            seen = now
            try:
                return self._load()
            except InvalidPipeline as error:
                self._show(error)
                self._say("the pipelines that ran before run on")

    def _load(self) -> list[Pipeline]:
        _forget_plugins()
        return [app.load(path, environ=self._environ) for path in self._paths]

    def _files(self) -> set[Path]:
        """Return every file that the pipelines come from, with fragments, tables, settings, schemas and plugins."""
        files = {*self._paths, *(path.parent / settings.FILE for path in self._paths)}
        for path, pipeline in zip(self._paths, self._pipelines, strict=True):
            files |= set(pipeline.files)
            parts: list[SourceSpec | StageSpec | SinkSpec] = [pipeline.source, *pipeline.stages, *pipeline.sinks]
            for part in parts:
                if part.use.startswith(("./", "../")):
                    files.add(path.parent / part.use.rpartition(":")[0])
                files |= {value.path for _, value in part.component if isinstance(value, Schema)}
        return files


def _stamps(files: Iterable[Path]) -> Stamps:
    stamps: Stamps = {}
    for file in files:
        try:
            found = file.stat()
            stamps[file] = (found.st_mtime_ns, found.st_size)
        except OSError:
            stamps[file] = None
    return stamps


def _forget_plugins() -> None:
    """Let plugin files be read again: Python would hand out what it has imported before."""
    for name in [name for name in sys.modules if name.startswith("sluiceway_plugin_")]:
        del sys.modules[name]
