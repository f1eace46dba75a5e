"""The names that an expression looks up in the message itself."""

import pytest

from sluiceway.core.jmes_names import root_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("body", ["body"]),
        ("body.a.b", ["body"]),
        ('"body"."a"', ["body"]),
        ("@", []),
        ("@.body.a", ["body"]),
        ("*.a", []),
        ("[a, b.c]", ["a", "b"]),
        ("{x: a, y: {z: b}}", ["a", "b"]),
        ("body.[a, b]", ["body"]),
        ("body.{x: a}", ["body"]),
        ("body[0].a", ["body"]),
        ("body[1:2].a", ["body"]),
        ("body[*].a", ["body"]),
        ("body[].a", ["body"]),
        ("body.*.a", ["body"]),
        ("body[?a > b].c", ["body"]),
        ("a || b && !c", ["a", "b", "c"]),
        ("a == b", ["a", "b"]),
        ("(a).b", ["a"]),
        ("a | b", ["a"]),
        ("@ | a", ["a"]),
        ("length(a)", ["a"]),
        ("sort_by(a, &b)", ["a"]),
        ("map(&b.c, a) | d", ["a"]),
        ("'text'", []),
        ('`{"a": 1}`', []),
        ("not_null(a.b, c.d)", ["a", "c"]),
        ("[a, a.b]", ["a"]),
    ],
)
def test_only_names_that_are_looked_up_in_the_message_itself_are_roots(text: str, names: list[str]) -> None:
    assert root_names(text) == names
