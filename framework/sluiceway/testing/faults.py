"""What goes wrong on purpose: the faults that the strict fakes are told to have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class AfterEffect:
    """It happened, yet the caller is told this error: the answer was lost on its way."""

    error: Exception


Fault: TypeAlias = Exception | AfterEffect | None
"""An error before anything happened, an error after it happened, or none."""

CallFaults: TypeAlias = Sequence[Fault] | Callable[[int], Fault]
"""The faults of whole calls: one a call in turn (none after the last), or a function of the call's number from 1."""


def fault_of(faults: CallFaults, call: int) -> Fault:
    """Return the fault of the `call`-th call, counted from 1."""
    if callable(faults):
        return faults(call)
    return faults[call - 1] if call <= len(faults) else None


def raise_before(fault: Fault) -> None:
    """Raise a fault that comes before the effect."""
    if isinstance(fault, Exception):
        raise fault


def raise_after(fault: Fault) -> None:
    """Raise a fault that comes after the effect."""
    if isinstance(fault, AfterEffect):
        raise fault.error
