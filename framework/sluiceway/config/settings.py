"""`sluiceway.yaml`: settings of the worker, for all of its pipelines. Optional."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from sluiceway.config import yaml
from sluiceway.config.pydantic_problems import problems_from
from sluiceway.config.variables import substitute
from sluiceway.core.errors import InvalidPipeline
from sluiceway.core.problem import Problem
from sluiceway.core.settings import Settings

FILE = "sluiceway.yaml"


class WorkerSettings(Settings):
    """What the worker's own file may hold."""

    plugins: tuple[str, ...] = Field(default=(), description="Distributions whose components every pipeline may use.")


def read_settings(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[WorkerSettings, list[Problem]]:
    """Return the settings in a folder and what is wrong with them; the defaults where there are none, or wrong ones."""
    path = folder / FILE
    if not path.exists():
        return WorkerSettings(), []
    try:
        document, problems = substitute(yaml.read(path), os.environ if environ is None else environ)
    except InvalidPipeline as error:
        return WorkerSettings(), list(error.problems)
    try:
        return WorkerSettings.model_validate(document.value), problems
    except ValidationError as error:
        return WorkerSettings(), [*problems, *problems_from(error, document, (), WorkerSettings)]
