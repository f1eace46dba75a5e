from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqs_extended_client import SQSExtendedClientSession

from sluiceway import Message, Reject, Transient
from sluiceway.core.body import decode_text, decoder
from sluiceway_patterns.claim_check import Restore, Store

POINTERS = (
    ("ExtendedPayloadSize", "software.amazon.payloadoffloading.PayloadS3Pointer"),
    ("SQSLargePayloadSize", "com.amazon.sqs.javamessaging.MessageS3Pointer"),
)


class Buckets:
    """Objects by bucket and key, in memory, and the context that hands the buckets out."""

    pipeline = "orders"
    component = "claim"

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.reads: list[tuple[str, str]] = []
        self.down = False

    def bucket(self, name: str) -> Bucket:
        return Bucket(self, name)


class Bucket:
    def __init__(self, buckets: Buckets, name: str) -> None:
        self.buckets = buckets
        self.name = name

    async def get(self, key: str, *, max_size: int) -> bytes:
        self.buckets.reads.append((self.name, key))
        if (self.name, key) not in self.buckets.objects:
            raise Reject(f"bucket {self.name} has no object {key}", error="missing")
        content = self.buckets.objects[self.name, key]
        if len(content) > max_size:
            raise Reject(f"object {key} is too large", error="oversize")
        return content

    async def put(self, key: str, body: bytes) -> None:
        if self.buckets.down:
            raise Transient("S3 answered 503")
        self.buckets.objects[self.name, key] = body


async def through(stage: Any, message: Message, buckets: Any) -> Message:
    async with stage.open(buckets) as process:
        result = await process(message)
    assert isinstance(result, Message)
    return result


def message(payload: bytes, headers: Mapping[str, str] | None = None, **types: str) -> Message:
    meta: dict[str, Any] = {"queue": "orders", **({"header_types": dict(types)} if types else {})}
    return Message.received(payload, decoder("json"), id="m-1", headers=headers or {}, meta=meta)


def pointer(
    name: str = "ExtendedPayloadSize",
    pointer_class: str = POINTERS[0][1],
    *,
    bucket: str = "bodies",
    key: str = "k",
    size: str = "2",
) -> Message:
    body = json.dumps([pointer_class, {"s3BucketName": bucket, "s3Key": key}]).encode()
    return message(body, {name: size, "tenant": "a"}, **{name: "Number"})


async def rejected(stage: Any, claim: Message, buckets: Buckets) -> Reject:
    with pytest.raises(Reject) as caught:
        await through(stage, claim, buckets)
    return caught.value


STORE = Store(bucket="bodies", always=True, prefix="orders/")
STORE_EXTENDED = Store(bucket="bodies", always=True, format="extended_client")
RESTORE = Restore(buckets=("bodies", "others"))


# Store


async def test_a_small_body_passes_unchanged() -> None:
    buckets = Buckets()
    small = message(b'"' + b"x" * 8 + b'"')

    assert await through(Store(bucket="bodies", over="10B"), small, buckets) is small
    assert buckets.objects == {}


async def test_a_large_body_waits_in_the_bucket_under_its_digest() -> None:
    buckets = Buckets()
    body = b'"' + b"x" * 9 + b'"'
    digest = hashlib.sha256(body).hexdigest()

    claim = await through(Store(bucket="bodies", over="10B", prefix="orders/"), message(body, {"tenant": "a"}), buckets)

    assert buckets.objects == {("bodies", f"orders/{digest}"): body}
    assert claim.body == {"claim": {"bucket": "bodies", "key": f"orders/{digest}", "sha256": digest, "size": 11}}
    assert claim.headers == {"tenant": "a", "sluiceway-claim": "1"}
    assert claim.id == "m-1"


async def test_the_size_that_counts_is_in_bytes_not_in_characters() -> None:
    buckets = Buckets()
    await through(Store(bucket="bodies", over="10B"), message('"ééééé"'.encode()), buckets)

    assert len(buckets.objects) == 1


async def test_no_claim_goes_on_when_the_bucket_did_not_take_the_body() -> None:
    buckets = Buckets()
    buckets.down = True

    with pytest.raises(Transient):
        await through(STORE, message(b"{}"), buckets)


async def test_equal_bodies_are_stored_once() -> None:
    buckets = Buckets()
    first, second = message(b"{}"), message(b"{}").evolve(id="m-2")

    assert (await through(STORE, first, buckets)).body == (await through(STORE, second, buckets)).body
    assert len(buckets.objects) == 1


async def test_extended_client_consumers_delete_so_each_message_has_its_own_object() -> None:
    buckets = Buckets()
    first, second = message(b"{}"), message(b"{}").evolve(id="m-2")

    await through(STORE_EXTENDED, first, buckets)
    await through(STORE_EXTENDED, second, buckets)
    await through(STORE_EXTENDED, first, buckets)

    assert len(buckets.objects) == 2


async def test_a_claim_is_not_stored_again() -> None:
    buckets = Buckets()
    for store in (STORE, STORE_EXTENDED):
        claim = await through(store, message(b"{}"), buckets)
        assert await through(STORE, claim, buckets) is claim
        assert await through(STORE_EXTENDED, claim, buckets) is claim


async def test_the_claim_can_be_read_whatever_the_format_of_the_bodies() -> None:
    buckets = Buckets()
    for body_format in ("text", "base64"):
        wrapped = Message.received(b"e30=", decoder(body_format), id="m-1")
        claim = await through(STORE, wrapped, buckets)
        assert isinstance(claim.body, dict)
        assert json.loads(claim.payload) == claim.body
        assert (await through(RESTORE, claim, buckets)).body == wrapped.body


# The extended client's own code, both ways


class S3:
    """As much of boto3's S3 client as the extended client calls."""

    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets

    def put_object(self, *, Body: bytes, Bucket: str, Key: str) -> None:  # noqa: N803 - boto3's names
        self.buckets.objects[Bucket, Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        content = self.buckets.objects[Bucket, Key]
        return {"Body": type("Stream", (), {"read": lambda _: content})()}


@pytest.fixture(scope="module")
def extended_client() -> Any:
    session = SQSExtendedClientSession(
        aws_access_key_id="example", aws_secret_access_key="example", region_name="eu-west-1"
    )
    client = session.client("sqs")
    client.large_payload_support = "bodies"
    client.always_through_s3 = True
    return client


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("body", ['{"order_no": "A-1"}', '{"name": "Zoë 🚲"}'])
async def test_what_the_extended_client_sends_is_restored(extended_client: Any, body: str, legacy: bool) -> None:  # noqa: FBT001 - a parameter of the test
    buckets = Buckets()
    extended_client.s3_client = S3(buckets)
    extended_client.use_legacy_attribute = legacy
    sent, attributes = extended_client.store_message_in_s3(body, {"tenant": {"DataType": "String", "StringValue": "a"}})
    headers = {name: attribute["StringValue"] for name, attribute in attributes.items()}
    types = {name: a["DataType"] for name, a in attributes.items() if a["DataType"] != "String"}

    restored = await through(RESTORE, message(sent.encode(), headers, **types), buckets)

    assert restored.payload == body.encode()
    assert restored.body == json.loads(body)
    assert restored.headers == {"tenant": "a"}
    assert restored.meta == {"queue": "orders"}
    assert restored.id == "m-1"
    assert len(buckets.objects) == 1


async def test_what_we_store_is_read_by_the_extended_client(extended_client: Any) -> None:
    buckets = Buckets()
    extended_client.s3_client = S3(buckets)
    body = '{"name": "Zoë 🚲"}'

    claim = await through(STORE_EXTENDED, message(body.encode(), {"n": "1"}, n="Number.int"), buckets)

    assert extended_client.retrieve_message_from_s3(claim.payload.decode()) == body
    assert claim.headers == {"n": "1", "ExtendedPayloadSize": str(len(body.encode()))}
    assert claim.meta["header_types"] == {"n": "Number.int", "ExtendedPayloadSize": "Number"}


# Restore


@pytest.mark.parametrize(("name", "pointer_class"), POINTERS)
async def test_both_pointer_classes_and_both_attributes_are_known(name: str, pointer_class: str) -> None:
    restored = await through(RESTORE, pointer(name, pointer_class), Buckets({("bodies", "k"): b"{}"}))

    assert restored.payload == b"{}"
    assert restored.headers == {"tenant": "a"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (pointer().payload, {}),
        (pointer().payload, {"extendedpayloadsize": "2"}),
        (b'{"order_no": "A-1"}', {"ExtendedPayloadSize": "2"}),
        (b'["com.example.Pointer", {"s3BucketName": "bodies", "s3Key": "k"}]', {"ExtendedPayloadSize": "2"}),
        (b'["' + POINTERS[0][1].encode() + b'", {"s3BucketName": "bodies"}]', {"ExtendedPayloadSize": "2"}),
        (b'["' + POINTERS[0][1].encode() + b'", {"s3BucketName": "bodies", "s3Key": 1}]', {"SQSLargePayloadSize": "2"}),
        (b'["' + POINTERS[0][1].encode() + b'"]', {"ExtendedPayloadSize": "2"}),
        (pointer().payload, {"sluiceway-claim": "1"}),
        (b'{"claim": {"bucket": "bodies", "key": "k", "sha256": "", "size": 2}}', {}),
        (b'{"claim": {"bucket": "bodies", "key": "k", "sha256": "", "size": 2}}', {"ExtendedPayloadSize": "2"}),
        (b'{"claim": {"bucket": "bodies", "key": "k", "size": 2}}', {"sluiceway-claim": "1"}),
        (b'{"claim": {"bucket": "bodies", "key": "k", "sha256": "", "size": 2}, "a": 1}', {"sluiceway-claim": "1"}),
        (b'{"claim": {"bucket": "bodies", "key": "k", "sha256": "", "size": 2, "a": 1}}', {"sluiceway-claim": "1"}),
        (b"not JSON", {"ExtendedPayloadSize": "2", "sluiceway-claim": "1"}),
        (b"\xff", {"ExtendedPayloadSize": "2", "sluiceway-claim": "1"}),
    ],
)
async def test_whatever_is_no_claim_passes_unchanged(body: bytes, headers: dict[str, str]) -> None:
    buckets = Buckets({("bodies", "k"): b"{}"})
    other = message(body, headers)

    assert await through(RESTORE, other, buckets) is other
    assert buckets.reads == []


async def test_a_body_is_not_read_without_a_header_that_calls_for_it() -> None:
    other = Message({"total": float("nan")}, headers={"tenant": "a"})
    with pytest.raises(Reject):
        _ = other.payload

    assert await through(RESTORE, other, Buckets()) is other


async def test_a_restored_body_is_read_as_the_source_reads_bodies() -> None:
    claim = pointer()
    buckets = Buckets({("bodies", "k"): b"{}"})
    text = Message.received(claim.payload, decode_text, id="m-1", headers=claim.headers)
    exact = Message.received(
        claim.payload, decoder("json", exact=True), id="m-1", headers={"ExtendedPayloadSize": "23"}
    )

    assert (await through(RESTORE, text, buckets)).body == "{}"

    buckets.objects["bodies", "k"] = b"12345678901234567890123"
    assert (await through(RESTORE, exact, buckets)).body == 12345678901234567890123


async def test_a_restored_body_that_is_not_json_is_rejected_when_it_is_read() -> None:
    restored = await through(RESTORE, pointer(size="1"), Buckets({("bodies", "k"): b"{"}))

    with pytest.raises(Reject, match="not valid JSON") as caught:
        _ = restored.body
    assert caught.value.error == "invalid"


async def test_a_claim_on_another_bucket_is_refused_and_not_fetched() -> None:
    buckets = Buckets({("payroll", "k"): b"{}"})

    error = await rejected(RESTORE, pointer(bucket="payroll"), buckets)

    assert error.error == "refused"
    assert "payroll" in error.reason
    assert "bodies, others" in error.reason
    assert buckets.reads == []


async def test_a_claim_whose_object_is_gone_is_missing() -> None:
    assert (await rejected(RESTORE, pointer(), Buckets())).error == "missing"


async def test_a_body_that_differs_from_the_size_in_its_claim_is_invalid() -> None:
    error = await rejected(RESTORE, pointer(size="3"), Buckets({("bodies", "k"): b"{}"}))

    assert error.error == "invalid"
    assert "2 bytes, and the claim says 3" in error.reason


async def test_a_body_that_differs_from_its_digest_is_invalid() -> None:
    buckets = Buckets()
    claim = await through(STORE, message(b'{"a":1}'), buckets)
    buckets.objects = dict.fromkeys(buckets.objects, b'{"a":2}')

    error = await rejected(RESTORE, claim, buckets)

    assert error.error == "invalid"
    assert "SHA-256" in error.reason


@pytest.mark.parametrize("size", ["", "-2", "two", "2.0", " 2", "²", "9" * 400, "1" * 19])
async def test_a_size_that_is_no_number_is_invalid(size: str) -> None:
    error = await rejected(RESTORE, pointer(size=size), Buckets({("bodies", "k"): b"{}"}))

    assert error.error == "invalid"
    assert "not a number of bytes" in error.reason


@pytest.mark.parametrize("key", ["", "é" * 513])
async def test_a_key_that_s3_cannot_have_is_invalid(key: str) -> None:
    assert (await rejected(RESTORE, pointer(key=key), Buckets())).error == "invalid"


async def test_a_body_beyond_max_size_is_oversize_and_not_fetched() -> None:
    buckets = Buckets({("bodies", "k"): b"x" * 11})

    error = await rejected(Restore(buckets=("bodies",), max_size="10B"), pointer(size="11"), buckets)

    assert error.error == "oversize"
    assert buckets.reads == []


async def test_the_object_is_still_there_after_the_body_was_restored() -> None:
    buckets = Buckets({("bodies", "k"): b"{}"})
    claim = pointer()

    for _ in range(2):
        assert (await through(RESTORE, claim, buckets)).payload == b"{}"


async def test_only_the_marks_of_a_claim_are_taken_off() -> None:
    claim = pointer().with_headers({"S3Key": "k", "n": "1"})
    claim = claim.evolve(meta={"header_types": {"ExtendedPayloadSize": "Number", "n": "Number"}})

    restored = await through(RESTORE, claim, Buckets({("bodies", "k"): b"{}"}))

    assert restored.headers == {"tenant": "a", "S3Key": "k", "n": "1"}
    assert restored.meta == {"header_types": {"n": "Number"}}


# Settings


def test_what_the_stages_use_outside_is_declared() -> None:
    assert [(r.kind, r.name, r.actions) for r in STORE.resources()] == [
        ("bucket", "bodies", ("s3:PutObject", "s3:ListBucket"))
    ]
    assert [(r.kind, r.name, r.actions) for r in RESTORE.resources()] == [
        ("bucket", "bodies", ("s3:GetObject", "s3:ListBucket")),
        ("bucket", "others", ("s3:GetObject", "s3:ListBucket")),
    ]


def test_restore_without_buckets_is_an_error() -> None:
    with pytest.raises(ValidationError, match="buckets"):
        Restore(buckets=())


# Properties


@settings(max_examples=60, deadline=None)
@given(
    payload=st.binary(max_size=300),
    headers=st.dictionaries(st.sampled_from(["tenant", "n"]), st.text(max_size=5)),
    extended=st.booleans(),
    body_format=st.sampled_from(["json", "text", "base64"]),
)
def test_store_then_restore_gives_the_same_bytes_headers_and_meta(
    payload: bytes,
    headers: dict[str, str],
    extended: bool,  # noqa: FBT001 - drawn by hypothesis
    body_format: Any,
) -> None:
    before = Message.received(payload, decoder(body_format), id="m-1", headers=headers, meta={"queue": "orders"})

    async def there_and_back() -> Message:
        buckets = Buckets()
        claim = await through(STORE_EXTENDED if extended else STORE, before, buckets)
        received = Message.received(
            claim.payload, decoder(body_format), id="m-1", headers=claim.headers, meta=claim.meta
        )
        return await through(RESTORE, received, buckets)

    after = asyncio.run(there_and_back())

    assert after.payload == payload
    assert after.headers == headers
    assert after.meta == {"queue": "orders"}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.one_of(
    ANY_JSON, st.sampled_from(["bodies", "k", 2, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"])
)
ALMOST_CLAIMS = st.one_of(
    ANY_JSON,
    st.tuples(
        st.sampled_from([name for _, name in POINTERS]) | ANY_JSON,
        st.fixed_dictionaries({"s3BucketName": PARTS, "s3Key": PARTS}) | ANY_JSON,
    ),
    st.fixed_dictionaries(
        {"claim": st.fixed_dictionaries({"bucket": PARTS, "key": PARTS, "sha256": PARTS, "size": PARTS}) | ANY_JSON}
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(["ExtendedPayloadSize", "SQSLargePayloadSize", "sluiceway-claim"]),
    st.sampled_from(["1", "2"]) | st.text(max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(body=ALMOST_CLAIMS, headers=HEADERS)
def test_any_body_is_restored_passed_or_rejected(body: Any, headers: dict[str, str]) -> None:
    before = message(json.dumps(body).encode(), headers)
    buckets = Buckets({("bodies", "k"): b"{}"})

    try:
        after = asyncio.run(through(RESTORE, before, buckets))
    except Reject:
        return
    assert after is before or after.payload == b"{}"
