"""A place where a pipeline, or another fragment, uses a fragment: its keys, and the parameters that it gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from sluiceway.config.document import Document, Node, Note, Origin, value_at
from sluiceway.config.document import Path as Place
from sluiceway.config.fragment_file import Fragment, FragmentUse
from sluiceway.config.fragment_nodes import Given, Step, given_value, id_of, with_key
from sluiceway.config.problems import nearest
from sluiceway.config.pydantic_problems import problems_from
from sluiceway.core.problem import Problem


@dataclass(frozen=True, slots=True)
class FragmentPlace:
    """A place where a fragment is used, in the document of the round."""

    document: Document
    path: Place
    step: Step
    use: str = field(init=False)
    notes: tuple[Note, ...] = field(init=False)

    def __post_init__(self) -> None:
        place = (*self.path, "use")
        origin, span = self.document.origin_at(place), self.step.node.children["use"].span
        object.__setattr__(self, "use", cast("str", value_at(self.document.value, place)))
        object.__setattr__(self, "notes", (Note("used at", origin, span), *origin.notes))

    @property
    def file(self) -> str:
        """The fragment's path, as messages have it."""
        beside = Path(self.notes[0].origin.file).parent
        return os.path.normpath(beside / self.use)

    def parsed(self, problems: list[Problem]) -> FragmentUse | None:
        """Return its keys; None, and problems, where they are wrong."""
        keys = cast("dict[str, object]", self.step.node.value)
        for key in ("timeout", "concurrency"):
            if key in keys:
                message, advice = f"`{key}` is one stage's, not a fragment's", "write it at the fragment's own stages"
                place = (*self.path, key)
                problems.append(self.document.problem(place, message, code="fragment", key=True, suggestion=advice))
        try:
            return FragmentUse.model_validate({k: v for k, v in keys.items() if k not in ("timeout", "concurrency")})
        except ValidationError as error:
            problems += problems_from(error, self.document, self.path, FragmentUse)
            return None

    def given(self, fragment: Fragment, origin: Origin, problems: list[Problem]) -> dict[str, Given]:
        """Return what each parameter of the fragment stands for here."""
        node = self.step.node.children.get("with")
        values: Mapping[str | int, Node] = node.children if node else {}
        problems += self._unknown(fragment, values)
        given: dict[str, Given] = {}
        for name, parameter in fragment.spec.parameters.items():
            place = ("with", name)
            if name in values:
                whence = self.document.origin_at((*self.path, *place))
                unresolved = {path[2:] for path in self.step.unresolved if path[:2] == place}
                given[name] = given_value(values[name], whence, frozenset(unresolved))
            else:
                given[name] = given_value(fragment.default(name), origin)
                if "default" not in parameter.model_fields_set:
                    problems.append(self._missing(name, parameter.description, has_with=node is not None))
        return given

    def _unknown(self, fragment: Fragment, values: Mapping[str | int, Node]) -> list[Problem]:
        known = fragment.spec.parameters
        return [
            self.document.problem(
                (*self.path, "with", name),
                f"the fragment has no parameter `{name}`",
                code="unknown-parameter",
                key=True,
                allowed=tuple(sorted(known)),
                suggestion=nearest(str(name), known),
            )
            for name in values
            if name not in known
        ]

    def _missing(self, name: str, description: str, *, has_with: bool) -> Problem:
        what = f" ({description.rstrip('.')})" if description else ""
        return self.document.problem(
            (*self.path, "with", name),
            f"the parameter `{name}` is missing{what}",
            code="missing",
            at=(*self.path, "with" if has_with else "use"),
            key=has_with,
            suggestion=f"add `{name}: …` under `with`" if has_with else f"add `with: {{{name}: …}}`",
        )

    def named(self, step: Step) -> Step:
        """Return a stage whose id begins with that of the use."""
        node = step.node.children.get("id", step.node.children.get("use"))
        inner = id_of(step.node)
        if node is None or inner is None or ("id",) in step.unresolved:
            return step
        prefix = id_of(self.step.node) or Path(self.use).stem
        key = node.key if "id" in step.node.children else None
        return replace(step, node=with_key(step.node, "id", replace(node, value=f"{prefix}.{inner}", key=key)))
