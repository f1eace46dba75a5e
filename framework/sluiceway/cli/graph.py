"""`sluiceway graph`: pipelines as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import typer

from sluiceway.cli.options import Files

if TYPE_CHECKING:
    from sluiceway.core.component import Sink, Source
    from sluiceway.core.spec import Pipeline, StageSpec

_SHAPES: Final = {"queue": ("[(", ")]"), "bus": ("{{", "}}")}
_OTHER: Final = (">", "]")
_PLACES: Final = frozenset({"queue", "bus"})
"""The kinds of resources that are a place of their own: what one pipeline writes, another may read."""


def command(files: Files) -> None:
    """Print pipelines as a Mermaid flowchart, for a README or a Markdown viewer.

    Sources, stages with their routes, sinks and dead-letter queues. With several files a queue that one pipeline
    writes and another reads is one node.
    """
    from sluiceway.config.load import load  # noqa: PLC0415 - start-up

    typer.echo("\n".join(mermaid([load(path) for path in files])))


def mermaid(pipelines: Sequence[Pipeline]) -> Iterator[str]:
    """Give the lines of a flowchart."""
    yield "flowchart LR"
    places: dict[str, str] = {}
    for number, pipeline in enumerate(pipelines):
        yield from _Chart(pipeline, f"p{number}", places).lines()


class _Chart:
    """The chart of one pipeline.

    Args:
        pipeline: The pipeline.
        prefix: Begins the names of its nodes.
        places: The nodes of queues and buses by their names, shared by all pipelines of a chart.
    """

    def __init__(self, pipeline: Pipeline, prefix: str, places: dict[str, str]) -> None:
        self._pipeline = pipeline
        self._prefix = prefix
        self._places = places
        self._outside: list[str] = []

    def lines(self) -> Iterator[str]:
        """Give its nodes and edges."""
        pipeline = self._pipeline
        source = self._place(pipeline.source.use, pipeline.source.component, "source")
        inside, edges, ends = self._stages(source)
        for sink in pipeline.sinks:
            label = f"|{_text(' or '.join(sink.routes))}|" if sink.routes else ""
            node = self._place(f"{sink.id} ({sink.use})" if sink.id != sink.use else sink.use, sink.component, sink.id)
            edges += [f"  {end} -->{label} {node}" for end in ends]
        if pipeline.dead_letter is not None:
            node = self._place(f"dead letters ({pipeline.dead_letter.use})", pipeline.dead_letter.component, "dead")
            edges.append(f"  {self._prefix} -. dead letters .-> {node}")
        yield f"  subgraph {self._prefix}[{_text(pipeline.name)}]"
        yield "    direction LR"
        yield from inside or [f"    {self._prefix}_none[ ]:::hidden", "    classDef hidden display:none;"]
        yield "  end"
        yield from self._outside
        yield from edges

    def _stages(self, source: str) -> tuple[list[str], list[str], list[str]]:
        """Return the nodes of the stages, the edges between them, and what leads to the sinks."""
        nodes: list[str] = []
        edges: list[str] = []
        before = [source]
        for number, stage in enumerate(self._pipeline.stages):
            node = f"{self._prefix}_s{number}"
            opening, closing = _shape(stage)
            name = stage.id if stage.id == stage.use else f"{stage.id}<br/><i>{_plain(stage.use)}</i>"
            nodes.append(f'    {node}{opening}"{_escaped(name)}"{closing}')
            label = f"|{_text(' or '.join(stage.routes))}|" if stage.routes else ""
            edges += [f"  {each} -->{label} {node}" for each in before]
            before = [*before, node] if stage.routes else [node]
        return nodes, edges, before

    def _place(self, label: str, component: Source | Sink, name: str) -> str:
        """Return the node of a source or sink; that of a queue or bus is known by its name."""
        resource = next((each for each in component.resources() if each.kind in _PLACES), None)
        key = f"{resource.kind} {resource.name}" if resource else f"{self._prefix} {name}"
        if key not in self._places:
            node = self._places[key] = f"x{len(self._places)}"
            opening, closing = _SHAPES.get(resource.kind, _OTHER) if resource else _OTHER
            text = f"{_plain(label)}<br/><b>{_plain(resource.name)}</b>" if resource else _plain(label)
            self._outside.append(f'  {node}{opening}"{_escaped(text)}"{closing}')
        return self._places[key]


def _shape(stage: StageSpec) -> tuple[str, str]:
    """Return what encloses a stage's name: a rhombus where messages part, a double frame where they are combined."""
    if _is_gather(stage):
        return "[[", "]]"
    return ("{", "}") if stage.component.labels() else ("[", "]")


def _is_gather(stage: StageSpec) -> bool:
    from sluiceway.core.gather import Gather  # noqa: PLC0415 - start-up

    return isinstance(stage.component, Gather)


def _text(text: str) -> str:
    return f'"{_escaped(_plain(text))}"'


def _plain(text: str) -> str:
    """Return a text of a file as HTML, in which Mermaid reads its labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(text: str) -> str:
    return " ".join(text.replace('"', "#quot;").split())
