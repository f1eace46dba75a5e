"""`sluiceway send`: put messages into a pipeline's source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast
from uuid import uuid4

import typer

from sluiceway.cli.messages import bodies_of, refuse
from sluiceway.cli.options import EndpointUrl, Localstack

if TYPE_CHECKING:
    from types_aiobotocore_sqs.type_defs import SendMessageRequestTypeDef as Request

    from sluiceway.adapters.clients import Clients
    from sluiceway.adapters.sqs_attributes import Attribute

_GROUP = "send"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline file.", show_default=False)],
    messages: Annotated[
        list[str],
        typer.Argument(
            metavar="MESSAGE",
            help="JSON text, a file (with .ndjson or .jsonl each of its lines), or - for standard input.",
            show_default=False,
        ),
    ],
    *,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A header for every message; may be repeated.", show_default=False),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=f"FIFO queues: the message group; by default `{_GROUP}`.", show_default=False
        ),
    ] = None,
    localstack: Localstack = False,
    endpoint_url: EndpointUrl = None,
) -> None:
    """Put messages into the queue that a pipeline reads, byte for byte, and print their ids.

    When one cannot be sent as it is, because it is larger than SQS takes or no text, none is sent (exit code 1).
    """
    import asyncio  # noqa: PLC0415 - start-up

    from sluiceway import app  # noqa: PLC0415 - the AWS client costs 0.4 s
    from sluiceway.adapters.clients import Clients  # noqa: PLC0415 - as above
    from sluiceway.adapters.sqs import SqsSource  # noqa: PLC0415 - as above
    from sluiceway.adapters.sqs_queue import GROUP  # noqa: PLC0415 - as above

    headers = _headers(header or ())
    pipeline = app.load(file)
    source = pipeline.source.component
    if not isinstance(source, SqsSource):
        refuse(f"the source of {file} is `{pipeline.source.use}`: only a queue (`sqs`) can be sent to")
    bodies = [_checked(body, place, headers) for text in messages for place, body in bodies_of(text)]
    if group is not None and not source.ordered:
        raise typer.BadParameter(f"{source.queue} is a standard queue, and only FIFO ones (NAME.fifo) have groups")
    chosen = _GROUP if group is None else group
    if not GROUP.fullmatch(chosen):
        raise typer.BadParameter(
            f"{chosen[:60]!r} is no message group: SQS takes 1 to 128 letters, digits and punctuation marks of ASCII"
        )
    requests = [_request(body, headers, chosen if source.ordered else None) for body in bodies]
    asyncio.run(_send(Clients(endpoint_url, localstack=localstack), source.queue, requests))


def _headers(given: Sequence[str]) -> Mapping[str, Attribute]:
    from sluiceway.adapters.sqs_attributes import MAX_ATTRIBUTES, NAME  # noqa: PLC0415 - the AWS client costs 0.4 s

    headers: dict[str, Attribute] = {}
    for text in given:
        name, _, value = text.partition("=")
        if not NAME.fullmatch(name) or not value:
            raise typer.BadParameter(f"{text!r} is not of the form name=value with a name that SQS takes")
        headers[name] = {"DataType": "String", "StringValue": value}
    if len(headers) > MAX_ATTRIBUTES:
        raise typer.BadParameter(f"SQS takes at most {MAX_ATTRIBUTES} headers, not {len(headers)}")
    return headers


def _checked(body: bytes, place: str, headers: Mapping[str, Attribute]) -> str:
    """Return a body as SQS takes it."""
    from sluiceway.adapters.sqs_attributes import refuse_illegal, size_of  # noqa: PLC0415 - the AWS client costs 0.4 s
    from sluiceway.adapters.sqs_queue import MAX_BYTES  # noqa: PLC0415 - as above
    from sluiceway.core.errors import Reject  # noqa: PLC0415 - as above

    if not body:
        refuse(f"{place} is empty, and SQS takes no empty message")
    if (size := len(body) + size_of(headers)) > MAX_BYTES:
        refuse(f"{place} has {size:,} bytes with its headers; SQS takes {MAX_BYTES:,}")
    try:
        text = body.decode()
        refuse_illegal(text, place)
    except UnicodeDecodeError as error:
        refuse(f"{place} is not UTF-8 (byte {error.start}), and SQS takes only text: encode it, as base64")
    except Reject as error:
        refuse(error.reason)
    return text


def _request(body: str, headers: Mapping[str, Attribute], group: str | None) -> Request:
    """Return what sends a body, but for the queue."""
    fifo = {"MessageGroupId": group, "MessageDeduplicationId": str(uuid4())} if group else {}
    return cast("Request", {"MessageBody": body, "MessageAttributes": headers, **fifo})


async def _send(clients: Clients, queue: str, requests: Sequence[Request]) -> None:
    from sluiceway.adapters.aws_errors import AWS_ERRORS, classify  # noqa: PLC0415 - the AWS client costs 0.4 s
    from sluiceway.adapters.sqs_queue import open_queue  # noqa: PLC0415 - as above
    from sluiceway.core.errors import OutsideError  # noqa: PLC0415 - as above

    async with clients:
        url = await open_queue(clients, queue)
        sqs = await clients.open("sqs")
        for request in requests:
            request["QueueUrl"] = url
            try:
                sent = await sqs.send_message(**request)
            except AWS_ERRORS as error:
                raise OutsideError(str(classify(error, f"queue {queue}"))) from error
            typer.echo(sent["MessageId"])
