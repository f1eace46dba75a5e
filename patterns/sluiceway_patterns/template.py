"""Template: a new body as a text or tree with holes, as EventBridge Pipes has it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sluiceway import JSON, Context, Message, Stage
from sluiceway_patterns.placeholders import WrongTemplate, compile_template

_Template: TypeAlias = str | dict[str, JSON] | list[JSON]


def _check(template: _Template) -> _Template:
    try:
        compile_template(template)
    except WrongTemplate as wrong:
        context = {"path": list(wrong.path), "offset": wrong.offset, "message": str(wrong)}
        raise PydanticCustomError("template", "{message}", context) from None
    return template


class Template(Stage):
    """Make a new body from a template with placeholders, written as for an EventBridge pipe.

    A placeholder is a path over the message in angle brackets: `<$.body.order_no>`, `<$.body.lines[0].sku>`,
    `<$.headers.tenant>`, `<$.meta.queue>`, `<$.id>`. `[*]` gives a list of what lies behind every element. The template
    is one of three:

    - a mapping or list: a string that is one placeholder becomes the value itself, of its own type; in any other
      string placeholders become text;
    - a text that begins with `{` or `[`: JSON, in which a placeholder without quotes around it is the value itself, and
      inside quotes becomes text. What comes out is always JSON, whatever is in the values;
    - any other text: placeholders become text, and the body is sent as that text. One placeholder alone is the value.

    As text a number or boolean has its JSON spelling, an object or list is JSON. What is missing is null as a value and
    empty as text; where that would be a mistake, `translate` rejects it. `<` that begins no placeholder stands for
    itself.

    Of what Pipes reserves, `<aws.pipes.pipe-name>` is the pipeline's name, `<aws.pipes.event.ingestion-time>` the time,
    `<aws.pipes.event>` and `<aws.pipes.event.json>` the message, `{id, body, headers, meta}`. There are no ARNs. Two
    names differ: SQS' `$.messageId` is `$.id`, and `$.messageAttributes` are `$.headers`. A template has at most 100
    placeholders and 64 levels; in keys there are none.

    See Message Translator in Enterprise Integration Patterns (Hohpe and Woolf, chapter 3).

    ```yaml
    - id: notice
      use: template
      with:
        template:
          subject: "Order <$.body.order_no> is on its way"
          lines: <$.body.lines[*].sku>
          total: <$.body.total>
    ```
    """

    template: Annotated[_Template, AfterValidator(_check)] = Field(description="The new body, with placeholders.")

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Callable[[Message], Message]]:
        """Read the template and yield the function that fills it."""
        fill, is_text = compile_template(self.template)

        def process(message: Message) -> Message:
            now = datetime.fromtimestamp(context.clock.now(), UTC).isoformat(timespec="milliseconds")
            seen = {"pipeline": context.pipeline, "time": now, "event": message.view}
            filled = fill(seen)
            return message.with_text(filled) if is_text and isinstance(filled, str) else message.with_json(filled)

        yield process
