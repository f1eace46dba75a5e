"""Strategies for hypothesis: the bodies, headers and messages that a stage may meet.

```python
@given(messages({"body": {"order": 7}}))
def test_it_takes_what_comes(message: Message) -> None: ...
```

They need hypothesis, which `pip install hypothesis` brings; nothing else in this package does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias, cast

from hypothesis import strategies as st

from sluiceway.core.body import decode_json, decode_text
from sluiceway.core.json import JSON
from sluiceway.core.message import Message

_TEXTS: Final = ["", "0", "a", "é", "日本", "\x00", "\ud800", "null", "2026-01-01T00:00:00Z", "x" * 300, "[" * 100]
_NUMBERS: Final[list[JSON]] = [0, -1, 1.5, -0.0, 1e308, 5e-324, 2**53 + 1, 2**63 - 1, -(2**63)]
_NO_JSON: Final = [b"", b"{", b"\xff\xfe", b'{"a": 1, "a": 2}', b"1e400", b"nul", b"[" * 2000, b'"\\ud800"', b"\x00"]
_SENT_AT: Final = ["2026-01-01T00:00:00.000+00:00", "yesterday", "", None, 0]

Given: TypeAlias = Mapping[str, object]
"""A message as under `given:` in a file: `{body, headers, meta}`."""


@cache
def json_values(*, max_leaves: int = 12) -> st.SearchStrategy[JSON]:
    """Return values that JSON can hold, awkward ones among them: half pairs, the edges of doubles, odd keys."""
    scalars = st.none() | st.booleans() | st.sampled_from([*_TEXTS, *_NUMBERS]) | st.integers(-(2**63), 2**63)
    leaves = scalars | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    keys = st.sampled_from(["a", "id", "body", "", "a.b", "__proto__", "ü"]) | st.text(max_size=5)

    def inside(values: st.SearchStrategy[JSON]) -> st.SearchStrategy[JSON]:
        lists = cast("st.SearchStrategy[JSON]", st.lists(values, max_size=4))
        return lists | cast("st.SearchStrategy[JSON]", st.dictionaries(keys, values, max_size=4))

    return st.recursive(leaves, inside, max_leaves=max_leaves)


def changed(value: JSON) -> st.SearchStrategy[JSON]:
    """Return a value with any JSON in some of its places, and keys that are missing or too many."""
    return _changed(value, 0)


def _changed(value: JSON, level: int) -> st.SearchStrategy[JSON]:
    anything = json_values(max_leaves=4)
    same = st.just(value)
    if level > 8:
        return same
    if isinstance(value, dict):
        inner = {key: _changed(item, level + 1) for key, item in value.items()}
        whole = cast("st.SearchStrategy[JSON]", st.fixed_dictionaries(inner))
        some = cast("st.SearchStrategy[JSON]", st.fixed_dictionaries({}, optional=inner))
        return whole | whole | some | anything
    if isinstance(value, list):
        items = cast("st.SearchStrategy[JSON]", st.tuples(*(_changed(item, level + 1) for item in value)).map(list))
        more = _changed(value[0], level + 1) if value else anything
        return items | items | cast("st.SearchStrategy[JSON]", st.lists(more, max_size=4)) | anything
    return same | same | same | anything


def headers(like: Mapping[str, str] | None = None) -> st.SearchStrategy[dict[str, str]]:
    """Return headers: those given, some of them changed or missing, and others."""
    values = st.sampled_from([text for text in _TEXTS if text.isprintable()]) | st.text(max_size=10)
    others = st.dictionaries(st.sampled_from(["traceparent", "X-Id", "content-type", "a"]), values, max_size=2)
    if not like:
        return others
    known = st.fixed_dictionaries({}, optional={name: st.just(value) | values for name, value in like.items()})
    whole = st.just(dict(like))
    return st.tuples(others, whole | known).map(lambda drawn: {**drawn[0], **drawn[1]})


def messages(*like: Given) -> st.SearchStrategy[Message]:
    """Return messages as a source hands them out, parsed or still bytes.

    Args:
        like: Messages that are understood: what is drawn is often one of them with some places changed, so that it
            gets further than the first check.
    """
    samples: Sequence[Given] = like or ({"body": {}},)
    return st.one_of([_like(sample) for sample in samples])


def _like(sample: Given) -> st.SearchStrategy[Message]:
    body = sample.get("body")
    given_meta = cast("Mapping[str, JSON]", sample.get("meta") or {})
    given_headers = cast("Mapping[str, str]", sample.get("headers") or {})
    bodies = changed(cast("JSON", body)) if not isinstance(body, bytes) else json_values()
    meta = st.fixed_dictionaries(
        {"receive_count": st.integers(1, 5)},
        optional={"sent_at": st.sampled_from(_SENT_AT), **{name: changed(value) for name, value in given_meta.items()}},
    )
    parsed = st.builds(Message, bodies, id=st.just("m-1"), headers=headers(given_headers), meta=meta)
    texts = bodies.map(lambda value: json.dumps(value, ensure_ascii=True).encode())
    raw = texts | st.sampled_from(_NO_JSON) | st.binary(max_size=20)
    received = st.builds(
        Message.received,
        raw,
        st.sampled_from([decode_json, decode_text]),
        id=st.just("m-1"),
        headers=headers(given_headers),
        meta=meta,
    )
    return parsed | parsed | received
