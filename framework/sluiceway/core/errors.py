"""The errors of Sluiceway, one small tree.

```
SluicewayError
├── InvalidPipeline        a pipeline file is wrong; carries every Problem found      (exit 1)
├── InvalidPattern         an event pattern that EventBridge would refuse   (also a ValueError)
├── InvalidExpression      an expression that cannot be compiled            (also a ValueError)
├── OutsideError           something outside is missing, denied or down               (exit 3)
├── NoProgress             a call of a stage or sink did not end, and the worker had to leave      (exit 4)
├── SourceExhausted        raised by a source with nothing left and nothing in flight: the worker leaves
└── MessageError           how one message ends, raised by a stage or a sink
    ├── Reject             it is wrong and will stay wrong: dead-lettered on the first attempt
    ├── Transient          it may succeed later: retried after a delay
    └── LeaseLost          the source has given it to somebody else, or may have
```

Any other exception that leaves a stage or a sink is a bug of that stage: retried, then dead-lettered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from sluiceway.core.problem import Problem

ErrorClass: TypeAlias = Literal[
    "invalid",
    "missing",
    "oversize",
    "unroutable",
    "refused",
    "expired",
    "exhausted",
    "incomplete",
    "bug",
]
"""Why a message was dead-lettered. The list is closed: alarms and redrive rules are written against it."""

RejectClass: TypeAlias = Literal["invalid", "missing", "oversize", "unroutable", "refused", "expired", "incomplete"]
"""The classes that a stage or sink may itself give; the engine alone decides exhausted and bug."""


class SluicewayError(Exception):
    """Base of everything that Sluiceway raises on purpose."""


class InvalidPipeline(SluicewayError):
    """A pipeline file is wrong. `problems` has every mistake found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{p.file}:{p.line}:{p.column}: {p.path}: {p.message}" for p in self.problems))


class InvalidPattern(SluicewayError, ValueError):
    """An event pattern that EventBridge would refuse.

    Attributes:
        path: The keys and indices inside the pattern that lead to the mistake.
    """

    def __init__(self, message: str, path: Sequence[str | int] = ()) -> None:
        self.path = tuple(path)
        super().__init__(message)


class InvalidExpression(SluicewayError, ValueError):
    """An expression that cannot be compiled: a syntax error, an unknown function, or beyond the bounds.

    Attributes:
        offset: Where in the expression, in characters from 0, when known.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        self.offset = offset
        super().__init__(message)


class OutsideError(SluicewayError):
    """Something outside the worker is missing, denied or unreachable, so that it cannot start or go on."""


class NoProgress(SluicewayError):
    """A call of a stage or sink did not end, long after its time-out, and the worker had to leave because of that."""


class SourceExhausted(SluicewayError):
    """The source will never have anything more; a queue does not say this, a list of messages does.

    Raise it only when nothing is in flight either: what is given back after it comes to nobody.
    """


class MessageError(SluicewayError):
    """How one message ends. `reason` is a sentence for the person who reads the dead letter or the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Reject(MessageError):
    """The message is wrong and will stay wrong: it is dead-lettered on the first attempt.

    Args:
        reason: What is wrong and where: "body.total is 'three', not a number".
        error: The class of the error.
    """

    def __init__(self, reason: str, *, error: RejectClass = "invalid") -> None:
        self.error: RejectClass = error
        super().__init__(reason)


class Transient(MessageError):
    """The message may succeed later: a dependency is slow, throttled or down.

    Args:
        reason: What failed: "customers.internal answered 503".
        retry_after: Seconds that the dependency asked us to wait, if it did.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(reason)


class LeaseLost(MessageError):
    """The source no longer lets us hold the message: it will come again, here or elsewhere."""
