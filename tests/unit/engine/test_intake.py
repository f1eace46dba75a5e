"""Intake: when the worker receives, and when it does not any more."""

from __future__ import annotations

import random

from sluiceway.engine.budget import Budget
from sluiceway.engine.dependencies import Dependencies
from sluiceway.engine.intake import Intake
from sluiceway.engine.surroundings import Surroundings
from sluiceway.testing import StrictQueue, VirtualClock, run_virtual


class Silent:
    def info(self, event: str, **facts: object) -> None:
        pass

    warning = error = info


def test_a_poll_that_was_started_but_has_not_begun_at_the_stop_receives_nothing() -> None:
    async def scenario() -> None:
        around = Surroundings(VirtualClock(), random.Random(1), Silent())  # noqa: S311 - jitter
        queue, budget = StrictQueue(around.clock), Budget(10, 1)
        queue.send("a")
        intake = Intake(queue, budget, Dependencies(around.clock, around.log), around, spawn=lambda _: None)
        room = await budget.reserve()
        intake.polls = 1
        intake.stop()
        assert await intake.poll(room) == ()
        assert (queue.received, intake.polls) == ([], 0)

    run_virtual(scenario())
