"""Functions for numbers, in decimal arithmetic: 0.1 and 0.2 are 0.3, and no digit is lost unless told."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal, Inexact
from fractions import Fraction
from typing import Final, TypeAlias

from sluiceway.core.functions.documented import documented
from sluiceway.core.functions.signatures import ANY, NUMBER, TEXT, checked, one_of, optional, short, signature, whole
from sluiceway.core.json import InvalidJSON, parse

Number: TypeAlias = int | float | Decimal

_MAX_DIGITS: Final = 4000
"""Of a result, as digits or as exponent: what is kept of a number that is read."""
_MAX_PLACES: Final = 100

EXACT: Final = Context(prec=5 * _MAX_DIGITS)
"""Holds any sum, difference and product of two numbers that are read."""
_HOW: Final = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP, "up": ROUND_UP, "down": ROUND_DOWN}


def decimal_of(number: Number) -> Decimal:
    """Return a number as the decimal that its shortest writing says."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def number_of(value: Decimal) -> Number:
    """Return a decimal as JSON numbers are kept: a `Decimal` only where a double would change it.

    Raises:
        ValueError: It is beyond the digits that are kept.
    """
    if (
        not value.is_finite()
        or (value and abs(value.adjusted()) > _MAX_DIGITS)
        or len(value.as_tuple().digits) > _MAX_DIGITS
    ):
        raise ValueError(f"the result is too large to keep: {_MAX_DIGITS} digits are the limit")
    is_whole = value == value.to_integral_value(context=EXACT)
    if is_whole and value.adjusted() < 20:
        return int(value)
    as_float = float(value)
    if Decimal(repr(as_float)) == value:
        return as_float
    return int(value) if is_whole else value


def _digits(number: Number) -> int:
    return whole(number, "the number of digits", 0, _MAX_PLACES)


def _places(number: Number) -> int:
    return whole(number, "the number of digits", -_MAX_PLACES, _MAX_PLACES)


def _how(text: str) -> str:
    return _HOW[one_of(text, "the way to round", list(_HOW))]


def _not_zero(number: Number) -> Decimal:
    if not number:
        raise ValueError("nothing can be divided by zero")
    return decimal_of(number)


def _even(a: Decimal, b: Decimal) -> Decimal:
    """Return a quotient; Inexact is raised when it does not end."""
    digits = len(a.as_tuple().digits) + 4 * len(b.as_tuple().digits)  # one that ends has no more: 2^-n has n digits
    return Context(prec=digits + 10, traps=[Inexact]).divide(a, b)


def _rounded(value: Decimal, digits: int, how: str = ROUND_HALF_EVEN) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), how, EXACT)


class NumberFunctions:
    """Numbers."""

    @signature(NUMBER, NUMBER)
    @documented("The exact sum. (`sum` takes a list.)", ("add(`0.1`, `0.2`)", 0.3))
    def _func_add(self, a: Number, b: Number) -> Number:
        return number_of(EXACT.add(decimal_of(a), decimal_of(b)))

    @signature(NUMBER, NUMBER)
    @documented("The exact difference.", ("subtract(`1`, `0.9`)", 0.1))
    def _func_subtract(self, a: Number, b: Number) -> Number:
        return number_of(EXACT.subtract(decimal_of(a), decimal_of(b)))

    @signature(NUMBER, NUMBER)
    @documented("The exact product.", ("multiply(`19.99`, `3`)", 59.97))
    def _func_multiply(self, a: Number, b: Number) -> Number:
        return number_of(EXACT.multiply(decimal_of(a), decimal_of(b)))

    @signature(NUMBER, checked(NUMBER, _not_zero), optional(checked(NUMBER, _digits)))
    @documented(
        "The quotient, rounded half to even to as many digits after the point as are asked for. Without them it must "
        "come out even: a message in which it does not is rejected.",
        ("divide(`1999`, `100`)", 19.99),
        ("divide(`2`, `3`, `4`)", 0.6667),
    )
    def _func_divide(self, a: Number, b: Number, digits: Number | None = None) -> Number:
        divisor = _not_zero(b)
        if digits is not None:
            places = _digits(digits)
            quotient = Fraction(decimal_of(a)) / Fraction(divisor)  # decimals of any length would round twice
            return number_of(EXACT.scaleb(Decimal(round(quotient * 10**places)), -places))
        try:
            return number_of(_even(decimal_of(a), divisor))
        except Inexact:
            raise ValueError(f"{short(a)} by {short(b)} does not come out even: say to how many digits") from None

    @signature(NUMBER, checked(NUMBER, _not_zero))
    @documented(
        "What a division by whole steps leaves over; it has the sign of the divisor.",
        ("modulo(`17`, `5`)", 2),
        ("modulo(`-1`, `5`)", 4),
    )
    def _func_modulo(self, a: Number, b: Number) -> Number:
        divisor = _not_zero(b)
        rest = EXACT.remainder(decimal_of(a), divisor)
        return number_of(EXACT.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest)

    @signature(NUMBER, optional(checked(NUMBER, _places)), optional(checked(TEXT, _how)))
    @documented(
        "Rounded to digits after the point (0), or before it where they are negative: `half_even` (the default), "
        "`half_up` (away from zero, as invoices mostly want it), `up` (away from zero) or `down`.",
        ("round(`2.345`, `2`)", 2.34),
        ("round(`2.345`, `2`, 'half_up')", 2.35),
        ("round(`1250`, `-2`)", 1200),
    )
    def _func_round(self, number: Number, digits: Number = 0, how: str = "half_even") -> Number:
        return number_of(_rounded(decimal_of(number), _places(digits), _how(how)))

    @signature(ANY)
    @documented(
        "The whole number that a number or a text is; null for anything else, such as 1.5. (JMESPath's `to_number` "
        "reads any number, exactly.)",
        ("to_integer('250')", 250),
        ("to_integer(`3.0`)", 3),
        ("to_integer('1.5')", None),
    )
    def _func_to_integer(self, value: object) -> int | None:
        if isinstance(value, str):
            try:
                value = parse(value.encode(), exact=True) if value[:1] in {*"-0123456789"} else None
            except (InvalidJSON, UnicodeError):
                return None
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            return None
        return int(value) if value == int(value) else None

    @signature(NUMBER, checked(NUMBER, _digits), optional(TEXT), optional(TEXT))
    @documented(
        "A number as text, rounded half to even to so many digits after the point; with what stands between "
        "thousands (nothing) and what the point is (`.`), where given.",
        ("format_number(`12.5`, `2`)", "12.50"),
        ("format_number(`1234567.891`, `2`, ',')", "1,234,567.89"),
        ("format_number(`1234.5`, `2`, '.', ',')", "1.234,50"),
    )
    def _func_format_number(self, number: Number, digits: Number, thousands: str = "", point: str = ".") -> str:
        rounded = _rounded(decimal_of(number), _digits(digits))
        whole_part, _, fraction = f"{rounded or rounded.copy_abs():,f}".partition(".")
        size = len(whole_part) * (1 + len(thousands)) + len(point) + len(fraction)
        if size > _MAX_DIGITS:
            raise ValueError(f"the result is longer than {_MAX_DIGITS} characters")
        return whole_part.replace(",", thousands) + (point + fraction if fraction else "")
