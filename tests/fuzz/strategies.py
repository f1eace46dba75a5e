"""Inputs for the targets: seeds with changes, JSON of the right shape, and bytes without any."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from tests.fuzz import targets
from tests.fuzz.seeds import SEEDS, WORDS

_NAMES = ["a", "b", "body", "id", "jmes", "literal", "secret", "default", "", "$or", "ü", "\ud800", "x" * 300]
_TEXTS = [*_NAMES, "5m", "1KiB", "env:A", "https://h/{id}", "q.fifo", "b[?", "\x00", "*", "10.0.0.0/8", "[" * 300]
_NUMBERS: list[Any] = [0, -1, 1, 2**63, 2**64, 10**30, 0.1, 1e308, -0.0, 5e-324]

SCALARS = st.none() | st.booleans() | st.sampled_from([*_NUMBERS, *_TEXTS]) | st.integers() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)
TEXT = st.sampled_from(_TEXTS) | st.text(st.characters(codec=None), max_size=12)


def edited(target: str, words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Return seeds of a target with a few places cut out, repeated or written over; or bytes of no shape."""
    known = st.sampled_from([*WORDS.get(target, []), *words, b"", b"{}", b"[]", b"0", b"x"])
    piece = known | st.binary(max_size=6) | st.text(max_size=4).map(lambda text: text.encode(errors="surrogatepass"))
    edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), piece), min_size=0, max_size=4)
    return st.builds(_edit, st.sampled_from(SEEDS[target]), edits) | st.binary(max_size=60)


def _edit(seed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, cut, piece in edits:
        at = int(place * len(seed))
        seed = seed[:at] + piece + seed[at + cut :]
    return seed


def dumped(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return values as JSON."""
    return values.map(lambda value: json.dumps(value).encode())


def lines(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return parts, a line each."""
    return st.tuples(*parts).map(b"\n".join)


def changed(value: Any) -> st.SearchStrategy[Any]:
    """Return a value of JSON with any JSON in some of its places."""
    if isinstance(value, dict):
        inner = st.fixed_dictionaries({key: changed(item) for key, item in value.items()})
        return inner | inner | st.builds(lambda one, more: {**one, **more}, inner, _objects()) | JSON
    if isinstance(value, list):
        return st.tuples(*map(changed, value)).map(list) | st.lists(changed(value[0]) if value else JSON, max_size=4)
    return st.just(value) | st.just(value) | JSON


def _objects() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(_NAMES), JSON, max_size=3)


def of_seeds(target: str) -> st.SearchStrategy[bytes]:
    """Return the seeds of a target of JSON, changed as JSON; what stands on a line before it is kept."""
    split = [(head, tail) for head, _, tail in (seed.rpartition(b"\n") for seed in SEEDS[target])]
    return st.one_of(
        [
            lines(st.just(head), dumped(changed(json.loads(tail)))) if head else dumped(changed(json.loads(tail)))
            for head, tail in split
        ]
    )


_ATTRIBUTE = st.fixed_dictionaries(
    {"DataType": st.sampled_from(["String", "Number", "Binary", "Binary.png", "String.x", ""])},
    optional={"StringValue": TEXT, "BinaryValue": TEXT},
)
_NAMES_OF_ATTRIBUTES = st.sampled_from(["sluiceway", "sluiceway-claim", "ExtendedPayloadSize", *"abcdefghij"])
MESSAGES = st.fixed_dictionaries(
    {"Body": TEXT | JSON.map(json.dumps)},
    optional={
        "MessageId": TEXT,
        "ReceiptHandle": TEXT,
        "Attributes": st.dictionaries(
            st.sampled_from(["SentTimestamp", "ApproximateReceiveCount", "MessageGroupId", "MessageDeduplicationId"]),
            st.integers().map(str) | TEXT,
        ),
        "MessageAttributes": st.dictionaries(_NAMES_OF_ATTRIBUTES, _ATTRIBUTE, max_size=11),
    },
)
_LETTERS = st.fixed_dictionaries(
    {"message": MESSAGES},
    optional={
        "times": st.integers(1, 300_000),
        "fifo": st.booleans(),
        "reason": TEXT | TEXT.map(lambda text: text * 400),
        "accepted": st.dictionaries(TEXT, st.none(), max_size=5),
    },
)
_CLAIMS = st.fixed_dictionaries(
    {
        "headers": st.dictionaries(
            st.sampled_from(["sluiceway-claim", "ExtendedPayloadSize", "SQSLargePayloadSize", "x"]), TEXT | st.just("2")
        ),
        "body": st.sampled_from([json.loads(seed)["body"] for seed in SEEDS["claim"]]) | JSON.map(json.dumps),
        "object": TEXT,
    }
)
_COMPONENTS = st.sampled_from([f"{kind} {name}".encode() for kind, name in sorted(targets.COMPONENTS)])

INPUTS: dict[str, st.SearchStrategy[bytes]] = {
    "loader": edited("loader"),
    "settings": of_seeds("settings") | lines(_COMPONENTS, dumped(JSON)) | edited("settings"),
    "event_pattern": lines(dumped(JSON), dumped(JSON)) | of_seeds("event_pattern") | edited("event_pattern"),
    "expression": edited("expression") | lines(edited("expression"), dumped(JSON)),
    "delivery": dumped(MESSAGES) | of_seeds("delivery") | edited("delivery"),
    "claim": dumped(_CLAIMS) | of_seeds("claim") | edited("claim"),
    "http_answer": edited("http_answer"),
    "dead_letter": dumped(_LETTERS) | of_seeds("dead_letter") | edited("dead_letter"),
}
"""By target."""
