"""What a run holds stages to, as production cannot: bodies stay as they are, routes are declared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest

from sluiceway import JSON, Gather, Message, Stage
from sluiceway.testing import RunFailed, run_pipeline

if TYPE_CHECKING:
    from tests.unit.testing.conftest import PipelineOf


T = TypeVar("T")


class Copy(Stage):
    """Make a new body."""

    def process(self, message: Message) -> Message:
        assert isinstance(message.body, dict)
        return message.with_body({**message.body})


class Route(Stage):
    """Put messages on routes, declared or not."""

    to: tuple[str, ...]

    def labels(self) -> Sequence[str]:
        return ("vip", "rest")

    def process(self, message: Message) -> Message:
        return message.to(*self.to)


class SplitToRoutes(Route):
    """The same, a child for each route."""

    def process(self, message: Message) -> list[Message]:  # type: ignore[override] # a stage may return either
        return [message.to(route) for route in self.to]


class RouteLater(Route):
    """The same with I/O."""

    async def process(self, message: Message) -> Message:  # type: ignore[override] # the engine asks which it is
        return super().process(message)


# Bodies.


class Mutate(Stage):
    """Change the body in place."""

    def process(self, message: Message) -> Message:
        assert isinstance(message.body, dict)
        message.body["new"] = True
        return message


class MutateLater(Mutate):
    """The same with I/O."""

    async def process(self, message: Message) -> Message:  # type: ignore[override] # the engine asks which it is
        await asyncio.sleep(1)
        return super().process(message)


class MutateInThread(Mutate):
    """The same, blocking."""

    blocking: ClassVar[bool] = True


@pytest.mark.parametrize("stage", [Mutate(), MutateLater(), MutateInThread()])
def test_a_stage_that_changes_a_body_in_place_fails_the_check_by_name(pipeline_of: PipelineOf, stage: Stage) -> None:
    pipeline = pipeline_of(Copy(), stage)
    with pytest.raises(RunFailed, match="stage s1 has changed the body of message m-1 in place"):
        run_pipeline(pipeline, [{"body": {}}], check_mutation=True)
    assert run_pipeline(pipeline, [{"body": {}}]).sinks["out"][0].body == {"new": True}


def test_the_check_leaves_well_behaved_stages_alone(pipeline_of: PipelineOf) -> None:
    pipeline = pipeline_of(Copy(), Route(to=("vip",)))
    messages: list[dict[str, JSON]] = [{"body": {}}, {"body": b"{"}]
    for check in (True, False):
        ran = run_pipeline(pipeline, messages, check_mutation=check)
        assert [message.id for message in ran.sinks["out"]] == ["m-1"]
        assert [(ended.error, ended.message.id) for ended in ran.dead_letters] == [("invalid", "m-2")]


class Pair(Gather):
    """Two messages, of which one method does what none should."""

    size: int = 2
    wrong: str = ""

    def key(self, message: Message) -> str:
        return self.touched("key", message, "")

    def complete(self, members: Sequence[Message]) -> bool:
        return self.touched("complete", members[-1], result=False)

    def combine(self, members: Sequence[Message]) -> Sequence[Message]:
        return self.touched("combine", members[0], members)

    def touched(self, method: str, message: Message, result: T) -> T:
        if method == self.wrong:
            assert isinstance(message.body, dict)
            message.body["new"] = True
        return result


@pytest.mark.parametrize(("wrong", "changed"), [("key", "m-1"), ("complete", "m-1"), ("combine", "m-1")])
def test_a_gather_that_changes_a_member_in_place_fails_the_check_by_name(
    pipeline_of: PipelineOf, wrong: str, changed: str
) -> None:
    pipeline = pipeline_of(Pair(wrong=wrong))
    messages: list[dict[str, JSON]] = [{"body": {"n": n}} for n in (1, 2)]
    with pytest.raises(RunFailed, match=f"stage s0 has changed the body of message {changed} in place"):
        run_pipeline(pipeline, messages, check_mutation=True)
    assert len(run_pipeline(pipeline, messages).sinks["out"]) == 2
    assert len(run_pipeline(pipeline_of(Pair()), messages, check_mutation=True).sinks["out"]) == 2


# Routes.


@pytest.mark.parametrize("router", [Route, SplitToRoutes, RouteLater])
def test_a_route_that_its_stage_does_not_declare_fails_the_run_by_name(
    pipeline_of: PipelineOf, router: type[Route]
) -> None:
    sentence = "stage s1 has put message m-1 on the route vpi and declares only rest, vip: a route is declared by"
    with pytest.raises(RunFailed, match=sentence):
        run_pipeline(pipeline_of(Copy(), router(to=("vip", "vpi"))), [{"body": {}}])


def test_so_does_a_gather(pipeline_of: PipelineOf) -> None:
    class Strays(Gather):
        size: int = 1

        def combine(self, members: Sequence[Message]) -> Message:
            return members[0].to("vpi")

    with pytest.raises(RunFailed, match="stage s1 has put message m-1 on the route vpi and declares none"):
        run_pipeline(pipeline_of(Route(to=("vip",)), Strays()), [{"body": {}}])


def test_a_stage_that_declares_no_routes_is_told_how(pipeline_of: PipelineOf) -> None:
    class Stray(Stage):
        def process(self, message: Message) -> Message:
            return message.to("vip")

    with pytest.raises(RunFailed, match=r"on the route vip and declares none: .*@stage\(routes=\(…\)\) or by labels"):
        run_pipeline(pipeline_of(Stray()), [{"body": 1}])


def test_routes_of_an_earlier_router_pass_through_other_stages(pipeline_of: PipelineOf) -> None:
    ran = run_pipeline(pipeline_of(Route(to=("vip",)), Copy()), [{"body": {}}])
    assert [message.routes for message in ran.sinks["out"]] == [("vip",)]
