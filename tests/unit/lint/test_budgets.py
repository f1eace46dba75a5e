"""Times and sizes that must fit into each other, each told with its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

ENRICH = "\n  - {id: %s, use: enrich.http, %swith: {url: 'https://h.example', into: a, %s}}"


def enrich(name: str = "look-up", timeout: str = "", keys: str = "") -> str:
    return ENRICH % (name, f"timeout: {timeout}, " if timeout else "", keys)


def budgets(problems: list[Problem]) -> list[tuple[str, str, str | None]]:
    assert {(p.level, p.code) for p in problems} <= {("warning", "budget")}
    return [(p.path, p.message, p.suggestion) for p in problems]


SQS = "use: sqs, with: {queue: orders%s}"
LETTERS = "errors: {dead_letter: {use: sqs, with: {queue: dlq}}%s}"


def test_the_defaults_fit(lint: Lint) -> None:
    stages = (
        "\n  - {use: idempotent_receiver, with: {store: {dynamodb: once}}}"
        "\n  - {use: claim_check.restore, with: {buckets: [b]}}"
        + "".join(enrich(f"e{n}", keys="cache: {ttl: 1m, entries: 100000}") for n in range(5))
        + "\n  - {use: claim_check.store, with: {bucket: b}}"
    )
    sinks = "use: sqs, with: {queue: out, forward: [sluiceway-claim]}"
    assert lint(stages, source=SQS % "", sinks=sinks, rest=LETTERS % "") == []


def test_time_outs_that_add_up_to_more_than_a_lease(lint: Lint) -> None:
    stages = enrich("one", "40s") + enrich("two", "30s")
    visibility = ", visibility: {initial: 10s, limit: 1m}"
    sinks = "id: out, use: sqs, timeout: 20s, with: {queue: out}"
    rest = LETTERS % "" + "\ndrain: {stop_timeout: 5m}"
    assert budgets(lint(stages, source=SQS % visibility, sinks=sinks, rest=rest)) == [
        (
            "source.with.visibility.limit",
            (
                "the time-outs one 40s + two 30s + out 20s = 90s are longer than visibility.limit 1m: a message"
                " that takes so long is handed out again before it is done"
            ),
            "a limit of at least 90s, or shorter time-outs",
        )
    ]
    assert lint(stages, source=SQS % visibility.replace("1m", "90s"), sinks=sinks, rest=rest) == []


def test_a_time_out_nobody_has_written_counts_where_something_is_called(lint: Lint) -> None:
    found = lint(enrich("one") + enrich("two"), source="use: memory, with: {visibility: {limit: 25s}}")
    assert "one 10s + two 10s + memory 10s = 30s" in found[0].message
    pure = "\n  - {id: pure, use: './stages.py:anything'}" * 1
    assert lint(pure, source="use: memory, with: {visibility: {limit: 25s}}") == []


def test_one_time_out_beyond_the_lease_is_one_error(lint: Lint) -> None:
    found = lint(
        enrich("one", "2m"), source="use: memory, with: {visibility: {limit: 1m}}", rest="drain: {stop_timeout: 5m}"
    )
    assert [(p.level, p.code) for p in found] == [("error", "timeout")]


def test_retries_that_are_held_longer_than_a_lease(lint: Lint) -> None:
    source = SQS % ", visibility: {limit: 10m}"
    rest = LETTERS % ", retry: {hold: %s}"
    assert budgets(lint(enrich(timeout="5s"), source=source, rest=rest % "10m")) == [
        (
            "errors.retry.hold",
            (
                "look-up 5s + memory 10s + errors.retry.hold 10m = 615s is longer than visibility.limit 10m: a"
                " failed leg cannot be tried for so long here"
            ),
            "at most 585s, or a longer visibility.limit",
        )
    ]
    assert lint(enrich(timeout="5s"), source=source, rest=rest % "585s") == []


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        (
            "attempts: 10, backoff: {initial: 1s, max: 15m}, max_age: 4m",
            (
                "between 10 attempts pass 1s + 2s + 4s + … = 511s, half of that with the luckiest jitter, longer"
                " than max_age 4m: a message expires before its attempts are used up"
            ),
        ),
        (
            "attempts: 1000, backoff: {initial: 1s, max: 12h}",
            (
                "between 1000 attempts pass 1s + 2s + 4s + … = 492.3d, half of that with the luckiest jitter,"
                " longer than nine tenths of the longest retention (14d) = 12.6d: a message expires"
                " before its attempts are used up"
            ),
        ),
        ("attempts: 10, max_age: 256s", None),
        ("attempts: 1000", None),
        ("attempts: 1, max_age: 1s", None),
    ],
)
def test_attempts_that_never_end_before_the_message_expires(lint: Lint, retry: str, message: str | None) -> None:
    found = budgets(lint(source=SQS % "", rest=LETTERS % f", retry: {{{retry}}}"))
    assert [path for path, _, _ in found] == (["errors.retry.attempts"] if message else [])
    assert [text for _, text, _ in found] == ([message] if message else [])


def test_time_outs_that_do_not_end_before_a_stop(lint: Lint) -> None:
    stages = enrich("one", "10s") + enrich("two", "8s")
    sinks = "id: out, use: memory, timeout: 5s"
    assert budgets(lint(stages, sinks=sinks)) == [
        (
            "stages.one.timeout",
            (
                "the time-outs one 10s + two 8s + out 5s = 23s are longer than drain.stop_timeout 30s - 9s ="
                " 21s: at a stop such a call is cut off, and its message comes again"
            ),
            "shorter time-outs, or `drain: {stop_timeout: 32s}` where the platform waits for so long",
        )
    ]
    assert lint(stages, sinks=sinks, rest="drain: {stop_timeout: 32s}") == []


ONCE = "\n  - {id: once, use: idempotent_receiver, with: {store: {dynamodb: once}%s}}"


@pytest.mark.parametrize(
    ("lease", "timeout", "retry", "message"),
    [
        (", lease: 4m", "", "", "errors.retry.hold 5m is longer than lease 4m"),
        (", lease: 5m", "5s", "", "errors.retry.hold 5m + look-up 5s = 305s is longer than lease 5m"),
        ("", "5s", "hold: 5m", "errors.retry.hold 5m + look-up 5s = 305s is longer than lease 5m"),
        ("", "5s", "", None),
        (", lease: 305s", "5s", "", None),
        (", lease: 5m", "", "", None),
    ],
)
def test_a_key_that_is_let_go_before_its_message_is_done(
    lint: Lint, lease: str, timeout: str, retry: str, message: str | None
) -> None:
    found = budgets(lint(ONCE % lease + enrich(timeout=timeout), rest=f"errors: {{retry: {{{retry}}}}}"))
    assert [path for path, _, _ in found] == (["stages.once.with.lease"] if message else [])
    assert all(text == f"{message}: a repeat may be let in while its message is under way" for _, text, _ in found)


def test_what_is_fetched_at_once(lint: Lint) -> None:
    stage = "\n  - {use: claim_check.restore, %swith: {buckets: [b]%s}}"
    assert budgets(lint(stage % ("", ", max_size: 256MiB"))) == [
        (
            "stages.0.with.max_size",
            (
                "32 calls at a time * max_size 256MiB = 8GiB may be in memory at once, more than 2GiB;"
                " limits.in_flight_bytes (64MiB) bounds what is received, not what is fetched"
            ),
            "a smaller max_size, or `concurrency: 8`",
        )
    ]
    assert [p.path for p in lint(stage % ("concurrency: 64, ", ""))] == ["stages.0.concurrency"]
    assert lint(stage % ("concurrency: 8, ", ", max_size: 256MiB")) == []
    assert lint(stage % ("", ", max_size: 256MiB"), rest="limits: {in_flight: 8}") == []


def test_what_is_kept_in_a_cache(lint: Lint) -> None:
    keys = "max_size: %s, cache: {ttl: 1m, entries: 10000}"
    assert budgets(lint(enrich(keys=keys % "1MiB"))) == [
        (
            "stages.look-up.with.cache.entries",
            "10000 entries * max_size 1MiB = 10000MiB may be kept in memory, more than 2GiB",
            "at most 2048 entries, or a smaller max_size",
        )
    ]
    assert lint(enrich(keys=keys % "64KiB")) == []


def test_what_a_receive_reserves(lint: Lint) -> None:
    assert budgets(lint(rest="limits: {in_flight_bytes: 4MiB}")) == [
        (
            "limits.in_flight_bytes",
            (
                "a receive reserves 10 * 1MiB = 10MiB; with 4MiB it asks for 4 at a time, so that it takes up to"
                " 2 times as many calls"
            ),
            "at least 10MiB",
        )
    ]
    assert lint(rest="limits: {in_flight_bytes: 10MiB}") == []


def test_bodies_that_are_neither_stored_nor_taken(lint: Lint) -> None:
    stage = "\n  - {use: claim_check.store, with: {bucket: b, over: 4MiB%s}}"
    sinks = "id: out, use: sqs, with: {queue: out, forward: [sluiceway-claim]}"
    [(path, message, _)] = budgets(lint(stage % "", sinks=sinks))
    assert path == "stages.0.with.over"
    assert message == (
        "bodies of 1MiB to 4MiB are not stored, and `out` takes 1MiB at most: they are rejected as oversize"
    )
    assert lint(stage % ", always: true", sinks=sinks) == []
