"""Who is served first."""

from sluiceway import Message, stage


@stage(routes=("vip", "rest"))
def by_tier(message: Message) -> Message:
    """Put orders of gold customers on the route `vip`, all others on `rest`."""
    return message.to("vip" if message.body["customer"].get("tier") == "gold" else "rest")
