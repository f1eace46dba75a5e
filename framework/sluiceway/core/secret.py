"""References to secrets. A pipeline file and its settings hold the reference only, never the value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from sluiceway.core.resource import Resource

_FORM = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|secretsmanager:[^#\s]+(#[^#\s]+)?|ssm:/[A-Za-z0-9_.\-/]+")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret's value is to be fetched: `env:NAME`, `file:/path`, `secretsmanager:name#key`, `ssm:/path`.

    In a file: the reference itself, or `{secret: reference, prefix: "Bearer "}`.

    Attributes:
        reference: Where the value is.
        prefix: A text to put before the value.
    """

    FORMS: ClassVar = ("env:NAME", "file:/path", "secretsmanager:name#key", "ssm:/path")

    reference: str
    prefix: str = ""

    def resources(self) -> tuple[Resource, ...]:
        """Return what fetching the value uses."""
        scheme, _, rest = self.reference.partition(":")
        if scheme == "secretsmanager":
            return (Resource("secret", rest.partition("#")[0], ("secretsmanager:GetSecretValue",)),)
        if scheme == "ssm":
            return (Resource("parameter", rest, ("ssm:GetParameter",)),)
        return ()

    @classmethod
    def parse(cls, value: object) -> Secret:
        """Return the secret that a file's value refers to.

        Raises:
            PydanticCustomError: It is no reference. The message does not repeat it: it may be the secret.
        """
        if isinstance(value, Secret):
            return value
        prefix: object = ""
        if isinstance(value, dict):
            tagged = cast("dict[str, object]", value)
            if "secret" not in tagged or not set(tagged) <= {"secret", "prefix"}:
                raise PydanticCustomError(
                    "secret",
                    "expected {form}",
                    {"form": "{secret: reference, prefix: text}", "value_free": True},
                )
            value, prefix = tagged["secret"], tagged.get("prefix", "")
        if not isinstance(prefix, str) or not isinstance(value, str) or not _FORM.fullmatch(value):
            raise PydanticCustomError(
                "secret",
                "expected a reference to a secret ({forms}), not a value",
                {"forms": ", ".join(cls.FORMS), "value_free": True},
            )
        return cls(value, prefix)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda s: s.reference)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        reference: JsonSchemaValue = {"type": "string", "pattern": f"^({_FORM.pattern})$"}
        tagged: JsonSchemaValue = {
            "type": "object",
            "properties": {"secret": reference, "prefix": {"type": "string"}},
            "required": ["secret"],
            "additionalProperties": False,
        }
        return {"anyOf": [reference, tagged], "examples": ["env:TOKEN"]}
