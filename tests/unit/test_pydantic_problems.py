"""Pydantic's errors as problems: in plain words, at their places, one for each mistake."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from sluiceway.config.pydantic_problems import problems_from
from sluiceway.config.variables import substitute
from sluiceway.config.yaml import parse
from sluiceway.core.errors import InvalidPattern
from sluiceway.core.problem import Problem


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def kind_of(value: object) -> str | None:
    if isinstance(value, dict):
        return "<each>" if "each" in value else "<jmes>"
    return None if isinstance(value, list) else "<literal>"


class Each(Strict):
    each: Value
    into: str = ""


class Jmes(Strict):
    jmes: str
    type: Literal["integer", "text"] = "text"


Value = Annotated[
    Annotated[Each, Tag("<each>")] | Annotated[Jmes, Tag("<jmes>")] | Annotated[str | int, Tag("<literal>")],
    Discriminator(kind_of),
]


class Sqs(Strict):
    use: Literal["sqs"]
    queue: str = Field(examples=["shop-orders"])
    wait: int = Field(20, ge=0, le=20)


class Memory(Strict):
    use: Literal["memory"]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def duration(value: object) -> object:
    if not str(value).endswith("s"):
        message = f"expected a duration such as 30s, found {value}"
        raise ValueError(message)
    return value


def event_pattern(value: object) -> object:
    if value == {"body": {"total": [{"numeric": ["!"]}]}}:
        raise InvalidPattern("no such comparison", ["body", "total", 0, "numeric", 0])
    if value == {"body": []}:
        raise PydanticCustomError("event_pattern", "an empty list matches nothing", {"path": ["body"]})
    return value


class Deep(Strict):
    secret: str = ""
    port: int = 0


class Settings(Strict):
    source: Annotated[Sqs | Memory, Field(discriminator="use")] | None = None
    value: Value | None = None
    map: dict[str, Value] = {}
    number: int = 0
    ratio: float = 0.5
    either: int | list[int] = 0
    flag: bool = False
    colour: Colour = Colour.RED
    names: list[Annotated[str, Field(max_length=3)]] = Field([], max_length=2)
    keyed: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = {}
    pair: tuple[int, Deep] | None = None
    timeout: Annotated[object, AfterValidator(duration)] = "1s"
    pattern: Annotated[object, BeforeValidator(event_pattern)] = None
    headers: dict[str, str | Deep] = {}
    deep: Deep = Deep()
    from_: str = Field("", alias="from")


class Required(Strict):
    name: str
    queue: str


def problems_of(text: str, model: type[BaseModel] = Settings, environ: dict[str, str] | None = None) -> list[Problem]:
    """What is wrong with the mapping under `with`."""
    indented = "with:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    document, _ = substitute(parse(indented, "p.yaml"), environ or {})
    assert isinstance(document.value, dict)
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document.value["with"])
    return problems_from(caught.value, document, ("with",), model)


def only(text: str, model: type[BaseModel] = Settings, environ: dict[str, str] | None = None) -> Problem:
    problems = problems_of(text, model, environ)
    assert len(problems) == 1, problems
    return problems[0]


def test_an_unknown_key_is_reported_at_the_key_with_what_is_allowed_and_the_nearest_name() -> None:
    problem = only("source: {use: sqs, queue: a, wiat: 3}")
    assert (problem.line, problem.column, problem.length) == (2, 32, 4)
    assert (problem.path, problem.code, problem.message) == (
        "with.source.wiat",
        "unknown-key",
        "unknown key `wiat`",
    )
    assert (problem.allowed, problem.suggestion) == (("queue", "use", "wait"), "wait")


def test_the_allowed_keys_are_those_of_the_member_of_the_union_that_was_chosen() -> None:
    assert only("value: {each: {jmes: a, tpye: text}}").allowed == ("jmes", "type")
    assert only("map: {a: {each: 1, inot: b}}").allowed == ("each", "into")
    assert only("pair: [1, {prot: 1}]").suggestion == "port"
    assert only("form: a").suggestion == "from"


def test_a_missing_key_is_reported_at_its_mapping_with_a_sample() -> None:
    problem = only("source:\n  use: sqs")
    assert (problem.line, problem.column, problem.length) == (2, 3, 6)
    assert (problem.path, problem.code) == ("with.source.queue", "missing")
    assert problem.message == "the key `queue` is missing"
    assert problem.suggestion == "add `queue: shop-orders`"


def test_a_missing_key_beside_its_misspelling_is_one_mistake() -> None:
    assert [p.message for p in problems_of("nmae: a", Required)] == [
        "the key `queue` is missing",
        "unknown key `nmae`",
    ]


@pytest.mark.parametrize(
    ("text", "path", "column", "message"),
    [
        ("number: abc", "with.number", 11, 'expected a whole number, found "abc"'),
        ("number: 1.5", "with.number", 11, "expected a whole number, found 1.5"),
        ("number: null", "with.number", 11, "expected a whole number, found null"),
        ("number: [1]", "with.number", 11, "expected a whole number, found a list"),
        ("ratio: x", "with.ratio", 10, 'expected a number, found "x"'),
        ("flag: maybe", "with.flag", 9, 'expected true or false, found "maybe"'),
        ("from: 1", "with.from", 9, "expected text, found 1"),
        ("names: a", "with.names", 10, 'expected a list, found "a"'),
        ("map: a", "with.map", 8, 'expected a mapping, found "a"'),
        ("deep: 1", "with.deep", 9, "expected a mapping, found 1"),
        (
            "source: {use: sqs, queue: a, wait: 21}",
            "with.source.wait",
            38,
            "expected a number of at most 20, found 21",
        ),
        ("names: [abcd]", "with.names.0", 11, 'expected text of at most 3 characters, found "abcd"'),
        ("names: [a, b, c]", "with.names", 10, "expected at most 2 entries, found a list"),
        ("keyed: {A: 1}", "with.keyed.A", 11, 'expected text that matches ^[a-z]+$, found "A"'),
        ("either: {}", "with.either", 11, "expected a whole number or a list, found a mapping"),
        ("either: [1, x]", "with.either.1", 15, 'expected a whole number, found "x"'),
        ("value: {each: {jmes: 1}}", "with.value.each.jmes", 24, "expected text, found 1"),
        ("value: []", "with.value", 10, "expected another kind of value, found a list"),
        ("timeout: 12", "with.timeout", 12, "expected a duration such as 30s, found 12"),
        (
            "pattern: {body: {total: [{numeric: ['!']}]}}",
            "with.pattern.body.total.0.numeric.0",
            39,
            "no such comparison",
        ),
        ("pattern: {body: []}", "with.pattern.body", 19, "an empty list matches nothing"),
        ("source: {queue: a}", "with.source.use", 3, "the key `use` is missing"),
    ],
)
def test_a_wrong_value_is_reported_in_plain_words_at_its_place(text: str, path: str, column: int, message: str) -> None:
    problem = only(text)
    assert (problem.path, problem.line, problem.column, problem.message) == (path, 2, column, message)


def test_a_value_outside_a_closed_list_is_reported_with_the_list() -> None:
    problem = only("colour: rde")
    assert (problem.message, problem.allowed, problem.suggestion) == (
        '"rde" is not allowed here',
        ("red", "blue"),
        "red",
    )
    assert only("value: {jmes: a, type: number}").allowed == ("integer", "text")


def test_an_unknown_discriminator_is_reported_at_its_value() -> None:
    problem = only("source: {use: sqz}")
    assert (problem.path, problem.column, problem.length) == ("with.source.use", 17, 3)
    assert (problem.allowed, problem.suggestion) == (("sqs", "memory"), "sqs")


def test_the_value_of_a_variable_is_never_shown() -> None:
    environ = {"T": "hunter2", "C": "hunter2"}
    problems = problems_of("timeout: ${T}\nnumber: ${T}\ncolour: ${C}", environ=environ)
    assert [p.message for p in problems] == [
        'expected a duration such as 30s, found "${T}"',
        'expected a whole number, found "${T}"',
        '"${C}" is not allowed here',
    ]


def test_what_follows_from_an_unset_variable_is_no_mistake_of_its_own() -> None:
    assert only("number: ${UNSET}\nflag: x").path == "with.flag"


@pytest.mark.parametrize(
    "text",
    [
        "deep: {secret: [hunter2]}",
        "headers: {authorization: [hunter2]}",
        "headers: {X-Api-Key: [hunter2]}",
        "headers: {Cookie: {secrt: hunter2}}",
        "headers: {accept: [1], set-cookie: hunter2}",
        "deep:\n  secret: |\n    hunter2\n  prot: 1",
    ],
)
def test_neither_a_secret_nor_a_line_with_one_is_shown(text: str) -> None:
    for problem in problems_of(text):
        assert "hunter2" not in f"{problem.message}{problem.suggestion}"
        assert problem.sensitive or "prot" in problem.message


def test_all_mistakes_are_reported_together() -> None:
    assert len(problems_of("number: a\nflag: b\ncolour: c\nnope: 1\nmap: {x: {jmes: 1}, y: []}")) == 6
