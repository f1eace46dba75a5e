"""The names that an expression looks up in the message itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.core.errors import Reject
from sluiceway.core.jmes import compile_jmes
from sluiceway.core.jmes_names import root_names
from sluiceway.core.json import JSON


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


NAMES = st.sampled_from(["a", "b", "c"])
EXPRESSIONS = st.recursive(
    NAMES | st.sampled_from(["`1`", "'a'"]),
    lambda inner: (
        st.tuples(inner, NAMES).map("{0[0]}.{0[1]}".format)
        | st.tuples(inner, inner).map("({0[0]} | {0[1]})".format)
        | st.tuples(inner, inner, inner).map("[{0[0]}, {0[1]}][?{0[2]}]".format)
        | st.tuples(inner, inner).map("[{0[0]}][].{{x: {0[1]}}}".format)
        | st.tuples(inner, inner).map("map(&{0[0]}, [{0[1]}])".format)
        | st.tuples(inner, inner).map("({0[0]} == {0[1]})".format)
    ),
    max_leaves=6,
)
VALUES = st.recursive(st.none() | st.integers(0, 2), lambda inner: st.dictionaries(NAMES, inner, max_size=3))


def computed(text: str, view: dict[str, JSON]) -> JSON:
    try:
        return compile_jmes(text)(view)
    except Reject as rejection:
        return rejection.reason


@given(EXPRESSIONS, st.dictionaries(NAMES, VALUES, min_size=3))
@settings(max_examples=200, deadline=None)
def test_what_is_not_named_makes_no_difference(text: str, view: dict[str, JSON]) -> None:
    named = {name: value for name, value in view.items() if name in root_names(text)}
    assert computed(text, named) == computed(text, view)
