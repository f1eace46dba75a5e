"""Numbers in expressions: decimal arithmetic, and no digit lost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.core.errors import Reject
from sluiceway.core.expression import Expression
from sluiceway.core.json import JSON, dump, parse

NUMBERS = (
    st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**12), 10**12, allow_nan=False, places=12)
)
OPERATIONS = {"add": Fraction.__add__, "subtract": Fraction.__sub__, "multiply": Fraction.__mul__}


def evaluate(text: str, **view: JSON) -> JSON:
    return Expression(jmes=text).evaluate(view)


def exact(number: JSON) -> Fraction:
    assert isinstance(number, (int, float, Decimal))
    return Fraction(repr(number) if isinstance(number, float) else number)


@given(st.sampled_from(sorted(OPERATIONS)), NUMBERS, NUMBERS)
def test_sums_differences_and_products_are_exact_and_survive_the_body(name: str, a: JSON, b: JSON) -> None:
    value = evaluate(f"{name}(a, b)", a=a, b=b)
    assert exact(value) == OPERATIONS[name](exact(a), exact(b))
    assert parse(dump(value), exact=True) == value


@given(NUMBERS, NUMBERS.filter(bool), st.integers(0, 12))
def test_a_quotient_is_the_nearest_number_of_so_many_digits(a: JSON, b: JSON, digits: int) -> None:
    value = evaluate("divide(a, b, digits)", a=a, b=b, digits=digits)
    assert exact(value) == round(exact(a) / exact(b), digits)


@given(st.integers(-(10**20), 10**20), st.integers(-(10**6), 10**6).filter(bool))
def test_modulo_is_python_s(a: int, b: int) -> None:
    assert evaluate("modulo(a, b)", a=a, b=b) == a % b


@given(NUMBERS, st.integers(-5, 10))
def test_rounding_is_to_the_nearest_and_a_half_to_even(number: JSON, digits: int) -> None:
    assert exact(evaluate("round(n, digits)", n=number, digits=digits)) == round(exact(number), digits)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add(body.cents, `0.01`)", Decimal("1234567890123456.79")),
        ("multiply(`9007199254740993`, `3`)", 27021597764222979),
        ("add(`1.5`, `1.5`)", 3),
        ("subtract(`0.3`, `0.1`)", 0.2),
        ("divide(`1`, `8`)", 0.125),
        ("divide(`7`, `2`, `0`)", 4),
        ("divide(`5`, `2`, `0`)", 2),
        ("modulo(`5.5`, `-2`)", -0.5),
        ("round(`-2.5`, `0`, 'half_up')", -3),
        ("round(`2.1`, `0`, 'up')", 3),
        ("round(`-2.9`, `0`, 'down')", -2),
        ("round(`2.5`)", 2),
        ("to_integer('007')", None),
        ("to_integer(' 7')", None),
        ("to_integer('7e2')", 700),
        ("to_integer('-0')", 0),
        ("to_integer('true')", None),
        ("to_integer(`true`)", None),
        ("to_integer('1e99999')", None),
        ("to_integer('é')", None),
        ("format_number(`-0.001`, `2`)", "0.00"),
        ("format_number(`-1234567`, `0`, ' ')", "-1 234 567"),
        ("format_number(`0.125`, `2`)", "0.12"),
    ],
)
def test_a_result_is_the_number_that_was_meant(text: str, expected: JSON) -> None:
    value = evaluate(text, body={"cents": Decimal("1234567890123456.78")})
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("divide(`1`, `3`)", r"divide\(\): 1 by 3 does not come out even: say to how many digits"),
        ("divide(`1`, zero)", "nothing can be divided by zero"),
        ("modulo(`1`, zero)", "nothing can be divided by zero"),
        ("multiply(huge, huge)", "too large to keep: 4000 digits are the limit"),
        ("add(huge, small)", "too large to keep"),
        ("round(`1.5`, half)", "the number of digits is 1.5, not a whole number from -100 to 100"),
    ],
)
def test_a_result_that_cannot_be_kept_rejects_the_message(text: str, reason: str) -> None:
    with pytest.raises(Reject, match=reason):
        evaluate(text, zero=0.0, huge=10**3999, small=Decimal("1e-3999"), half=1.5)
