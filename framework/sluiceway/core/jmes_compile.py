"""JMESPath compiled: what the library's interpreter computes, without its way through the tree for each message.

Each node of the library's tree becomes a function of the current value, see `jmes_steps`. Functions are called by
the library itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from jmespath.functions import Functions

from sluiceway.core import jmes_steps as steps
from sluiceway.core.jmes_steps import Step
from sluiceway.core.jmes_work import MAX_COPIES, Node, copies, size

_SEQUENCES = {"subexpression", "pipe", "index_expression", "key_val_pair"}


def compile_tree(node: Node, functions: Functions) -> Step:
    """Compile a syntax tree of the library; the expression may call these functions."""
    return _Compiler(functions, is_weighed=copies(node) > MAX_COPIES).whole(node)


class _Compiler:
    """A method for each kind of node, named as the library names it."""

    def __init__(self, functions: Functions, *, is_weighed: bool) -> None:
        self._functions = functions
        self._is_weighed = is_weighed

    def whole(self, node: Node) -> Step:
        """Compile what others will walk through to its last member: it is weighed before, where that may be much."""
        step = self.step(node)
        return steps.weighed(step) if self._is_weighed else step

    def step(self, node: Node) -> Step:
        kind: str = node["type"]
        if kind in _SEQUENCES:
            return self._sequence(node)
        build: Callable[[Node], Step] = getattr(self, kind)
        return build(node)

    def _children(self, node: Node) -> list[Step]:
        return [self.step(child) for child in node["children"]]

    def _sequence(self, node: Node) -> Step:
        parts: list[Step] = []
        for are_fields, run in groupby(_flat(node), key=lambda part: part["type"] == "field"):
            nodes = list(run)
            parts += [steps.path([field["value"] for field in nodes])] if are_fields else map(self.step, nodes)
        return steps.sequence(parts)

    def field(self, node: Node) -> Step:
        return steps.path([node["value"]])

    def identity(self, _: Node) -> Step:
        return steps.same

    current = identity

    def literal(self, node: Node) -> Step:
        constant = node["value"]
        return lambda _value, _work: constant

    def index(self, node: Node) -> Step:
        return steps.pick(node["value"])

    def slice(self, node: Node) -> Step:
        return steps.cut(slice(*node["children"]))

    def flatten(self, node: Node) -> Step:
        return steps.flatten(*self._children(node))

    def projection(self, node: Node) -> Step:
        base, each = self._children(node)
        return steps.project(base, each, _cost(node["children"][1]))

    def value_projection(self, node: Node) -> Step:
        base, each = self._children(node)
        return steps.project_members(base, each, _cost(node["children"][1]))

    def filter_projection(self, node: Node) -> Step:
        base, each, condition = self._children(node)
        return steps.project_where(base, each, condition, sum(map(_cost, node["children"][1:])))

    def multi_select_list(self, node: Node) -> Step:
        return steps.make_list(self._children(node))

    def multi_select_dict(self, node: Node) -> Step:
        return steps.make_object([(pair["value"], self.step(pair)) for pair in node["children"]])

    def or_expression(self, node: Node) -> Step:
        return steps.either(*self._children(node))

    def and_expression(self, node: Node) -> Step:
        return steps.both(*self._children(node))

    def not_expression(self, node: Node) -> Step:
        (step,) = self._children(node)
        return lambda value, work: steps.is_false(step(value, work))

    def comparator(self, node: Node) -> Step:
        return steps.compare(node["value"], *map(self.whole, node["children"]))

    def function_expression(self, node: Node) -> Step:
        return steps.call(self._functions, node["value"], [self.whole(child) for child in node["children"]])

    def expref(self, node: Node) -> Step:
        (step,) = self._children(node)
        return steps.refer(step, _cost(node))


def _flat(node: Node) -> Iterator[Node]:
    """Yield the parts of a sequence, and of the sequences in it, but for those that change nothing."""
    for child in node["children"]:
        if child["type"] in _SEQUENCES:
            yield from _flat(child)
        elif child["type"] not in ("identity", "current"):
            yield child


def _cost(node: Node) -> int:
    """Return the work that one evaluation of a part is."""
    return 1 + size(node) // 8
