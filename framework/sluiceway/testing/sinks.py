"""What every sink must do: run each of `CHECKS` against yours, each with nothing sent before.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_my_sink(check: Check) -> None:
    sink = MySink(…)
    async with sink.open(context) as send:
        await check(SinkCase(sink, send, place.all_there_is, lambda n: Message({"n": n}, id=f"m-{n}")))
```

A check that needs what the case does not have is skipped and says what that is. What may stand under
`errors.dead_letter` has a suite more, `sluiceway.testing.dead_letters`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sluiceway.core import json
from sluiceway.core.component import Sink
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.ports import Send
from sluiceway.testing.abilities import WHEN, Failing, needed

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes up to which a batch is filled; a sink that says more has no limit to be tried."""
_MOST: Final = 100
"""Entries up to which a batch is filled."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as its receiver has it.

    Attributes:
        body: The body; of what the receiver wraps, the body within.
        headers: What came beside it.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SinkCase:
    """An open sink to be checked, and what its receiver can do.

    Attributes:
        sink: The sink, with its settings.
        send: What its `open` yields.
        arrived: Gives all that its receiver has by now, in any order.
        accepts: Makes the n-th of the messages that it takes, each with an id and a body of its own, in JSON.
        exact: The receiver gets the body byte for byte; else the same JSON.
        refuses: A message that it can never take; None where there is none.
        failing: Makes its calls fail; None where they cannot be made to.
        failing_one: Makes one message fail for now, and no other; None where that cannot be done.
    """

    sink: Sink
    send: Send
    arrived: Callable[[], Awaitable[Sequence[Arrived]]]
    accepts: Callable[[int], Message]
    exact: bool = True
    refuses: Message | None = None
    failing: Failing | None = None
    failing_one: Callable[[Message], AbstractContextManager[object]] | None = None


Check: TypeAlias = Callable[[SinkCase], Coroutine[object, object, None]]
"""Raises AssertionError when a sink breaks the rule in its name."""


async def what_is_accepted_is_there(case: SinkCase) -> None:
    """When `send` returns None for a message, its receiver has it: nobody keeps it any longer."""
    messages = _messages(case, 3)
    for sent, message in enumerate(messages, start=1):
        assert await _send(case, [message]) == [None]
        await _has_arrived(case, messages[:sent])


async def a_full_batch_is_taken(case: SinkCase) -> None:
    """As many as the sink says that one call takes, with a result for each."""
    messages = _messages(case, min(case.sink.batch_entries, _MOST))
    assert await _send(case, messages) == [None] * len(messages)
    await _has_arrived(case, messages)


async def a_body_arrives_byte_for_byte(case: SinkCase) -> None:
    """The original bytes, where no stage has replaced them; the same JSON, where the receiver takes JSON only."""
    message = _spaced(case.accepts(0), 1)
    assert await _send(case, [message]) == [None]
    await _has_arrived(case, [message])


async def what_is_sent_again_is_accepted_again(case: SinkCase) -> None:
    """When an answer is lost a message is sent again: that is no fault of its."""
    message = case.accepts(0)
    for _ in range(2):
        assert await _send(case, [message]) == [None]
    assert set(await _bodies(case)) == {_body(case, message.payload)}


async def a_message_that_it_cannot_take_is_rejected_alone(case: SinkCase) -> None:
    """With a reason, by `weigh` or by `send`; those beside it are sent."""
    refused = needed(case.refuses, "refuses")
    try:
        case.sink.weigh(refused)
    except Reject as error:
        result: MessageError | None = error  # the engine sends it no more
        await _send(case, _messages(case, 2))
    else:
        before, result, after = await _send(case, [case.accepts(0), refused, case.accepts(1)])
        assert (before, after) == (None, None)
    assert isinstance(result, Reject)
    assert result.reason.strip(), "a Reject without a reason"
    await _has_arrived(case, _messages(case, 2))


async def weigh_counts_the_body(case: SinkCase) -> None:
    """A longer body weighs more, or batches grow beyond what the service takes."""
    light, heavy = (case.sink.weigh(_spaced(case.accepts(0), spaces)) for spaces in (1, 1001))
    assert light >= 0
    assert heavy - light >= (1000 if case.exact else 0)


async def what_fills_a_batch_is_taken(case: SinkCase) -> None:
    """A message that weighs all that a batch may, as `weigh` counts, is one that the service accepts."""
    message = _filling(case, 0)
    assert case.sink.weigh(message) == case.sink.batch_bytes
    assert await _send(case, [message]) == [None]
    await _has_arrived(case, [message])


async def what_is_too_large_is_known_before_it_is_sent(case: SinkCase) -> None:
    """`weigh` rejects it as `oversize`, or says that it weighs more than a batch may."""
    try:
        size = case.sink.weigh(_filling(case, 1))
    except Reject as error:
        assert error.error == "oversize"  # noqa: PT017 - the suite needs no pytest
    else:
        assert size > case.sink.batch_bytes


async def only_the_headers_in_forward_arrive(case: SinkCase) -> None:
    """Whatever else a message carries stays with us."""
    needed(case.sink.forwards, "sink.forwards")
    named = {name: f"suite-{number}" for number, name in enumerate(case.sink.forward)}
    message = case.accepts(0).with_headers({"x-suite-private": "suite-private", **named})
    assert await _send(case, [message]) == [None]
    (arrived,) = await case.arrived()
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    assert headers.items() >= {(name.lower(), value) for name, value in named.items()}
    assert "suite-private" not in headers.values()


async def a_preview_shows_what_arrives_and_sends_nothing(case: SinkCase) -> None:
    """It is JSON, the same each time, and has the body that the receiver will get."""
    message = case.accepts(0)
    preview = case.sink.preview(message)
    assert json.dump(dict(preview)) == json.dump(dict(case.sink.preview(message)))
    assert await case.arrived() == [], "a preview was sent"
    assert await _send(case, [message]) == [None]
    shown = [value.encode() if isinstance(value, str) else json.dump(value) for value in preview.values()]
    assert set(await _bodies(case)) <= {_body(case, value) for value in shown}


async def a_call_that_fails_is_transient_for_each(case: SinkCase) -> None:
    """Never refused and never accepted: all of them can be sent again."""
    failing = needed(case.failing, "failing")
    for number, when in enumerate(WHEN):
        messages = [case.accepts(2 * number), case.accepts(2 * number + 1)]
        with failing(when):
            results = await _send(case, messages)
        assert [type(result) for result in results] == [Transient, Transient]
        assert await _send(case, messages) == [None, None]
        assert {_body(case, message.payload) for message in messages} <= set(await _bodies(case))


async def one_that_fails_for_now_is_transient_alone(case: SinkCase) -> None:
    """Those beside it are accepted, and are not to be sent again."""
    failing = needed(case.failing_one, "failing_one")
    first, later, third = _messages(case, 3)
    with failing(later):
        before, result, after = await _send(case, [first, later, third])
    assert (before, after) == (None, None)
    assert isinstance(result, Transient)
    await _has_arrived(case, [first, third])
    assert await _send(case, [later]) == [None]


async def it_says_what_it_is_for(case: SinkCase) -> None:
    """Its class has a docstring, and each key a description: the reference, and what editors show."""
    sink = type(case.sink)
    assert (sink.__doc__ or "").strip(), f"{sink.__name__} has no docstring"
    silent = [name for name, key in sink.model_fields.items() if not key.description]
    assert not silent, f"keys without a description: {', '.join(silent)}"
    assert list(case.sink.resources()) == list(case.sink.resources())


CHECKS: Final[Sequence[Check]] = (
    what_is_accepted_is_there,
    a_full_batch_is_taken,
    a_body_arrives_byte_for_byte,
    what_is_sent_again_is_accepted_again,
    a_message_that_it_cannot_take_is_rejected_alone,
    weigh_counts_the_body,
    what_fills_a_batch_is_taken,
    what_is_too_large_is_known_before_it_is_sent,
    only_the_headers_in_forward_arrive,
    a_preview_shows_what_arrives_and_sends_nothing,
    a_call_that_fails_is_transient_for_each,
    one_that_fails_for_now_is_transient_alone,
    it_says_what_it_is_for,
)
"""All of them; each needs a receiver that has nothing yet."""


def _messages(case: SinkCase, number: int) -> list[Message]:
    return [case.accepts(n) for n in range(number)]


def _spaced(message: Message, spaces: int) -> Message:
    """Return a message that says the same in so many bytes more."""
    return message.with_payload(b" " * spaces + message.payload)


def _filling(case: SinkCase, beyond: int) -> Message:
    """Return a message that weighs what a batch may, and so many bytes more."""
    needed(case.exact, "exact")
    if case.sink.batch_bytes > _LARGEST:
        needed(None, "sink.batch_bytes of 16 MiB or less")
    message = case.accepts(0)
    return _spaced(message, case.sink.batch_bytes - case.sink.weigh(message) + beyond)


async def _send(case: SinkCase, messages: Sequence[Message]) -> list[MessageError | None]:
    """Send in batches, as the engine does; a call that raises Transient as a whole has failed for each."""
    results: list[MessageError | None] = []
    for start in range(0, len(messages), case.sink.batch_entries):
        batch = messages[start : start + case.sink.batch_entries]
        try:
            told = list(await case.send(batch))
        except Transient as error:
            told = [error] * len(batch)
        assert len(told) == len(batch), f"{len(told)} results for {len(batch)} messages"
        results += told
    return results


async def _has_arrived(case: SinkCase, messages: Sequence[Message]) -> None:
    """Assert that these have arrived, each once, and nothing else."""
    assert Counter(await _bodies(case)) == Counter(_body(case, message.payload) for message in messages)


async def _bodies(case: SinkCase) -> list[bytes]:
    return [_body(case, arrived.body) for arrived in await case.arrived()]


def _body(case: SinkCase, body: bytes) -> bytes:
    """Return bytes that are equal for equal bodies."""
    if case.exact:
        return body
    try:
        value: JSON = json.parse(body)
    except json.InvalidJSON:
        return body
    return json.dump(value)
