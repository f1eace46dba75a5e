"""From a path to a checked pipeline: read, resolve variables, validate, look up components, lint.

Everything that is wrong is collected first and reported together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypedDict, TypeVar, cast

from pydantic import BaseModel, ValidationError

from sluiceway.config import yaml
from sluiceway.config.document import Document, value_at
from sluiceway.config.document import Path as Place
from sluiceway.config.draft import Draft, Used
from sluiceway.config.file import PipelineFile, SinkUse, SourceUse, StageUse
from sluiceway.config.fragment_file import is_fragment
from sluiceway.config.fragments import expand, expand_alone
from sluiceway.config.lint import lint, lint_fragment
from sluiceway.config.plugins import named_plugins, plugin_problems
from sluiceway.config.problems import in_order, nearest
from sluiceway.config.pydantic_problems import problems_from
from sluiceway.config.reading import folders_at, id_at, is_known, settings_at
from sluiceway.config.registry import BrokenPlugin, Kind, Registry, UnknownComponent, is_file
from sluiceway.config.settings import WorkerSettings, read_settings
from sluiceway.config.tables import AnyTable, Tables, read_tables
from sluiceway.config.variables import explained, substitute
from sluiceway.core.component import Component, Sink, Source, Stage
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem
from sluiceway.core.shape import Shape
from sluiceway.core.spec import Drain, Limits, Pipeline, Retry, SinkSpec, SourceSpec, StageSpec, TestCase

C = TypeVar("C", Source, Stage, Sink)
U = TypeVar("U", Stage, Sink)
M = TypeVar("M", bound=BaseModel)

NO_PIPELINE = "this is a fragment, stages for a pipeline to use; it cannot run by itself"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read: the pipeline when it can run, every problem found, and the document for showing them."""

    pipeline: Pipeline | None
    problems: tuple[Problem, ...]
    document: Document | None

    def ready(self) -> Pipeline:
        """Return the pipeline.

        Raises:
            InvalidPipeline: Something is wrong, or the file is a fragment; it carries every problem.
        """
        errors = [problem for problem in self.problems if problem.level == "error"]
        if errors or self.pipeline is None:
            file = self.document.file if self.document else ""
            raise InvalidPipeline(errors or [Problem(file, 1, 1, "", NO_PIPELINE, "fragment")])
        return self.pipeline


def load(
    path: Path,
    *,
    environ: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    settings: WorkerSettings | None = None,
) -> Pipeline:
    """Return the pipeline in a file.

    Raises:
        InvalidPipeline: Something is wrong; it carries every problem.
    """
    return check(path, environ=environ, registry=registry, settings=settings).ready()


def check(
    path: Path,
    *,
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    settings: WorkerSettings | None = None,
) -> Checked:
    """Read a file and say everything that is wrong with it.

    Args:
        path: The file.
        text: What it holds, when that does not stand there.
        environ: What `${NAME}` stands for; by default the environment.
        registry: The components that there are; by default what is installed.
        settings: The worker's settings; by default what `sluiceway.yaml` beside the file says, problems included.
    """
    problems: list[Problem] = []
    environ = os.environ if environ is None else environ
    try:
        source = yaml.read_text(path, str(path)) if text is None else text
        document, mistakes = yaml.collect(source, str(path))
        expanded = expand_alone(document) if is_fragment(document) else expand(document)
    except InvalidPipeline as error:
        return Checked(None, error.problems, None)
    if settings is None:
        settings, problems = read_settings(path.parent, environ)
    document, unresolved = substitute(expanded.document, environ)
    builder = _Builder(document, path, registry or Registry(), settings, expanded.files)
    pipeline = None if is_fragment(document) else builder.build()
    if is_fragment(document):
        builder.look_at_stages()
    found = in_order(explained([*problems, *mistakes, *expanded.problems, *unresolved, *builder.problems]))
    return Checked(pipeline, tuple(found), document)


class _Builder:
    """Turns a document into a pipeline and collects what is wrong with it.

    Parts are looked at one by one, so that a mistake in one hides none in another.
    """

    def __init__(
        self,
        document: Document,
        path: Path,
        registry: Registry,
        settings: WorkerSettings,
        fragments: tuple[Path, ...],
    ) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._path = path
        self._context = {"folder": path.parent}
        self._registry = registry
        self._named = list(named_plugins(document).values())
        self._plugins = [*settings.plugins, *self._named]
        self._fragments = fragments
        # what tables a fragment's users have, it does not know
        self._tables = Tables(AnyTable()) if is_fragment(document) else read_tables(document, path.parent)
        self.problems += self._tables.problems

    def build(self) -> Pipeline | None:
        """Return the pipeline, or None when a part of it is wrong."""
        file: PipelineFile | None = None
        try:
            file = PipelineFile.model_validate(self._document.value, context=self._context)
        except ValidationError as error:
            self.problems += problems_from(error, self._document, (), PipelineFile)
        come = self._part(SourceUse, "source")
        draft = Draft(
            source=self._component("source", Source, "source"),
            stages=[self._use("stage", Stage, StageUse, "stages", index) for index in self._places("stages")],
            sinks=[self._use("sink", Sink, SinkUse, "sinks", index) for index in self._places("sinks")],
            dead_letter=self._component("sink", Sink, "errors", "dead_letter"),
            drain=self._part(Drain, "drain"),
            limits=self._part(Limits, "limits"),
            retry=self._part(Retry, "errors", "retry"),
            body=come.shape if come else Shape.anything(),
            tests=[self._part(TestCase, "tests", index) for index in self._places("tests")],
            tables=self._tables.by_name,
            unread=frozenset(key for key in ("stages", "sinks") if not is_known(self._document, key)),
        )
        self.problems += plugin_problems(self._document, self._registry, self._path.parent)
        self.problems += lint(self._document, draft)
        return None if file is None else self._pipeline(file, draft)

    def look_at_stages(self) -> None:
        """Look at the stages of a fragment by itself. What only a pipeline that uses it knows is not asked."""
        self._plugins = self._registry.plugins
        stages = [self._use("stage", Stage, StageUse, "stages", index) for index in self._places("stages")]
        for used in stages:
            try:
                StageUse.model_validate(value_at(self._document.value, used.path))
            except ValidationError as error:
                self.problems += problems_from(error, self._document, used.path, StageUse)
        self.problems += lint_fragment(self._document, Draft(None, None, None, stages=stages))

    def _pipeline(self, file: PipelineFile, draft: Draft) -> Pipeline | None:
        source = draft.source
        if source is None or (file.errors.dead_letter and draft.dead_letter is None):
            return None
        components = [*(stage.component for stage in draft.stages), *(sink.component for sink in draft.sinks)]
        if None in components:
            return None
        dead = file.errors.dead_letter
        return Pipeline(
            name=file.name,
            description=file.description,
            context=file.context,
            source=SourceSpec(file.source.use, source),
            stages=tuple(StageSpec(**_common(use, source)) for use in draft.stages),
            sinks=tuple(SinkSpec(**_common(use, source)) for use in draft.sinks),
            dead_letter=SinkSpec("dead_letter", dead.use, draft.dead_letter) if dead and draft.dead_letter else None,
            unrouted=file.unrouted,
            workers=file.workers,
            retry=file.errors.retry,
            store=file.errors.store,
            limits=file.limits,
            drain=file.drain,
            tests=tuple(file.tests),
            file=self._path,
            files=(*self._fragments, *self._tables.files),
        )

    def _use(self, kind: Kind, base: type[U], model: type[StageUse], *path: str | int) -> Used[U]:
        return Used(path, id_at(self._document, path), self._part(model, *path), self._component(kind, base, *path))

    def _component(self, kind: Kind, base: type[C], *path: str | int) -> C | None:
        """Return the component that stands at a place, with its settings; None, and problems, when it is wrong."""
        component, settings = self._found(kind, path), settings_at(self._document, path)
        if component is None or settings is None:
            return None
        context = {**folders_at(self._document, path), "tables": self._tables.by_name}
        try:
            made = component.model_validate(settings, context=context)
        except ValidationError as error:
            self.problems += problems_from(error, self._document, (*path, "with"), component)
            return None
        return made if isinstance(made, base) else None

    def _found(self, kind: Kind, path: Place) -> type[Component] | None:
        place = (*path, "use")
        use = value_at(self._document.value, place)
        if not isinstance(use, str) or place in self._document.unresolved:
            return None
        if is_fragment(self._document) and is_file(use):  # whoever uses it names its Python files
            return None
        try:
            return self._registry.find(kind, use, self._plugins, self._path.parent)
        except BrokenPlugin as error:
            if error.file not in self._named:  # what is named here is reported there
                self.problems.append(self._document.problem(place, str(error), code="plugin"))
        except UnknownComponent as error:
            self.problems.append(self._unknown(error, use, place))
        return None

    def _unknown(self, error: UnknownComponent, use: str, path: tuple[str | int, ...]) -> Problem:
        suggestion = error.suggestion or nearest(use, error.names)
        message = str(error).replace(use, str(value_at(self._document.written, path)))  # ${NAME}, never its value
        return self._document.problem(
            path, message, code="unknown-component", allowed=error.names, suggestion=suggestion
        )

    def _part(self, model: type[M], *path: str | int) -> M | None:
        """Return a part of the file; None when it is wrong, which validating the whole has reported."""
        value = value_at(self._document.value, path)
        try:
            return model.model_validate({} if value is None else value, context=self._context)
        except ValidationError:
            return None

    def _places(self, key: str) -> range:
        value = value_at(self._document.value, (key,))
        return range(len(cast("list[object]", value))) if isinstance(value, list) else range(0)


class _Common(TypedDict, Generic[U]):
    id: str
    use: str
    component: U
    timeout: float
    concurrency: int
    routes: tuple[str, ...]


def _common(used: Used[U], source: Source) -> _Common[U]:
    """Return what a stage and a sink have in common; a time-out not written out shrinks to the lease's limit."""
    use, component = used.use, used.component
    if use is None or component is None:
        raise AssertionError(f"{used.path} was reported as wrong and cannot be built")
    return {
        "id": used.id or use.use,
        "use": use.use,
        "component": component,
        "timeout": use.timeout or min(component.usual_timeout, source.visibility.limit),
        "concurrency": use.concurrency or component.usual_concurrency,
        "routes": use.routes or (),
    }
