"""A definition in JSONata is refused.

AWS: runs definitions with `QueryLanguage: JSONata`. Metaflow makes none.

moto: takes them, and fails in the middle of an execution unless a JavaScript engine is installed. Not
restored but said plainly: CreateStateMachine and UpdateStateMachine answer InvalidDefinition.
"""

from __future__ import annotations

import json
from typing import Any

from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from flowinfra.local.mends.mend import Mend, patch

_validate = StepFunctionsParserBackend._validate_definition


def validate(definition: str) -> None:
    """Raise InvalidDefinition for a definition that cannot be run here."""
    _validate(definition=definition)
    if _uses_jsonata(json.loads(definition)):
        raise InvalidDefinition(
            message="The embedded AWS does not run QueryLanguage JSONata; use JSONPath (AWS runs both)"
        )


def _uses_jsonata(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("QueryLanguage") == "JSONata" or any(map(_uses_jsonata, value.values()))
    return isinstance(value, list) and any(map(_uses_jsonata, value))


MEND = Mend(
    "query-languages",
    (patch(StepFunctionsParserBackend, "_validate_definition", staticmethod(validate)),),
)
