"""What every gather must do: run each of `CHECKS` against yours, with messages that make one whole group.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_my_gather(check: Check) -> None:
    check(Sample(MyGather(), [Message({"order": 7, "of": 2}, id="m1"), Message({"order": 7, "of": 2}, id="m2")]))
```

The engine asks a gather again whenever it has to: after a restart, on another worker, of members that it has read from
a store. So the three functions depend on nothing but what they are given, and leave it as it was. What is wrong with a
message, or a group, they say by `Reject`; anything else that they raise is taken for a bug, and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, TypeVar, cast

from sluiceway.core import json
from sluiceway.core.body import decode_json
from sluiceway.core.errors import Reject
from sluiceway.core.gather import Gather
from sluiceway.core.json import JSON
from sluiceway.core.message import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """A gather to be checked.

    Attributes:
        gather: The gather.
        members: Messages that make one group and complete it, or fill it, each with an id of its own.
    """

    gather: Gather
    members: Sequence[Message]


Check: TypeAlias = Callable[[Sample], None]
"""Raises AssertionError when a gather breaks the rule in its name."""


def _nested(levels: int) -> JSON:
    nested: JSON = None
    for _ in range(levels):
        nested = [nested]
    return nested


_SCALARS: Final[Sequence[JSON]] = (
    *(None, True, False, 0, -1, 2**63, 1.5, 1e300),
    *("", "x", "1", "true", "null", "\u0000", "é" * 2000),
)
_CONTAINERS: Final[Sequence[JSON]] = ([], [None], [[]], {}, {"": None}, {"key": {"key": 1}}, _nested(json.MAX_DEPTH))

ODD: Final[Sequence[JSON]] = (*_SCALARS, *_CONTAINERS)
"""Values that JSON allows, and that few authors think of."""


def members_have_one_key_each_time_they_are_asked(sample: Sample) -> None:
    """The key is text, and that of a message is the same whenever, wherever and after whatever it is asked for."""
    keys = [_key(sample.gather, member) for member in (*sample.members, *reversed(_again(sample.members)))]
    assert len(set(keys)) == 1, f"the members of the sample have the keys {sorted(set(keys))}"


def complete_says_the_same_of_the_same_members(sample: Sample) -> None:
    """Whether a group is complete is a boolean, and depends on its members alone: others ask it again."""
    for members in _groups(sample.members):
        answers = [_rejected_or(partial(_is_complete, sample.gather, asked)) for asked in _thrice(members)]
        assert len(set(answers)) == 1, f"complete said {answers} of the same {len(members)} members"


def the_sample_is_a_whole_group(sample: Sample) -> None:
    """All members together are complete, or as many as `size` allows; the group makes a message, or several."""
    gather, members = sample.gather, sample.members
    assert len({member.id for member in members}) == len(members), "each member of the sample has an id of its own"
    assert len(members) <= gather.size, f"the sample has {len(members)} members, and `size` is {gather.size}"
    is_full = len(members) == gather.size or _is_complete(gather, members)
    assert is_full or gather.incomplete == "emit", "the members of the sample are no complete group"
    for message in _messages(gather.combine(members)):
        assert message.payload, "a combined message can be sent"


def the_same_members_make_the_same(sample: Sample) -> None:
    """Who closes a group after another has failed makes the same of it, so that its id tells the truth."""
    for members in _groups(sample.members):
        made = [_outcome(sample.gather, asked) for asked in _thrice(members)]
        assert made[0] == made[1] == made[2], f"combine made different things of the same {len(members)} members"


def nothing_is_changed_in_place(sample: Sample) -> None:
    """Members go on as they were when their group is rejected or given back, so no function changes them."""
    for members in _groups(sample.members):
        before = [_written(member) for member in members]
        asked = list(members)
        for call in (sample.gather.complete, sample.gather.combine):
            _rejected_or(partial(call, asked))
        _ask_all(sample.gather, members)
        assert [_written(member) for member in members] == before, "a member was changed in place"
        assert [id(one) for one in asked] == [id(one) for one in members], "the list of members was changed"


def what_is_wrong_is_rejected(sample: Sample) -> None:
    """Whatever the members are, what is raised is Reject; with hypothesis, give a sample of any messages."""
    for members in _groups(sample.members):
        _ask_all(sample.gather, members)


def whatever_a_body_is_what_is_wrong_is_rejected(sample: Sample) -> None:
    """One member of the group is anything: each odd value, in the place of its body and of each value inside."""
    first, *others = sample.members
    for odd in _odd_ones(first):
        what_is_wrong_is_rejected(Sample(sample.gather, [odd, *others]))
        what_is_wrong_is_rejected(Sample(sample.gather, [*others, odd]))


CHECKS: Final[Sequence[Check]] = (
    members_have_one_key_each_time_they_are_asked,
    complete_says_the_same_of_the_same_members,
    the_sample_is_a_whole_group,
    the_same_members_make_the_same,
    nothing_is_changed_in_place,
    what_is_wrong_is_rejected,
    whatever_a_body_is_what_is_wrong_is_rejected,
)
"""All of them. A gather holds nothing, so that one sample does for all."""


def _groups(members: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield what the engine may ask about: the group as it grows, and as it is when some come in another order."""
    for count in range(1, len(members) + 1):
        yield members[:count]
    yield [*members[::-1]]
    yield members[1:] or members


def _again(members: Sequence[Message]) -> list[Message]:
    """Return members as another worker has them: equal, and other objects."""

    def again(member: Message) -> Message:
        headers, meta = dict(member.headers), dict(member.meta)
        copy = Message.received(member.payload, decode_json, id=member.id, headers=headers, meta=meta)
        return copy.to(*member.routes)

    return [again(member) for member in members]


def _thrice(members: Sequence[Message]) -> Sequence[Sequence[Message]]:
    return members, _again(members), members


def _ask_all(gather: Gather, members: Sequence[Message]) -> None:
    """Ask all that the engine would: a message without a key joins no group, one with another key another group."""
    groups: dict[str, list[Message]] = {}
    for member in members:
        key = _rejected_or(partial(_key, gather, member))
        if isinstance(key, str):
            groups.setdefault(key, []).append(member)
    for group in groups.values():
        _rejected_or(partial(_is_complete, gather, group))
        _rejected_or(partial(_payloads, gather, group))


def _payloads(gather: Gather, members: Sequence[Message]) -> list[bytes]:
    return [message.payload for message in _messages(gather.combine(members))]


def _key(gather: Gather, member: Message) -> str:
    key: object = gather.key(member)
    assert isinstance(key, str), f"key returned {type(key).__name__}, not str"
    key.encode()
    return key


def _is_complete(gather: Gather, members: Sequence[Message]) -> bool:
    answer: object = gather.complete(members)
    assert isinstance(answer, bool), f"complete returned {type(answer).__name__}, not bool"
    return answer


def _outcome(gather: Gather, members: Sequence[Message]) -> object:
    """Return what a group becomes, or why it does not."""

    def combined() -> list[Message]:
        return [message.evolve(id=_id(message, members)) for message in _messages(gather.combine(members))]

    return _rejected_or(combined)


def _id(message: Message, members: Sequence[Message]) -> str:
    """Return the id that matters: a member's own; the engine gives one to all else."""
    return message.id if any(message.id == member.id for member in members) else ""


def _rejected_or(call: Callable[[], T]) -> T | tuple[str, str]:
    """Return what a call gives, or how it rejected; all else that it raises is a breach, and raised."""
    try:
        return call()
    except Reject as rejection:
        return rejection.error, rejection.reason


def _messages(combined: object) -> Sequence[Message]:
    made = cast("Sequence[object]", combined) if isinstance(combined, list | tuple) else [combined]
    messages = [message for message in made if isinstance(message, Message)]
    kinds = {type(other).__name__ for other in made}
    assert len(messages) == len(made), f"combine returned {kinds}, not Message or a list of them"
    return messages


def _written(message: Message) -> str:
    """Return a text that differs whenever the message does."""
    try:
        return repr((message.id, message.body, message.headers, message.meta, message.routes))
    except Reject:
        return repr(message.id)  # it cannot be read, so nobody can change it


def _odd_ones(message: Message) -> Iterator[Message]:
    yield Message.received(b"{", decode_json, id=message.id)
    for odd in ODD:
        yield message.with_body(odd)
        for body in _with_odd(message.body, odd):
            yield message.with_body(body)
        for name in message.headers:
            if isinstance(odd, str):
                yield message.with_headers({name: odd})
    for name in message.headers:
        yield message.evolve(headers={key: value for key, value in message.headers.items() if key != name})


def _with_odd(value: JSON, odd: JSON) -> Iterator[JSON]:
    """Yield copies of a value with the odd one in the place of each value inside."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from ({**value, name: changed} for changed in (odd, *_with_odd(child, odd)))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in (odd, *_with_odd(child, odd)))
