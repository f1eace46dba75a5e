"""JSON Schema files named in a pipeline: read once, refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sluiceway import Schema, Settings

ORDER = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "lines": {"type": "array"}}}'


class Checked(Settings):
    schema_: Schema


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "order.json"


def test_a_value_conforms_or_not(file: Path) -> None:
    file.write_text(ORDER)
    schema = Schema(file)
    assert schema.is_valid({"id": 1})
    assert not schema.is_valid({"id": "1"})
    assert schema.errors({"id": 1}) == []


def test_errors_come_with_their_path_and_at_most_so_many(file: Path) -> None:
    file.write_text(ORDER)
    schema = Schema(file)
    found = schema.errors({"id": "x", "lines": 7})
    assert sorted(path for path, _ in found) == [("id",), ("lines",)]
    assert len(schema.errors({"id": "x", "lines": 7}, limit=1)) == 1


def test_a_long_value_is_cut_in_the_middle_so_that_what_is_wrong_stays(file: Path) -> None:
    file.write_text(ORDER)
    ((_, text),) = Schema(file).errors({"id": "x" * 10_000})
    assert len(text) == 200
    assert text.endswith('is not of type "integer"')


@pytest.mark.parametrize("document", ["true", "{}"])
def test_a_schema_that_allows_everything_is_one(file: Path, document: str) -> None:
    file.write_text(document)
    assert Schema(file).is_valid(None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "is no JSON Schema: it is neither an object nor true or false"),
        (b'{"type": "objekt"}', "is no JSON Schema"),
        (b'{"pattern": "("}', "is no JSON Schema"),
        (b'{"$ref": "#/$defs/none"}', "is no JSON Schema"),
        (b" " * (1024 * 1024 + 1), "is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_with_its_name(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"order\.json") as caught:
        Schema(file)
    assert said in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        Schema(tmp_path / "none.json")
    with pytest.raises(ValueError, match="is a folder"):
        Schema(tmp_path)


def test_a_settings_field_takes_a_path_beside_the_pipeline_file(file: Path) -> None:
    file.write_text(ORDER)
    checked = Checked.model_validate({"schema_": file.name}, context={"folder": file.parent})
    assert checked.schema_.path == file
    assert checked.model_dump(mode="json") == {"schema_": f"Schema({str(file)!r})"}
    with pytest.raises(ValidationError, match="there is no file"):
        Checked.model_validate({"schema_": "other.json"}, context={"folder": file.parent})
    with pytest.raises(ValidationError, match="expected the path of a JSON Schema file"):
        Checked.model_validate({"schema_": {"type": "object"}})


def test_it_tells_the_place_and_the_keyword_of_each_break(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(
        '{"required": ["a.b"], "properties": {"c": {"items": {"enum": [1]}}, "enum": false}}'
    )
    schema = Schema(tmp_path / "s.json")
    assert sorted(schema.breaks({"c": [1, 2], "enum": 1}), key=str) == [
        (("a.b",), "required"),
        (("c", 1), "enum"),
        (("enum",), "falseSchema"),
    ]
    assert list(schema.breaks({"a.b": 1})) == []


@pytest.mark.parametrize("rule", ['"type": "integer"', '"enum": ["x"]', '"pattern": "x"'])
def test_half_a_surrogate_pair_that_a_rule_looks_at_breaks_it(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(f'{{"properties": {{"a": {{{rule}}}}}}}')
    schema = Schema(path)
    assert not schema.is_valid({"a": "\ud800"})
    assert schema.errors({"a": "\ud800"}) == [((), "a text in it has half a surrogate pair, which no schema can judge")]
    assert list(schema.breaks({"a": "\ud800"})) == [((), "text")]
