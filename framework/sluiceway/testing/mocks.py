"""What a test puts in the place of the outside: an answer for each call that a stage makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast

from sluiceway.adapters.memory_store import MemoryStore
from sluiceway.core import json
from sluiceway.core.cache import MemoryCache
from sluiceway.core.context import Bucket, Cache, Http, HttpAnswer
from sluiceway.core.errors import Reject, Transient
from sluiceway.core.http import OversizeAnswer
from sluiceway.core.json import JSON
from sluiceway.core.ports import Clock, Random, Store
from sluiceway.core.secret import Secret
from sluiceway.core.store import DynamoDbStore
from sluiceway.core.url import shown_url
from sluiceway.engine.report import Counts

SECRET: Final = "test-secret"  # noqa: S105 - what every secret is in a test
"""The value of every secret in a test."""


class RunFailed(AssertionError):
    """The run says nothing about the pipeline: a call had no mock, or a stage broke a rule that only tests can see."""


Fail: TypeAlias = Callable[[str], RunFailed]
"""Ends the run for a reason, and returns what to raise where that was found."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is answered with.

    Attributes:
        status: The HTTP status; of S3 the same, 404 for an object that is not there.
        content: Bytes are sent as they are; text as it is by S3, as a JSON string by HTTP.
        headers: The HTTP headers, names in lower case.
    """

    status: int = 200
    content: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def parse(cls, mock: object) -> Answer:
        """Return the answer that a mock stands for.

        Args:
            mock: `{missing: true}`, `{status: 503}` (with `body` and `headers` if wanted), or the value itself.

        Raises:
            TypeError: It holds something that JSON does not have.
        """
        tag = _mapping(mock)
        status, headers = tag.get("status"), tag.get("headers")
        if tag.get("missing") is True and len(tag) == 1:
            return cls(404)
        if type(status) is int and tag.keys() <= {"status", "body", "headers"}:
            body = tag.get("body", b"")
            content = body.encode() if isinstance(body, str) else _content(body)
            return cls(status, content, {name.lower(): str(value) for name, value in _mapping(headers).items()})
        return cls(200, _content(mock), {"content-type": "application/json"})


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _content(value: object) -> bytes | str:
    return value if isinstance(value, bytes | str) else json.dump(cast("JSON", value))


class Mock:
    """The answers for one stage.

    Args:
        component: The stage's id.
        fail: Ends the run.
        mock: One answer for all calls, or a list of answers in turn; without it no call may be made.
    """

    def __init__(self, component: str, fail: Fail, *mock: object) -> None:
        self._component = component
        self._fail = fail
        self._given = bool(mock)
        self._in_turn = bool(mock) and isinstance(mock[0], list | tuple)
        self._answers = [Answer.parse(each) for each in cast("Sequence[object]", mock[0] if self._in_turn else mock)]
        self._calls = 0

    def answer(self, call: str) -> Answer:
        """Return the answer to a call, or end the run.

        Args:
            call: What is called, for the sentence: "GET https://customers.internal/v1/customers/7".
        """
        self._calls += 1
        if not self._given:
            raise self._fail(f"stage {self._component} calls out and the test has no mock for it ({call})")
        if not self._in_turn:
            return self._answers[0]
        if self._calls > len(self._answers):
            has = f"{len(self._answers)} answer{'' if len(self._answers) == 1 else 's'}"
            raise self._fail(f"the mock of stage {self._component} has {has}, and this is call {self._calls} ({call})")
        return self._answers[self._calls - 1]


@dataclass(frozen=True, slots=True)
class MockHttp:
    """`Http` that asks the mock, and keeps the limit on an answer's size as the real one does."""

    mock: Mock
    max_size: int

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Return the mock's answer."""
        answer = self.mock.answer(f"{method} {shown_url(url)}")
        content = json.dump(answer.content) if isinstance(answer.content, str) else answer.content
        given = HttpAnswer(answer.status, answer.headers, content[: self.max_size])
        if len(content) > self.max_size:
            raise OversizeAnswer(f"{shown_url(url)} answered with more than {int(self.max_size)} bytes", given)
        return given


@dataclass(frozen=True, slots=True)
class MockBucket:
    """`Bucket` that asks the mock. What was put is not kept: a get has an answer of its own."""

    mock: Mock
    name: str

    async def get(self, key: str, *, max_size: int) -> bytes:
        """Return the mock's answer as the object."""
        answer = self.mock.answer(f"get {key} from bucket {self.name}")
        if answer.status == 404:
            raise Reject(f"bucket {self.name} has no object {key}", error="missing")
        self._check(answer)
        content = answer.content.encode() if isinstance(answer.content, str) else answer.content
        if len(content) > max_size:
            raise Reject(f"object {key} in bucket {self.name} has more than {int(max_size)} bytes", error="oversize")
        return content

    async def put(self, key: str, body: bytes) -> None:
        """Succeed unless the mock's answer is an error."""
        self._check(self.mock.answer(f"put {key} into bucket {self.name}"))

    def _check(self, answer: Answer) -> None:
        if answer.status >= 400:
            raise Transient(f"bucket {self.name}: S3 answered {answer.status}")


@dataclass(slots=True)
class MockContext:
    """The context of one component in a test; attributes as in `Context`."""

    pipeline: str
    component: str
    clock: Clock
    random: Random
    mock: Mock
    counts: Counts

    def http(self, *, timeout: float, max_size: int, allow_private: bool = False) -> Http:
        """Return outgoing HTTP that goes nowhere."""
        return MockHttp(self.mock, max_size)

    def bucket(self, name: str) -> Bucket:
        """Return a bucket that is not there."""
        return MockBucket(self.mock, name)

    async def store(self, choice: Literal["memory"] | DynamoDbStore) -> Store:
        """Return a store in memory, on the test's time, whatever the settings name."""
        return MemoryStore(self.clock)

    def cache(self, *, ttl: float, entries: int) -> Cache:
        """Return a cache, on the test's time."""
        return MemoryCache(self.clock, ttl=ttl, entries=entries)

    async def secret(self, secret: Secret) -> str:
        """Return a placeholder: no test has a secret."""
        return secret.prefix + SECRET

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self.counts[name, tuple(sorted(labels.items()))] += amount
