"""The one place where AWS clients are made.

They are stock aiobotocore clients, so the standard AWS variables, profiles and container roles just work. Whoever
wants another transport under them (as a faster lane would) puts it below through botocore's `before-call` event,
in `Clients._open`; nothing above would notice.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self, TypeAlias, TypedDict, cast, overload

import botocore.session
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from sluiceway.adapters.aws_errors import explain_setup
from sluiceway.core.errors import OutsideError

if TYPE_CHECKING:
    from botocore.config import _RetryDict  # pyright: ignore[reportPrivateUsage] # the stubs give it no other name
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_events import EventBridgeClient
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_secretsmanager import SecretsManagerClient
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_ssm import SSMClient

    AnyClient: TypeAlias = DynamoDBClient | EventBridgeClient | S3Client | SecretsManagerClient | SQSClient | SSMClient

Service: TypeAlias = Literal["dynamodb", "events", "s3", "secretsmanager", "sqs", "ssm"]

# One retry at once heals a connection that the service had closed while it lay idle. All longer waiting is the
# engine's (backoff, breaker, visibility); botocore's default of several attempts with its own backoff would multiply.
_RETRIES: Final[_RetryDict] = {"mode": "standard", "total_max_attempts": 2}
_LONG_POLL = 20  # seconds; what SQS may take before it answers a receive
_READ_TIMEOUT: Final = _LONG_POLL + 10
_CONNECT_TIMEOUT: Final = 5
_KEEPER_TIMEOUT: Final = 10  # the lease keeper has one thread: a renewal that hangs holds up the others, and the next
_CONNECTIONS: Final = 50
_LARGE_BODY: Final = 1024 * 1024  # bytes; from here on aiohttp warns
_USER_AGENT: Final = f"sluiceway/{version('sluiceway')}"
_EMULATOR: Final = {"region": "us-east-1", "key": "test"}  # what emulators expect when nothing is set


class _Placement(TypedDict, total=False):
    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str


class BlockingSqs(Protocol):
    """The part of a synchronous SQS client that the lease keeper uses, on its own thread."""

    def change_message_visibility_batch(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - the service's name for it
        Entries: Sequence[Mapping[str, object]],  # noqa: N803 - the service's name for it
    ) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """Change up to ten visibility timeouts."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Clients:
    """AWS clients, opened on first use, shared, and closed together; an async context manager.

    They belong to the event loop that opened them.

    Args:
        endpoint: The URL of an emulator for all services, such as the embedded AWS.
        localstack: Look the endpoint up as LocalStack's own client does (`LOCALSTACK_HOST`, `AWS_ENDPOINT_URL`).

    With neither, botocore looks up endpoints, region and credentials as every AWS tool does. With an emulator, a
    region or key that is not set in the environment is made up, so that nothing has to be configured.
    """

    def __init__(self, endpoint: str | None = None, *, localstack: bool = False) -> None:
        self._endpoint = endpoint
        self._localstack = localstack
        self._session = AioSession()
        self._opened: dict[str, AnyClient] = {}
        self._opening = asyncio.Lock()
        self._exits = AsyncExitStack()

    @property
    def emulated(self) -> bool:
        """Whether an emulator answers: resources are then found by name, whatever account or host the file has."""
        return self._endpoint is not None or self._localstack

    @property
    def region(self) -> str:
        """The region that the clients call, or an empty text.

        Botocore knows AWS_DEFAULT_REGION and the profile only; containers and all other SDKs have AWS_REGION.
        """
        profile = cast("str | None", self._session.get_config_variable("region"))
        given = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or profile
        return given or (_EMULATOR["region"] if self.emulated else "")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.clear()
        await self._exits.aclose()

    @overload
    async def open(self, service: Literal["dynamodb"]) -> DynamoDBClient: ...
    @overload
    async def open(self, service: Literal["events"]) -> EventBridgeClient: ...
    @overload
    async def open(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    async def open(self, service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
    @overload
    async def open(self, service: Literal["sqs"]) -> SQSClient: ...
    @overload
    async def open(self, service: Literal["ssm"]) -> SSMClient: ...
    async def open(self, service: Service) -> AnyClient:
        """Return the client for a service; one for all who ask.

        Raises:
            OutsideError: There is no region, or there are no credentials; it says what to set.
        """
        async with self._opening:
            if service not in self._opened:
                self._opened[service] = await self._open(service)
            return self._opened[service]

    def blocking_sqs(self, lease: float) -> BlockingSqs:
        """Return a new synchronous SQS client, for the lease keeper's thread. Whoever asks closes it.

        Args:
            lease: Seconds of the leases that it renews: a call that hangs, and its retry, must leave time for another.

        Raises:
            OutsideError: As for `open`.
        """
        timeout = min(_KEEPER_TIMEOUT, max(1, lease / 6))
        config = Config(
            retries=_RETRIES,
            connect_timeout=min(_CONNECT_TIMEOUT, timeout),
            read_timeout=timeout,
            tcp_keepalive=True,
            max_pool_connections=4,
            user_agent_extra=_USER_AGENT,
        )
        session = botocore.session.Session()
        try:
            client = session.create_client("sqs", config=config, **self._placement("sqs"))
        except BotoCoreError as error:
            raise explain_setup(error, "sqs") from error
        return cast("BlockingSqs", client)

    async def _open(self, service: Service) -> AnyClient:
        config = AioConfig(
            retries=_RETRIES,
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            tcp_keepalive=True,
            max_pool_connections=_CONNECTIONS,
            user_agent_extra=_USER_AGENT,
            # An emulator has no wildcard DNS for bucket.host.
            s3={"addressing_style": "path"} if self.emulated else None,
        )
        try:
            await self._require_credentials(service)
            making = self._session.create_client(  # pyright: ignore[reportUnknownMemberType] # types for six services
                service, config=config, **self._placement(service)
            )
            client: AnyClient = await self._exits.enter_async_context(making)
        except (BotoCoreError, ValueError) as error:  # ValueError: AWS_ENDPOINT_URL is not a URL
            raise explain_setup(error, service) from error
        client.meta.events.register("before-send", _stream_large_body)
        return client

    async def _require_credentials(self, service: Service) -> None:
        """Botocore would only notice when it signs the first call, in the middle of work."""
        if not self.emulated and await self._session.get_credentials() is None:
            raise OutsideError(
                f"{service}: no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, "
                "or give the container a task role"
            )

    def _placement(self, service: Service) -> _Placement:
        """Return the region, and for an emulator where it is and what to sign with; botocore finds the rest itself."""
        if not self.emulated:
            return {"region_name": self.region} if self.region else {}
        return {
            "endpoint_url": self._endpoint or _localstack_endpoint(service),
            "region_name": self.region,
            "aws_access_key_id": os.environ.get("AWS_ACCESS_KEY_ID", _EMULATOR["key"]),
            "aws_secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", _EMULATOR["key"]),
        }


def _stream_large_body(request: AWSPreparedRequest, **_: object) -> None:
    """Send a large body piece by piece: aiohttp writes bytes at once, and warns that this holds up the loop."""
    if isinstance(request.body, bytes) and len(request.body) > _LARGE_BODY:
        request.body = io.BytesIO(request.body)


def _localstack_endpoint(service: Service) -> str:
    from localstack_client.config import get_service_endpoint  # noqa: PLC0415 - brings boto3, for --localstack only

    try:
        endpoint: str | None = get_service_endpoint(service)
    except RuntimeError as error:
        raise OutsideError(f"LOCALSTACK_HOST is not host:port: {error}") from error
    if endpoint is None:
        raise OutsideError(f"LocalStack has no endpoint for {service}")
    return endpoint
