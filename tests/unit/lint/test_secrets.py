"""Secrets that stand in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sluiceway.config.load import check
from sluiceway.config.problems import render_json, render_text
from sluiceway.config.sensitive import secret_kind
from sluiceway.core.problem import Problem

Lint: TypeAlias = Callable[..., list[Problem]]

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln"


def translate(node: str) -> str:
    return f"\n  - {{use: translate, with: {{map: {{{node}}}}}}}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
        ("x ASIAIOSFODNN7EXAMPLE", "an AWS access key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("Bearer abcdef0123456789abcdef", "a bearer token"),
        ("Basic dXNlcjpwYXNzd29yZDEyMw==", "a password for basic authentication"),
        ("https://user:hunter2@h.example/x", "a URL with a password"),
        ("redis://:hunter2@h.example", "a URL with a password"),
        ("ghp_" + "a1" * 18, "a GitHub token"),
        ("xoxb-1234567890-abc", "a Slack token"),
        ("sk_live_0123456789abcdef", "a Stripe key"),
        (JWT, "a JSON web token"),
    ],
)
def test_a_secret_is_known_by_its_form_and_never_shown(lint: Lint, text: str, kind: str) -> None:
    found = lint(translate(f"note: '{text}'"))
    assert [(p.level, p.code, p.message) for p in found] == [("error", "secret", f"{kind} stands here in clear")]
    shown = render_json(found) + render_text(found, {found[0].file: [text] * 9}, color=False)
    assert text not in shown


@pytest.mark.parametrize(
    "text",
    [
        "the basic internationalization of names",
        "Bearer ",
        "bearer authentication-is-not-used",
        "https://h.example/a:b@c",
        "https://user@h.example",
        "arn:aws:sqs:eu-west-1:123456789012:orders",
        "AKIA",
    ],
)
def test_what_only_looks_a_little_like_one_is_none(text: str) -> None:
    assert secret_kind(text) is None


@pytest.mark.parametrize(
    "node",
    [
        "password: hunter2",
        "apiKey: hunter2",
        "api_key: {literal: hunter2}",
        "clientSecret: {jmes: body.s, default: hunter2}",
        "access-token: hunter2",
        "token: '${TOKEN:-hunter2}'",
    ],
)
def test_a_secret_is_known_by_the_name_of_its_key(lint: Lint, node: str) -> None:
    [problem] = lint(translate(node))
    assert (problem.level, problem.code, problem.sensitive) == ("error", "secret", True)
    assert problem.message.startswith("the value of `")
    assert "hunter2" not in render_json([problem])


@pytest.mark.parametrize(
    "node",
    [
        "password: {jmes: body.password}",
        "token: '${TOKEN:-}'",
        "token: '${TOKEN:-env:TOKEN}'",
        "token: env:TOKEN",
        "tokens: three",
        "monkey: hunter2",
        "token: 7",
        "kind: {jmes: body.kind, enum: {token: t}}",
    ],
)
def test_a_reference_an_expression_or_a_variable_is_no_secret(lint: Lint, node: str) -> None:
    assert lint(translate(node)) == []


def test_a_value_of_a_pattern_is_no_secret(lint: Lint) -> None:
    assert lint("\n  - {use: filter, with: {pattern: {body: {token: [none]}}}}") == []


def test_a_variable_is_not_looked_into(tmp_path: Path) -> None:
    text = "version: 1\nname: a\ndescription: '${WHAT}'\nsource: {use: memory}\nsinks: [{use: memory}]\n"
    assert check(tmp_path / "a.yaml", text=text, environ={"WHAT": "AKIAIOSFODNN7EXAMPLE"}).problems == ()


def test_tests_may_have_what_looks_like_a_secret(lint: Lint) -> None:
    rest = "tests: [{name: a, given: {body: AKIAIOSFODNN7EXAMPLE}, expect: {memory: 1}}]"
    assert lint(rest=rest) == []


def test_a_header_that_is_refused_already_is_one_error(lint: Lint) -> None:
    sinks = "use: http, with: {url: 'https://h.example', headers: {authorization: Bearer abcdef0123456789}}"
    assert [p.code for p in lint(sinks=sinks)] == ["invalid"]


def test_a_mistake_beside_a_secret_does_not_show_the_line(lint: Lint) -> None:
    found = lint(translate("note: AKIAIOSFODNN7EXAMPLE, b: {jmes: bdy}"))
    assert {problem.sensitive for problem in found} == {True}
