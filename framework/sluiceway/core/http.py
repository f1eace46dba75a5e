"""What components that call HTTP share: where they call, with which headers, and what an answer means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Annotated, Final, Self, TypeAlias, cast

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from sluiceway.core.component import Component
from sluiceway.core.context import Context, HttpAnswer
from sluiceway.core.errors import MessageError, Reject, Transient
from sluiceway.core.expression import Expression
from sluiceway.core.headers import NOT_PASSED_ON
from sluiceway.core.resource import Resource
from sluiceway.core.secret import Secret
from sluiceway.core.url import UrlTemplate, scalar_text, url_problem

MAX_RETRY_AFTER: Final = 12 * 3600.0
"""Seconds that an answer may make us wait: as long as SQS lets a message be held."""

_SETTABLE: Final = frozenset({"authorization", "proxy-authorization"})
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_TRY_LATER: Final = frozenset({408, 425, 429})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED_LENGTH: Final = 200


class OversizeAnswer(Reject):
    """An answer is larger than the limit. `answer` has its status and headers, and its body up to the limit."""

    def __init__(self, reason: str, answer: HttpAnswer) -> None:
        self.answer = answer
        super().__init__(reason, error="oversize")


def is_header_name(text: str) -> bool:
    """Tell whether a text can be a header's name (RFC 9110 §5.1)."""
    return _TOKEN.fullmatch(text) is not None


def is_sensitive(name: str) -> bool:
    """Tell whether a header usually holds a credential: authorization, cookie, `*-key`, `*-token`."""
    lower = name.lower()
    return lower in _CREDENTIALS or lower.endswith(("-key", "-token"))


def _check_headers(headers: dict[str, Expression | Secret]) -> dict[str, Expression | Secret]:
    _refuse(_header_mistakes(headers))
    return {name.lower(): value for name, value in headers.items()}


def _header_mistakes(headers: Mapping[str, Expression | Secret]) -> Iterator[InitErrorDetails]:
    for name, value in headers.items():
        if not is_header_name(name):
            yield _mistake("not the name of an HTTP header: letters, digits and - only", name)
        elif name.lower() in NOT_PASSED_ON - _SETTABLE:
            yield _mistake(f"{name} is set by HTTP itself and cannot be given", name)
        elif is_sensitive(name) and isinstance(value, Expression) and value.is_literal:
            yield _mistake(f'{name} holds a credential, which does not belong here: write {{secret: "env:NAME"}}', name)
    if len({name.lower() for name in headers}) < len(headers):
        yield _mistake("two headers differ in case only, which HTTP does not tell apart")


def _mistake(message: str, *place: str, allowed: Collection[str] = ()) -> InitErrorDetails:
    """Return one of several mistakes; none of the messages shows a value, so that all may be shown."""
    # Put in as it is, since pydantic takes braces in a message for names in its context.
    context = {"message": message, "allowed": sorted(allowed), "value_free": True}
    return InitErrorDetails(type=PydanticCustomError("http", "{message}", context), loc=place, input=None)


def _refuse(mistakes: Iterable[InitErrorDetails]) -> None:
    """Report all mistakes at once: pydantic takes over the errors of a validator that raises its own error."""
    if found := list(mistakes):
        raise ValidationError.from_exception_data("http", found, hide_input=True)


def _kind(value: object) -> str:
    tagged = cast("dict[object, object]", value) if isinstance(value, dict) else {}
    return "<secret>" if isinstance(value, Secret) or "secret" in tagged else "<expression>"


HeaderValue: TypeAlias = Annotated[
    Annotated[Expression, Tag("<expression>")] | Annotated[Secret, Tag("<secret>")], Discriminator(_kind)
]
"""The value of a header in a file: a scalar, `{jmes: …}`, or `{secret: reference, prefix: text}`."""

Headers: TypeAlias = Annotated[dict[str, HeaderValue], AfterValidator(_check_headers)]
"""Headers in a file, checked; their names are then in lower case."""


class HttpTarget(Component):
    """Where a component calls, and with what: the base of all that send HTTP requests from a file's settings."""

    url: UrlTemplate = Field(
        description="The URL; {name} in its path or query stands for a parameter.",
        examples=["https://partner.example/hooks"],
    )
    params: dict[str, Expression] = Field(default_factory=dict, description="The value of each {name} in the URL.")
    headers: Headers = Field(default_factory=dict, description="Headers to send: values, expressions or secrets.")
    allow_private: bool = Field(default=False, description="Permit loopback and private addresses and plain http://.")

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        _refuse(self._mistakes())
        return self

    def _mistakes(self) -> Iterator[InitErrorDetails]:
        if problem := url_problem(self.url.text, allow_private=self.allow_private):
            yield _mistake(problem, "url")
        names, missing = self.url.names, self.url.names - set(self.params)
        for name in sorted(self.params.keys() - names):
            yield _mistake(f"the URL has no {{{name}}}", "params", name, allowed=names)
            missing = missing - set(get_close_matches(name, missing, n=1))  # misspelt, not missing: one mistake
        if missing:
            yield _mistake(f"params has no value for {', '.join(sorted(missing))}", "url")

    def resources(self) -> Sequence[Resource]:
        """Return the secrets behind the headers."""
        return [used for value in self.headers.values() if isinstance(value, Secret) for used in value.resources()]

    def fill_url(self, view: Mapping[str, object]) -> str:
        """Return the URL for one message.

        Raises:
            Reject: A parameter is missing, or is not one that a URL can take.
        """
        return self.url.fill({name: value.evaluate(view) for name, value in self.params.items()})

    async def fill_headers(self, view: Mapping[str, object], context: Context) -> dict[str, str]:
        """Return the headers for one message, secrets fetched.

        Raises:
            Reject: A value is missing, or is not one that a header can take.
        """
        return {
            name: await context.secret(value)
            if isinstance(value, Secret)
            else scalar_text(value.evaluate(view), f"the header {name}")
            for name, value in self.headers.items()
        }

    def shown_headers(self, view: Mapping[str, object]) -> dict[str, str]:
        """Return the headers for one message as a person may see them: of a secret, only that there is one.

        Raises:
            Reject: As `fill_headers` does.
        """
        return {
            name: "***" if isinstance(value, Secret) else scalar_text(value.evaluate(view), f"the header {name}")
            for name, value in self.headers.items()
        }

    def secret_headers(self, headers: Mapping[str, str]) -> Collection[str]:
        """Return the secrets among the filled headers, with their prefixes and without, longest first."""
        filled = [(value, headers[name]) for name, value in self.headers.items() if isinstance(value, Secret)]
        shown = {text for _, text in filled} | {text.removeprefix(secret.prefix) for secret, text in filled}
        return sorted(shown - {""}, key=len, reverse=True)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that an answer asks us to wait, 12 hours at most; None when it does not (RFC 9110 §10.2.3).

    Args:
        headers: The answer's headers, names in lower case.
        now: The time of day, in seconds since 1970, against which a date is read.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value), MAX_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(value)
        until = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(until - now, 0.0), MAX_RETRY_AFTER)


def is_try_later(status: int) -> bool:
    """Tell whether a status says that nobody was served, and that the same request may succeed later."""
    return status >= 500 or status in _TRY_LATER


def status_error(answer: HttpAnswer, where: str, now: float, *, hide: Iterable[str] = ()) -> MessageError | None:
    """Return what an answer means for the message: None for 2xx, Transient when it may succeed later, else Reject.

    Args:
        answer: The answer.
        where: What answered, as `shown_url` shows it.
        now: The time of day, in seconds since 1970.
        hide: Texts that must not be quoted: the secrets that were sent, which some servers echo.
    """
    if 200 <= answer.status < 300:
        return None
    reason = f"{where} answered {answer.status}{_quoted(answer, hide)}"
    if is_try_later(answer.status):
        return Transient(reason, retry_after=retry_after(answer.headers, now))
    return Reject(reason, error="refused")


def _quoted(answer: HttpAnswer, hide: Iterable[str]) -> str:
    kind = answer.headers.get("content-type", "").lower()
    if not kind.startswith("text/") and "json" not in kind and "xml" not in kind:
        return ""
    text = answer.body.decode("utf-8", "replace")
    for secret in hide:
        text = text.replace(secret, "***")
    text = " ".join(text.split())[:_QUOTED_LENGTH]
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return f": {shown}" if shown else ""
