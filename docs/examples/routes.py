"""Who is served first."""

from sluiceway import Message, stage


@stage(routes=("vip", "rest"))
def by_tier(message: Message) -> Message:
    """Put orders of gold customers on the route `vip`, all others on `rest`."""
    match message.body:
        case {"customer": {"tier": "gold"}}:
            return message.to("vip")
        case _:
            return message.to("rest")
