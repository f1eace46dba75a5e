"""Logs: JSON lines for programs, coloured ones for people. Standard error, so that output stays output."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection
from typing import Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

Style: TypeAlias = Literal["text", "json"]


def logger() -> FilteringBoundLogger:
    """Return the logger of the worker."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def configure_logs(*, stream: TextIO | None = None, style: str = "auto", without: Collection[str] = ()) -> Style:
    """Choose how log lines look, for the whole process.

    Args:
        stream: Where they go; standard error by default.
        style: `json`, `text`, or `auto`: text on a terminal (coloured unless NO_COLOR is set), else JSON.
        without: Events that are not logged.

    Returns:
        How they look.
    """

    def leave_out(_logger: object, _method: str, event: EventDict) -> EventDict:
        if event["event"] in without:
            raise structlog.DropEvent
        return event

    out = stream or cast("TextIO", sys.stderr)
    as_text = style == "text" or (style == "auto" and out.isatty())
    renderers: list[Processor] = (
        [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            _for_people,
            structlog.dev.ConsoleRenderer(colors=out.isatty() and not _no_color(), pad_event_to=14),
        ]
        if as_text
        else [structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer(sort_keys=True)]
    )
    structlog.configure(
        processors=[leave_out, structlog.processors.add_log_level, _without_nothing, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_Unbreakable(out),
        cache_logger_on_first_use=False,
    )
    return "text" if as_text else "json"


class _Unbreakable:
    """Makes loggers whose output cannot stop the worker: a full disk costs log lines, never messages.

    The lines that could not be written are counted, and the next one that can be is preceded by the count.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unwritten = 0

    def __call__(self, *args: object) -> _Unbreakable:
        return self

    def msg(self, line: str) -> None:
        """Write one line."""
        if self._unwritten:
            line = f"({self._unwritten} log lines could not be written)\n{line}"
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the disk is full, or whoever read us is gone
            self._unwritten += 1
        else:
            self._unwritten = 0

    info = warning = error = debug = critical = exception = msg


def _without_nothing(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Leave out facts that are None: a pipeline without a dead-letter queue has nothing to say about it."""
    return {key: value for key, value in event.items() if value is not None}


def _for_people(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Write out lists and counts as one would, and leave out the empty ones, which programs want to see."""
    return {key: _written(value) for key, value in event.items() if value not in ((), [], {})}


def _written(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in cast("dict[str, object]", value).items())
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list | tuple) else value


def _no_color() -> bool:
    return bool(os.environ.get("NO_COLOR"))
