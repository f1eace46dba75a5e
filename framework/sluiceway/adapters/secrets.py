"""The values behind secret references."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.log import logger
from sluiceway.core import json
from sluiceway.core.errors import OutsideError
from sluiceway.core.ports import Clock
from sluiceway.core.secret import Secret

REFRESH: Final = 300.0
"""Seconds for which a fetched value is used before it is fetched again, so that a rotated secret is noticed."""

StandIn: TypeAlias = Callable[[str], str]
"""Gives a value for a reference to a secret that cannot be fetched."""


@dataclass(slots=True)
class _Held:
    value: str
    fetched: float


class SecretStore:
    """Fetches, keeps and refreshes secret values, for all components of a worker. Errors name the reference only.

    Args:
        clients: The AWS clients.
        clock: Time.
        stand_in: Gives the values of secrets that are not there; by default that is an error.
    """

    def __init__(self, clients: Clients, clock: Clock, stand_in: StandIn | None = None) -> None:
        self._clients = clients
        self._clock = clock
        self._stand_in = stand_in
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, secret: Secret) -> str:
        """Return a secret's present value with its prefix.

        A refresh that fails leaves the old value in use until the next one: an outage of the secret's store must not
        become one of the pipeline.

        Raises:
            OutsideError: The value was never there, or may not be read.
        """
        async with self._locks.setdefault(secret.reference, asyncio.Lock()):
            held = self._held.get(secret.reference)
            if held is None:
                held = _Held(await self._fetch(secret.reference), self._clock.monotonic())
                self._held[secret.reference] = held
            elif self._clock.monotonic() - held.fetched >= REFRESH:
                held.fetched = self._clock.monotonic()
                try:
                    held.value = await self._fetch(secret.reference)
                except OutsideError as error:
                    logger().warning("secret not refreshed, the old value stays in use", error=str(error))
        return secret.prefix + held.value

    async def _fetch(self, reference: str) -> str:
        try:
            return await self._fetch_from(reference)
        except OutsideError:
            if self._stand_in is None:
                raise
            return self._stand_in(reference)

    async def _fetch_from(self, reference: str) -> str:
        scheme, _, rest = reference.partition(":")
        match scheme:
            case "env":
                return _from_environment(rest)
            case "file":
                return await asyncio.to_thread(_from_file, Path(rest))
            case "secretsmanager":
                name, _, key = rest.partition("#")
                return await self._from_secrets_manager(name, key)
            case _:
                return await self._from_parameter_store(rest)

    async def _from_secrets_manager(self, name: str, key: str) -> str:
        client = await self._clients.open("secretsmanager")
        try:
            answer = await client.get_secret_value(SecretId=name)
        except AWS_ERRORS as error:
            raise OutsideError(str(classify(error, f"secret secretsmanager:{name}"))) from error
        text = answer.get("SecretString", "") or answer.get("SecretBinary", b"").decode(errors="replace")
        if not key:
            return text
        try:
            members = json.parse(text.encode())
        except json.InvalidJSON:
            members = None  # its error would quote the value
        value = members.get(key) if isinstance(members, dict) else None
        if not isinstance(value, str):
            raise OutsideError(f"secret secretsmanager:{name} is not a JSON object with a text under {key!r}")
        return value

    async def _from_parameter_store(self, name: str) -> str:
        client = await self._clients.open("ssm")
        try:
            answer = await client.get_parameter(Name=name, WithDecryption=True)
        except AWS_ERRORS as error:
            raise OutsideError(str(classify(error, f"parameter ssm:{name}"))) from error
        return answer["Parameter"].get("Value", "")


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise OutsideError(f"secret env:{name} is not set: set the environment variable {name}")
    return value


def _from_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OutsideError(f"secret file:{path} cannot be read: {reason}: mend the file or the reference") from None
