"""References to secrets: which are taken, and that no message repeats what may be the secret itself."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sluiceway import JSON, Secret, Settings


class Signed(Settings):
    secret: Secret


GOOD = ["env:TOKEN", "file:/run/secrets/a b", "secretsmanager:shop/partner", "secretsmanager:shop#key", "ssm:/shop/key"]
BAD: list[JSON] = [
    "hunter2",
    "env:1TOKEN",
    "env:",
    "file:relative",
    "ssm:no-slash",
    "secretsmanager:a#",
    "secretsmanager:a#b#c",
    "",
    7,
    None,
    ["env:TOKEN"],
    {},
    {"secret": "hunter2"},
    {"secret": "env:TOKEN", "prefix": 7},
    {"secret": "env:TOKEN", "hunter2": ""},
]


@pytest.mark.parametrize("reference", GOOD)
def test_a_reference_is_taken_as_it_is_or_with_a_prefix(reference: str) -> None:
    assert Secret.parse(reference) == Secret(reference)
    assert Secret.parse({"secret": reference, "prefix": "Bearer "}) == Secret(reference, "Bearer ")


@pytest.mark.parametrize("value", BAD)
def test_what_is_no_reference_is_refused_without_being_repeated(value: JSON) -> None:
    with pytest.raises(ValidationError) as caught:
        Signed.model_validate({"secret": value})
    assert "expected" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text())
@settings(max_examples=50)
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        signed = Signed.model_validate({"secret": text})
    except ValidationError:
        return
    assert signed.secret.reference == text


@pytest.mark.parametrize(
    ("reference", "used"),
    [
        ("env:TOKEN", []),
        ("file:/run/token", []),
        ("secretsmanager:shop#key", [("secret", "shop", ("secretsmanager:GetSecretValue",))]),
        ("ssm:/shop/key", [("parameter", "/shop/key", ("ssm:GetParameter",))]),
    ],
)
def test_a_secret_declares_what_fetching_it_uses(reference: str, used: list[object]) -> None:
    found = [(resource.kind, resource.name, resource.actions) for resource in Secret(reference).resources()]
    assert found == used


def test_settings_are_written_with_the_reference_alone() -> None:
    assert Signed(secret=Secret("env:TOKEN", "Bearer ")).model_dump(mode="json") == {"secret": "env:TOKEN"}


def test_editors_are_told_what_is_taken() -> None:
    schema = Signed.model_json_schema()
    for reference in GOOD:
        assert jsonschema_rs.is_valid(schema, {"secret": reference})
        assert jsonschema_rs.is_valid(schema, {"secret": {"secret": reference, "prefix": "Bearer "}})
    assert not [value for value in BAD if jsonschema_rs.is_valid(schema, {"secret": value})]
