"""What every sink that keeps dead letters must do: run each of `CHECKS` against yours, with nothing kept before.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_my_dead_letters(check: Check) -> None:
    async with MySink(…).open_dead_letters(context) as bury:
        await check(DeadLetterCase(bury, place.all_there_is))
```

Nothing is deleted from the source before its dead letter is confirmed, so that what is confirmed here is the only copy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, TypeAlias

from sluiceway.core.errors import MessageError, Transient
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Facts
from sluiceway.core.ports import Bury, Delivery
from sluiceway.testing.abilities import WHEN, Failing, needed


@dataclass(frozen=True, slots=True)
class Buried:
    """One dead letter as whoever looks into the place finds it.

    Attributes:
        body: The body.
        facts: The facts beside it, by name.
        attributes: The original attributes beside it, in the source's own form.
    """

    body: bytes
    facts: Mapping[str, JSON]
    attributes: Mapping[str, Mapping[str, JSON | bytes]] = field(
        default_factory=dict[str, Mapping[str, "JSON | bytes"]]
    )


@dataclass(frozen=True, slots=True)
class DeadLetterCase:
    """An open sink for dead letters, to be checked.

    Attributes:
        bury: What its `open_dead_letters` yields.
        buried: Gives all dead letters that are there by now, in any order.
        failing: Makes its calls fail; None where they cannot be made to.
    """

    bury: Bury
    buried: Callable[[], Awaitable[Sequence[Buried]]]
    failing: Failing | None = None


Check: TypeAlias = Callable[[DeadLetterCase], Coroutine[object, object, None]]
"""Raises AssertionError when a dead-letter sink breaks the rule in its name."""

_BODIES: Final = (b'{ "total": 12.50 }', b"{not json", "grüße".encode())
_ATTRIBUTES: Final[Mapping[str, Mapping[str, JSON | bytes]]] = {
    "tenant": {"DataType": "String", "StringValue": "acme"},
    "weight": {"DataType": "Number", "StringValue": "12"},
}


async def a_dead_letter_is_the_message_as_it_was_received(case: DeadLetterCase) -> None:
    """Its bytes, whatever they are, and its attributes: it can be sent again when its fault is mended."""
    letters = [_letter(number, body) for number, body in enumerate(_BODIES)]
    assert await _bury(case, letters) == [None] * len(letters)
    buried = await case.buried()
    assert sorted(each.body for each in buried) == sorted(_BODIES)
    for each in buried:
        assert {**each.attributes, **_ATTRIBUTES} == dict(each.attributes)


async def its_facts_lie_beside_it(case: DeadLetterCase) -> None:
    """All that whoever finds it has to know, under the names that alarms and tools are written for."""
    letter = _letter(0, b"1")
    assert await _bury(case, [letter]) == [None]
    (buried,) = await case.buried()
    expected = {**asdict(letter[1]), "accepted": list(letter[1].accepted)}
    assert {name: buried.facts.get(name) for name in asdict(letter[1])} == expected


async def however_long_the_reason_it_is_kept(case: DeadLetterCase) -> None:
    """And whatever is in it: a reason may be cut, a dead letter may not be lost."""
    letter = _letter(0, b"1", reason="\x00\ud83d grüße " * 10_000)
    assert await _bury(case, [letter]) == [None]
    (buried,) = await case.buried()
    assert buried.body == b"1"


async def more_than_one_call_takes_are_all_kept(case: DeadLetterCase) -> None:
    """An outage may end many messages at once."""
    letters = [_letter(number, str(number).encode()) for number in range(25)]
    assert await _bury(case, letters) == [None] * len(letters)
    assert sorted(each.body for each in await case.buried()) == sorted(each.raw for each, _ in letters)


async def what_is_buried_again_is_confirmed_again(case: DeadLetterCase) -> None:
    """If the delete that follows fails, the message comes again and is buried once more."""
    for _ in range(2):
        assert await _bury(case, [_letter(0, b"1")]) == [None]
    assert {each.body for each in await case.buried()} == {b"1"}


async def a_call_that_fails_is_transient_for_each(case: DeadLetterCase) -> None:
    """Nothing is confirmed that may not be there; all of them can be buried again."""
    failing = needed(case.failing, "failing")
    for when in WHEN:
        letters = [_letter(number, f"{when} {number}".encode()) for number in range(2)]
        with failing(when):
            results = await _bury(case, letters)
        assert [type(result) for result in results] == [Transient, Transient]
        assert await _bury(case, letters) == [None, None]
        assert {each.raw for each, _ in letters} <= {each.body for each in await case.buried()}


CHECKS: Final[Sequence[Check]] = (
    a_dead_letter_is_the_message_as_it_was_received,
    its_facts_lie_beside_it,
    however_long_the_reason_it_is_kept,
    more_than_one_call_takes_are_all_kept,
    what_is_buried_again_is_confirmed_again,
    a_call_that_fails_is_transient_for_each,
)
"""All of them; each needs a place that holds nothing yet."""


def _letter(number: int, body: bytes, *, reason: str = "body.total is 'three', not a number") -> tuple[Delivery, Facts]:
    name = f"suite-{number}"
    delivery = Delivery(Message(id=name), f"receipt-{number}", body, attributes=_ATTRIBUTES)
    return delivery, Facts("orders", "our-words", "invalid", reason, 3, ("partner",), name, "2026-11-24T12:00:00Z")


async def _bury(case: DeadLetterCase, letters: Sequence[tuple[Delivery, Facts]]) -> list[MessageError | None]:
    """Return one result each; a call that raises Transient as a whole has failed for each."""
    results: list[MessageError | None]
    try:
        results = list(await case.bury(letters))
    except Transient as error:
        results = [error] * len(letters)
    assert len(results) == len(letters), f"{len(results)} results for {len(letters)} dead letters"
    return results
