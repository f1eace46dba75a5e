"""A journal: a file with a line for each message."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from sluiceway import Context, Message, Reject, Sink, Transient

Results = Sequence[Reject | Transient | None]


class Journal(Sink):
    """Append each message's body to a file, as a line of its own."""

    batch_entries: ClassVar[int] = 100
    forwards: ClassVar[bool] = False

    path: str = Field(description="The file; it is made when it is not there.")

    def weigh(self, message: Message) -> int:
        """Count the body and the end of its line."""
        return len(message.payload) + 1

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Sequence[Message]], Awaitable[Results]]]:
        """Yield the function that writes a batch."""

        async def send(messages: Sequence[Message]) -> Results:
            results = [judge(message) for message in messages]
            accepted = [message for message, error in zip(messages, results, strict=True) if error is None]
            try:
                await asyncio.to_thread(self._append, b"".join(message.payload + b"\n" for message in accepted))
            except OSError as error:
                failed = Transient(f"{self.path} cannot be written: {error.strerror}")
                return [refused or failed for refused in results]
            return results

        yield send

    def _append(self, lines: bytes) -> None:
        with Path(self.path).open("ab") as file:
            file.write(lines)


def judge(message: Message) -> Reject | None:
    """Refuse what would be two lines."""
    return (
        Reject("the body has a line break, and a journal has one line for each") if b"\n" in message.payload else None
    )
