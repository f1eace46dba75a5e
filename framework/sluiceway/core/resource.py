"""What a component uses of the world outside, and what it must be allowed to do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["queue", "bus", "bucket", "secret", "parameter", "key", "table"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing outside that a component uses.

    The start check, the embedded AWS and the IAM policy all read this one declaration.

    Attributes:
        kind: What it is.
        name: Its name, URL or ARN, as the pipeline file has it.
        actions: The exact IAM actions that the component calls on it, such as `sqs:ReceiveMessage`.
    """

    kind: Kind
    name: str
    actions: tuple[str, ...]
