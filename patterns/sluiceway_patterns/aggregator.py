"""Aggregator and batch: several messages become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from sluiceway import Decision, EventPattern, Message, Settings
from sluiceway_patterns.choices import VIEW, Computed, names_only
from sluiceway_patterns.computed import Jmes
from sluiceway_patterns.gathering import (
    GROUP_NAMES,
    Combining,
    Count,
    check_count_fits,
    count_of,
    group_scope,
    key_of,
    rank_of,
    refuse_unfinished,
)


class OverGroup(Settings):
    """A condition over the whole group."""

    jmes: Jmes = Field(description="JMESPath over `key` and `members`; the group is complete when it gives true.")

    @model_validator(mode="after")
    def _names_the_group(self) -> Self:
        if wrong := self.jmes.wrong_name(*GROUP_NAMES):
            raise wrong
        return self


def _kind(value: object) -> str:
    is_over_group = isinstance(value, OverGroup) or (isinstance(value, dict) and "jmes" in value)
    return "<jmes>" if is_over_group else "<pattern>"


def _check_pattern(pattern: EventPattern) -> EventPattern:
    return names_only(pattern, VIEW)


When: TypeAlias = Annotated[
    Annotated[OverGroup, Tag("<jmes>")] | Annotated[EventPattern, AfterValidator(_check_pattern), Tag("<pattern>")],
    Discriminator(_kind),
]


class Completion(Settings):
    """When a group has all that it waits for: the first of these that holds."""

    count: Count | None = Field(
        default=None, description="So many members are there: a number, or an expression over a member."
    )
    when: When | None = Field(
        default=None, description="An event pattern that one member matches, or {jmes} over `key` and `members`."
    )


class Aggregator(Combining):
    """Combine the messages that have the same key into one.

    A group is complete when `complete` says so: it has `count` members, or `when` holds, which is an event pattern that
    one of them matches, or `{jmes: …}` over all of them. Without `complete` it is whatever comes `within` its time, up
    to `size`. The count may be known to some of the members only; of several counts the largest holds.

    The combined body is the `list` of the members' bodies; or their `merge`, in which later members win; or a map as
    in `translate`, in which `members` are the members (`id`, `body`, `headers`, `meta`), `key` is the group's key, and
    `id`, `body`, `headers` and `meta` are the first member's. Members stand in the order in which they came, or as
    `order` sorts them: by number, then by text. The combined message has the headers and meta that all share, and is
    on each route that one of them is on. Nothing but `size`, and the sizes of its members, bounds its own: one that is
    too large for a sink is dead-lettered as `oversize`, with all of its members.

    A message whose key, count or place cannot be read is rejected by itself; what the map cannot make, or what `when`
    cannot compute, rejects the whole group.

    **Restart.** With `store: memory` nothing is acknowledged before the combined message is accepted: the members of
    open groups come again and make their groups anew, with new times. With a table they are kept there and
    acknowledged; the first one, which is held, comes again and looks after its group, whose time runs on.

    **A repeated member** is known by its id and counts once. With a table it is known for 15 days, also when its group
    is closed; with `store: memory` nobody knows it by then, and it is a late member.

    **A late member**, one that is new to a closed group, opens the next group of its key, which waits for all that
    `complete` names; so it mostly ends as `incomplete` says when its time is up.

    **At the cap.** `size` members close a group; if it still waits for something, it ends as `incomplete` says, as one
    whose time is up. A count above `size` is rejected as `oversize`. With `store: memory`, more than `max_groups`
    close the oldest one as incomplete; with a table, more wait in the queue.

    **Several workers** need a table, so that the members meet: a conditional write decides which one closes a group.
    When it dies before that is done, another closes the group again, with the same members and id, so that a sink may
    see the combined message twice: a `translate` behind this stage can put `{jmes: id}` into the body, by which its
    receiver knows it again. Each member that comes reads the others of its group from the table. One of more than some
    250 KiB, or 150 KiB when a stage before has changed it, does not fit there and is rejected as `oversize`. With
    `store: memory` say `workers: 1`.

    This is the Aggregator of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: whole-order
      use: aggregator
      with:
        key: {jmes: body.order_no}
        complete: {count: {jmes: body.of}}
        order: {jmes: body.place}
        combine: {map: {order_no: {jmes: key}, parcels: {jmes: "members[].body.parcel"}}}
        within: 10m
        size: 50
        store: {dynamodb: sluiceway}
    ```
    """

    key_: Computed = Field(alias="key", description="Which group a message belongs to: text, a number or a boolean.")
    complete_: Completion = Field(
        default=Completion(), alias="complete", description="When a group is complete: {count} or {when}, or both."
    )
    order: Computed | None = Field(
        default=None, description="Sorts the members, by number or text; without it they stand as they came."
    )
    size: int = Field(default=10, ge=1, le=1000, description="Members at which a group is closed in any case.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_count_fits(self.complete_.count, self.size)
        return self

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Return which group the message belongs to."""
        return [Decision(("key",), f"its group is {self.key(message)!r}", taken=True)]

    def key(self, message: Message) -> str:
        """Return the group's key; what else is read of each member is read here, so that a wrong one ends alone."""
        key = key_of(self.key_, message)
        if self.complete_.count is not None:
            count_of(self.complete_.count, message, self.size)
        if self.order is not None:
            rank_of(self.order, message)
        return key

    def complete(self, members: Sequence[Message]) -> bool:
        """Tell whether the count is reached, or the condition holds."""
        return self._has_count(members) or self._is_finished(members)

    def combine(self, members: Sequence[Message]) -> Message:
        """Return the combined message."""
        waits = self.complete_.count is not None or self.complete_.when is not None
        refuse_unfinished(self, members, waits=waits)
        if (order := self.order) is not None:
            members = sorted(members, key=lambda member: rank_of(order, member))
        return super().combine(members)

    def _has_count(self, members: Sequence[Message]) -> bool:
        if (count := self.complete_.count) is None:
            return False
        counts = [wanted for member in members if (wanted := count_of(count, member, self.size)) is not None]
        return bool(counts) and len(members) >= max(counts)

    def _is_finished(self, members: Sequence[Message]) -> bool:
        match self.complete_.when:
            case EventPattern() as pattern:
                return any(pattern.matches(member.view) for member in members)
            case OverGroup() as over:
                return over.jmes.evaluate(group_scope(self.key(members[0]), members)) is True
            case None:
                return False


class Batch(Combining):
    """Combine whatever comes into batches: `size` messages, or those that come `within` a time.

    There is no key: any messages may be combined, so each worker fills batches of its own. The combined body is the
    `list` of the members' bodies in the order in which they came; or their `merge`, in which later members win; or a
    map as in `translate`, in which `members` are the members (`id`, `body`, `headers`, `meta`). It has the headers and
    meta that all share, and is on each route that one of them is on. A batch that is too large for a sink is
    dead-lettered as `oversize`, with all of its members. Sinks send several messages in one call by themselves: batch
    where the receiver wants one message made of many.

    **Restart.** With `store: memory` nothing is acknowledged before the batch is accepted: the members of an open batch
    come again, and make other batches. With a table they are kept there and acknowledged, and the first one, which is
    held, looks after its batch.

    **A repeated member** is known by its id and counts once in its batch. With a table it is known for 15 days; with
    `store: memory` nobody knows it when its batch is closed, and it goes into another.

    **A late member** goes into the next batch.

    **At the cap.** `size` members are a batch. A batch whose time is up is sent with what it has, unless `incomplete`
    says `dead_letter`. When `limits.in_flight` leaves no room, it is closed before its time.

    **Several workers** batch what each of them receives, and need no table. When one dies after its batch was accepted
    and before that is known, its members come again in other batches: put an `idempotent_receiver` before this stage
    where that matters.

    A batch is the Aggregator of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7) with neither a correlation
    nor a condition.

    ```yaml
    - id: fifty-at-a-time
      use: batch
      with: {size: 50, within: 5s, combine: {map: {readings: {jmes: "members[].body"}}}}
    ```
    """

    keyed: ClassVar[bool] = False

    max_groups: int = Field(default=1, ge=1, le=10_000, description="Batches open at a time in one worker.")
    incomplete: Literal["emit", "dead_letter"] = Field(
        default="emit", description="What becomes of a batch whose time is up before it has `size` members."
    )
