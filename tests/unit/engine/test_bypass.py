"""Bypass: what leaves the chain before its end, and that it is answered for as everything else is."""

# ruff: noqa: ARG001 - made-up stages name what they are given

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluiceway.core.errors import Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Bypass
from sluiceway.testing import StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench

ROUTES = {"audit": ("tap",)}


def tap(message: Message) -> list[Message | Bypass]:
    return [message, Bypass(message.to("tap"))]


async def tap_later(message: Message) -> list[Message | Bypass]:
    return tap(message)


def shout(message: Message) -> Message:
    return message.with_body(str(message.body).upper())


def two_sinks() -> dict[str, StrictSink]:
    return {"bus": StrictSink(), "audit": StrictSink()}


@pytest.mark.parametrize("stage", [tap, tap_later])
def test_a_copy_bypasses_the_stages_behind_it_and_goes_to_the_sinks_of_its_routes(
    bench: type[Bench], stage: Callable[..., object]
) -> None:
    routes = {"bus": ("main",), **ROUTES}

    def on_main(message: Message) -> Message:
        return message.to("main")

    run = bench(stages={"tap": stage, "shout": shout, "main": on_main}, sinks=two_sinks(), routes=routes)
    run.send("a").run()
    assert [(m.id, m.body) for m in run.sinks["bus"].accepted] == [("m1/0", "A")]
    assert [(m.id, m.body) for m in run.sinks["audit"].accepted] == [("m1/1", "a")]
    assert run.queue.deleted == ["m1"]


def test_one_that_bypasses_alone_keeps_its_id(bench: type[Bench]) -> None:
    def leave(message: Message) -> Bypass:
        return Bypass(message.evolve(id="another"))

    run = bench(stages={"leave": leave, "shout": shout}).send("a").run()
    assert [(m.id, m.body) for m in run.sinks["bus"].accepted] == [("m1", "a")]
    assert run.queue.deleted == ["m1"]


def test_the_delivery_is_settled_when_the_copy_has_ended_too(bench: type[Bench]) -> None:
    sinks = {"bus": StrictSink(), "audit": StrictSink(calls=[Transient("reset")])}
    run = bench(stages={"tap": tap}, sinks=sinks, routes=ROUTES).send("a").run()
    assert [m.id for m in run.sinks["bus"].accepted] == ["m1/0"], "a copy for one sink is not for those that take all"
    assert [m.id for m in run.sinks["audit"].accepted] == ["m1/1"]
    assert run.queue.deleted == ["m1"]


def test_a_copy_without_routes_goes_to_the_sinks_without(bench: type[Bench]) -> None:
    def leave(message: Message) -> Bypass:
        return Bypass(message)

    run = bench(stages={"leave": leave}, sinks=two_sinks(), routes=ROUTES).send("a").run()
    assert (len(run.sinks["bus"].accepted), run.sinks["audit"].accepted) == (1, [])


def test_a_copy_that_no_sink_takes_dead_letters_the_message(bench: type[Bench]) -> None:
    run = bench(stages={"tap": tap}, routes={"bus": ("main",)}).send("a").run()
    assert {facts.error for facts in run.facts} == {"unroutable"}


def test_what_fails_beside_a_copy_comes_again_with_the_same_ids(bench: type[Bench]) -> None:
    failures = [Transient("down"), None]

    async def fail_once(message: Message) -> Message:
        if failure := failures.pop(0):
            raise failure
        return message

    run = bench(stages={"tap": tap, "call": fail_once}, sinks=two_sinks(), routes={"bus": ("none",), **ROUTES})
    run.unrouted = "drop"
    run.send("a").run()
    assert {m.id for m in run.sinks["audit"].accepted} == {"m1/1"}
    assert run.queue.deleted == ["m1"]


def test_a_reject_beside_a_copy_dead_letters_the_message(bench: type[Bench]) -> None:
    def refuse(message: Message) -> Message:
        raise Reject("no")

    run = bench(stages={"tap": tap, "refuse": refuse}, sinks=two_sinks(), routes={"bus": ("none",), **ROUTES})
    run.send("a").run()
    assert [m.id for m in run.sinks["audit"].accepted] == ["m1/1"]
    (facts,) = run.facts
    assert (facts.stage, facts.accepted) == ("refuse", ("audit",))
