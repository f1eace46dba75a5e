"""The parts that compiled expressions are made of: one function of the current value for each kind of node.

What is comparable, what counts as false and what becomes null is as in `jmespath.visitor.TreeInterpreter`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, TypeGuard

from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from sluiceway.core.jmes_work import Work

Value: TypeAlias = Any
"""Any JSON, or anything else with a `get`: the steps ask it themselves."""

Step: TypeAlias = Callable[[Value, Work], Value]
"""A compiled expression: takes the current value, and what may still be done."""


def same(value: Value, _: Work) -> Value:
    """Give the current value."""
    return value


def path(names: Sequence[str]) -> Step:
    """Look up members of members."""

    def follow(value: Value, _: Work) -> Value:
        for name in names:
            if value is None:
                return None
            if value.__class__ is dict:
                value = value.get(name)
            else:
                try:
                    value = value.get(name)
                except AttributeError:  # not an object
                    return None
        return value

    return follow


def sequence(steps: Sequence[Step]) -> Step:
    """Give each step what the one before gives."""
    if len(steps) == 1:
        return steps[0]

    def follow(value: Value, work: Work) -> Value:
        for step in steps:
            value = step(value, work)
        return value

    return follow


def pick(index: int) -> Step:
    """Give one element, counted from the end if negative."""

    def pick(value: Value, _: Work) -> Value:
        try:
            return value[index] if _is_list(value) else None
        except IndexError:
            return None

    return pick


def cut(span: slice) -> Step:
    """Give a slice of a list."""

    def cut(value: Value, work: Work) -> Value:
        if not _is_list(value):
            return None
        found = value[span]
        work.spend(len(found))
        return found

    return cut


def flatten(base: Step) -> Step:
    """Give the elements of lists in a list in their place."""

    def flatten(value: Value, work: Work) -> Value:
        items = base(value, work)
        if not _is_list(items):
            return None
        merged: list[Value] = []
        for item in items:
            if _is_list(item):
                work.spend(len(item))
                merged += item
            else:
                merged.append(item)
        return merged

    return flatten


def project(base: Step, each: Step, cost: int) -> Step:
    """Compute something of each element, and leave out what is null."""

    def project(value: Value, work: Work) -> Value:
        items = base(value, work)
        if not _is_list(items):
            return None
        work.spend(len(items) * cost)
        return [found for item in items if (found := each(item, work)) is not None]

    return project


def project_members(base: Step, each: Step, cost: int) -> Step:
    """Compute something of each member of an object."""

    def project(value: Value, work: Work) -> Value:
        try:
            items = base(value, work).values()
        except AttributeError:
            return None
        work.spend(len(items) * cost)
        return [found for item in items if (found := each(item, work)) is not None]

    return project


def project_where(base: Step, each: Step, condition: Step, cost: int) -> Step:
    """Compute something of each element that meets a condition."""

    def project(value: Value, work: Work) -> Value:
        items = base(value, work)
        if not _is_list(items):
            return None
        work.spend(len(items) * cost)
        return [
            found for item in items if not is_false(condition(item, work)) and (found := each(item, work)) is not None
        ]

    return project


def make_list(steps: Sequence[Step]) -> Step:
    """Make a list, but of null."""

    def make(value: Value, work: Work) -> Value:
        if value is None:
            return None
        work.spend(len(steps))
        return [step(value, work) for step in steps]

    return make


def make_object(pairs: Sequence[tuple[str, Step]]) -> Step:
    """Make an object, but of null."""

    def make(value: Value, work: Work) -> Value:
        if value is None:
            return None
        work.spend(len(pairs))
        return {key: step(value, work) for key, step in pairs}

    return make


def either(left: Step, right: Step) -> Step:
    """Give the second where the first is false."""

    def either(value: Value, work: Work) -> Value:
        found = left(value, work)
        return right(value, work) if is_false(found) else found

    return either


def both(left: Step, right: Step) -> Step:
    """Give the first where it is false, else the second."""

    def both(value: Value, work: Work) -> Value:
        found = left(value, work)
        return found if is_false(found) else right(value, work)

    return both


def compare(operator: str, left: Step, right: Step) -> Step:
    """Compare any two values for equality, numbers and texts for their order."""
    holds: Callable[[Value, Value], bool] = TreeInterpreter.COMPARATOR_FUNC[operator]
    if operator in ("eq", "ne"):
        return lambda value, work: holds(left(value, work), right(value, work))

    def order(value: Value, work: Work) -> Value:
        one, other = left(value, work), right(value, work)
        return holds(one, other) if _has_order(one) and _has_order(other) else None

    return order


def call(functions: Functions, name: str, arguments: Sequence[Step]) -> Step:
    """Call a function, counting what it is given and what it gives.

    One that works long on short texts has a method `_cost_NAME`, which takes what it takes and gives the work it is.
    """
    cost: Callable[..., int] | None = getattr(functions, f"_cost_{name}", None)

    def call(value: Value, work: Work) -> Value:
        given = [argument(value, work) for argument in arguments]
        work.spend(len(given))
        for each in given:
            work.take(each)
        result = functions.call_function(name, given)
        work.take(result)
        if cost:
            work.spend(cost(*given))
        return result

    return call


def refer(step: Step, cost: int) -> Step:
    """Give the expression itself, for a function to compute."""
    return lambda _, work: _Expression(step, work, cost)


class _Expression:
    """What functions are given for `&…`; the library tells its type by this very name, and uses these two members."""

    def __init__(self, expression: Step, work: Work, cost: int) -> None:
        self.expression = expression
        self._work = work
        self._cost = cost

    def visit(self, expression: Step, value: Value) -> Value:
        self._work.spend(self._cost)
        return expression(value, self._work)


def weighed(step: Step) -> Step:
    """Count all that is in a value before somebody walks through it."""

    def weigh(value: Value, work: Work) -> Value:
        found = step(value, work)
        work.weigh(found)
        return found

    return weigh


def is_false(value: Value) -> bool:
    """Tell whether a value counts as false: null, false and what is empty do; 0 does not."""
    return not value and not _is_number(value)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _has_order(value: Value) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_list(value: Value) -> TypeGuard[list[Value]]:
    return isinstance(value, list)
