from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.adapters.sqs_attributes import ILLEGAL, attributes_of, headers_of, typed
from sluiceway.core.message import Message

texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: not ILLEGAL.search(text))
attributes = st.one_of(
    st.builds(
        lambda kind, value: {"DataType": kind, "StringValue": value}, st.sampled_from(["String", "String.x"]), texts
    ),
    st.builds(lambda value: {"DataType": "Number.int", "StringValue": str(value)}, st.integers()),
    st.builds(lambda value: {"DataType": "Binary.gif", "BinaryValue": value}, st.binary()),
)


@given(
    st.dictionaries(st.text("abc", min_size=1), attributes.filter(lambda a: a.get("BinaryValue") != b""), max_size=5)
)
def test_attributes_that_are_forwarded_arrive_as_they_came(original: dict[str, Any]) -> None:
    headers, types = headers_of({name: typed(value) for name, value in original.items()})
    message = Message(headers=headers, meta={"header_types": types})
    assert attributes_of(message, tuple(original)) == original
