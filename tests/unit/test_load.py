"""From a file to a pipeline: everything that is wrong is reported at once, with its place."""

import inspect
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway import app
from sluiceway.config.load import Checked, check, load
from sluiceway.config.settings import read_settings
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.units import Duration

GOOD = """\
version: 1
name: orders
source: {use: memory}
sinks: [{use: memory}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.yaml"


def checked(file: Path, text: str, **environ: str) -> Checked:
    file.write_text(text)
    return check(file, environ=environ)


def places(found: Checked) -> list[str]:
    return [f"{p.line}:{p.column} {p.code} {p.path}" for p in found.problems]


def test_the_smallest_pipeline_has_the_defaults(file: Path) -> None:
    file.write_text(GOOD)
    pipeline = load(file, environ={})
    assert (pipeline.name, pipeline.source.use, pipeline.sinks[0].id) == ("orders", "memory", "memory")
    assert (pipeline.sinks[0].timeout, pipeline.sinks[0].concurrency) == (10, 32)
    assert pipeline.retry.attempts == 8
    assert pipeline.file == file


def test_a_time_out_that_is_not_written_shrinks_to_the_limit_of_the_lease(file: Path) -> None:
    text = GOOD.replace("{use: memory}\n", "{use: memory, with: {visibility: {initial: 1s, limit: 4s}}}\n", 1)
    file.write_text(text)
    assert load(file, environ={}).sinks[0].timeout == Duration("4s")


def test_variables_become_typed_values(file: Path) -> None:
    file.write_text(GOOD + "limits: {in_flight: '${IN_FLIGHT}'}\n")
    assert load(file, environ={"IN_FLIGHT": "7"}).limits.in_flight == 7


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("source: {use: '${HIDDEN}'}", "there is no source `${HIDDEN}`"),
        ("plugins: ['${HIDDEN}']\nsource: {use: memory}", "no plugin `${HIDDEN}` is installed"),
        (
            "source: {use: memory, with: {visibility: {initial: '${HIDDEN}'}}}",
            'expected a duration such as 30s (a number and one of ms, s, m, h, d), found "${HIDDEN}"',
        ),
        (
            "source: {use: sqs, with: {queue: '${HIDDEN}!'}}",
            "AWS allows 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end of a FIFO queue",
        ),
    ],
)
def test_a_variables_value_is_not_shown_but_the_reason_is(file: Path, wrong: str, said: str) -> None:
    found = checked(file, GOOD.replace("source: {use: memory}", wrong), HIDDEN="hunter2")
    assert said in [problem.message for problem in found.problems]
    assert not any("hunter2" in str(problem) for problem in found.problems)


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        ("headers: {authorization: hunter2}", "authorization holds a credential"),
        ("headers: {authorization: {secret: hunter2}}", "expected a reference to a secret"),
        ("headers: {authorization: {secret: 'env:A', x: hunter2}}", "expected {secret: reference, prefix: text}"),
        ("headers: 'authorization: hunter2'", "expected a mapping"),
        ("sign: {standard_webhooks: {secret: hunter2}}", "expected a reference to a secret"),
    ],
)
def test_a_secret_in_the_file_is_not_shown_but_the_way_out_is(file: Path, with_: str, said: str) -> None:
    sink = f"{{use: http, with: {{url: 'https://h.example', {with_}}}}}"
    [problem] = checked(file, f"version: 1\nname: orders\nsource: {{use: memory}}\nsinks: [{sink}]\n").problems
    assert problem.message.startswith(said)
    assert "hunter2" not in str(problem)
    assert problem.sensitive


def test_mistakes_in_different_parts_hide_none_of_the_others(file: Path) -> None:
    found = checked(
        file,
        """\
version: 1
name: orders
sorce: {use: memory}
stages:
  - use: filtr
  - {id: paid, use: filter, with: {pattern: {body: {total: [{numeric: [">"]}]}}}}
sinks:
  - {use: memory, concurrency: many}
limits: {in_flight: 0}
errors: {retry: {attempts: 1001}}
drain: {stop_timeout: 30}
""",
    )
    assert places(found) == [
        "3:1 unknown-key sorce",
        "5:10 unknown-component stages.0.use",
        "6:71 invalid stages.paid.with.pattern.body.total.0.numeric",
        "8:32 invalid sinks.0.concurrency",
        "9:21 invalid limits.in_flight",
        "10:28 invalid errors.retry.attempts",
        "11:23 invalid drain.stop_timeout",
    ]
    assert found.pipeline is None


def test_an_unknown_component_is_answered_with_the_nearest_name(file: Path) -> None:
    [problem] = checked(file, GOOD.replace("{use: memory}]", "{use: memry}]")).problems
    assert problem.suggestion == "memory"
    assert "eventbridge" in problem.allowed


def test_what_follows_from_an_unset_variable_is_not_reported_as_well(file: Path) -> None:
    found = checked(file, GOOD + "limits: {in_flight: '${IN_FLIGHT}'}\n")
    assert places(found) == ["5:22 variable limits.in_flight"]


def test_a_variable_without_braces_that_is_refused_is_refused_for_that_alone(file: Path) -> None:
    text = GOOD.replace("memory}\n", "sqs, with: {queue: $ORDERS}}\n", 1)
    found = checked(file, text + "errors: {dead_letter: {use: sqs, with: {queue: dlq}}}\n")
    assert [(p.line, p.column, p.code, p.level) for p in found.problems] == [(3, 34, "variable", "error")]


@pytest.mark.parametrize("attempts", [0, 1001, "'8.5'"])
def test_attempts_are_from_1_to_1000(file: Path, attempts: object) -> None:
    found = checked(file, GOOD + f"errors: {{retry: {{attempts: {attempts}}}}}\n")
    assert places(found) == ["5:28 invalid errors.retry.attempts"]


@pytest.mark.parametrize("backoff", ["{initial: 2m, max: 1m}", "{max: 13h}"])
def test_back_off_is_ordered_and_at_most_12_hours(file: Path, backoff: str) -> None:
    found = checked(file, GOOD + f"errors: {{retry: {{backoff: {backoff}}}}}\n")
    assert places(found) == ["5:27 invalid errors.retry.backoff"]


@pytest.mark.parametrize("visibility", ["{initial: 2m, limit: 1m}", "{limit: 13h}", "{limit: 0s, initial: 0s}"])
def test_a_lease_is_positive_ordered_and_at_most_12_hours(file: Path, visibility: str) -> None:
    found = checked(file, GOOD.replace("{use: memory}\n", f"{{use: memory, with: {{visibility: {visibility}}}}}\n", 1))
    assert places(found) == ["3:42 invalid source.with.visibility"]


def test_a_plugin_that_is_not_installed_is_named(file: Path) -> None:
    [problem] = checked(file, GOOD + "plugins: [acme-text]\n").problems
    assert (problem.line, problem.column, problem.message) == (5, 11, "no plugin `acme-text` is installed")


def test_a_function_beside_the_file_is_a_stage_under_its_own_name(file: Path) -> None:
    (file.parent / "stages.py").write_text(
        "from sluiceway import Message, stage\n"
        "@stage\ndef shout(message: Message, *, times: int = 1) -> Message:\n    return message\n"
    )
    text = GOOD + "plugins: [./stages.py]\nstages: [{use: './stages.py:shout', with: {times: %s}}]\n"
    file.write_text(text % 2)
    assert load(file, environ={}).stages[0].id == "shout"
    assert places(checked(file, text % "twice")) == ["6:51 invalid stages.0.with.times"]


def test_a_file_of_stages_that_is_not_there_is_reported_at_the_plugin(file: Path) -> None:
    found = checked(file, GOOD + "plugins: [./nope.py]\nstages: [{use: './nope.py:a'}, {use: './nope.py:b'}]\n")
    assert places(found) == ["5:11 plugin plugins.0"]
    assert found.problems[0].message == "there is no file ./nope.py beside the pipeline file"


def test_a_file_of_stages_that_cannot_be_imported_is_reported_once_with_the_line(file: Path) -> None:
    (file.parent / "stages.py").write_text("import json\n\njson.gone\n")
    found = checked(file, GOOD + "plugins: [./stages.py]\nstages: [{use: './stages.py:a'}, {use: './stages.py:b'}]\n")
    assert places(found) == ["5:11 plugin plugins.0"]
    assert found.problems[0].message == (
        "./stages.py cannot be imported: stages.py:3: AttributeError: module 'json' has no attribute 'gone'"
    )


def test_a_broken_file_that_sluiceway_yaml_names_is_reported_where_it_is_used(file: Path) -> None:
    (file.parent / "sluiceway.yaml").write_text("plugins: [./nope.py]\n")
    assert places(checked(file, GOOD + "stages: [{use: './nope.py:a'}]\n")) == ["5:16 plugin stages.0.use"]


def test_plugins_may_be_named_for_all_files_in_sluiceway_yaml(file: Path) -> None:
    (file.parent / "sluiceway.yaml").write_text("plugins: [./stages.py]\n")
    (file.parent / "stages.py").write_text("from sluiceway import stage\n@stage\ndef f(message):\n    return message\n")
    assert places(checked(file, GOOD + "stages: [{use: './stages.py:f'}]\n")) == []


def test_mistakes_in_sluiceway_yaml_are_reported_beside_those_of_the_file(file: Path) -> None:
    (file.parent / "sluiceway.yaml").write_text("plugin: []\n")
    found = checked(file, GOOD.replace("version", "verson"))
    assert [(Path(p.file).name, p.line, p.code) for p in found.problems] == [
        ("orders.yaml", 1, "unknown-key"),
        ("sluiceway.yaml", 1, "unknown-key"),
    ]


def test_a_wrong_file_cannot_be_loaded(file: Path) -> None:
    file.write_text(GOOD.replace("orders", "12 orders"))
    with pytest.raises(InvalidPipeline) as refused:
        load(file, environ={})
    assert [p.path for p in refused.value.problems] == ["name"]


@pytest.mark.parametrize("key", ["name: 12 orders", "name: ''", f"name: {'a' * 65}", "name: orders/new"])
def test_what_a_name_may_be_is_said_in_words(file: Path, key: str) -> None:
    [problem] = checked(file, GOOD.replace("name: orders", key)).problems
    assert problem.message.startswith(
        "expected letters, digits, `.`, `_` and `-`, 64 at most, the first a letter, found"
    )


def test_an_id_is_a_name(file: Path) -> None:
    [problem] = checked(file, GOOD.replace("[{", "[{id: 1st, ")).problems
    assert problem.message.endswith('the first a letter, found "1st"')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "memory", "sqs", "${X}", "30s", "./x.py:f"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["use", "with", "id"]), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["version", "name", "plugins", "source", "stages", "sinks", "limits", "drain", "errors", "tests", "other"]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES))
def test_no_file_is_answered_with_anything_but_problems(value: dict[str, object]) -> None:
    found = check(Path("nowhere/orders.yaml"), text=json.dumps(value, indent=1), environ={})
    assert (found.pipeline is None) == any(problem.level == "error" for problem in found.problems)


def test_no_signature_shows_the_environment() -> None:
    assert [
        inspect.signature(function).parameters["environ"].default for function in (app.load, load, check, read_settings)
    ] == [None] * 4


@pytest.mark.parametrize("stall", ["999ms", "61m", "0s"])
def test_how_long_a_worker_may_hang_has_bounds(file: Path, stall: str) -> None:
    found = checked(file, GOOD + f"limits: {{stall: {stall}}}\n")
    assert places(found) == ["5:17 invalid limits.stall"]
    assert found.problems[0].message.startswith("expected 1s to 1h, found ")


def test_a_worker_may_hang_for_a_minute_unless_the_file_says_otherwise(file: Path) -> None:
    assert checked(file, GOOD).pipeline.limits.stall == 60
    assert checked(file, GOOD + "limits: {stall: 5m}\n").pipeline.limits.stall == 300
