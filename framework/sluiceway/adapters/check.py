"""The check at start: is everything there that the pipelines name?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from pydantic import BaseModel

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify, is_absent, unreachable_endpoint
from sluiceway.adapters.clients import Clients
from sluiceway.adapters.dynamodb import NothingExpires, UnfitTable, check_table
from sluiceway.adapters.secrets import SecretStore
from sluiceway.adapters.sqs_queue import queue_url
from sluiceway.core.component import Component
from sluiceway.core.errors import OutsideError
from sluiceway.core.resource import Kind, Resource
from sluiceway.core.secret import Secret
from sluiceway.core.spec import Pipeline
from sluiceway.core.store import store_resources

Thing: TypeAlias = Resource | Secret


@dataclass(frozen=True, slots=True)
class Need:
    """What a component needs of the world outside before its pipeline can start.

    Attributes:
        place: Where the pipeline file says so: `orders.yaml: sinks.bus`.
        thing: What is needed.
    """

    place: str
    thing: Thing


@dataclass(frozen=True, slots=True)
class StartCheck:
    """What the check found, a sentence each, beginning with the places.

    Attributes:
        missing: What is not there, or cannot be reached at all. The worker must not start.
        warnings: What could not be checked (denied, unsupported, throttled or down), or could be better. The worker
            starts.
    """

    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def needs(pipeline: Pipeline) -> Iterator[Need]:
    """Yield what a pipeline needs, component by component: what each declares, and each secret in its settings."""
    for place, component in _components(pipeline):
        secrets = list(_secrets(component))
        fetched = {resource for _, secret in secrets for resource in secret.resources()}
        yield from (Need(place, resource) for resource in component.resources() if resource not in fetched)
        yield from (Need(f"{place}.with{path}", secret) for path, secret in secrets)
    yield from (Need(place_of(pipeline, "errors.store"), table) for table in store_resources(pipeline.store))


def resources(pipeline: Pipeline) -> list[Resource]:
    """Return everything outside that a pipeline uses, each once."""
    declared = [resource for _, component in _components(pipeline) for resource in component.resources()]
    return list(dict.fromkeys([*declared, *store_resources(pipeline.store)]))


def place_of(pipeline: Pipeline, part: str) -> str:
    """Return where a component stands, as errors name it."""
    return f"{pipeline.file}: {part}" if pipeline.file else part


async def missing(needs: Iterable[Need], clients: Clients, secrets: SecretStore) -> StartCheck:
    """Ask for everything at once, so that all that is missing is named together.

    Secrets are fetched, which is to start with them; the store keeps their values.

    Raises:
        OutsideError: There is no region, or there are no credentials.
    """
    places: dict[Thing, list[str]] = {}
    for need in needs:
        places.setdefault(_without_actions(need.thing), []).append(need.place)
    failures = await asyncio.gather(*(_failure(thing, clients, secrets) for thing in places))
    judged = [
        _judged(thing, ", ".join(dict.fromkeys(where)), error)
        for (thing, where), error in zip(places.items(), failures, strict=True)
        if error is not None
    ]
    return StartCheck(
        missing=tuple(dict.fromkeys(sentence for certain, sentence in judged if certain)),
        warnings=tuple(sentence for certain, sentence in judged if not certain),
    )


def _components(pipeline: Pipeline) -> Iterator[tuple[str, Component]]:
    """Yield each component with the place where its file has it."""
    yield place_of(pipeline, "source"), pipeline.source.component
    for stage in pipeline.stages:
        yield place_of(pipeline, f"stages.{stage.id}"), stage.component
    for sink in pipeline.sinks:
        yield place_of(pipeline, f"sinks.{sink.id}"), sink.component
    if pipeline.dead_letter:
        yield place_of(pipeline, "errors.dead_letter"), pipeline.dead_letter.component


def _secrets(value: object, path: str = "") -> Iterator[tuple[str, Secret]]:
    """Yield the secrets in settings, however deep, each with its path."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), f"{path}.{field.alias or name}")
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from _secrets(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _secrets(item, f"{path}.{index}")


def _without_actions(thing: Thing) -> Thing:
    """Return what is asked for once, whatever components do with it."""
    return Secret(thing.reference) if isinstance(thing, Secret) else Resource(thing.kind, thing.name, ())


def _judged(thing: Thing, places: str, error: Exception) -> tuple[bool, str]:
    """Return whether the worker certainly cannot do without, and the sentence that says what is wrong."""
    if endpoint := unreachable_endpoint(error):
        # However much is to be found there, and whoever needs it, this is one mistake: the sentence names neither.
        return True, f"no AWS answers at {endpoint}: check the endpoint (AWS_ENDPOINT_URL), the region and the network"
    if isinstance(error, OutsideError):
        return True, f"{places}: {error}"
    subject = f"secret {thing.reference}" if isinstance(thing, Secret) else f"{thing.kind} {thing.name}"
    if isinstance(error, NothingExpires):
        return False, f"{places}: {error}"
    if is_absent(error):
        return True, f"{places}: {subject} does not exist: create it, or correct its name, account or region"
    return False, f"{places}: could not check that {subject} exists: {classify(error, subject)}"


async def _failure(thing: Thing, clients: Clients, secrets: SecretStore) -> Exception | None:
    """Return None when the thing is there, else what asking for it raised."""
    asking = secrets.get(thing) if isinstance(thing, Secret) else _ask(thing.kind, thing.name, clients)
    # A client that cannot be opened, for want of a region, fails every resource alike and is said once: it is raised.
    expected = (OutsideError,) if isinstance(thing, Secret) else (*AWS_ERRORS, UnfitTable, NothingExpires)
    try:
        await asking
    except expected as error:
        return error
    return None


async def _ask(kind: Kind, name: str, clients: Clients) -> None:
    """Make the cheapest call that fails when the resource is not there."""
    match kind:
        case "queue":
            url = await queue_url(clients, name)
            await (await clients.open("sqs")).get_queue_attributes(QueueUrl=url, AttributeNames=("QueueArn",))
        case "bus":
            await (await clients.open("events")).describe_event_bus(Name=name)
        case "bucket":
            await (await clients.open("s3")).head_bucket(Bucket=name)
        case "secret":
            await (await clients.open("secretsmanager")).get_secret_value(SecretId=name)
        case "parameter":
            await (await clients.open("ssm")).get_parameter(Name=name)
        case "table":
            await check_table(name, clients)
        case "key":
            pass  # only used through the bucket or queue that it belongs to; nothing of ours calls it
