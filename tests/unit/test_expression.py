"""Expressions: values that are computed for each message."""

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

import jmespath
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sluiceway.core.errors import InvalidExpression, Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON

NAMES = st.sampled_from(["a", "b", "body", "c d", "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
VIEWS = st.dictionaries(st.sampled_from(["a", "b", "body"]), VALUES, max_size=3)


def jmes(text: str) -> Expression:
    return Expression.parse({"jmes": text})


def evaluate(text: str, **view: JSON) -> JSON:
    return jmes(text).evaluate(view)


class LazyView(Mapping[str, object]):
    """A view that notes what is read of it, as a message parses its body on first read."""

    def __init__(self, **values: object) -> None:
        self.values_by_name = values
        self.read: list[str] = []

    def __getitem__(self, name: str) -> object:
        self.read.append(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def path_text(names: list[str]) -> str:
    return ".".join(name if name.isascii() and name.isalpha() else f'"{name}"' for name in names)


@given(st.lists(NAMES, min_size=1, max_size=4).map(path_text), VIEWS)
def test_a_path_gives_what_jmespath_gives(text: str, view: dict[str, JSON]) -> None:
    assert jmes(text).evaluate(MappingProxyType(view)) == jmespath.search(text, view)


LEAVES = [
    "a",
    "b",
    "body",
    "*",
    "[*]",
    "[]",
    "[0]",
    "[-1]",
    "[1:]",
    "[?a]",
    "[?a > `1`]",
    "[a, b]",
    "{x: a}",
    "[*, a]",
]
FORMS = ["{}.{}", "{} || {}", "{} && {}", "!{} | {}", "[{}, {}]", "not_null({}, {})", "{} == {}", "{} | @.{}"]


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(FORMS), inner, inner).map(lambda t: t[0].format(t[1], t[2]))


@settings(max_examples=200)
@given(st.recursive(st.sampled_from(LEAVES), combined, max_leaves=6), VIEWS)
@example("[*, a]", {"b": 1})
def test_any_expression_gives_what_jmespath_gives_and_changes_nothing(text: str, view: dict[str, JSON]) -> None:
    try:
        expected = jmespath.search(text, view)
    except ValueError:
        with pytest.raises((InvalidExpression, Reject)):
            jmes(text).evaluate(view)
        return
    before = copy.deepcopy(view)
    assert jmes(text).evaluate(MappingProxyType(view)) == expected
    assert view == before


@settings(max_examples=150)
@given(st.text(st.sampled_from("ab.[]*?|&!()@{}:,'\"`=<>0-\\ é"), max_size=20) | st.text(max_size=8))
def test_any_text_compiles_or_is_refused_with_a_place_inside_it(text: str) -> None:
    try:
        jmes(text)
    except InvalidExpression as error:
        assert error.offset is None or 0 <= error.offset <= len(text)  # noqa: PT017 # any refusal is right


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000,
        "[" * 4000,
        "!" * 4000 + "a",
        "{a:" * 1300,
        "length(" * 580,
        "a" + "[*]" * 1300,
        "a" + "[]" * 2000,
        "a" + ".b" * 2000,
        "a" + ".*" * 2000,
        "a" + "|b" * 2000,
        "a" + "||b" * 1300,
        "a" + "&&b" * 1300,
        "a" + "==b" * 1300,
        "map(" + "&" * 4000,
        "a" + "[?a" * 1300,
        "a" + "[1:]" * 1000,
        "a" + "[0].b" * 800,
        ("*" + ".*" * 30 + "[?") * 30,
        "`" + "[" * 4000 + "`",
        "`" + "[" * 70 + "]" * 70 + "`",
    ],
    ids=lambda text: text[:12],
)
def test_depth_is_refused_before_anything_recurses(text: str) -> None:
    with pytest.raises(InvalidExpression, match="64 levels"):
        jmes(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".b" * 64,
        "a" + "||b" * 64,
        "(" * 60 + "a" + ")" * 60,
        "to_array(" * 32 + "a" + ")" * 32,
        "a" + "[*].b" * 30,
        "{" + ", ".join(f"k{i}: body.a.b.c" for i in range(200)) + "}",
        " || ".join(f"body.a.b == 'v{i}'" for i in range(30)),
        "map(&" * 15 + "a" + ", a)" * 15,
    ],
    ids=lambda text: text[:12],
)
def test_what_is_wide_or_just_deep_enough_is_computed(text: str) -> None:
    view: dict[str, JSON] = {"a": [], "b": None, "body": {}}
    assert jmes(text).evaluate(view) == jmespath.search(text, view)


def test_an_expression_over_4_kib_is_refused() -> None:
    with pytest.raises(InvalidExpression, match="longer than 4096 bytes"):
        jmes("'" + "é" * 2048 + "'")


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "the expression is empty"),
        ("body.", 5, "it ends too early"),
        ("body..a", 5, "'.' is not expected here"),
        ("body.#", 5, "unknown token #"),
        ("body.a == 'x", 10, "unclosed ' delimiter"),
        ("body.a | lenght(@)", 9, "there is no function lenght(): did you mean length()?"),
        ("[?f(a)].abs(b)", 2, "there is no function f()"),
        ("abs(a) || abs(a, b)", 10, "abs() takes 1 argument, not 2"),
        ("a[?abs(a, b)].abs(b)", 3, "abs() takes 1 argument, not 2"),
        ("not_null()", 0, "not_null() takes at least 1 argument, not 0"),
        ("sort_by(&a, b) || &c", 8, "`&` may only stand where a function takes an expression"),
        ("[&a]", 1, "`&` may only stand where a function takes an expression"),
    ],
)
def test_a_mistake_is_found_when_compiled_and_has_its_offset(text: str, offset: int, message: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        jmes(text)
    assert message in str(refused.value)
    assert refused.value.offset == offset


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("length(body.n)", "length() takes string or array or object, not number"),
        ("sum(body.mixed)", "sum() takes array-number, not string"),
        ("contains('abc', body.n)", "string"),
        ("body.mixed[::0]", "slice step cannot be zero"),
        ("sum(body.huge)", "too large for a double"),
        ("sort_by(body.mixed, a)", "sort_by() takes expref, not null"),
    ],
)
def test_a_value_that_a_function_does_not_take_rejects_the_message(text: str, cause: str) -> None:
    with pytest.raises(Reject) as rejected:
        evaluate(text, body={"n": 1, "mixed": [1, "a"], "huge": [1e308, 1e308]}, a=None)
    assert rejected.value.error == "invalid"
    assert rejected.value.reason.startswith(f"the expression `{text}` cannot be computed: ")
    assert cause in rejected.value.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(body.small)", Decimal("0.1234567890123456789012345678901234567890")),
        ("sum(body.mixed)", Decimal("1.7234567890123456789012345678901234567890")),
        ("max(body.mixed)", 1.5),
        ("sort(body.mixed)[2]", 1.5),
        ("min_by(body.rows, &n).n", Decimal("0.25")),
        ("sort_by(body.rows, &n)[0].n", Decimal("0.25")),
        ("type(body.small)", "number"),
        ("ceil(body.mixed[1])", 1),
        ("body.small < `1`", True),
        ("body.rows[?n == `0.25`] | length(@)", 1),
        ("to_string(body.rows)", '[{"n":0.25},{"n":0.75}]'),
        ("to_number('18446744073709551616')", 2**64),
        ("to_number('nan')", None),
        ("to_number('1_000')", None),
        ("to_number('12.50')", 12.5),
        ("avg(`[]`)", None),
        ("avg(body.rows[].n)", Decimal("0.5")),
    ],
)
def test_exact_numbers_are_numbers_and_keep_their_digits(text: str, expected: JSON) -> None:
    small = Decimal("0.1234567890123456789012345678901234567890")
    rows: JSON = [{"n": Decimal("0.25")}, {"n": Decimal("0.75")}]
    body: JSON = {"small": small, "mixed": [1.5, small, Decimal("0.1")], "rows": rows}
    assert evaluate(text, body=body) == expected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("headers.x", {"headers"}),
        ("length(headers.x)", {"headers"}),
        ("headers.* | [0]", {"headers"}),
        ("meta.list[*].a", {"meta"}),
        ("[*, id]", {"body", "headers", "meta", "id"}),
        ("keys(@)", {"body", "headers", "meta", "id"}),
    ],
)
def test_only_what_is_used_of_the_view_is_read(text: str, read: set[str]) -> None:
    view = LazyView(body={"a": 1}, headers=MappingProxyType({"x": "y"}), meta={}, id="m-1")
    jmes(text).evaluate(view)
    assert set(view.read) == read


def test_headers_that_are_no_dict_count_as_an_object() -> None:
    view = {"headers": MappingProxyType({"x": "y"})}
    assert type(jmes("headers").evaluate(view)) is dict
    assert jmes("keys(headers)").evaluate(view) == ["x"]


@pytest.mark.parametrize("text", ["body.a", "length(body.a)"])
def test_what_reading_the_body_raises_is_left_as_it_is(text: str) -> None:
    class Unreadable(LazyView):
        def __getitem__(self, name: str) -> object:
            raise Reject(f"{name} is not JSON")

    with pytest.raises(Reject, match=r"^body is not JSON$"):
        jmes(text).evaluate(Unreadable(body=None))


@pytest.mark.parametrize("value", ["web", 3, 1.5, True, None])
def test_a_bare_scalar_stands_for_itself(value: JSON) -> None:
    expression = Expression.parse(value)
    assert expression.is_literal
    assert expression.text is None
    assert expression.evaluate({}) is value


def test_a_literal_may_be_anything_even_a_tag() -> None:
    assert Expression.parse({"literal": {"jmes": "a"}}).evaluate({"a": 1}) == {"jmes": "a"}


def test_backquoted_text_is_taken_as_the_aws_pages_write_it() -> None:
    assert evaluate("body[?a == `x`].a", body=[{"a": "x"}, {"a": "y"}]) == ["x"]


def test_expressions_are_equal_when_written_the_same_and_hash_so() -> None:
    assert jmes("a.b") == jmes("a.b")
    assert hash(jmes("a.b")) == hash(jmes("a.b"))
    assert jmes("a") != Expression.parse("a")
    assert len({Expression.parse(1), Expression.parse(1.0), Expression.parse(value=True)}) == 3
    assert repr(jmes("a.b")) == "Expression(jmes='a.b')"
    assert repr(Expression.parse({"literal": []})) == "Expression(literal=[])"


class Settings(BaseModel):
    value: Expression


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"jmes": "body."}, ["jmes"], "syntax error: it ends too early"),
        ({"jmes": "{offset} {path}"}, ["jmes"], "syntax error: '}' is not expected here"),
        ({"jmes": 5}, ["jmes"], "jmes takes text, found int"),
        (
            {"jmse": "a"},
            [],
            "'jmse' is not a tag of expressions, which are jmes and literal; did you mean jmes?",
        ),
        ({"sku": "a"}, [], "write {literal: {…}}"),
        ({"jmes": "a", "default": 1}, [], "nothing may stand beside jmes"),
        ({"a": 1, "b": 2}, [], "write {literal: {…}}"),
        ([1], [], "write {literal: […]}"),
        (b"bytes", [], "the literal is not JSON"),
    ],
)
def test_a_wrong_field_says_what_would_be_right(value: object, path: list[str], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"value": value})
    (error,) = refused.value.errors()
    assert error["type"] == "expression"
    assert message in error["msg"]
    assert error["ctx"]["path"] == path


def test_the_offset_of_a_syntax_error_reaches_the_error_of_the_field() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"value": {"jmes": "body..a"}})
    assert refused.value.errors()[0]["ctx"]["offset"] == 5


@pytest.mark.parametrize("value", [{"jmes": "body.a"}, "x", None, {"literal": [1]}])
def test_a_field_reads_an_expression_and_writes_it_as_it_was(value: object) -> None:
    read = Settings.model_validate({"value": value})
    assert read.model_dump() == {"value": value}
    assert Settings(value=read.value) == read


def test_editors_are_told_the_tags() -> None:
    choices = Settings.model_json_schema()["properties"]["value"]["anyOf"]
    assert [list(choice.get("properties", {})) for choice in choices] == [[], ["jmes"], ["literal"]]
