"""Content Enricher from rows that are known when the pipeline is read."""

from __future__ import annotations

from pydantic import Field

from sluiceway import JSON, Expression, Message, Reject, Settings, Shape, Stage, Table
from sluiceway_patterns.body_path import BodyPath, members, put
from sluiceway_patterns.on_missing import OnMissing, without
from sluiceway_patterns.values import shown


class _Enricher(Settings):
    """What both have in common."""

    key: Expression = Field(description="What to look up: text or a number; 7 finds the row `7`.")
    into: BodyPath = Field(
        description="Where the row goes: a dotted path inside the body (`country`, not `body.country`). "
        "A value that is there is replaced; objects on the way are made.",
    )
    on_missing: OnMissing = Field(
        default="reject",
        description="When no row has the key, or the message has no key: `reject` the message, `keep` it as it is, "
        "or a `{default: …}`.",
    )

    def shape(self, before: Shape) -> Shape:
        """Return the shape with something unknown at `into`."""
        return before.put(self.into.split("."), Shape.anything())

    def enriched(self, message: Message, table: Table, where: str) -> Message:
        """Return the message with the row that its key finds in a table."""
        members(message.body, "body")
        key = self.key.evaluate(message.view)
        if isinstance(key, bool | list | dict):
            raise Reject(f"the key for {where} is neither text nor a number: {shown(key)}")
        if key is None:
            what = f", {self.key.text} is missing or null" if self.key.text else ""
            return without(message, self.into, self.on_missing, f"no key for {where}{what}")
        if key not in table:
            return without(message, self.into, self.on_missing, f"{where} has no row {shown(key)}")
        return message.with_body(put(message.body, self.into, table.find(key)))


class EnrichTable(_Enricher, Stage):
    """Content Enricher: look the message up in one of the file's tables and put the row into the body.

    `tables` at the top of the file names them: a CSV, JSON or YAML file, or rows written there. A table is read once,
    when the pipeline is loaded, and is the same for every message and after every restart until the file is
    deployed anew: for what changes more often, ask a service (`enrich.http`). Nothing is kept between messages.

    A row is put in whole, as an object (all values of a CSV row are text). For one value of it write
    `lookup('countries', body.country).name` in an expression instead.

    See the chapter Content Enricher in Enterprise Integration Patterns.

    ```yaml
    - id: add-country
      use: enrich.table
      with:
        table: countries
        key: {jmes: body.country}
        into: country
        on_missing: {default: {name: unknown}}
    ```
    """

    table: Table = Field(description="The name of a table under `tables`.", examples=["countries"])

    def process(self, message: Message) -> Message:
        """Return the message with its row."""
        return self.enriched(message, self.table, "the table")


class EnrichMemory(_Enricher, Stage):
    """Content Enricher: look the message up in rows that are written here, and put what is found into the body.

    For a handful of rows that only this stage needs; `enrich.table` is for more, and for rows that several stages
    look up. Nothing is kept between messages, so restarts and other workers make no difference.

    See the chapter Content Enricher in Enterprise Integration Patterns.

    ```yaml
    - id: add-terms
      use: enrich.memory
      with:
        rows:
          gold: {discount: 10, days: 60}
          silver: {discount: 5, days: 30}
        key: {jmes: body.customer.tier}
        into: terms
        on_missing: keep
    ```
    """

    rows: dict[str, JSON] = Field(
        min_length=1, description="What to put in, by key.", examples=["{gold: {discount: 10}}"]
    )

    def process(self, message: Message) -> Message:
        """Return the message with its row."""
        return self.enriched(message, Table(self.rows), "`rows`")
