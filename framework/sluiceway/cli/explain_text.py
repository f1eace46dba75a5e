"""An explanation as text for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import typer

from sluiceway.config.document import Document
from sluiceway.config.problems import cut, printable
from sluiceway.core.spec import Pipeline
from sluiceway.testing.changes import Change
from sluiceway.testing.difference import masked
from sluiceway.testing.explain import Arrival, Explanation, Step
from sluiceway.testing.pipeline import Ended

_LOUD: Final = {"dropped": "yellow", "deferred": "yellow", "rejected": "red", "failed": "red", "bug": "red"}
_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}
_LONGEST: Final = 2000
"""Characters of what a sink would be sent that are shown; `--format json` has all of it."""


def as_text(explanation: Explanation, pipeline: Pipeline, document: Document, *, color: bool) -> str:
    """Return an explanation for a person, a block for each stage and each end."""
    return "\n".join(_Text(pipeline, document, color=color).lines(explanation))


class _Text:
    def __init__(self, pipeline: Pipeline, document: Document, *, color: bool) -> None:
        self._pipeline = pipeline
        self._document = document
        self._color = color
        ids = [*(stage.id for stage in pipeline.stages), *(sink.id for sink in pipeline.sinks)]
        self._width = max(map(len, ids), default=0)

    def lines(self, explanation: Explanation) -> Iterator[str]:
        ids = list(dict.fromkeys(step.message for step in explanation.steps))
        places = {stage.id: place for place, stage in enumerate(self._pipeline.stages)}
        passed_by = list(explanation.passed_by)
        for step in explanation.steps:
            while passed_by and places[passed_by[0]] < places.get(step.stage, 0):
                yield self._passed_by(passed_by.pop(0))
            yield from self._step(step, several=len(ids) > 1)
        yield from map(self._passed_by, passed_by)
        yield ""
        yield from self._ends(explanation)

    def _passed_by(self, stage: str) -> str:
        routes = next((each.routes for each in self._pipeline.stages if each.id == stage), ())
        return f"{stage:<{self._width}}  passed by   it takes the route {' or '.join(routes)}"

    def _step(self, step: Step, *, several: bool) -> Iterator[str]:
        word = f"{step.word.upper() if step.word in _LOUD else step.word:<10}"
        times = f" ({step.times} times)" if step.times > 1 else ""
        parts = f"to {len(step.children)} messages" if step.children else ""
        which = f"[{printable(step.message)}] " if several else ""
        rest = which + printable(cut(step.reason, 600)) + parts + times
        yield f"{step.stage:<{self._width}}  {self._paint(word, _LOUD.get(step.word))}  {rest}".rstrip()
        indent = " " * (self._width + 2)
        for decision in step.decisions:
            mark = "✓" if decision.taken else "✗"
            yield f"{indent}{mark} {self._place(step.stage, decision.place)}{printable(cut(decision.text, 300))}"
        for change in step.changes:
            yield f"{indent}{_change(change)}"

    def _place(self, stage: str, place: Sequence[str | int]) -> str:
        index = next((i for i, each in enumerate(self._pipeline.stages) if each.id == stage), None)
        if index is None or not place:
            return ""
        path = ("stages", index, "with", *place)
        file = self._document.origin_at(path).file
        fragment = f"{printable(file)}:" if file != self._document.file else ""
        return f"{fragment}{self._document.position(path).line}: "

    def _ends(self, explanation: Explanation) -> Iterator[str]:
        for arrival in explanation.arrivals:
            yield from self._arrival(arrival)
        for ended in explanation.dropped:
            yield f"{self._paint('dropped', 'yellow')} at {_end(ended)}"
        for ended in explanation.dead_letters:
            where = self._pipeline.dead_letter
            to = f" to {where.use}" if where else ""
            yield f"{self._paint('dead-lettered', 'red')}{to}, from {_end(ended)}"
        if explanation.failure:
            yield f"{self._paint('not finished', 'red')}: {printable(cut(explanation.failure, 600))}"
            yield "  = fix: give its answer with --mock STAGE=JSON"
        elif not explanation.arrivals and not explanation.dropped and not explanation.dead_letters:
            yield "it reached no end: it would come again"

    def _arrival(self, arrival: Arrival) -> Iterator[str]:
        use = next(sink.use for sink in self._pipeline.sinks if sink.id == arrival.sink)
        yield f"{self._paint('→ ' + arrival.sink, 'green')} ({use}) {printable(arrival.message)}, {arrival.size} bytes"
        for name, value in _shown(arrival.parts).items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield f"    {name}: {printable(cut(text, _LONGEST))}"

    def _paint(self, text: str, style: str | None) -> str:
        return typer.style(text, fg=style) if style and self._color else text


def _change(change: Change) -> str:
    path = printable(".".join(map(str, change.path)))
    values = " → ".join(value for value in (change.before, change.after) if value)
    return f"{_SIGNS[change.kind]} {path}: {values}"


def _end(ended: Ended) -> str:
    error = f"{ended.error}: " if ended.error else ""
    return f"{ended.stage}: {error}{printable(cut(ended.reason, 600))}"


def _shown(parts: Mapping[str, object]) -> dict[str, object]:
    """Return what a sink would be sent without what may be a secret, JSON in it too."""
    return {name: _without_secrets(name, value) for name, value in parts.items()}


def _without_secrets(name: str, value: object) -> object:
    if isinstance(value, str) and value[:1] in "{[":
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        hidden = masked(parsed, (name,))
        return value if hidden == parsed else json.dumps(hidden, ensure_ascii=False)
    return masked(value, (name,))  # type: ignore[arg-type] # JSON, as previews are


def as_json(explanation: Explanation, pipeline: Pipeline, document: Document) -> str:
    """Return an explanation as one JSON object: steps, passed_by, sinks, dropped, dead_letters, failure."""
    paths = {stage.id: ("stages", index) for index, stage in enumerate(pipeline.stages)}
    places = {
        stage: {"file": document.origin_at(path).file, "line": document.position(path).line}
        for stage, path in paths.items()
    }
    steps = [{**dataclasses.asdict(step), **places.get(step.stage, {"line": None})} for step in explanation.steps]
    told = {
        "pipeline": pipeline.name,
        "steps": steps,
        "passed_by": list(explanation.passed_by),
        "sinks": [{**dataclasses.asdict(each), "parts": _shown(each.parts)} for each in explanation.arrivals],
        "dropped": [_ended_json(each) for each in explanation.dropped],
        "dead_letters": [_ended_json(each) for each in explanation.dead_letters],
        "failure": explanation.failure,
    }
    return json.dumps(told, indent=2, ensure_ascii=False, default=str)


def _ended_json(ended: Ended) -> dict[str, object]:
    return {"stage": ended.stage, "error": ended.error, "reason": ended.reason, "message": ended.message.id}
