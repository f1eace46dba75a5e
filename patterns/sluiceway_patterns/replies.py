"""Request and reply: which request a reply belongs to, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from sluiceway import Decision, Drop, Message, Place, Reject, Shape, Stage
from sluiceway_patterns.body_path import BodyPath, put
from sluiceway_patterns.choices import Computed, Label, Otherwise, go_otherwise, labels_of, listed, named
from sluiceway_patterns.headers import LONGEST, HeaderName, header_value, with_header
from sluiceway_patterns.values import shown, to_string


class CorrelationId(Stage):
    """Make sure that a message has a correlation id, by which its answer, and all that follows from it, is known.

    A header that is there is kept as it is. Else the id is the value of `from`, a text or a number; where that is
    missing or null too, it is the message's own id. So a message that comes again, on any worker, has the same one.
    Sinks must `forward` the header; `into` writes the id into the body too, for sinks that send no headers.

    Put it before what makes several messages of one (a splitter, a wire tap): children have ids of their own, and
    share the correlation id only if they have got it from their parent.

    This is the Correlation Identifier of Enterprise Integration Patterns (Hohpe and Woolf, chapter 5).

    ```yaml
    - id: known-by
      use: correlation_id
      with: {from: {jmes: body.order_no}, into: correlation_id}
    ```
    """

    header: HeaderName = Field(default="correlation-id", description="The header that the id is in, as it is spelt.")
    from_: Computed | None = Field(
        default=None, alias="from", description="The id of a message without the header: `{jmes: body.order_no}`."
    )
    into: BodyPath | None = Field(
        default=None, description="Where the id goes in the body too, as a dotted path: `correlation_id`."
    )

    def shape(self, before: Shape) -> Shape:
        """Return the shape with the id in its place, if it has one."""
        return before if self.into is None else before.put(self.into.split("."), Shape.of_types("string"))

    def required_headers(self) -> Sequence[str]:
        """Return the header, unless the id is in the body too."""
        return (self.header,) if self.into is None else ()

    def branches(self) -> Sequence[Place]:
        """Return where ids come from."""
        return (("header",),) if self.from_ is None else (("header",), ("from",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say where the id comes from."""
        _, place, text = self._found(message)
        made = [Decision(("header",), text if place == "header" else "there is no such header", place == "header")]
        if self.from_ is not None and place != "header":
            made.append(Decision(("from",), text, place == "from"))
        return made

    def process(self, message: Message) -> Message:
        """Return the message with its correlation id."""
        known, place, _ = self._found(message)
        if place != "header":
            message = with_header(message, self.header, known)
        return message if self.into is None else message.with_body(put(message.body, self.into, known))

    def _found(self, message: Message) -> tuple[str, str, str]:
        """Return the id, the key that it comes from, and a sentence about that."""
        if there := message.headers.get(self.header):
            return there, "header", f"the header {self.header} has it already"
        value = None if self.from_ is None else self.from_.evaluate(message.view)
        if self.from_ is None or value is None or value == "":
            return message.id, "id", "there is no value: the message's id is taken"
        what = named("from", self.from_)
        text = None if isinstance(value, bool) else to_string(value)
        if text is None:
            raise Reject(f"{what} is {shown(value)}, not a text or a number")
        return header_value(text, what), "from", f"{what} is {shown(value)}"


class SetReturnAddress(Stage):
    """Write into a request where its reply should go.

    The address is a header, which sinks must `forward`; one that is there is replaced: the reply to what this
    pipeline sends is ours. What the address looks like is between the two sides: a queue's name, a URL, or just a
    name. The other side answers with `return_address`, or whatever it has; a `correlation_id` tells which request a
    reply belongs to.

    This is the Return Address of Enterprise Integration Patterns (Hohpe and Woolf, chapter 5), the requestor's side.

    ```yaml
    - id: answer-here
      use: return_address.set
      with: {address: "${REPLIES:-shop-replies}"}
    ```
    """

    keeps_body: ClassVar[bool] = True

    address: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=LONGEST)] = Field(
        description="Where replies should go, as the other side knows it."
    )
    header: HeaderName = Field(default="reply-to", description="The header that the address is in, as it is spelt.")

    def required_headers(self) -> Sequence[str]:
        """Return the header."""
        return (self.header,)

    def process(self, message: Message) -> Message:
        """Return the message with the address."""
        return with_header(message, self.header, self.address)


class ReturnAddress(Stage):
    """Put each reply on the route of the address that its request gave.

    The address is a header of the request, which a message keeps on its way through the pipeline. `addresses` says
    which there are and the route of each; so what comes from outside never chooses a destination that the file does not
    name. Any other address, and a request without one, is rejected (`unroutable`), unless `otherwise` says `drop` or
    names a route. Routes that an earlier stage had put the message on are replaced. Let the sinks `forward` the
    correlation id, by which the requestor knows what the reply is about.

    This is the Return Address of Enterprise Integration Patterns (Hohpe and Woolf, chapter 5), the replier's side; the
    requestor's is `return_address.set`.

    ```yaml
    - id: answer
      use: return_address
      with:
        addresses: {shop-replies: shop, "https://partner.example/replies": partner}
    ```
    """

    keeps_body: ClassVar[bool] = True

    addresses: dict[str, Label] = Field(
        min_length=1, max_length=10_000, description="The route for each address that a request may give."
    )
    header: HeaderName = Field(default="reply-to", description="The header that the address is in, as it is spelt.")
    otherwise: Otherwise = Field(
        default="reject",
        description="What becomes of a request without a known address: `reject` it, `drop` it, or a route, `{to: …}`.",
    )

    def labels(self) -> Sequence[str]:
        """Return the routes, each once."""
        return tuple(dict.fromkeys([*self.addresses.values(), *labels_of(self.otherwise)]))

    def branches(self) -> Sequence[Place]:
        """Return each address, and `otherwise`."""
        return (*(("addresses", address) for address in self.addresses), ("otherwise",))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which address there is, and where it leads."""
        address = message.headers.get(self.header)
        found = f"the header {self.header} is {shown(address)}"
        if address is None or (route := self.addresses.get(address)) is None:
            return (Decision(("otherwise",), f"{found}, which is no known address", taken=True),)
        return (Decision(("addresses", address), f"{found}: on the route {route}", taken=True),)

    def process(self, message: Message) -> Message | Drop:
        """Return the message on its route, or what `otherwise` makes of it."""
        address = message.headers.get(self.header)
        route = None if address is None else self.addresses.get(address)
        if route is not None:
            return message.to(route)
        known = listed(tuple(self.addresses))
        why = f"the header {self.header} is {shown(address)}, and the known addresses are {known}"
        return go_otherwise(message, self.otherwise, why)
