"""Gathers whose members are held: each delivery is kept under its lease until its group's message has ended.

Nothing is acknowledged before that message is accepted, and nothing is remembered after it: a member that comes when
its group is closed opens a new one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar, cast

from sluiceway.core import json
from sluiceway.core.errors import Reject
from sluiceway.core.gather import Gather
from sluiceway.core.message import Message
from sluiceway.core.spec import StageSpec
from sluiceway.engine.call import as_bug
from sluiceway.engine.joint import Joint
from sluiceway.engine.ledger import Ledger
from sluiceway.engine.owner import LOST, AnyOwner, Item
from sluiceway.engine.report import Ending

T = TypeVar("T")

Resume: TypeAlias = Callable[[list[Item]], None]
"""Takes on, from the step after the gather, what a group that closes by itself was combined to."""

STOPS = "the worker stops"


class GatherStep(Protocol):
    """A gather as a step of the chain."""

    async def run(self, items: list[Item]) -> list[Item]:
        """Take messages in, and return what the groups that they complete were combined to."""
        ...

    def drain(self) -> None:
        """Give back what waits for other messages, and hold nothing more."""
        ...

    def relieve(self) -> bool:
        """Let go of the group that is open longest, because there is room for nothing else; tell whether one was."""
        ...


class Combiner:
    """Calls what the author of a gather has written, and ends a group as that says.

    Args:
        spec: The gather.
        ledger: Turns what it raises into endings.

    Raises:
        TypeError: The stage is no gather.
    """

    def __init__(self, spec: StageSpec, ledger: Ledger) -> None:
        if not isinstance(spec.component, Gather):
            raise TypeError(f"{spec.id} is no gather, and nothing was opened to be called")
        self.spec = spec
        self.where = spec.id
        self.gather = spec.component
        self.routes = frozenset(spec.routes)
        self._ledger = ledger

    def applies(self, message: Message) -> bool:
        """Tell whether the gather takes a message: it is on one of its routes."""
        return not self.routes or not self.routes.isdisjoint(message.routes)

    def time_left(self) -> float:
        """Return for how many seconds a group is open in any case: `within`, from the end of the last outage on.

        While something is down nothing is received, the missing members too: time alone must not end a group then.
        """
        return self.gather.within - self._ledger.dependencies.quiet()

    def key(self, message: Message, owner: AnyOwner) -> str | None:
        """Return a message's key; None when there is none to be had, and the message has ended."""

        def key() -> str:
            key = self._checked(self.gather.key(message), str, "key")
            key.encode()  # half a surrogate pair could not be written anywhere
            return key

        return self._guarded(key, message, owner)

    def is_full(self, members: Sequence[Message]) -> bool:
        """Tell whether a group waits for nothing more. If that cannot be told, closing it fails for the same reason."""
        try:
            return self._is_complete(members)
        except KeyboardInterrupt:  # the user's
            raise
        except BaseException:  # noqa: BLE001 - closing the group raises it again, where it is the whole group's
            return True

    def close(self, key: str, members: Sequence[Message], owner: AnyOwner, why: str) -> list[Item]:
        """Return what a group is combined to; nothing when its members have ended otherwise.

        Args:
            key: The group's.
            members: Its messages, in the order in which they came.
            owner: Answers for all of them.
            why: Why it is closed, should it not be complete.
        """
        name = combined_id(self.where, key, [member.id for member in members])

        def combine() -> list[Message]:
            if not self._is_complete(members) and self.gather.incomplete == "dead_letter":
                raise Reject(f"its group was closed incomplete, with {len(members)}: {why}", error="incomplete")
            return named(self.gather.combine(members), members, name, self.where)

        combined = self._guarded(combine, Message(id=name), owner)
        if combined is None:
            return []
        if not combined:
            owner.end(Message(id=name), Ending("dropped", self.where, "made no message of its group"))
            return []
        owner.fork(len(combined))
        return [(message, owner) for message in combined]

    def _is_complete(self, members: Sequence[Message]) -> bool:
        if len(members) >= self.gather.size:
            return True
        return self._checked(self.gather.complete(members), bool, "complete")

    def _guarded(self, call: Callable[[], T], message: Message, owner: AnyOwner) -> T | None:
        """Return what a call gives; None when it raises, and the message has ended."""
        try:
            return call()
        except KeyboardInterrupt:  # the user's
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a gather raises, its messages must not be lost
            self._ledger.failed(owner, self.where, message, as_bug(error, self.where))
            return None

    def _checked(self, result: object, kind: type[T], method: str) -> T:
        if not isinstance(result, kind):
            raise TypeError(f"{self.where}: {method} returned {type(result).__name__}, not {kind.__name__}")
        return result


def combined_id(where: str, key: str, members: Sequence[str]) -> str:
    """Return the id of what a group is combined to: the same whoever closes it, and in whatever order they came."""
    return hashlib.sha256(json.dump([where, key, *sorted(members)])).hexdigest()[:32]


def named(result: object, members: Sequence[Message], name: str, where: str) -> list[Message]:
    """Return what a group became, with ids: a member that goes on by itself keeps its own.

    Raises:
        TypeError: `combine` returned something else than a message or a list of them.
    """
    if isinstance(result, Message):
        return [result.evolve(id=name)]
    made = cast("Sequence[object]", result) if isinstance(result, list | tuple) else [result]
    own = {member.id for member in members}
    messages: list[Message] = []
    for index, message in enumerate(made):
        if not isinstance(message, Message):
            raise TypeError(f"{where}: combine returned {type(message).__name__}, not Message or a list of them")
        keeps = message.id in own
        own.discard(message.id)  # a second one of that id would be taken for a repeat of the first
        messages.append(message if keeps else message.evolve(id=f"{name}/{index}"))
    return messages


class _Group:
    """An open group: each message once, and everybody who answers for one of them."""

    __slots__ = ("items", "key", "members", "timer")

    def __init__(self, key: str, timer: asyncio.TimerHandle) -> None:
        self.key = key
        self.timer = timer
        self.items: list[Item] = []
        self.members: dict[str, Message] = {}

    def add(self, message: Message, owner: AnyOwner) -> None:
        """Take a member in. A second receipt of one is counted once, and ends as the group does."""
        owner.wait(1)
        self.items.append((message, owner))
        self.members.setdefault(message.id, message)

    def let_lost_go(self) -> bool:
        """End the members whose leases are gone, which come again; tell whether there was one."""
        lost = [(message, owner) for message, owner in self.items if owner.lost]
        if not lost:
            return False
        held = [(message, owner) for message, owner in self.items if not owner.lost]
        still = {message.id for message, _ in held}
        self.members = {name: member for name, member in self.members.items() if name in still}
        self.items = held
        for _, owner in lost:
            owner.wait(-1)
        end(lost, LOST)
        return True


class HeldGather:
    """A gather with `store: memory`.

    Args:
        combiner: Its author's functions.
        resume: Takes on what a group that closes by itself is combined to.
    """

    def __init__(self, combiner: Combiner, resume: Resume) -> None:
        self._combiner = combiner
        self._gather = combiner.gather
        self._resume = resume
        self._groups: dict[str, _Group] = {}  # the oldest first
        self._draining = False

    async def run(self, items: list[Item]) -> list[Item]:
        """Take messages in, and return what the groups that they complete were combined to."""
        return [combined for message, owner in items for combined in self._take(message, owner)]

    def drain(self) -> None:
        """Give the members of open groups back: another worker can still complete them."""
        self._draining = True
        for group in list(self._groups.values()):
            self._give_back(self._take_out(group))

    def relieve(self) -> bool:
        """Close the oldest group; tell whether there was one."""
        oldest = next(iter(self._groups.values()), None)
        if oldest is not None:
            self._resume(self._close(oldest, "limits.in_flight leaves no room for more of its members"))
        return oldest is not None

    def _take(self, message: Message, owner: AnyOwner) -> list[Item]:
        if owner.lost:
            owner.end(message, LOST)
            return []
        if not self._combiner.applies(message):
            return [(message, owner)]
        if self._draining:
            self._give_back([(message, owner)])
            return []
        key = self._combiner.key(message, owner)
        return [] if key is None else self._join(key, message, owner)

    def _join(self, key: str, message: Message, owner: AnyOwner) -> list[Item]:
        closed: list[Item] = []
        if key not in self._groups:
            if len(self._groups) >= self._gather.max_groups:
                oldest = next(iter(self._groups.values()))
                closed = self._close(oldest, f"more than max_groups ({self._gather.max_groups}) were open")
            self._open(key)
        group = self._groups[key]
        group.add(message, owner)
        if self._is_full(group):
            closed += self._close(group, "")
        return closed

    def _open(self, key: str) -> None:
        self._groups[key] = _Group(key, self._timer(key, self._gather.within))

    def _timer(self, key: str, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._time_is_up, key)

    def _is_full(self, group: _Group) -> bool:
        """Ask whether a group is complete, and again without those of its members that are lost meanwhile."""
        full = self._combiner.is_full(list(group.members.values()))
        return full and (not group.let_lost_go() or self._combiner.is_full(list(group.members.values())))

    def _time_is_up(self, key: str) -> None:
        group = self._groups[key]
        if (left := self._combiner.time_left()) > 0:
            group.timer = self._timer(key, left)
            return
        self._resume(self._close(group, f"within ({self._gather.within}) was over"))

    def _close(self, group: _Group, why: str) -> list[Item]:
        group.let_lost_go()
        members = list(group.members.values())
        items = self._take_out(group)
        return self._combiner.close(group.key, members, Joint(items), why) if items else []

    def _take_out(self, group: _Group) -> list[Item]:
        del self._groups[group.key]
        group.timer.cancel()
        for _, owner in group.items:
            owner.wait(-1)
        return group.items

    def _give_back(self, items: Sequence[Item]) -> None:
        end(items, Ending("returned", self._combiner.where, STOPS))


def end(items: Sequence[Item], ending: Ending) -> None:
    """End messages in the same way, each by itself."""
    for message, owner in items:
        owner.end(message, ending)
