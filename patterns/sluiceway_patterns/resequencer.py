"""Resequencer: messages of one sequence go on in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from sluiceway import Decision, Gather, Message, Reject
from sluiceway_patterns.choices import Computed
from sluiceway_patterns.computed import text_of
from sluiceway_patterns.gathering import Count, check_count_fits, count_of, key_of, refuse_unfinished
from sluiceway_patterns.values import shown, to_integer


class Resequencer(Gather):
    """Hold the messages of a sequence until all are there, then pass them on in the order of their numbers.

    `key` says which sequence a message belongs to, `number` where it stands there, `count` how many there are; some of
    the messages may not know the count, and of several counts the largest holds. The sequence is complete when so many
    different numbers are there; where they begin does not matter. Without `count` a sequence is whatever comes `within`
    its time, up to `size`. Each message goes on as it came, with its own id, headers and routes. Two messages with the
    same number both go on, in the order in which they came. One whose key, number or count cannot be read is rejected
    by itself.

    This is the resequencer that waits for a whole sequence, not one that lets each message go as soon as it is next:
    a gap is never overtaken, and no message leaves before the last one of its sequence has come. The order is that in
    which a sink is given the messages. A sink sends several batches at a time unless it has `concurrency: 1`, what it
    refuses for the moment is sent again behind the others, and a standard queue or a bus may change the order again.
    Where each message must keep its place for good, use a FIFO queue with a message group from the start: a FIFO source
    hands the messages out in order, and a FIFO sink keeps it.

    **Restart.** With `store: memory` nothing is acknowledged before the whole sequence is accepted: its messages come
    again and are put in order anew. With a table they are kept there and acknowledged; the first one, which is held,
    comes again and looks after its sequence. So a sink may see messages twice, with the same ids.

    **A repeated member** is known by its id and counts once. With a table it is known for 15 days, also when its
    sequence is closed; with `store: memory` nobody knows it by then, and it is a late member.

    **A late member**, one that is new to a closed sequence, opens the next one of that key, and ends as `incomplete`
    says when its time is up: `emit` passes it on behind the others, too late for its place.

    **At the cap.** `size` messages close a sequence; if numbers are still missing, it ends as `incomplete` says, as one
    whose time is up: `emit` passes on in order what is there, `dead_letter` rejects each of them. A count above `size`
    is rejected as `oversize`. With `store: memory`, more than `max_groups` close the oldest sequence as incomplete;
    with a table, more wait in the queue.

    **Several workers** need a table, so that the messages of a sequence meet: a conditional write decides which one
    closes it, and that one passes on all of it. When it dies before that is done, another does it again. Each message
    that comes reads the others of its sequence from the table. One of more than some 250 KiB, or 150 KiB when a stage
    before has changed it, does not fit there and is rejected as `oversize`. With `store: memory` say `workers: 1`.

    This is the Resequencer of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: in-order
      use: resequencer
      with:
        key: {jmes: body.order_no}
        number: {jmes: body.step}
        count: {jmes: body.of}
        within: 10m
        incomplete: emit
        store: {dynamodb: sluiceway}
    ```
    """

    key_: Computed = Field(alias="key", description="Which sequence a message belongs to: text, a number or a boolean.")
    number: Computed = Field(description="Its place in the sequence, an integer.")
    count: Count | None = Field(
        default=None, description="How many numbers the sequence has: a number, or an expression over a message."
    )
    size: int = Field(default=10, ge=1, le=1000, description="Messages at which a sequence is closed in any case.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_count_fits(self.count, self.size)
        return self

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Return which sequence the message belongs to, and its place there."""
        key = self.key(message)
        return [
            Decision(("key",), f"its sequence is {key!r}", taken=True),
            Decision(("number",), f"its number is {self._number(message)}", taken=True),
        ]

    def key(self, message: Message) -> str:
        """Return the sequence's key; what else is read of each message is read here, so that a wrong one ends alone."""
        key = key_of(self.key_, message)
        self._number(message)
        self._count(message)
        return key

    def complete(self, members: Sequence[Message]) -> bool:
        """Tell whether as many different numbers are there as one of the members says."""
        counts = [count for member in members if (count := self._count(member)) is not None]
        return bool(counts) and len({self._number(member) for member in members}) >= max(counts)

    def combine(self, members: Sequence[Message]) -> Sequence[Message]:
        """Return the members in the order of their numbers."""
        refuse_unfinished(self, members, waits=self.count is not None)
        return sorted(members, key=self._number)

    def _number(self, message: Message) -> int:
        value = self.number.evaluate(message.view)
        if value is None:
            raise Reject(f"its number, {text_of(self.number)}, is missing or null", error="missing")
        number = to_integer(value)
        if number is None:
            raise Reject(f"its number, {text_of(self.number)}, is {shown(value)}, not an integer of 64 bits")
        return number

    def _count(self, message: Message) -> int | None:
        return None if self.count is None else count_of(self.count, message, self.size)
