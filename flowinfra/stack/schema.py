"""JSON schema of a stack's file, for editors: made from the models that check it, with their words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from flowinfra.model.options import docstrings
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
        """Leave titles out: they only repeat the names of keys."""
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """The schema shows only defaults that are a single value."""
        made = super().default_schema(schema)
        if not isinstance(made.get("default"), (str, int, float)):
            made.pop("default", None)
        return made


def stack_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of `Pulumi.<stack>.yaml`."""
    stack = StackConfig.model_json_schema(by_alias=True, schema_generator=_Terse)
    for model in _models(StackConfig):
        _describe(stack if model is StackConfig else stack["$defs"][model.__name__], model)
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


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model, and all that its fields are made of."""
    found = {model}
    for field in model.model_fields.values():
        found |= {each for nested in _in(field.annotation) for each in _models(nested)}
    return found


def _in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _in(part)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Each key is described by its docstring, which pydantic would not take from a model that is inherited from."""
    for name, words in docstrings(model).items():
        schema["properties"][model.model_fields[name].alias or name].setdefault("description", words)


def schema_text() -> str:
    """The schema as the file that is published."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"
