"""Put the stages of fragments in the places where a file uses them.

Each round replaces the uses of one level; what a fragment uses itself is the next round's. So a mistake is always
one in a document, whose values know the files that they stand in, and where those are used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sluiceway.config.document import Document, Origin, value_at
from sluiceway.config.fragment_file import (
    Fragment,
    checked_fragment,
    names_fragment,
    read_fragment,
)
from sluiceway.config.fragment_nodes import Step, broken, filled_stage, given_value, id_of, is_use, with_key
from sluiceway.config.fragment_use import FragmentPlace
from sluiceway.config.problems import nearest
from sluiceway.config.registry import is_file
from sluiceway.config.yaml_builder import MAX_LEVELS, MAX_NODES
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem

MAX_DEPTH: Final = 4
"""How deep fragments may use each other."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A document whose stages are all written out, what is wrong with its fragments, and their files."""

    document: Document
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()


def expand(document: Document) -> Expanded:
    """Return a pipeline with the stages of its fragments in the places of their uses.

    What cannot be replaced is reported, left as it is, and noted in the document's `unresolved`.

    Raises:
        InvalidPipeline: Written out, there would be too much.
    """
    if not isinstance(value_at(document.value, ("stages",)), list):
        return Expanded(document)
    return _Expansion(document).run([Step(node) for node in document.root.children["stages"].children.values()])


def expand_alone(document: Document) -> Expanded:
    """Return a fragment's stages with the defaults of its parameters; nothing is known of those without one.

    Raises:
        InvalidPipeline: Written out, there would be too much.
    """
    fragment, problems = checked_fragment(document)
    if fragment is None:
        return Expanded(document, tuple(problems))
    given = {name: given_value(fragment.default(name), document.origin) for name in fragment.spec.parameters}
    steps = [filled_stage(node, given, document.origin, (document.file,)) for node in fragment.stages]
    expanded = _Expansion(document).run(steps)
    return replace(expanded, problems=(*problems, *expanded.problems))


class _Expansion:
    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._read: dict[str, Fragment | None] = {}
        self._size = document.root.size

    def run(self, steps: list[Step]) -> Expanded:
        if not any(is_use(step) for step in steps):
            return Expanded(self._with(steps))
        while any(is_use(step) for step in steps):
            document = self._with(steps)
            steps = [new for index, step in enumerate(steps) for new in self._replaced(document, index, step)]
        document = self._with(steps)
        problems = tuple(document.guarded(problem) for problem in self.problems)
        return Expanded(document, problems, tuple(Path(file) for file in self._read))

    def _with(self, steps: Sequence[Step]) -> Document:
        unresolved = {("stages", index, *place) for index, step in enumerate(steps) for place in step.unresolved}
        return self._document.with_stages([step.node for step in steps], frozenset(unresolved))

    def _replaced(self, document: Document, index: int, step: Step) -> list[Step]:
        """Return what stands in the place of a step: itself, or the stages of the fragment that it uses."""
        if not is_use(step):
            return [step]
        use = FragmentPlace(document, ("stages", index), step)
        fragment, parsed = self._fragment(use), use.parsed(self.problems)
        if fragment is None or parsed is None:
            return [broken(step)]
        origin = Origin(fragment.document.file, fragment.document.origin.lines, use.notes)
        given = use.given(fragment, origin, self.problems)
        within = (*step.within, fragment.document.file)
        steps = [filled_stage(node, given, origin, within) for node in fragment.stages]
        steps = [use.named(self._routed(use, self._beside(one, origin))) for one in steps]
        self._bound(use, steps)
        return steps

    def _fragment(self, use: FragmentPlace) -> Fragment | None:
        """Return the fragment that a use names, None and a problem where there is none."""
        if refusal := self._refusal(use):
            message, suggestion = refusal
            place = (*use.path, "use")
            self.problems.append(use.document.problem(place, message, code="fragment", suggestion=suggestion))
            return None
        if use.file not in self._read:
            self._read[use.file], problems = read_fragment(use.file, use.notes)
            self.problems += problems
        return self._read[use.file]

    def _refusal(self, use: FragmentPlace) -> tuple[str, str | None] | None:
        """Return why what a use names is not even read, and what to do."""
        file, within = use.file, use.step.within
        if "${" in use.use:
            return "the path of a fragment has no variables", "write it out, relative to this file"
        if not is_file(use.use):
            return "the path of a fragment begins with `./` or `../`", f"write `./{use.use}`, relative to this file"
        if file in (os.path.normpath(self._document.file), *within):
            circle = " → ".join(dict.fromkeys([self._document.file, *within])) + f" → {file}"
            return f"a fragment that uses itself: {circle}", "break the circle"
        if len(within) >= MAX_DEPTH:
            return f"fragments are nested more than {MAX_DEPTH} deep", "use it further out"
        if not Path(file).is_file():
            name = Path(file).name
            near = nearest(name, (there.name for there in Path(file).parent.glob("*.y*ml")))
            return f"there is no file {file}", f"did you mean `{use.use.removesuffix(name)}{near}`?" if near else None
        return None

    def _beside(self, step: Step, origin: Origin) -> Step:
        """Return a stage whose Python file is named as the pipeline file, whose `plugins` it is in, names it."""
        node = step.node.children.get("use")
        use = node.value if node else None
        if node is None or not isinstance(use, str) or not is_file(use) or names_fragment(use):
            return step
        file, colon, name = use.rpartition(":")
        there = Path((node.origin or origin).file).parent / file
        path = Path(os.path.relpath(there, Path(self._document.file).parent)).as_posix()
        named = f"{path if path.startswith('../') else f'./{path}'}{colon}{name}"
        return replace(step, node=with_key(step.node, "use", replace(node, value=named)))

    def _routed(self, use: FragmentPlace, step: Step) -> Step:
        """Return a stage with the routes of the use."""
        node = use.step.node.children.get("routes")
        if node is None:
            return step
        if "routes" in step.node.children:
            message = f"the stage `{id_of(step.node)}` of the fragment has routes of its own"
            advice = "write them at the stages of the fragment alone, or here alone"
            path = (*use.path, "routes")
            self.problems.append(use.document.problem(path, message, code="fragment", key=True, suggestion=advice))
            return step
        routes = replace(node, key=None, origin=use.document.origin_at((*use.path, "routes")))
        unresolved = step.unresolved | {place for place in use.step.unresolved if place[:1] == ("routes",)}
        return replace(step, node=with_key(step.node, "routes", routes), unresolved=unresolved)

    def _bound(self, use: FragmentPlace, steps: Sequence[Step]) -> None:
        self._size += sum(step.node.size for step in steps)
        too_large = f"more than {MAX_NODES:,} values, fragments written out" if self._size > MAX_NODES else ""
        too_deep = f"more than {MAX_LEVELS} levels" if any(s.node.height > MAX_LEVELS for s in steps) else ""
        if too_large or too_deep:
            message = too_large or too_deep
            problem = use.document.problem((*use.path, "use"), message, code="too-large" if too_large else "too-deep")
            raise InvalidPipeline([*self.problems, problem])
