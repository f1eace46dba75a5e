"""Patterns that choose by a hash: the same message is always treated the same, whoever has it and however often."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from sluiceway import Decision, Drop, Expression, Message, Place, Reject, Stage
from sluiceway_patterns.choices import Computed, Label, named
from sluiceway_patterns.values import enum_key, shown

_BITS: Final = 52  # so that a half more than each such integer is a double of its own
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,9})?) ?%", re.ASCII)
_ONE_IN: Final = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


def _share(value: object) -> object:
    text = value if isinstance(value, str) else ""
    share: float | None = None
    if found := _PERCENT.fullmatch(text):
        share = float(found[1]) / 100
    elif (found := _ONE_IN.fullmatch(text)) and int(found[2]):
        share = int(found[1]) / int(found[2])
    if share is None or not 0 < share <= 1:
        raise PydanticCustomError("share", "expected a share of more than nothing and at most all: 10%, 0.5% or 1/100")
    return share


Share: TypeAlias = Annotated[float, BeforeValidator(_share, json_schema_input_type=str)]


class Sampler(Stage):
    """Keep a share of the messages and drop the rest.

    A hash of the message's id decides, or of the value of `by`: with `by: {jmes: body.customer}` all messages of one
    customer are kept, or none. A value that is missing or null rejects the message (`missing`), an object or a list
    too (`invalid`); numbers are equal by value. What is not kept is settled as done and counted under "not in the
    sample". Where all samplers are asked about the same value, the larger share holds the smaller one.

    Nothing is remembered: after a restart, on another worker, and for a message that comes again, however late, the
    answer is the same. A message that its sender sends twice has two ids, and two answers; `by` a key of the sender's
    gives one. The share is exact over many values, not over the next ten.

    This is a Message Filter of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7) that looks at a share
    instead of the content; to sample what goes on whole, filter the copies of a wire tap in a pipeline of their own.

    ```yaml
    - id: a-few
      use: sampler
      with: {keep: 10%, by: {jmes: body.customer}}
    ```
    """

    keeps_body: ClassVar[bool] = True

    keep: Share = Field(description="The share that is kept: `10%` or `1/100`.", examples=["10%", "1/100"])
    by: Computed | None = Field(
        default=None, description="What is kept together: `{jmes: body.customer}`; default: the message's id."
    )

    def branches(self) -> Sequence[Place]:
        """Return the share: a test should get something through."""
        return (("keep",),)

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say where the message is between 0 and 1, and up to where messages are kept."""
        place = self._place(message)
        text = f"its hash is at {place:.4f} between 0 and 1; what is below {self.keep:g} is kept"
        return (Decision(("keep",), text, place < self.keep),)

    def process(self, message: Message) -> Message | Drop:
        """Return the message, or drop it."""
        return message if self._place(message) < self.keep else Drop("not in the sample")

    def _place(self, message: Message) -> float:
        return _hash(spread_key(self.by, message), "")


def _weights(value: object) -> str:
    return "<weights>" if isinstance(value, Mapping) else "<list>"


Weights: TypeAlias = Annotated[
    Annotated[tuple[Label, ...], Field(min_length=1, max_length=100), Tag("<list>")]
    | Annotated[
        dict[Label, Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=100), Tag("<weights>")
    ],
    Discriminator(_weights),
]
"""Routes of equal weight, or each with its own."""


class LoadBalancer(Stage):
    """Spread the messages over several routes, each with its share, so that the same message always takes the same one.

    `routes` is a list, or a mapping with weights: of `{a: 3, b: 1}` route `a` gets three quarters. A weight of 0 takes
    a route out. Each message takes the route with the highest score of a hash of its id, or of the value of `by`, and
    the route's name (rendezvous hashing): so when a route is added, the messages that it gets are the only ones that
    move, and when one is taken out, only its own. With `by: {jmes: body.customer}` all messages of a customer take the
    same route. A value that is missing or null rejects the message (`missing`), an object or a list too (`invalid`).

    Nothing is remembered or counted, and workers need not know of each other: after a restart, on another worker, and
    for a message that comes again, however late, the route is the same, as long as `routes` and their weights are. A
    message that its sender sends twice has two ids; `by` a key of the sender's keeps them together. Nothing is held
    either, so there is no cap: a route that gets more than its sink can take is tried again as ever, and then held up.

    There is no failover. When a sink does not answer it may have taken the message all the same, so sending the
    message elsewhere would deliver it twice; while a sink is down, messages for it wait and come again. To take a sink
    out on purpose, give it the weight 0 and start the workers anew. Workers that still have the old weights send as
    they say, so a message that comes again meanwhile may go to both sinks.

    This is the sending half of Competing Consumers in Enterprise Integration Patterns (Hohpe and Woolf, chapter 10),
    for consumers that do not share a queue; where they can share one, they need no load balancer.

    ```yaml
    - id: spread
      use: load_balancer
      with: {routes: {big: 3, small: 1}, by: {jmes: body.customer}}
    ```
    """

    keeps_body: ClassVar[bool] = True

    routes: Weights = Field(
        description="The routes, `[a, b]`, or with weights, `{a: 3, b: 1}`.", examples=[["a", "b"], {"a": 3, "b": 1}]
    )
    by: Computed | None = Field(
        default=None, description="What stays together: `{jmes: body.customer}`; default: the message's id."
    )

    @field_validator("routes")
    @classmethod
    def _some_weight(cls, routes: tuple[str, ...] | dict[str, int]) -> tuple[str, ...] | dict[str, int]:
        if isinstance(routes, dict) and not any(routes.values()):
            raise PydanticCustomError("weights", "every weight is 0, so that no message could go anywhere")
        return routes

    def labels(self) -> Sequence[str]:
        """Return the routes, each once."""
        return tuple(dict.fromkeys(self.routes))

    def branches(self) -> Sequence[Place]:
        """Return each route that gets messages."""
        if isinstance(self.routes, dict):
            return tuple(("routes", label) for label, weight in self.routes.items() if weight)
        return tuple(("routes", index) for index in range(len(self.routes)))

    def decisions(self, message: Message) -> Sequence[Decision]:
        """Say which route the message takes."""
        key = spread_key(self.by, message)
        label = self._route(key)
        by = "its id" if self.by is None else named("by", self.by)
        place = label if isinstance(self.routes, dict) else self.routes.index(label)
        return (
            Decision(("routes", place), f"{by} is {shown(key)}, for which {label} has the highest score", taken=True),
        )

    def process(self, message: Message) -> Message:
        """Return the message on its route."""
        return message.to(self._route(spread_key(self.by, message)))

    def _route(self, key: str) -> str:
        weights = self.routes if isinstance(self.routes, dict) else dict.fromkeys(self.routes, 1)
        # Weighted rendezvous hashing: -w / ln(u) of uniform u is largest for each label in proportion to its weight.
        return max(weights, key=lambda label: (-weights[label] / math.log(_hash(key, label)), label))


def spread_key(by: Expression | None, message: Message) -> str:
    """Return the text that is hashed.

    Raises:
        Reject: The value has none: it is missing (`missing`), or an object or a list (`invalid`).
    """
    if by is None:
        return message.id
    value = by.evaluate(message.view)
    if value is None:
        raise Reject(f"{named('by', by)} has no value", error="missing")
    key = enum_key(value)
    if key is None:
        raise Reject(f"{named('by', by)} is {shown(value)}, not a text, a number or a boolean")
    return key


def _hash(key: str, label: str) -> float:
    """Return a number above 0 and below 1 that is the same for the same texts, on every machine."""
    text = f"{label}\n{key}".encode("utf-8", "surrogatepass")
    whole = int.from_bytes(blake2b(text, digest_size=8).digest()) >> (64 - _BITS)
    return (whole + 0.5) / 2.0**_BITS
