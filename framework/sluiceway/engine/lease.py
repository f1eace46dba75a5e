"""The lease keeper: while a delivery is under way, nobody else gets it.

`Keeper.beat` is a plain function of the clock and of the source's `extend`. In production a thread of its own calls it,
with its own blocking client, so that a stage that blocks the event loop loses no lease.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sluiceway.core.component import Visibility
from sluiceway.core.errors import LeaseLost, Transient
from sluiceway.core.ports import Clock
from sluiceway.engine.owner import Owner
from sluiceway.engine.surroundings import Surroundings

Extend = Callable[[Sequence[str], float], Sequence[Transient | LeaseLost | None]]


@dataclass(slots=True)
class Lease:
    """The time for which one delivery is ours, on the monotonic clock.

    Whoever asks is told by the clock, not by the last beat: after a pause of the whole process (a machine that was
    suspended, SIGSTOP) the event loop may be on its way again before the keeper's thread is.
    """

    owner: Owner
    clock: Clock
    taken: float
    renew: float
    expires: float
    gone: bool = False

    @property
    def lost(self) -> bool:
        """The source has said that it is not ours any more, or its time is over."""
        return self.gone or self.clock.monotonic() >= self.expires


class Keeper:
    """Renews leases at a third of their time, which leaves room for one failed call and one more.

    Args:
        extend: The source's `extend`.
        visibility: How long a lease is, and how long it may be renewed.
        around: Time, whose monotonic reading is asked from the keeper's thread too, and the log.
        stall: Seconds without progress of the event loop after which leases are no longer renewed: a wedged worker
            must lose them, so that another can do the work.

    Attributes:
        progressed: When the event loop was last seen alive, on the monotonic clock.
    """

    def __init__(self, extend: Extend, visibility: Visibility, around: Surroundings, *, stall: float = 60) -> None:
        self._extend = extend
        self._visibility = visibility
        self._stall = stall
        self._clock = around.clock
        self._log = around.log
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._leave = threading.Event()
        self.progressed = around.clock.monotonic()
        self._thread: threading.Thread | None = None

    def hold(self, owners: Iterable[Owner]) -> None:
        """Keep these from now on; their leases have begun when they were taken."""
        span = self._visibility.initial
        with self._lock:
            for owner in owners:
                taken = owner.taken
                owner.lease = Lease(owner, self._clock, taken, taken + span / 3, taken + span)
                self._leases[owner.delivery.receipt] = owner.lease

    def release(self, owner: Owner) -> None:
        """Keep this one no longer."""
        with self._lock:
            lease = self._leases.pop(owner.delivery.receipt, None)
        if lease is not None and lease.lost:
            self._say_lost(lease)

    def progress(self) -> None:
        """Note that the event loop is alive; it calls this about once a second."""
        self.progressed = self._clock.monotonic()

    def beat(self) -> float:
        """Renew what is due and mark what is lost; return the seconds until the next beat."""
        now = self._clock.monotonic()
        span = float(self._visibility.initial)
        with self._lock:
            gone = [lease for lease in self._leases.values() if lease.expires <= now]
            due = [lease for lease in self._leases.values() if lease.expires > now and lease.renew <= now + span / 12]
        self._lose(gone)
        if now - self.progressed < self._stall:
            self._renew_to_limit(due, now)
        return span / 6

    def _renew_to_limit(self, due: Sequence[Lease], now: float) -> None:
        """Renew for the whole span, or for what is left of it before the limit; a lease at its limit runs out."""
        spans: dict[float, list[Lease]] = {}
        for lease in due:
            until = min(now + self._visibility.initial, lease.taken + self._visibility.limit)
            if until > lease.expires:
                spans.setdefault(until - now, []).append(lease)
        for span, leases in spans.items():
            self._renew(leases, now, span)

    def _renew(self, leases: Sequence[Lease], now: float, span: float) -> None:
        results = self._extend([lease.owner.delivery.receipt for lease in leases], span)
        for lease, result in zip(leases, results, strict=True):
            if result is None:
                lease.renew, lease.expires = now + self._visibility.initial / 3, now + span
            elif isinstance(result, LeaseLost):
                self._lose([lease])

    def _lose(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            with self._lock:
                if self._leases.pop(lease.owner.delivery.receipt, None) is None:
                    continue  # settled while its renewal was under way
            lease.gone = True
            self._say_lost(lease)

    def _say_lost(self, lease: Lease) -> None:
        self._log.warning(
            "lease lost",
            message=lease.owner.delivery.message.id,
            consequence="the message will come again; its sinks may see it twice",
        )

    def start(self) -> None:
        """Start the keeper's thread."""
        self._thread = threading.Thread(target=self._run, name="sluiceway-leases", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the keeper's thread. Call it last: leases are kept while the worker drains."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _run(self) -> None:
        wait = float(self._visibility.initial) / 6
        while not self._leave.wait(wait):
            try:
                wait = self.beat()
            except Exception as error:  # noqa: BLE001 - one failed beat must not end the thread that keeps every lease
                self._log.warning("leases not renewed", reason=str(error), consequence="tried again at the next beat")
