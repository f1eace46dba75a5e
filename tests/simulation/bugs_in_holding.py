"""Deliberate bugs in leases, the stop, the budget and the groups of a FIFO queue."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

HOLDING_BUGS: Final = (
    Mutant(
        "lease-by-message-id",
        "lease",
        "self._leases[owner.delivery.receipt] =",
        "self._leases[owner.delivery.message.id] =",
        (
            "R3",
            "error",
        ),
    ),
    Mutant(
        "renewed-too-late",
        "lease",
        "lease.renew <= now + span / 12]",
        "lease.expires <= now + span / 20]",
        ("R3",),
    ),
    Mutant(
        "renewed-beyond-the-limit",
        "lease",
        "until = min(now + self._visibility.initial, lease.taken + self._visibility.limit)",
        "until = now + self._visibility.initial",
        ("R3",),
    ),
    Mutant(
        "keeper-stops-at-the-stop",
        "worker",
        'changes nothing."""\n        self._intake.stop()',
        'changes nothing."""\n        self._intake.stop()\n        self.keeper._leases.clear()',
        ("R3",),
    ),
    Mutant(
        "wedged-loop-renews",
        "lease",
        "        if now - self.progressed < self._stall:",
        "        if True:",
        ("R3",),
    ),
    Mutant(
        "lost-lease-goes-on",
        "batcher",
        "[leg for leg in batch if not self._lost(leg)]",
        "list(batch)",
        ("R3",),
    ),
    Mutant(
        "lost-lease-goes-on-in-the-chain",
        "chain",
        "        if owner.lost:\n            owner.end(message, LOST)\n            return []\n        if self._routes",
        "        if self._routes",
        ("R3",),
    ),
    Mutant(
        "nothing-released-at-the-stop",
        "worker",
        "            await give_back_held(",
        "            _ = (",
        ("R8",),
    ),
    Mutant(
        "polls-cut-short-at-the-stop",
        "worker",
        "                await self._intake.polls_ended()",
        "                for task in self._tasks:\n                    task.cancel()",
        ("R8",),
    ),
    Mutant(
        "last-poll-thrown-away",
        "intake",
        "            await give_back(deliveries, self._receiver, self._log)",
        "            pass",
        ("R8",),
    ),
    Mutant(
        "last-poll-carried",
        "intake",
        "        if self.is_stopped and deliveries:",
        "        if False:",
        ("R8",),
    ),
    Mutant(
        "received-after-the-stop",
        "intake",
        "            if not self.is_stopped:  # it may have been since the poll was started",
        "            if True:",
        ("R8",),
    ),
    Mutant(
        "leaves-too-late",
        "drain",
        "    return _room(stop_timeout) - time_to_give_back(stop_timeout)",
        "    return _room(stop_timeout) + 3",
        ("R8",),
    ),
    Mutant(
        "budget-not-reserved",
        "budget",
        "                self._messages -= room",
        "                self._messages -= 0",
        ("R9",),
    ),
    Mutant(
        "budget-free-before-settlement",
        "worker",
        "        self.keeper.hold(owners)",
        "        self.keeper.hold(owners)\n"
        "        for owner in owners:\n"
        "            self._budget.release(len(owner.delivery.raw))",
        ("R9",),
    ),
    Mutant(
        "budget-never-free",
        "settler",
        "        self._budget.release(len(owner.delivery.raw))\n        if self.on_finished",
        "        if self.on_finished",
        ("liveness",),
    ),
    Mutant(
        "next-head-at-the-verdict",
        "settler",
        "            self._void(owner)\n        else:\n            self._enqueue",
        "            self._void(owner)\n"
        "        else:\n"
        "            if self.on_finished is not None:\n"
        "                self.on_finished(owner, done=not isinstance(verdict, Retry))\n"
        "            self._enqueue",
        ("FIFO",),
    ),
    Mutant(
        "next-head-in-spite-of-a-failure",
        "lanes",
        "        if done and lane.behind:",
        "        if lane.behind:",
        ("FIFO",),
    ),
    Mutant(
        "followers-kept",
        "lanes",
        "            del self._lanes[group]\n            self._give_back(lane)",
        "            del self._lanes[group]",
        ("FIFO",),
    ),
    Mutant(
        "followers-released-with-a-delay",
        "lanes",
        '"it waits for its group")',
        '"it waits for its group", delay=5)',
        ("FIFO",),
    ),
    Mutant(
        "followers-counted",
        "attempts",
        "self._too_many.pop(name, 0) + 1 - own_failures",
        "self._too_many.pop(name, 0)",
        (
            "FIFO",
            "R4",
        ),
    ),
    Mutant(
        "lane-by-message",
        "lanes",
        "            group = owner.delivery.group\n            if group",
        "            group = owner.delivery.message.id\n            if group",
        ("FIFO",),
    ),
    Mutant(
        "one-lane-for-all",
        "lanes",
        "            elif group in self._lanes:\n                self._lanes[group].behind.append(owner)",
        "            elif self._lanes:\n                next(iter(self._lanes.values())).behind.append(owner)",
        (
            "FIFO",
            "error",
        ),
    ),
    Mutant(
        "two-children-at-a-time",
        "batcher",
        "            if owner in self._behind:",
        "            if owner in self._behind and False:",
        ("FIFO",),
    ),
    Mutant(
        "child-overtakes",
        "batcher",
        "not owner.lost and not owner.comes_again:\n            self._enqueue",
        "not owner.lost:\n            self._enqueue",
        ("FIFO",),
    ),
    Mutant(
        "blocked-group-dead-lettered",
        "ledger",
        "        return not self._blocks and owner.attempts",
        "        return owner.attempts",
        ("FIFO",),
    ),
)
