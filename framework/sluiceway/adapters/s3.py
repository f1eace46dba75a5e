"""S3 buckets, as stages see them."""

from __future__ import annotations

from botocore.exceptions import ClientError

from sluiceway.adapters.aws_errors import AWS_ERRORS, error_code, failure_of_each
from sluiceway.adapters.clients import Clients
from sluiceway.core.errors import Reject

_CHUNK = 64 * 1024  # bytes
_NO_OBJECT = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Bucket:
    """One bucket.

    Without `s3:ListBucket`, S3 answers "access denied" for an object that is not there, so a denial may be about one
    message or about all. It is raised as Transient: when other messages get through it counts against this one's
    attempts, and when none does the worker pauses and says why.
    """

    def __init__(self, clients: Clients, name: str) -> None:
        self._clients = clients
        self._name = name

    async def get(self, key: str, *, max_size: int) -> bytes:
        """Return an object's bytes; never more than `max_size` of them are read."""
        s3 = await self._clients.open("s3")
        try:
            answer = await s3.get_object(Bucket=self._name, Key=key)
            async with answer["Body"] as body:
                if (length := answer.get("ContentLength", 0)) > max_size:
                    raise self._oversize(key, length, max_size)
                content = bytearray()
                async for chunk in body.iter_chunks(_CHUNK):
                    content += chunk
                    if len(content) > max_size:  # whatever the service said its length was
                        raise self._oversize(key, len(content), max_size)
                return bytes(content)
        except AWS_ERRORS as error:
            if isinstance(error, ClientError) and error_code(error) in _NO_OBJECT:
                raise Reject(f"bucket {self._name} has no object {key}", error="missing") from error
            raise failure_of_each(error, f"bucket {self._name}") from error

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        s3 = await self._clients.open("s3")
        try:
            await s3.put_object(Bucket=self._name, Key=key, Body=body)
        except AWS_ERRORS as error:
            raise failure_of_each(error, f"bucket {self._name}") from error

    def _oversize(self, key: str, size: int, max_size: int) -> Reject:
        return Reject(
            f"object {key} in bucket {self._name} has {size} bytes or more; at most {max_size} are read",
            error="oversize",
        )
