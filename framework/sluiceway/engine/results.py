"""What a call for several messages gives, entry by entry, whatever those who wrote it have in mind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from sluiceway.core.errors import MessageError, OutsideError, Transient
from sluiceway.engine.call import timed

T = TypeVar("T")


async def results_of(
    send: Callable[[Sequence[T]], Awaitable[object]], items: Sequence[T], where: str, seconds: float
) -> Sequence[Exception | None] | Exception:
    """Return what a call for several messages gives: one result each, or what made the whole call fail.

    An OutsideError is an outage: what was there at start is gone or denied until a person puts it right. So it is
    returned as Transient.

    Args:
        send: Makes the call.
        items: What is sent.
        where: The id of the sink.
        seconds: Its time-out.
    """
    try:
        results = await timed(send(items), where, seconds)
    except OutsideError as error:
        return Transient(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a sink raises, its messages must not be lost
        return error
    judged = [_result(result) for result in cast("Sequence[object]", results)] if _is_series(results) else []
    if len(judged) == len(items):
        return judged
    return TypeError(f"{where} gave {len(judged)} results for {len(items)} messages")


def is_bug(error: object) -> bool:
    """Tell whether what a call raised is nothing that a stage or sink may raise."""
    return isinstance(error, Exception) and not isinstance(error, MessageError)


def _is_series(results: object) -> bool:
    return isinstance(results, list | tuple)


def _result(result: object) -> Exception | None:
    """Return one result as the engine judges it: a sink of somebody's may give anything."""
    if result is None or isinstance(result, Exception):
        return result
    return TypeError(f"a result is {type(result).__name__}, not None, a Reject or a Transient")
