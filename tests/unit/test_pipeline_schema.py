"""The JSON Schema for editors: takes what is right, refuses what is misspelt."""

from pathlib import Path

import jsonschema_rs
import pytest

from sluiceway.config import yaml
from sluiceway.config.schema import pipeline_schema

EXAMPLE = Path(__file__).parents[2] / "pipelines" / "shop-orders.yaml"

SMALL = "version: 1\nname: orders\nsource: {use: memory}\nsinks: [{use: memory}]\n"


@pytest.fixture(scope="module")
def validator() -> jsonschema_rs.Draft202012Validator:
    schema = pipeline_schema()
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.Draft202012Validator(schema)


def wrong(validator: jsonschema_rs.Draft202012Validator, text: str) -> set[str]:
    errors = validator.iter_errors(yaml.parse(text, "orders.yaml").value)
    return {".".join(map(str, error.instance_path)) for error in errors}


def test_the_example_pipeline_is_accepted(validator: jsonschema_rs.Draft202012Validator) -> None:
    assert wrong(validator, EXAMPLE.read_text()) == set()


@pytest.mark.parametrize(
    ("right", "misspelt", "place"),
    [
        ("description:", "descripton:", ""),
        ("use: translate", "use: transalte", "stages.4.use"),
        ("timeout: 5s", "timeout: 5", "stages.3.timeout"),
        ("unknown_fields: count", "unknown_fields: some", "stages.1.with.unknown_fields"),
        ("on_missing: reject", "on_mising: reject", "stages.3.with"),
        ("source: fulfilment.orders", "sorce: fulfilment.orders", "sinks.0.with"),
        ("attempts: 8", "attempts: 0", "errors.retry.attempts"),
        ("dead_letter: {use: sqs", "dead_letter: {use: http", "errors.dead_letter"),
    ],
)
def test_what_is_misspelt_is_refused_at_its_place(
    validator: jsonschema_rs.Draft202012Validator, right: str, misspelt: str, place: str
) -> None:
    text = EXAMPLE.read_text()
    assert text.count(right) == 1
    assert place in wrong(validator, text.replace(right, misspelt))


@pytest.mark.parametrize(
    "line",
    [
        "limits: {in_flight: '${IN_FLIGHT}', in_flight_bytes: '${BYTES:-64MiB}'}",
        "drain: {stop_timeout: '${STOP}'}",
        "unrouted: '${UNROUTED}'",
        "stages: [{use: './stages.py:upper', with: {any: thing}}]",
        "stages: [{use: ../common/normalise.yaml, id: normal, with: {any: {thing: 1}}}]",
        "stages: [{use: enrich.http, with: {url: '${URL}/{id}', into: x, allow_private: '${PRIVATE:-false}'}}]",
    ],
)
def test_variables_and_functions_beside_the_file_are_accepted(
    validator: jsonschema_rs.Draft202012Validator, line: str
) -> None:
    assert wrong(validator, f"{SMALL}{line}\n") == set()


def test_a_component_that_needs_keys_is_refused_without_them(validator: jsonschema_rs.Draft202012Validator) -> None:
    assert "stages.0" in wrong(validator, f"{SMALL}stages: [{{use: filter}}]\n")


def test_what_use_may_say_is_described() -> None:
    choices = pipeline_schema()["$defs"]["SinkUse"]["properties"]["use"]["anyOf"]
    assert {choice["const"] for choice in choices} == {"eventbridge", "http", "memory", "sqs"}
    assert all(choice["description"] for choice in choices)


SQS = SMALL.replace("source: {use: memory}", "source: {use: sqs, with: {queue: orders}}")
LETTERS = "errors: {dead_letter: {use: sqs, with: {queue: orders-dlq}}}\n"


@pytest.mark.parametrize("errors", ["", "errors: {retry: {attempts: 3}}\n", "errors: {dead_letter: null}\n"])
def test_a_queue_needs_a_dead_letter_queue(validator: jsonschema_rs.Draft202012Validator, errors: str) -> None:
    assert wrong(validator, SQS + errors)
    assert wrong(validator, SMALL + errors) == set()
    assert wrong(validator, SQS + LETTERS) == set()


def test_every_key_is_described() -> None:
    definitions = pipeline_schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, node in definition.get("properties", {}).items()
        if "description" not in {**definitions.get(node.get("$ref", "").rpartition("/")[2], {}), **node}
    ]
    assert silent == []
