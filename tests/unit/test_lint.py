"""The rules that span several parts of a file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sluiceway.config.load import check
from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[[str], list[Problem]]

STAGES = """\
from typing import ClassVar
from sluiceway import Duration, Gather, Message, Source, stage

@stage(routes=["express", "normal"])
def router(message: Message) -> Message:
    return message

class Keyed(Gather):
    pass

class Batch(Gather):
    keyed: ClassVar[bool] = False

class Slow(Source):
    needs_dead_letters: ClassVar[bool] = False
    wait_time: Duration = Duration("10s")

    @property
    def poll_time(self) -> Duration:
        return self.wait_time
"""

HEAD = "version: 1\nname: orders\nplugins: [./stages.py]\n"


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    def run(text: str) -> list[Problem]:
        (tmp_path / "stages.py").write_text(STAGES)
        file = tmp_path / "orders.yaml"
        file.write_text(HEAD + text)
        found = check(file, environ={})
        assert found.pipeline or found.problems
        return list(found.problems)

    return run


def places(problems: list[Problem]) -> list[str]:
    return [f"{p.line}:{p.column} {p.code} {p.path}" for p in problems]


MEMORY = "source: {use: memory}\nsinks: [{use: memory}]\n"


def test_ids_are_unique_over_stages_and_sinks(lint: Lint) -> None:
    [problem] = lint(
        "source: {use: memory}\nstages:\n  - use: './stages.py:router'\nsinks:\n  - {id: router, use: memory}\n"
    )
    assert places([problem]) == ["8:10 id sinks.router.id"]
    assert problem.message == "the id `router` is taken already, on line 6"


def test_the_second_of_two_sinks_without_id_is_told_to_have_one(lint: Lint) -> None:
    [problem] = lint("source: {use: memory}\nsinks:\n  - use: memory\n  - use: memory\n")
    assert places([problem]) == ["7:5 id sinks.1.id"]
    assert problem.suggestion == "give this one an id of its own, such as `memory-2`"


@pytest.mark.parametrize("word", ["dead_letter", "dropped"])
def test_what_tests_call_outcomes_is_no_id(lint: Lint, word: str) -> None:
    assert places(lint(f"source: {{use: memory}}\nsinks: [{{id: {word}, use: memory}}]\n")) == [
        f"5:14 id sinks.{word}.id"
    ]


ROUTED = "source: {use: memory}\nstages: [{use: './stages.py:router'}]\nsinks: [{use: memory, routes: %s}]\n"


def test_a_route_that_a_stage_before_declares_is_fine(lint: Lint) -> None:
    assert lint(ROUTED % "[express, normal]") == []


def test_a_route_that_no_stage_declares_is_refused_with_the_nearest(lint: Lint) -> None:
    [problem] = lint(ROUTED % "[expres]")
    assert places([problem]) == ["6:32 unknown-route sinks.0.routes.0"]
    assert (problem.suggestion, problem.allowed) == ("express", ("express", "normal"))


def test_a_route_is_not_declared_by_a_stage_that_comes_later(lint: Lint) -> None:
    found = lint(
        "source: {use: memory}\n"
        "stages:\n  - {id: a, use: './stages.py:router', routes: [express]}\n"
        "sinks: [{use: memory}]\n"
    )
    assert places(found) == ["6:49 unknown-route stages.a.routes.0"]


def test_an_empty_list_of_routes_is_refused(lint: Lint) -> None:
    assert places(lint(ROUTED % "[]")) == ["6:31 invalid sinks.0.routes"]


def test_tests_name_stages_to_mock_and_sinks_or_outcomes_to_expect(lint: Lint) -> None:
    found = lint(
        MEMORY + "tests:\n"
        "  - {name: a, given: {body: 1}, mock: {memry: 1}, expect: {memory: 1, dropped: 0, dead_letter: 0}}\n"
        "  - {name: b, given: {body: 1}, expect: {memry: 1}}\n"
    )
    assert places(found) == ["7:40 unknown-id tests.0.mock.memry", "8:42 unknown-id tests.1.expect.memry"]
    assert [p.suggestion for p in found] == [None, "memory"]


ONCE = "source: {use: memory}\nstages: [{use: idempotent_receiver, with: {store: memory}}]\nsinks: [{use: memory}]\n"


@pytest.mark.parametrize("workers", ["", "workers: 2\n"])
def test_what_one_worker_remembers_is_not_enough_where_several_compete(lint: Lint, workers: str) -> None:
    [problem] = lint(ONCE + workers)
    assert places([problem]) == ["5:51 memory-store stages.0.with.store"]
    assert problem.level == "warning"
    assert "{dynamodb: TABLE}" in (problem.suggestion or "")


@pytest.mark.parametrize("workers", ["", "workers: 2\n"])
def test_what_sinks_have_accepted_is_not_remembered_for_others_in_memory(lint: Lint, workers: str) -> None:
    [problem] = lint(MEMORY + "errors: {store: memory}\n" + workers)
    assert places([problem]) == ["6:17 memory-store errors.store"]
    assert problem.level == "warning"


def test_where_there_is_one_worker_it_may_remember_by_itself(lint: Lint) -> None:
    assert lint(ONCE + "errors: {store: memory}\nworkers: 1\n") == []


@pytest.mark.parametrize("table", ["ab", "order table", "arn:aws:sqs:eu-west-1:123456789012:orders"])
def test_a_name_that_no_table_can_have_is_refused_with_what_aws_allows(lint: Lint, table: str) -> None:
    [problem] = lint(MEMORY + f"errors: {{store: {{dynamodb: '{table}'}}}}\n")
    assert problem.path == "errors.store.dynamodb"
    assert problem.message.startswith("AWS allows 3 to 255 letters, digits, `_`, `-` and `.` in a table's name")


@pytest.mark.parametrize("table", ["a.b", "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"])
def test_a_table_is_named_by_its_name_or_arn(lint: Lint, table: str) -> None:
    assert lint(MEMORY + f"errors: {{store: {{dynamodb: '{table}'}}}}\n") == []


def test_a_pipeline_without_sinks_is_told_to_have_one(lint: Lint) -> None:
    [problem] = lint("source: {use: memory}\nsinks: []\n")
    assert (problem.path, problem.message) == ("sinks", "a pipeline needs at least one sink, found an empty list")


SQS = "source: {use: sqs, with: {queue: orders}}\nsinks: [{use: memory}]\n"


@pytest.mark.parametrize(("errors", "place"), [("", "4:1"), ("errors: {retry: {attempts: 3}}\n", "6:1")])
def test_a_queue_needs_a_dead_letter_queue(lint: Lint, errors: str, place: str) -> None:
    assert places(lint(SQS + errors)) == [f"{place} missing errors.dead_letter"]


def test_a_memory_source_needs_no_dead_letter_queue(lint: Lint) -> None:
    assert lint(MEMORY) == []


def test_a_sink_that_cannot_keep_dead_letters_is_refused(lint: Lint) -> None:
    found = lint(SQS + "errors: {dead_letter: {use: http, with: {url: 'https://example.org'}}}\n")
    assert places(found) == ["6:29 dead-letter errors.dead_letter.use"]


LEASE = "source: {use: memory, with: {visibility: {initial: 5s, limit: 20s}}}\nsinks: [{use: memory, timeout: %s}]\n"


@pytest.mark.parametrize(("timeout", "right"), [("20s", True), ("21s", False), ("0s", False)])
def test_a_time_out_is_positive_and_within_the_lease(lint: Lint, timeout: str, *, right: bool) -> None:
    assert places(lint(LEASE % timeout)) == ([] if right else ["5:32 timeout sinks.0.timeout"])


@pytest.mark.parametrize(
    ("wait", "stop", "right"), [("10s", "25s", True), ("10s", "24s", False), ("0s", "5s", True), ("1s", "4s", False)]
)
def test_two_polls_fit_into_the_stop_time_out(lint: Lint, wait: str, stop: str, *, right: bool) -> None:
    found = lint(
        f"source: {{use: './stages.py:Slow', with: {{wait_time: {wait}}}}}\n"
        f"sinks: [{{use: memory}}]\ndrain: {{stop_timeout: {stop}}}\n"
    )
    assert places(found) == ([] if right else ["4:53 drain source.with.wait_time"])


@pytest.mark.parametrize("source", ["orders", "orders.fifo"])
@pytest.mark.parametrize("dead", ["dead", "dead.fifo"])
def test_standard_and_fifo_sources_dead_letter_into_standard_and_fifo_queues(
    lint: Lint, source: str, dead: str
) -> None:
    assert not lint(
        f"source: {{use: sqs, with: {{queue: {source}}}}}\nsinks: [{{use: memory}}]\n"
        f"errors: {{dead_letter: {{use: sqs, with: {{queue: {dead}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("source", "group", "right"),
    [("orders", "", False), ("orders", ", group: {jmes: body.customer}", True), ("orders.fifo", "", True)],
)
def test_a_sink_on_a_fifo_queue_needs_a_group_unless_the_source_gives_one(
    lint: Lint, source: str, group: str, *, right: bool
) -> None:
    found = lint(
        f"source: {{use: sqs, with: {{queue: {source}}}}}\nsinks: [{{use: sqs, with: {{queue: out.fifo{group}}}}}]\n"
        "errors: {dead_letter: {use: sqs, with: {queue: dead}}}\n"
    )
    assert places(found) == ([] if right else ["5:34 missing sinks.0.with.group"])


def test_only_a_fifo_source_takes_on_failure(lint: Lint) -> None:
    (found,) = lint(
        "source: {use: sqs, with: {queue: orders, on_failure: dead_letter}}\nsinks: [{use: memory}]\n"
        "errors: {dead_letter: {use: sqs, with: {queue: dead}}}\n"
    )
    assert "only a FIFO queue (NAME.fifo) takes `on_failure`" in found.message


def test_a_test_is_not_blamed_for_a_stage_whose_keys_are_wrong(lint: Lint) -> None:
    found = lint(
        "source: {use: memory}\nstages: [{use: './stages.py:router', timeout: soon}]\nsinks: [{use: memory}]\n"
        "tests: [{name: a, given: {body: 1}, mock: {router: 1}, expect: {memory: 1}}]\n"
    )
    assert places(found) == ["5:47 invalid stages.0.timeout"]


TEST = "tests: [{name: a, given: {body: 1}, expect: {bus: 1}}]\n"


@pytest.mark.parametrize(
    ("sinks", "place"),
    [
        ("sinks: [{id: bus, use: eventbridge, with: {bus: a!, source: s, detail_type: d}}]", "5:49 invalid"),
        ("sinks: [{id: bus, use: memry}]", "5:24 unknown-component"),
        ("sinks: [{id: bus, use: memory, timeout: soon}]", "5:41 invalid"),
        ("sinks: [{id: bus, us: memory}]", "5:19 unknown-key"),
        ("sinks: [{idd: bus, use: memory}]", "5:10 unknown-key"),
        ("sinks: [{name: bus, use: memory}]", "5:10 unknown-key"),
        ("sinks: [{id: '${BUS}', use: memory}]", "5:15 variable"),
        ("sinks: {id: bus, use: memory}", "5:8 invalid"),
        ("snks: [{id: bus, use: memory}]", "5:1 unknown-key"),
    ],
)
def test_a_test_is_not_blamed_for_a_sink_that_is_wrong(lint: Lint, sinks: str, place: str) -> None:
    found = lint(f"source: {{use: memory}}\n{sinks}\n{TEST}")
    assert [f"{p.line}:{p.column} {p.code}" for p in found] == [place]


@pytest.mark.parametrize("wrong", ["id: out, use: memory, timeout: soon", "use: './gone.py:out', wiht: {}"])
def test_the_id_of_a_sink_that_is_wrong_is_known(lint: Lint, wrong: str) -> None:
    found = lint(
        f"source: {{use: memory}}\nsinks: [{{{wrong}}}]\ntests: [{{name: a, given: {{}}, expect: {{oud: 1}}}}]\n"
    )
    assert (found[-1].code, found[-1].suggestion) == ("unknown-id", "out")


@pytest.mark.parametrize("stages", ["stages: {use: './stages.py:router'}", "stage: [{use: './stages.py:router'}]"])
def test_a_route_is_not_unknown_when_the_stages_are(lint: Lint, stages: str) -> None:
    found = lint(f"source: {{use: memory}}\n{stages}\nsinks: [{{use: memory, routes: [express]}}]\n")
    assert [p.line for p in found] == [5]


@pytest.mark.parametrize(
    ("keys", "place", "message"),
    [
        ("wiht: {queue: a}", "4:20 unknown-key", "unknown key `wiht`"),
        ("with: null", "4:26 invalid", "expected keys under `with`, found nothing"),
        ("with: [queue]", "4:26 invalid", "expected a mapping, found a list"),
        ("with: {}", "4:20 missing", "the key `queue` is missing"),
        ("", "4:1 missing", "the key `queue` is missing"),
    ],
)
def test_a_wrong_with_is_one_mistake(lint: Lint, keys: str, place: str, message: str) -> None:
    [problem] = lint(
        f"source: {{use: sqs, {keys}}}\nsinks: [{{use: memory}}]\n"
        "errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}\n"
    )
    assert (f"{problem.line}:{problem.column} {problem.code}", problem.message) == (place, message)


def test_a_sink_among_the_stages_is_told_where_it_belongs(lint: Lint) -> None:
    [problem] = lint("source: {use: memory}\nstages: [{use: eventbridge, with: {bus: a}}]\nsinks: [{use: memory}]\n")
    assert (problem.message, problem.suggestion) == ("`eventbridge` is a sink, not a stage", "put it under `sinks`")


LOOP = """\
source: {use: sqs, with: {queue: %s}}
sinks: [{use: sqs, with: {queue: %s}}]
errors: {dead_letter: {use: sqs, with: {queue: %s}}}
"""
URL, ARN = "https://sqs.eu-west-1.amazonaws.com/111111111111/orders", "arn:aws:sqs:eu-west-1:111111111111:orders"


@pytest.mark.parametrize(("source", "other"), [("orders", "orders"), ("orders", URL), (URL, "orders"), (ARN, URL)])
def test_what_would_come_again_for_ever_is_refused(lint: Lint, source: str, other: str) -> None:
    assert places(lint(LOOP % (f"'{source}'", f"'{other}'", "dlq"))) == ["5:34 loop sinks.0.with.queue"]
    [problem] = lint(LOOP % (f"'{source}'", "out", f"'{other}'"))
    assert places([problem]) == ["6:48 loop errors.dead_letter.with.queue"]
    assert problem.message == "this is the source's own queue: each dead letter would come again, for ever"
    assert problem.suggestion == "name another queue, such as `orders-dlq`"


@pytest.mark.parametrize("other", ["orders-2", ARN.replace("1:orders", "2:orders"), URL.replace("west", "north")])
def test_a_queue_of_another_name_account_or_region_is_no_loop(lint: Lint, other: str) -> None:
    assert lint(LOOP % (f"'{ARN}'", f"'{other}'", "dlq")) == []


@pytest.mark.parametrize("stage", ["router", "memory", "source", "sinks"])
def test_an_outcome_is_expected_at_a_stage_a_sink_or_in_the_engine(lint: Lint, stage: str) -> None:
    assert lint(OUTCOMES % (stage, stage, "unroutable")) == []


OUTCOMES = """\
source: {use: memory}
stages: [{use: './stages.py:router'}]
sinks: [{use: memory}]
tests:
  - {name: a, given: {}, expect: {dropped: [{stage: %s}], dead_letter: [{stage: %s, error: %s}]}}
"""


def test_an_unknown_stage_or_class_in_an_outcome_is_refused_with_the_nearest(lint: Lint) -> None:
    found = lint(OUTCOMES % ("routr", "memry", "mising"))
    assert places(found) == [
        "8:53 unknown-id tests.0.expect.dropped.0.stage",
        "8:84 unknown-id tests.0.expect.dead_letter.0.stage",
        "8:98 not-allowed tests.0.expect.dead_letter.0.error",
    ]
    assert [p.suggestion for p in found] == ["router", "memory", "missing"]


def test_the_stage_of_an_outcome_may_be_one_whose_id_cannot_be_read(lint: Lint) -> None:
    text = OUTCOMES.replace("memory}]", "memory, idd: out}]") % ("out", "out", "invalid")
    assert [p.code for p in lint(text)] == ["unknown-key"]


MAP = """\
source: {use: memory}
stages:
  - use: translate
    with:
      map:
        no: {jmes: bdy.no}
        lines:
          each: {jmes: "body.lines[?qty > `0`]"}
          as: {sku: {jmes: itm.sku}, rows: {each: {jmes: item.rows}, as: [{jmes: "[index, item.x, order]"}]}}
        first: {jmes: "item.sku"}
        right: {jmes: "sort_by(body.lines, &qty)[].{a: sku, b: to_string(qty)} | [0].a || meta.x", default: "-"}
sinks: [{use: http, with: {url: "https://h.example/{id}", params: {id: {jmes: "join('-', [header.a, id])"}}}}]
"""


def test_a_name_that_no_message_has_is_found_in_every_expression(lint: Lint) -> None:
    found = lint(MAP)
    assert places(found) == [
        "9:20 invalid stages.0.with.map.no.jmes",
        "12:28 invalid stages.0.with.map.lines.as.sku.jmes",
        "12:99 invalid stages.0.with.map.lines.as.rows.as.0.jmes",
        "13:24 invalid stages.0.with.map.first.jmes",
        "15:91 invalid sinks.0.with.params.id.jmes",
    ]
    assert found[0].message == "there is no `bdy`; a message has id, body, headers, meta"
    assert found[1].message == "there is no `itm`; here there are id, body, headers, meta, item, index"
    assert [p.suggestion for p in found] == [
        "body",
        "item",
        "a field of the body is written body.order",
        "item is known inside `each … as` of translate only",
        "headers",
    ]


STORE = """\
source: {use: memory}
stages: [{id: park, use: claim_check.store, with: {bucket: bodies}}]
sinks: [%s]
"""


@pytest.mark.parametrize(
    ("sink", "place", "suggestion"),
    [
        ("{use: sqs, with: {queue: a}}", "6:26", "add `forward: [sluiceway-claim]` under `with`"),
        ("{use: sqs, with: {queue: a, forward: [b]}}", "6:46", "add `sluiceway-claim` to `forward`"),
    ],
)
def test_a_sink_that_drops_the_mark_of_a_claim_is_warned_of(lint: Lint, sink: str, place: str, suggestion: str) -> None:
    [problem] = lint(STORE % sink)
    assert (problem.level, problem.code, problem.suggestion) == ("warning", "forward", suggestion)
    assert f"{problem.line}:{problem.column}" == place


@pytest.mark.parametrize(
    "sink",
    [
        "{use: sqs, with: {queue: a, forward: [sluiceway-claim]}}",
        "{use: http, with: {url: 'https://h.example', forward: [Sluiceway-Claim]}}",
        "{use: memory}",
        "{use: eventbridge, with: {bus: a, source: b, detail_type: c}}",
    ],
)
def test_a_sink_that_passes_the_mark_of_a_claim_on_or_knows_no_headers_is_not(lint: Lint, sink: str) -> None:
    assert lint(STORE % sink) == []


VISIBILITY = "source: {use: memory, with: {visibility: {%s}}}\nsinks: [{use: memory}]\n"


def test_a_lease_that_is_not_written_out_shrinks_to_its_limit(lint: Lint) -> None:
    assert lint(VISIBILITY % "limit: 30s") == []
    assert places(lint(VISIBILITY % "initial: 60s, limit: 30s")) == ["4:42 invalid source.with.visibility"]


def test_a_backoff_that_is_not_written_out_shrinks_to_its_maximum(lint: Lint) -> None:
    assert lint(MEMORY + "errors: {retry: {backoff: {max: 500ms}}}\n") == []
    assert places(lint(MEMORY + "errors: {retry: {backoff: {initial: 0s}}}\n")) == ["6:27 invalid errors.retry.backoff"]


HTTP = "source: {use: memory}\nsinks: [{use: http, with: {url: 'https://h.example/{id}', params: {id: %s}}}]\n"


@pytest.mark.parametrize("value", ["body.order_no", "item.a.b", "headers.tenant"])
def test_a_path_that_is_a_literal_is_warned_of(lint: Lint, value: str) -> None:
    [problem] = lint(HTTP % value)
    assert (problem.level, problem.code, problem.path) == ("warning", "literal-path", "sinks.0.with.params.id")
    assert (
        problem.suggestion == f"for the value of the path write {{jmes: {value}}}; for the text, {{literal: {value}}}"
    )


@pytest.mark.parametrize("value", ["{jmes: body.order_no}", "{literal: body.order_no}", "bodyguard.x", "body", "12"])
def test_what_is_an_expression_or_no_path_is_not_warned_of(lint: Lint, value: str) -> None:
    assert lint(HTTP % value) == []


GATHER = """source: {use: memory, with: {visibility: {limit: 10m}}}
stages: [{use: './stages.py:%s', with: {%s}}]
sinks: [{use: memory}]
%s"""


@pytest.mark.parametrize(
    ("gather", "settings", "rest", "wrong"),
    [
        ("Keyed", "", "", ["use"]),
        ("Keyed", "", "workers: 2", ["use"]),
        ("Keyed", "", "workers: 1", []),
        ("Keyed", "store: {dynamodb: groups}", "", []),
        ("Batch", "", "", []),
        ("Batch", "size: 101, max_groups: 1", "", ["with"]),
        ("Batch", "size: 101, max_groups: 1", "limits: {in_flight: 202}", []),
        ("Keyed", "store: {dynamodb: groups}, max_groups: 101, size: 1000", "", ["with"]),
        ("Batch", "within: 9m", "", []),
        ("Batch", "within: 541s", "", ["with.within"]),
    ],
)
def test_a_gather_has_room_and_time_and_its_members_can_meet(
    lint: Lint, gather: str, settings: str, rest: str, wrong: list[str]
) -> None:
    found = lint(GATHER % (gather, settings, rest))
    assert [(problem.code, problem.path.endswith(f".{key}")) for problem, key in zip(found, wrong, strict=True)] == [
        ("gather", True)
    ] * len(wrong)


def test_a_gather_on_a_fifo_queue_would_wait_for_what_it_holds_up(lint: Lint) -> None:
    text = GATHER.replace("memory, with: {visibility: {limit: 10m}}", "sqs, with: {queue: a.fifo}") % ("Batch", "", "")
    found = lint(text + "errors: {dead_letter: {use: sqs, with: {queue: dlq}}}\n")
    assert any("a gather holds the first member" in problem.message for problem in found)
