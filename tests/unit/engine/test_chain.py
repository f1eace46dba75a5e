"""The chain: what a stage may return and raise, and how many calls run at a time."""

# ruff: noqa: ARG001, ARG005 - made-up stages and faults name what they are given

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluiceway.core.errors import OutsideError, Reject, Transient
from sluiceway.core.message import Message
from sluiceway.core.outcome import Drop
from sluiceway.testing import StrictSink

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Bench


def three(message: Message) -> list[Message]:
    return [message.with_body(f"{message.body}{n}") for n in range(3)]


async def three_later(message: Message) -> list[Message]:
    return three(message)


def same(message: Message) -> Message:
    return message


@pytest.mark.parametrize("split", [three, three_later])
def test_members_of_a_list_are_the_parents_children_by_index(bench: type[Bench], split: Callable[..., object]) -> None:
    run = bench(stages={"split": split}).send("a").run()
    assert run.ids() == ["m1/0", "m1/1", "m1/2"]
    assert run.bodies() == ["a0", "a1", "a2"]
    assert run.queue.deleted == ["m1"]


def test_a_list_of_one_is_a_child_too(bench: type[Bench]) -> None:
    run = bench(stages={"wrap": lambda_of(lambda message: [message])}).send("a").run()
    assert run.ids() == ["m1/0"]


def test_an_empty_list_is_a_drop(bench: type[Bench]) -> None:
    run = bench(stages={"none": lambda_of(lambda message: [])}).send("a").run()
    assert [(e.kind, e.where, e.reason) for _, e in run.endings] == [("dropped", "none", "made no message of it")]
    assert run.queue.deleted == ["m1"]


def test_splits_nest(bench: type[Bench]) -> None:
    run = bench(stages={"one": three, "two": three_later, "same": same}).send("a").run()
    assert run.ids() == [f"m1/{i}/{j}" for i in range(3) for j in range(3)]
    assert run.queue.deleted == ["m1"]


def test_a_message_keeps_its_id_whatever_the_stage_gave_it(bench: type[Bench]) -> None:
    run = bench(stages={"fresh": lambda_of(lambda message: Message("new"))}).send("a").run()
    assert (run.ids(), run.bodies()) == (["m1"], ["new"])


def test_a_drop_is_done_and_counted_under_its_reason(bench: type[Bench]) -> None:
    run = bench(stages={"filter": lambda_of(lambda message: Drop("no pattern matched"))}).send("a", "b").run()
    assert run.report.endings == {("dropped", "filter", "no pattern matched"): 2}
    assert sorted(run.queue.deleted) == ["m1", "m2"]
    assert run.bodies() == []


def test_a_stage_limited_to_routes_is_skipped_by_the_others(bench: type[Bench]) -> None:
    def mark(message: Message) -> Message:
        return message.with_body(f"{message.body}!")

    async def mark_later(message: Message) -> Message:
        return message.with_body(f"{message.body}?")

    run = bench(
        stages={"route": lambda_of(lambda message: message.to(message.body)), "mark": mark, "later": mark_later},
        routes={"mark": ("left",), "later": ("left", "up")},
    )
    run.send("left", "right", "up").run()
    assert run.bodies() == ["left!?", "right", "up?"]


def test_a_reject_is_dead_lettered_on_the_first_attempt_with_its_facts(bench: type[Bench]) -> None:
    def picky(message: Message) -> Message:
        raise Reject("body.total is missing", error="missing")

    run = bench(stages={"same": same, "picky": picky}).send(b'{"total" : 1}').run()
    (delivery, facts), *_ = run.dead.accepted
    assert delivery.raw == b'{"total" : 1}'
    assert facts.pipeline == "bench"
    assert (facts.stage, facts.error, facts.reason) == ("picky", "missing", "body.total is missing")
    assert (facts.attempts, facts.accepted, facts.id) == (1, (), "m1")
    assert facts.time == "2026-01-01T00:00:00.000+00:00"
    assert run.queue.received == ["m1"]


def test_a_body_that_is_not_json_is_rejected_by_the_stage_that_reads_it(bench: type[Bench]) -> None:
    run = bench(stages={"read": lambda_of(lambda message: message.with_body(message.body))}).send(b"{").run()
    assert [(fact.stage, fact.error) for fact in run.facts] == [("read", "invalid")]


def none(message: Message) -> None:
    return None


def number(message: Message) -> int:
    return 7


def mixed(message: Message) -> list[object]:
    return [message, "not a message"]


def broken(message: Message) -> Message:
    return {}["absent"]


async def broken_later(message: Message) -> Message:
    return {}["absent"]


def hidden(message: Message) -> object:
    return three_later(message)


async def hidden_later(message: Message) -> object:
    return three_later(message)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (none, "returned NoneType"),
        (number, "returned int"),
        (mixed, "something in it that is no message"),
        (broken, "KeyError: 'absent' (test_chain.py:"),
        (broken_later, "KeyError: 'absent' (test_chain.py:"),
        (hidden, "returned coroutine"),
        (hidden_later, "returned coroutine"),
    ],
)
def test_a_bug_is_retried_and_dead_lettered_at_the_last_attempt(
    bench: type[Bench], stage: Callable[..., object], said: str
) -> None:
    run = bench(stages={"buggy": stage}, attempts=3).send("a").run()
    assert run.queue.received == ["m1"] * 3
    assert [(fact.stage, fact.error, fact.attempts) for fact in run.facts] == [("buggy", "bug", 3)]
    assert said in run.facts[0].reason
    assert run.bodies() == []


def test_a_retry_waits_for_a_doubling_backoff_with_jitter(bench: type[Bench]) -> None:
    run = bench(stages={"broken": broken}, attempts=5).send("a").run()
    delays = [delay for _, delay in run.queue.released]
    assert [1 / 2 <= delay / 2**n <= 1 for n, delay in enumerate(delays)] == [True] * 4
    assert len(set(delays)) == 4


def test_one_bad_message_does_not_hold_up_its_batch(bench: type[Bench]) -> None:
    def odd_one(message: Message) -> Message:
        return broken(message) if message.body == 3 else message

    run = bench(stages={"odd-one": odd_one}, attempts=2).send(*range(10)).run()
    assert run.bodies() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [fact.id for fact in run.facts] == ["m4"]


def test_a_stage_that_does_not_answer_in_time_is_a_transient_failure(bench: type[Bench]) -> None:
    calls: list[float] = []

    async def slow(message: Message) -> Message:
        calls.append(asyncio.get_running_loop().time())
        await asyncio.sleep(11 if len(calls) == 1 else 0)
        return message

    run = bench(stages={"slow": slow}).send("a").run()
    assert run.bodies() == ["a"]
    assert [e.reason for _, e in run.endings if e.kind == "returned"] == ["slow did not answer within 10s"]
    assert run.facts == []


def test_a_time_out_of_the_stages_own_is_its_bug(bench: type[Bench]) -> None:
    async def impatient(message: Message) -> Message:
        async with asyncio.timeout(1):
            await asyncio.sleep(2)
        return message

    run = bench(stages={"impatient": impatient}, attempts=1).send("a").run()
    assert [fact.error for fact in run.facts] == ["bug"]


def test_calls_of_one_stage_are_limited_across_batches(bench: type[Bench]) -> None:
    busy = [0, 0]

    async def counted(message: Message) -> Message:
        busy[0] += 1
        busy[1] = max(busy)
        await asyncio.sleep(1)
        busy[0] -= 1
        return message

    run = bench(stages={"counted": counted}, concurrency=25).send(*range(200)).run()
    assert len(run.bodies()) == 200
    assert busy[1] == 25
    assert run.ended_at < 9


def test_a_dependency_that_is_gone_is_an_outage_and_no_bug(bench: type[Bench]) -> None:
    async def gone(message: Message) -> Message:
        if asyncio.get_running_loop().time() < 1000:
            raise OutsideError("secret env:TOKEN is not set")
        return message

    run = bench(stages={"gone": gone}, attempts=1).send("a").run()
    assert run.bodies() == ["a"]
    assert run.facts == []


def test_a_slow_call_holds_up_only_its_own_batch(bench: type[Bench]) -> None:
    async def one_slow(message: Message) -> Message:
        await asyncio.sleep(9 if message.body == 0 else 1)
        return message

    seen: list[int] = []
    run = bench(stages={"one-slow": one_slow}, concurrency=8).send(*range(40))
    run.at(8.9, lambda: seen.append(len(run.bodies()))).run()
    assert seen == [30]
    assert len(run.bodies()) == 40


def test_a_blocking_stage_runs_in_a_thread(bench: type[Bench]) -> None:
    threads: set[str] = set()

    def slow(message: Message) -> Message:
        threads.add(threading.current_thread().name)
        return message

    run = bench(stages={"slow": slow}, blocking=["slow"]).send(*range(20)).run()
    assert sorted(run.bodies()) == list(range(20))
    assert threading.main_thread().name not in threads


def test_a_transient_failure_of_a_pure_stage_is_retried_and_pauses_nobody_for_ever(bench: type[Bench]) -> None:
    def moody(message: Message) -> Message:
        if message.body == 0:
            raise Transient("the table is locked")
        return message

    run = bench(stages={"moody": moody}, attempts=4, in_flight=1, queue_options={"close_when_empty": False})
    run.send(*range(6)).stop_at(300)
    for second in (2, 4, 8, 100, 200):
        run.at(second, lambda: run.queue.send("late"))
    run.run()
    assert [(fact.id, fact.error) for fact in run.facts] == [("m1", "exhausted")]
    assert run.bodies() == [1, 2, 3, 4, 5] + ["late"] * 5


def test_one_message_twice_in_a_list_is_two_children(bench: type[Bench]) -> None:
    run = bench(stages={"double": lambda_of(lambda message: [message, message])}).send("a").run()
    assert run.ids() == ["m1/0", "m1/1"]
    assert run.queue.deleted == ["m1"]


def test_a_stage_that_is_cancelled_from_within_fails_its_message_and_no_other(bench: type[Bench]) -> None:
    async def gives_up(message: Message) -> Message:
        if message.body == "a":
            raise asyncio.CancelledError
        return message

    run = bench(stages={"gives-up": gives_up}, attempts=2).send("a", "b").run()
    assert run.bodies() == ["b"]
    assert [(fact.id, fact.error) for fact in run.facts] == [("m1", "bug")]
    assert run.queue.in_flight == []


class GivesUp(BaseException):
    """What no `except Exception` catches."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit(3), "raised SystemExit(3)"),
        (SystemExit(), "raised SystemExit"),
        (GivesUp("no"), "raised GivesUp(no)"),
    ],
)
@pytest.mark.parametrize("kind", ["pure", "async", "blocking"])
def test_a_stage_that_would_end_the_process_fails_its_message_and_no_other(
    bench: type[Bench], kind: str, error: BaseException, said: str
) -> None:
    def leaves(message: Message) -> Message:
        if message.body == "a":
            raise error
        return message

    async def leaves_later(message: Message) -> Message:
        return leaves(message)

    stages = {"leaves": leaves_later if kind == "async" else leaves}
    run = bench(stages=stages, blocking=["leaves"] if kind == "blocking" else [], attempts=2).send("a", "b").run()
    assert run.bodies() == ["b"]
    assert [(fact.id, fact.stage, fact.error) for fact in run.facts] == [("m1", "leaves", "bug")]
    assert run.facts[0].reason.startswith(f"RuntimeError: leaves {said} (test_chain.py:")


@pytest.mark.parametrize("kind", ["pure", "async"])
def test_ctrl_c_in_the_middle_of_a_stage_still_ends_the_run(bench: type[Bench], kind: str) -> None:
    def interrupted(message: Message) -> Message:
        raise KeyboardInterrupt

    async def interrupted_later(message: Message) -> Message:
        return interrupted(message)

    with pytest.raises(KeyboardInterrupt):
        bench(stages={"slow": interrupted if kind == "pure" else interrupted_later}).send("a").run()


def test_no_ctrl_c_comes_out_of_a_thread(bench: type[Bench]) -> None:
    def interrupted(message: Message) -> Message:
        raise KeyboardInterrupt

    run = bench(stages={"slow": interrupted}, blocking=["slow"], attempts=1).send("a").run()
    assert [fact.reason.partition(" (")[0] for fact in run.facts] == [
        "RuntimeError: the stage raised KeyboardInterrupt"
    ]


def test_a_pure_stage_that_raises_a_cancellation_fails_its_message(bench: type[Bench]) -> None:
    def gives_up(message: Message) -> Message:
        raise asyncio.CancelledError

    run = bench(stages={"gives-up": gives_up}, attempts=1).send("a").run()
    assert [(fact.error, fact.reason.partition(" (")[0]) for fact in run.facts] == [
        ("bug", "RuntimeError: gives-up raised CancelledError")
    ]


def test_a_blocking_stage_that_raises_stop_iteration_is_a_bug_and_answers(bench: type[Bench]) -> None:
    def runs_out(message: Message) -> Message:
        return next(iter(()))

    run = bench(stages={"runs-out": runs_out}, blocking=["runs-out"], attempts=2).send("a").run()
    assert [(fact.error, fact.reason.partition(" (")[0]) for fact in run.facts] == [
        ("bug", "RuntimeError: the stage raised StopIteration")
    ]


def test_a_blocking_stage_that_fills_its_threads_leaves_those_of_another_free(bench: type[Bench]) -> None:
    release = threading.Event()

    def hangs(message: Message) -> Message:
        if message.body == "stuck":
            release.wait(20)
        else:
            release.set()
        return message

    stages = {"one": hangs, "other": lambda_of(lambda message: message)}
    run = bench(stages=stages, blocking=["one", "other"], concurrency=2).send("stuck", "free").run()
    assert sorted(map(str, run.bodies())) == ["free", "stuck"]


def test_a_sink_is_sent_what_several_batches_left_in_order_within_each(bench: type[Bench]) -> None:
    async def first_is_slow(message: Message) -> Message:
        await asyncio.sleep(1 if message.body == 0 else 0)
        return message

    run = bench(stages={"slow": first_is_slow}, sinks={"bus": StrictSink()}).send(*range(10)).run()
    assert run.bodies() == list(range(10))


def lambda_of(function: Callable[[Message], object]) -> Callable[[Message], object]:
    """A def around a lambda: the engine takes no lambdas, and a test need not name every function."""

    def process(message: Message) -> object:
        return function(message)

    return process
