"""Problems as annotations of GitHub Actions, which shows them beside the lines of a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterable

from sluiceway.config.problems import LONGEST_MESSAGE, cut, in_order, printable
from sluiceway.core.problem import Problem


def render_github(problems: Iterable[Problem]) -> str:
    """Return problems as workflow commands, a line each, in the order of the files."""
    return "\n".join(map(_command, in_order(problems)))


def _command(problem: Problem) -> str:
    properties = {
        "file": problem.file,
        "line": problem.line,
        "endLine": problem.line,
        "col": problem.column,
        "endColumn": problem.column + problem.length - 1,  # the last one, not the one behind it
        "title": problem.code,
    }
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{problem.level} {written}::{_data(_message(problem))}"


def _message(problem: Problem) -> str:
    place = f"{cut(problem.path)}: " if problem.path else ""
    fix = f" (fix: {cut(problem.suggestion, LONGEST_MESSAGE)})" if problem.suggestion else ""
    return printable(f"{place}{cut(problem.message, LONGEST_MESSAGE)}{fix}")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
