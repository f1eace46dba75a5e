"""How many attempts a message has used up before: what its receive count says, less what was not its fault."""

from __future__ import annotations

from collections import OrderedDict

from sluiceway.core.ports import Delivery

REMEMBERED = 10_000
"""Messages that were given back of which this is known; the longest forgotten are forgotten first."""


class Attempts:
    """Remembers how the receives of messages have ended that were given back.

    A source counts receives and cannot say how they ended: an outage, a drain, a lost lease, a message that came too
    early or a follower that was released count there like a failure of the message's own, and are subtracted here.

    Only what this worker has seen can be. A receive by another worker, or by this one before it was started again,
    counts as an attempt however it ended. So a message that wanders among workers in an outage may be dead-lettered
    at fewer own failures than `errors.retry.attempts`; never without one.
    """

    def __init__(self) -> None:
        self._too_many: OrderedDict[str, int] = OrderedDict()

    def before(self, delivery: Delivery) -> int:
        """Return the attempts that were used up before this delivery."""
        too_many = self._too_many.get(delivery.message.id, 0) if self._too_many else 0
        return max(0, delivery.receive_count - 1 - too_many)

    def returned(self, delivery: Delivery, own_failures: int) -> None:
        """Note that a delivery goes back to the source, after so many failures of its own."""
        name = delivery.message.id
        self._too_many[name] = self._too_many.pop(name, 0) + 1 - own_failures
        if len(self._too_many) > REMEMBERED:
            self._too_many.popitem(last=False)

    def forget(self, delivery: Delivery) -> None:
        """Note that a message is done with."""
        if self._too_many:
            self._too_many.pop(delivery.message.id, None)
