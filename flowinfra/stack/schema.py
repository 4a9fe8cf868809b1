"""JSON schema of a stack's file, for editors: made from the models that check it, with their words."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from flowinfra.stack.configuration import StackConfig

NAMESPACE = "flowinfra:"
DIALECT = GenerateJsonSchema.schema_dialect
_OF_PULUMI = {
    "encryptionsalt": "Salt of the stack's passphrase; Pulumi writes it.",
    "encryptedkey": "Key that encrypts the stack's secrets; Pulumi writes it.",
    "secretsprovider": "What encrypts the stack's secrets.",
}
"""Other keys of a stack's file that are text → what they are."""


class _Terse(GenerateJsonSchema):
    """Without what says nothing: titles made of the names of keys, and defaults that are nothing or empty."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No."""
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Only defaults that are a single value are told."""
        made = super().default_schema(schema)
        if not isinstance(made.get("default"), (str, int, float)):
            made.pop("default", None)
        return made


def stack_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of `Pulumi.<stack>.yaml`."""
    stack = StackConfig.model_json_schema(by_alias=True, schema_generator=_Terse)
    keys = {f"{NAMESPACE}{name}": value for name, value in stack["properties"].items()}
    config = {
        "description": f"Configuration; `{NAMESPACE}…` is that of flowinfra.",
        "type": "object",
        "properties": keys,
        "required": [f"{NAMESPACE}{name}" for name in stack["required"]],
        "patternProperties": {f"^(?!{NAMESPACE})": True},
        "additionalProperties": False,
    }
    texts = {name: {"description": words, "type": "string"} for name, words in _OF_PULUMI.items()}
    return {
        "$schema": DIALECT,
        "title": "Stack of flowinfra",
        "description": "Pulumi.<stack>.yaml: where the flows of a stack run and which they are.",
        "type": "object",
        "properties": {
            "config": config,
            "environment": {"description": "Environments of Pulumi ESC that the stack takes values from."},
            **texts,
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": stack["$defs"],
    }


def schema_text() -> str:
    """The schema as the file that is published."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"
