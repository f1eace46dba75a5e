"""Two stages that another team might ship: one as a class with settings, one as a function."""

from __future__ import annotations

from pydantic import Field

from sluiceway import Drop, Message, Reject, Stage, stage


class Shout(Stage):
    """Write one field of the body in capital letters.

    ```yaml
    - use: shout
      with: {field: greeting}
    ```
    """

    field: str = Field(description="The field of the body to change.", examples=["greeting"])
    marks: int = Field(default=1, ge=0, le=10, description="How many exclamation marks to add.")

    def process(self, message: Message) -> Message | Drop:
        """Return the message with the field in capitals; one that says nothing is dropped."""
        body = message.body
        if not isinstance(body, dict) or not isinstance(body.get(self.field), str):
            raise Reject(f"body.{self.field} is no text", error="missing")
        text = str(body[self.field])
        if not text:
            return Drop("nothing to say")
        return message.with_body({**body, self.field: text.upper() + "!" * self.marks})


@stage
def whisper(message: Message, *, field: str = "greeting") -> Message:
    """Write one field of the body in small letters."""
    body = message.body if isinstance(message.body, dict) else {}
    return message.with_body({**body, field: str(body.get(field, "")).lower()})
