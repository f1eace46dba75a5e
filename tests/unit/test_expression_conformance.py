"""Compiled expressions give what the jmespath library gives, in a number of generated pairs."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.functions import Functions, signature
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter
from tests.conformance.expression_pairs import pair
from tests.conformance.expressions import answers, main

from sluiceway.core.jmes_compile import compile_tree
from sluiceway.core.jmes_work import Work


@settings(max_examples=300)
@given(st.integers(0, 2**32).map(Random))
def test_any_pair_of_expression_and_document_gives_the_librarys_answer(random: Random) -> None:
    text, document = pair(random)
    expected, ours = answers(text, document)
    assert set(ours.values()) == {expected}


def test_a_number_of_pairs_is_the_same_pairs_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(300) == 0
    assert "expressions: 300 pairs" in capsys.readouterr().out
    assert pair(Random(7)) == pair(Random(7))  # noqa: S311 - chance, not secrecy


KINDS = {
    "field": "a",
    "subexpression": "a.b",
    "index": "[0]",
    "index_expression": "a[0]",
    "slice": "[1:2]",
    "projection": "[*]",
    "value_projection": "*",
    "filter_projection": "[?a]",
    "flatten": "[]",
    "multi_select_list": "[a]",
    "multi_select_dict": "{a: a}",
    "key_val_pair": "{a: a}",
    "or_expression": "a || b",
    "and_expression": "a && b",
    "not_expression": "!a",
    "comparator": "a == b",
    "pipe": "a | b",
    "literal": "`1`",
    "current": "@",
    "identity": "[*]",
    "function_expression": "type(@)",
    "expref": "map(&a, [@])",
}


def test_every_kind_of_node_that_the_library_has_is_compiled() -> None:
    assert {name.removeprefix("visit_") for name in vars(TreeInterpreter) if name.startswith("visit_")} == set(KINDS)
    for text in KINDS.values():
        node = Parser().parse(text).parsed
        assert compile_tree(node, Functions())({"a": {"b": 1}}, Work()) == TreeInterpreter().visit(
            node, {"a": {"b": 1}}
        )


class MoreFunctions(Functions):
    @signature({"types": ["expref"]}, {"types": ["array"]})
    def _func_first_by(self, condition: object, items: list[object]) -> object:
        return next((item for item in items if condition.visit(condition.expression, item)), None)  # type: ignore[attr-defined] # the library's own duck


def test_functions_are_those_of_the_object_given() -> None:
    node = Parser().parse("first_by(&a > `1`, [{a: `1`}, {a: `2`}]).a").parsed
    assert compile_tree(node, MoreFunctions())({}, Work()) == 2
