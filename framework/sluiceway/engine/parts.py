"""What a worker is put together from, beside its pipeline and its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluiceway.core.ports import Bury, Receiver, Send, Store
from sluiceway.core.process import Process
from sluiceway.engine.dependencies import Dependencies


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline's components gave when they were opened.

    Attributes:
        receiver: The open source.
        processes: By stage id; a gather has none.
        sends: By sink id.
        bury: The open dead-letter queue; None for a source that needs none.
        retention: Seconds for which the source keeps a message, when it says so.
        store: Where accepted legs are recorded, if anywhere.
        dependencies: Where what the components call is watched; made here when nobody watches yet.
        stores: By the id of a gather, where it keeps its members, if they are not held.
    """

    receiver: Receiver
    processes: Mapping[str, Process]
    sends: Mapping[str, Send]
    bury: Bury | None = None
    retention: float | None = None
    store: Store | None = None
    dependencies: Dependencies | None = None
    stores: Mapping[str, Store] = field(default_factory=dict[str, Store])
