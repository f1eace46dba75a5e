"""Sluiceway: integration pipelines on AWS.

What stands in `__all__` is the product: all that a plugin may import.
"""

from typing import TYPE_CHECKING

from sluiceway.core import json
from sluiceway.core.component import Sink, Source, Stage
from sluiceway.core.context import Context, HttpAnswer
from sluiceway.core.decision import Decision, Place
from sluiceway.core.errors import InvalidPattern, Reject, Transient
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.expression import Expression
from sluiceway.core.gather import Gather
from sluiceway.core.http import HttpTarget, OversizeAnswer, status_error
from sluiceway.core.json import JSON
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass, Claimed, Defer, Drop, Result
from sluiceway.core.ports import Delivery, Record, Store
from sluiceway.core.process import Process
from sluiceway.core.resource import Resource
from sluiceway.core.schema import Schema
from sluiceway.core.secret import Secret
from sluiceway.core.settings import Settings
from sluiceway.core.shape import Shape
from sluiceway.core.stage_function import stage
from sluiceway.core.store import StoreChoice, store_resources
from sluiceway.core.table import Table
from sluiceway.core.units import Duration, Size
from sluiceway.core.url import shown_url

if TYPE_CHECKING:
    from sluiceway.app import load, run

__all__ = [
    "JSON",
    "Bypass",
    "Claimed",
    "Context",
    "Decision",
    "Defer",
    "Delivery",
    "Drop",
    "Duration",
    "EventPattern",
    "Expression",
    "Gather",
    "HttpAnswer",
    "HttpTarget",
    "InvalidPattern",
    "Message",
    "OversizeAnswer",
    "Place",
    "Process",
    "Record",
    "Reject",
    "Resource",
    "Result",
    "Schema",
    "Secret",
    "Settings",
    "Shape",
    "Sink",
    "Size",
    "Source",
    "Stage",
    "Store",
    "StoreChoice",
    "Table",
    "Transient",
    "json",
    "load",
    "run",
    "shown_url",
    "stage",
    "status_error",
    "store_resources",
]


def __getattr__(name: str) -> object:
    """Import `load` and `run` on first use: they bring the AWS client, which costs 0.4 s."""
    if name in {"load", "run"}:
        from sluiceway import app  # noqa: PLC0415 - the point of this function

        return getattr(app, name)
    raise AttributeError(f"module 'sluiceway' has no attribute {name!r}")
