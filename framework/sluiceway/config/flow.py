"""Carry what is known of a message's body from stage to stage, and find the paths in it that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.config.computed import Computed, computed
from sluiceway.config.document import Document, value_at
from sluiceway.config.draft import Draft, Used
from sluiceway.config.pattern_flow import clauses_that_never_match
from sluiceway.config.shadowed import shadowed
from sluiceway.config.unknown_path import unknown_path
from sluiceway.core.component import Sink, Stage
from sluiceway.core.event_pattern import EventPattern
from sluiceway.core.expression import Expression
from sluiceway.core.jmes_shape import wrong_names
from sluiceway.core.problem import Problem
from sluiceway.core.shape import Shape


def flow(document: Document, draft: Draft) -> Iterator[Problem]:
    """Follow the stages in their order, then look at each sink."""
    body = _received(draft)
    for used in draft.stages:
        if used.component is None:
            body = Shape.anything()
            continue
        yield from _misfits(document, used, body)
        behind = used.component.shape(body)
        body = behind if used.use and not used.use.routes else Shape.either([body, behind])  # the rest passes by
    for sink in draft.sinks:
        if sink.component is not None:
            yield from _misfits(document, sink, body)


def _received(draft: Draft) -> Shape:
    """Return what is known of a body as it comes."""
    if "stages" in draft.unread:
        return Shape.anything()
    is_text = draft.source is not None and draft.source.format == "text"
    return draft.body.both(Shape.of_types("string")) if is_text else draft.body


def _misfits(document: Document, used: Used[Stage] | Used[Sink], body: Shape) -> Iterator[Problem]:
    """Yield what in the settings of a stage or sink does not fit the bodies that come there."""
    path, view = (*used.path, "with"), Shape.of_message(body)
    found = list(computed(used.component, value_at(document.value, path), path, view))
    for each in found:
        if isinstance(each.value, Expression):
            yield from _in_expression(document, each, each.value)
        else:
            yield from clauses_that_never_match(
                document, each.path, each.value, each.view, of_message=each.view is view
            )
    if isinstance(used.component, Stage) and used.component.first_match:
        patterns = [(each.path, each.value) for each in found if isinstance(each.value, EventPattern)]
        yield from shadowed(document, patterns)


def _in_expression(document: Document, found: Computed, expression: Expression) -> Iterator[Problem]:
    for wrong in wrong_names(expression.text, found.view) if expression.text is not None else ():
        if wrong.shape is not found.view:  # a name that no message has is an error of the expression itself
            yield unknown_path(
                document, found.path, wrong.shape, wrong.where, wrong.name, offset=wrong.start, language="jmes"
            )
