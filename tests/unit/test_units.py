"""Durations and sizes: what is written, what it means, and what it is written as again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from sluiceway import Duration, Size


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wait: Duration = Duration("1s")
    most: Size = Size("1KiB")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("12h", 43200),
        ("4d", 345600),
        ("1.5h", 5400),
        (" 2 s ", 2),
        ("0s", 0),
    ],
)
def test_a_duration_is_a_number_of_seconds(text: str, seconds: float) -> None:
    assert Duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64B", 64),
        ("1kB", 1000),
        ("5MB", 5_000_000),
        ("256KiB", 262144),
        ("1.5KiB", 1536),
        ("2GiB", 2**31),
        ("1GB", 10**9),
    ],
)
def test_a_size_is_a_number_of_bytes(text: str, size: int) -> None:
    assert Size(text) == size


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1e3s", "30 sec", "5M", "1m30s", "1" * 16 + "s", "٣s", "1s\n2"])
def test_what_is_no_duration_is_refused_with_a_sample(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"expected a duration such as 30s \(a number and one of ms, s, m, h, d\), found"
    ):
        Duration(text)


@pytest.mark.parametrize("text", ["", "64", "64b", "1KB", "1kib", "-1B", "1TiB"])
def test_what_is_no_size_is_refused_with_a_sample(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 256KiB"):
        Size(text)


def test_a_part_of_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'0\.3B' is not a whole number of bytes"):
        Size("0.3B")


def test_what_was_found_is_cut() -> None:
    with pytest.raises(ValueError, match=f"found '{'x' * 40}'$"):
        Duration("x" * 1000)


@pytest.mark.parametrize(
    ("written", "text"), [("60s", "1m"), ("90s", "90s"), ("24h", "1d"), ("0.25s", "250ms"), ("0s", "0s")]
)
def test_a_duration_is_written_in_the_largest_unit_that_fits(written: str, text: str) -> None:
    assert (str(Duration(written)), repr(Duration(written))) == (text, text)


@pytest.mark.parametrize(
    ("written", "text"), [("1024B", "1KiB"), ("1000B", "1000B"), ("1024MiB", "1GiB"), ("0B", "0B")]
)
def test_a_size_is_written_in_the_largest_unit_that_fits(written: str, text: str) -> None:
    assert (str(Size(written)), repr(Size(written))) == (text, text)


@given(st.integers(0, 10**9), st.sampled_from(list(Duration.UNITS)))
def test_a_duration_survives_being_written_and_read(number: int, unit: str) -> None:
    duration = Duration(f"{number}{unit}")
    assert Duration(str(duration)) == duration


@given(st.integers(0, 10**15 - 1))  # 15 digits are read
def test_a_size_survives_being_written_and_read(number: int) -> None:
    assert Size(str(Size(number))) == number


@given(st.text(max_size=12) | st.from_regex(r"[0-9.]{1,6} ?[a-zA-Z]{1,3}", fullmatch=True))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    for kind in (Duration, Size):
        try:
            assert kind(text) >= 0
        except ValueError:
            continue


def test_a_settings_field_takes_a_text_with_its_unit_and_no_bare_number() -> None:
    assert Settings.model_validate({"wait": "2m", "most": "1MiB"}) == Settings(wait=Duration(120), most=Size(2**20))
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"wait": 30, "most": "1 barrel"})
    assert [error["msg"].partition(" (")[0] for error in caught.value.errors()] == [
        "expected a duration with its unit, such as 30s",
        "expected a size such as 256KiB",
    ]


def test_settings_are_written_with_units_again() -> None:
    assert Settings().model_dump(mode="json") == {"wait": "1s", "most": "1KiB"}


def test_editors_are_told_the_form() -> None:
    properties = Settings.model_json_schema()["properties"]
    assert [properties[name]["type"] for name in ("wait", "most")] == ["string", "string"]
    assert properties["wait"]["examples"] == ["30s", "5m"]
