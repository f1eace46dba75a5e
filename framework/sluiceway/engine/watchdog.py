"""The watchdog: it notices that a worker hangs, says so, and makes it leave when that does not end.

Two things count as hanging: an event loop without progress, and a call of a stage or sink that still runs long after
its time-out. Waiting does not: for a sink that is down, an empty queue, a long poll, a paused circuit.

`Watchdog.check` is a plain function of the clock. In production a thread calls it, because a loop that hangs could not.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal, TypeAlias

from sluiceway.core.errors import NoProgress
from sluiceway.engine.call import Call, Calls
from sluiceway.engine.lease import Keeper
from sluiceway.engine.surroundings import Surroundings

Verdict: TypeAlias = Literal["fine", "hangs", "drain", "leave"]

EXIT_CODE: Final = 4
"""What a worker exits with that hung and did not recover."""

_GRACE: Final = 0.5
"""How much of `stall` may pass again before a worker that hangs has to leave."""

_LOG_PATIENCE: Final = 1.0
"""Seconds in which a line must have been logged."""

_ENGINE: Final = Path(__file__).parent
"""Where the code is that calls stages and sinks."""


class Watchdog:
    """Watches one worker.

    Args:
        keeper: Knows when the event loop was last alive.
        calls: The calls of stages and sinks that are under way.
        around: Time, which is asked from the watchdog's thread too, and the log.
        stall: Seconds that the loop may stand still, and that a call may go on beyond its time-out.
        stop_timeout: Seconds that a drain may take.

    Attributes:
        stall: As given.
        trouble: What hangs, as a sentence, while something does.
    """

    def __init__(
        self, keeper: Keeper, calls: Calls, around: Surroundings, *, stall: float, stop_timeout: float
    ) -> None:
        self.stall = stall
        self.trouble: str | None = None
        self._stop_timeout = stop_timeout
        self._keeper = keeper
        self._calls = calls
        self._clock = around.clock
        self._log = around.log
        self._loop_thread: int | None = None
        self._awake = self._checked = 0.0

    @contextmanager
    def on_duty(self) -> Generator[None]:
        """Watch, while the block runs on the event loop."""
        self._awake = self._checked = self._clock.monotonic()
        self._loop_thread = threading.get_ident()
        try:
            yield
        finally:
            self._loop_thread = None

    def check(self) -> Verdict:
        """Look after the worker, and say it when something begins to hang and when that is over. Call it often.

        Returns:
            What is to be done: nothing, nothing yet, drain and leave, or leave at once.
        """
        if self._loop_thread is None:
            return "fine"
        now = self._clock.monotonic()
        if now - self._checked > self.stall / 2:
            self._awake = now  # nobody called: the whole process stood still, and nothing in it can be said to hang
        self._checked = now
        hung_for, call = self._worst(now)
        if hung_for < self.stall:
            self._recover()
            return "fine"
        too_long = hung_for - self.stall * (1 + _GRACE)
        if self.trouble is None:
            self._bark(call, leaves_in=max(0, -too_long))
        if too_long < 0:
            return "hangs"
        # Around one call that hangs the loop still runs, and what else is held can be finished.
        return "drain" if call is not None and too_long < self._stop_timeout else "leave"

    def _worst(self, now: float) -> tuple[float, Call | None]:
        """Return for how long something has hung, and the call that does; None stands for the event loop."""
        loop = now - max(self._keeper.progressed, self._awake)
        call = self._calls.oldest()
        if loop >= self.stall or call is None:
            return loop, None
        return now - max(call.deadline, self._awake), call

    def _recover(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            say(self._log.info, "progress again")

    def _bark(self, call: Call | None, leaves_in: float) -> None:
        if call is None:
            self.trouble = f"the event loop has made no progress for {self.stall:g}s{self._place()}"
            fix = "declare the stage that blocks as blocking, so that it is called in a thread"
        else:
            self.trouble = f"{call.where} still runs {self.stall:g}s after its time-out, for {_names(call)}"
            fix = (
                f"bound what {call.where} waits for, let it end when it is cancelled (in a thread it cannot be),"
                " or raise its timeout"
            )
        say(
            self._log.error,
            "no progress",
            reason=self.trouble,
            consequence=f"unless that ends, the worker leaves in {leaves_in:.3g}s, with exit code {EXIT_CODE}",
            fix=fix,
        )

    def _place(self) -> str:
        """Tell where in the code the event loop's thread is: the innermost call, and what the engine had called."""
        frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - documented in spite of it
        frame = frames.get(self._loop_thread or 0)
        if frame is None:
            return ""
        stack = traceback.extract_stack(frame)
        called = takewhile(lambda at: Path(at.filename).parent != _ENGINE, reversed(stack))
        names = [f"{at.name} ({Path(at.filename).name}:{at.lineno})" for at in called]
        return f": it is in {', called from '.join(dict.fromkeys([names[0], names[-1]]))}" if names else ""


@contextmanager
def guarded(
    dogs: Sequence[Watchdog], stop: Callable[[], object], leave: Callable[[str | None], object]
) -> Generator[None]:
    """Let a thread look after the workers while the block runs.

    Args:
        dogs: Their watchdogs.
        stop: Begins the drain. It is called from the thread, perhaps more than once.
        leave: Ends the process, whatever still runs in it. It is told why, and called from the thread.

    Raises:
        NoProgress: The workers were stopped because a call hung.
    """
    over = threading.Event()
    stuck: list[str | None] = []

    def watch() -> None:
        every = min(1.0, *(dog.stall / 4 for dog in dogs))
        while not over.wait(every):
            for dog in dogs:
                match dog.check():
                    case "drain":
                        stuck[:] = [dog.trouble]
                        stop()
                    case "leave":
                        leave(dog.trouble)
                        return
                    case _:
                        pass

    thread = threading.Thread(target=watch, name="sluiceway-watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=1)
    if stuck:
        raise NoProgress(str(stuck[0]))


def say(tell: Callable[..., object], event: str, **facts: object) -> None:
    """Log from the watchdog's thread, but do not wait long: a log that nobody reads may be what the worker hangs in."""
    telling = threading.Thread(target=tell, args=(event,), kwargs=facts, daemon=True)
    telling.start()
    telling.join(_LOG_PATIENCE)


def _names(call: Call) -> str:
    first, *others = call.messages
    return f"message {first.id}" + (f" and {len(others)} more" if others else "")
