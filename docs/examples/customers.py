"""Customers, as the service that keeps them knows them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import Field

from sluiceway import Context, Message, Process, Reject, Stage, json, shown_url, status_error


class AddCustomer(Stage):
    """Put the customer into an order, in the place of the customer's number."""

    url: str = Field(description="Where customers are, without the slash before the number.")

    @asynccontextmanager
    async def open(self, context: Context) -> AsyncGenerator[Process]:
        """Open outgoing HTTP once, and yield what is called for each message."""
        http = context.http(timeout=2, max_size=64 * 1024, allow_private=False)

        async def process(message: Message) -> Message:
            body = message.body
            if not isinstance(body, dict) or not isinstance(body.get("customer"), int):
                raise Reject("body.customer is no number", error="missing")
            url = f"{self.url}/{body['customer']}"
            answer = await http.request("GET", url)
            if error := status_error(answer, shown_url(url), context.clock.now()):
                raise error
            try:
                customer = json.parse(answer.body)
            except json.InvalidJSON as error:
                raise Reject(f"{shown_url(url)} answered no JSON: {error}") from error
            context.count("customers_added")
            return message.with_body({**body, "customer": customer})

        yield process
