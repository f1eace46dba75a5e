"""Scatter-Gather: ask several services at once, and go on with their answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from sluiceway import (
    Context,
    Duration,
    HttpTarget,
    Message,
    Process,
    Reject,
    Resource,
    Settings,
    Size,
    Stage,
    Transient,
    shown_url,
)
from sluiceway_patterns.body_path import BodyPath, members, put
from sluiceway_patterns.enrich import read_answer
from sluiceway_patterns.on_missing import OnMissing
from sluiceway_patterns.quorum import Answer, Heard

_LONGEST: Final = 60.0
"""Seconds that `within` may be."""

_Ask: TypeAlias = Callable[[Message], Awaitable[Answer]]


class Quorum(Settings):
    """So many good answers are enough."""

    quorum: int = Field(ge=1, description="How many.")


def _kind(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<quorum>"


Wait: TypeAlias = Annotated[
    Annotated[Literal["all", "any"], Tag("<word>")] | Annotated[Quorum, Tag("<quorum>")], Discriminator(_kind)
]

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=100)]


class ScatterGather(Stage):
    """Scatter-Gather: ask several HTTP services about a message at once, and put their answers into the body.

    The answers come into one object at `into`, each under its service's name. `wait` says for how many: `all`, `any`
    (the first good one), or `{quorum: 2}` (the first two). When there are so many the calls that are left are broken
    off, and no further answer is taken. What is made of the answers is for a `translate` behind this stage to say.

    The services are asked by GET, and their answers are judged as those of `enrich.http`: 404, 410, 204 and an empty
    answer mean that a service knows nothing; 408, 425, 429, 5xx, a refused connection and no answer `within` the time
    are transient; any other status, and an answer that is no JSON or too large, is for good. Where a service knows
    nothing, `on_missing: reject` takes that for a failure for good; with `keep` it counts as an answer that is left
    out, and with a `{default: …}` as that, but only if there are not enough others.

    When there cannot be enough answers any more, the message is tried again later if those that failed for now would
    make them enough, and else rejected with what each said. Counted: `no_answer`, by service.

    **Restart.** Nothing is remembered: a message that comes again has all its services asked again, and with `any` and
    a quorum others may be the first then. They are asked at least once, so asking must change nothing there.

    **A repeated message** is asked about again.

    **A late message** is asked about like any other. A late answer, one that comes when there are enough or `within` is
    over, is thrown away.

    **At the cap.** In one worker up to `concurrency` messages are asked about at a time, each at all of its services,
    and each answer may have `max_size`.

    **Several workers** know nothing of each other.

    To the circuit breaker the services of one stage are one dependency: while one is down and the others answer, a
    message that needs it uses up its `errors.retry.attempts`. A mock that is a list has the answers in the order in
    which the services stand under `ask`, and again in that order when the message is tried again.

    This is the Scatter-Gather of Enterprise Integration Patterns (Hohpe and Woolf, chapter 7).

    ```yaml
    - id: ask-around
      use: scatter_gather
      with:
        ask:
          prices: {url: "https://prices.internal/v1/{sku}", params: {sku: {jmes: body.sku}}}
          stock: {url: "https://stock.internal/items/{sku}", params: {sku: {jmes: body.sku}}}
        wait: all
        within: 3s
        into: offers
    ```
    """

    usual_timeout: ClassVar[float] = _LONGEST + 15

    ask: dict[Name, HttpTarget] = Field(
        min_length=2, max_length=16, description="The services, by the name under which their answers come."
    )
    wait: Wait = Field(default="all", description="For how many good answers: `all`, `any`, or `{quorum: 2}`.")
    within: Duration = Field(
        default=Duration("5s"), gt=0, description="The time for all answers together; at most 60s."
    )
    into: BodyPath = Field(
        description="Where the answers go: a dotted path inside the body (`offers`, not `body.offers`). "
        "A value that is there is replaced; objects on the way are made.",
    )
    on_missing: OnMissing = Field(
        default="reject",
        description="When a service knows nothing: `reject` the message, `keep` its answer out, or a `{default: …}`.",
    )
    max_size: Size = Field(default=Size("1MiB"), description="How large each answer may be.")

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        if self.need > len(self.ask):
            raise PydanticCustomError(
                "quorum",
                "a quorum of {quorum} cannot be had of {count} services",
                {"quorum": self.need, "count": len(self.ask)},
            )
        if self.within > _LONGEST:
            raise PydanticCustomError(
                "within", "within ({within}) is longer than {most}", {"within": str(self.within), "most": "60s"}
            )
        return self

    @property
    def need(self) -> int:
        """How many answers are enough."""
        if isinstance(self.wait, Quorum):
            return self.wait.quorum
        return len(self.ask) if self.wait == "all" else 1

    def resources(self) -> Sequence[Resource]:
        """Return the secrets behind the headers."""
        return [used for target in self.ask.values() for used in target.resources()]

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open the connections."""
        asks = {name: self._asking(target, context) for name, target in self.ask.items()}

        async def process(message: Message) -> Message:
            members(message.body, "body")  # before anybody is asked in vain
            heard = await self._hear(message, asks)
            for name in heard.silent:
                context.count("no_answer", service=name)
            answers = heard.result()
            return message.with_body(put(message.body, self.into, {n: answers[n] for n in self.ask if n in answers}))

        yield process

    def _asking(self, target: HttpTarget, context: Context) -> _Ask:
        """Return what asks one service about a message; an error is returned, as it is one answer of several."""
        http = context.http(timeout=_LONGEST, max_size=self.max_size, allow_private=target.allow_private)

        async def ask(message: Message) -> Answer:
            try:
                url = target.fill_url(message.view)
                headers = await target.fill_headers(message.view, context)
                answer = http.request("GET", url, headers=headers)
                hide = target.secret_headers(headers)
                return await read_answer(answer, shown_url(url), context.clock.now, hide=hide)
            except (Reject, Transient) as error:
                return error

        return ask

    async def _hear(self, message: Message, asks: Mapping[str, _Ask]) -> Heard:
        """Ask all services, in their order, and listen for as long as that makes a difference."""
        heard = Heard(self.need, self.on_missing, list(asks))
        tasks = {name: asyncio.ensure_future(ask(message)) for name, ask in asks.items()}
        try:
            async with asyncio.timeout(self.within):
                while not heard.is_over:
                    await asyncio.wait([tasks[name] for name in heard.awaited], return_when=asyncio.FIRST_COMPLETED)
                    for name in [name for name in heard.awaited if tasks[name].done()]:
                        if not heard.is_over:
                            heard.note(name, tasks[name].result())
        except TimeoutError:
            for name in list(heard.awaited):
                heard.note(name, Transient(f"it did not answer within {self.within}"))
        finally:
            await _break_off(list(tasks.values()))
        return heard


async def _break_off(tasks: Sequence[asyncio.Future[Answer]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
