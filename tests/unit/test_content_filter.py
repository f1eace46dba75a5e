"""`content_filter`: what is kept, removed, renamed and hidden, and which filters a file may hold."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Context, Message, Reject, Secret
from sluiceway_patterns.content_filter import ContentFilter

KEY = "pepper"
ORDER: dict[str, Any] = {
    "order_no": "A-1",
    "customer": {"name": "Ada", "email": "ada@example.com", "address": {"city": "Bonn", "zip": "53111"}},
    "lines": [{"sku": "tea", "qty": 2}, {"sku": "cup", "qty": 1, "gift": True}],
}

names = st.sampled_from(["a", "b", "c"])
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
steps = st.lists(st.sampled_from(["a", "b", "c", "a[]", "b[][]"]), min_size=1, max_size=3).map(".".join)
paths = steps | steps.map("[].{}".format)


class FakeContext:
    """Has one secret."""

    async def secret(self, secret: Secret) -> str:
        return secret.prefix + KEY


def opened(**settings: Any) -> Callable[[JSON], Any]:
    async def open_() -> Callable[[Message], Message]:
        async with ContentFilter.model_validate(settings).open(cast("Context", FakeContext())) as process:
            return process

    process = asyncio.run(open_())
    return lambda body: process(Message(body)).body


def filtered(body: JSON, **settings: Any) -> Any:
    return opened(**settings)(body)


def masked(value: JSON, how: str) -> Any:
    return filtered({"it": value}, mask={"it": how}, **({"hash_key": "env:KEY"} if how == "hash" else {}))["it"]


def mistake(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ContentFilter.model_validate(settings)
    return str(caught.value)


def test_only_what_is_kept_stays_and_in_its_order() -> None:
    kept = filtered(ORDER, keep=["lines[].sku", "customer.address.city", "order_no", "nowhere.at.all"])
    assert kept == {
        "order_no": "A-1",
        "customer": {"address": {"city": "Bonn"}},
        "lines": [{"sku": "tea"}, {"sku": "cup"}],
    }
    assert list(kept) == ["order_no", "customer", "lines"]


def test_a_field_that_is_kept_whole_is_not_cut_by_a_path_below_it() -> None:
    assert filtered(ORDER, keep=["customer.name", "customer"]) == {"customer": ORDER["customer"]}


def test_a_field_of_another_kind_than_the_path_says_is_not_kept() -> None:
    assert filtered({"lines": "tea", "customer": [1]}, keep=["lines[].sku", "customer.name"]) == {}
    assert filtered({"lines": [{"sku": 1, "x": 2}, 5, None, {}]}, keep=["lines[].sku"]) == {"lines": [{"sku": 1}, {}]}


def test_what_is_removed_goes_and_the_rest_stays() -> None:
    assert filtered(ORDER, remove=["customer", "lines[].gift", "nowhere"]) == {
        "order_no": "A-1",
        "lines": [{"sku": "tea", "qty": 2}, {"sku": "cup", "qty": 1}],
    }
    assert filtered(ORDER, remove=["lines[]"])["lines"] == []


def test_a_renamed_field_stays_where_it_is() -> None:
    renamed = filtered(ORDER, rename={"order_no": "id", "lines[].qty": "quantity", "customer.address": "home"})
    assert list(renamed) == ["id", "customer", "lines"]
    assert renamed["lines"] == [{"sku": "tea", "quantity": 2}, {"sku": "cup", "quantity": 1, "gift": True}]
    assert renamed["customer"]["home"] == ORDER["customer"]["address"]


def test_paths_of_renamed_parents_and_two_fields_that_change_names() -> None:
    assert filtered({"a": {"b": 1, "c": 2}}, rename={"a": "x", "a.b": "c", "a.c": "b"}) == {"x": {"c": 1, "b": 2}}


def test_a_name_that_is_taken_is_not_overwritten() -> None:
    with pytest.raises(Reject, match=r"^body\.a\[\] would have two fields called c, and one of them would be lost$"):
        filtered({"a": [{"b": 1, "c": 2}]}, rename={"a[].b": "c"})


def test_steps_follow_one_another() -> None:
    body = {"card": "4111111111111111", "pin": 1, "x": 2}
    assert filtered(body, keep=["card", "pin"], remove=["pin"], rename={"card": "pan"}, mask={"pan": "last4"}) == {
        "pan": "***1111"
    }


@pytest.mark.parametrize(
    ("value", "full", "last4"),
    [
        ("4111111111111111", "***", "***1111"),
        (4111111111111111, "***", "***1111"),
        ("1234567", "***", "***"),
        ("", "***", "***"),
        (True, "***", "***"),
        ({"number": "4111111111111111"}, "***", "***"),
        (["4111111111111111"], "***", "***"),
        (None, None, None),
    ],
)
def test_masks(value: JSON, full: str | None, last4: str | None) -> None:
    assert (masked(value, "full"), masked(value, "last4")) == (full, last4)


def test_a_hash_is_keyed_and_equal_for_equal_values() -> None:
    assert masked("ada", "hash") == hmac.new(KEY.encode(), b"ada", hashlib.sha256).hexdigest()
    assert len({masked(value, "hash") for value in (7, 7.0, "7")}) == 1
    assert masked("7", "hash") != masked("8", "hash")
    assert masked({"a": 1}, "hash") == "***"


def test_every_element_is_masked() -> None:
    assert filtered([{"card": "x"}, {"card": [1]}, 5], mask={"[].card": "full"}) == [
        {"card": "***"},
        {"card": "***"},
        5,
    ]


@pytest.mark.parametrize("settings", [{"keep": ["a"]}, {"remove": ["a"]}, {"mask": {"a": "full"}}])
@pytest.mark.parametrize("body", [None, "{}", 5, True])
def test_a_body_without_fields_is_rejected(body: JSON, settings: dict[str, Any]) -> None:
    with pytest.raises(Reject, match="so it has no fields to filter") as caught:
        filtered(body, **settings)
    assert caught.value.error == "invalid"


def test_a_list_keeps_nothing_that_only_objects_have() -> None:
    assert filtered([{"a": 1}], keep=["a"]) == []


def test_what_a_file_may_not_hold() -> None:
    assert "nothing is filtered" in mistake()
    assert "hash needs a `hash_key`" in mistake(mask={"a": "hash"})
    assert "nothing is masked with `hash`" in mistake(mask={"a": "full"}, hash_key="env:KEY")
    assert "an element, which has no name" in mistake(rename={"a[]": "b"})
    assert "not a value" in mistake(mask={"a": "hash"}, hash_key="pepper")


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[0]", "a[].[]", "a[]b", "x" * 201])
def test_what_is_no_path_is_refused(path: str) -> None:
    assert "keep" in mistake(keep=[path])


@given(
    body=bodies,
    keep=st.lists(paths, max_size=3),
    remove=st.lists(paths, max_size=3),
    rename=st.dictionaries(paths.filter(lambda path: not path.endswith("]")), names, max_size=2),
    mask=st.dictionaries(paths, st.sampled_from(["full", "last4", "hash"]), max_size=2),
)
def test_any_body_is_filtered_or_rejected_and_never_changed(
    body: JSON, keep: list[str], remove: list[str], rename: dict[str, str], mask: dict[str, str]
) -> None:
    key = {"hash_key": "env:KEY"} if "hash" in mask.values() else {}
    run = opened(keep=keep, remove=[*remove, "zzz"], rename=rename, mask=mask, **key)
    before = copy.deepcopy(body)
    with contextlib.suppress(Reject):
        run(body)
    assert body == before


@given(body=st.dictionaries(names, bodies, max_size=3), chosen=st.lists(names, min_size=1, max_size=3))
def test_what_is_kept_and_what_is_removed_are_together_the_body(body: dict[str, Any], chosen: list[str]) -> None:
    kept, left = filtered(body, keep=chosen), filtered(body, remove=chosen)
    assert kept.keys().isdisjoint(left)
    assert {**kept, **left} == body
