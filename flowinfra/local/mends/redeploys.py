"""CreateStateMachine of a name that exists with another definition is an error.

AWS: the call is idempotent for the same name, definition, type, logging, tracing and encryption; with other
ones it raises StateMachineAlreadyExists
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html). Metaflow's
`create` relies on it: it updates when it gets that error, and takes the ARN out of its message.

moto: returns the old state machine, so that a second deploy is silently lost.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from flowinfra.local.mends.mend import Mend, patch

_create = StepFunctionsParserBackend.create_state_machine
_DEFAULTS: dict[str, Any] = {
    "loggingConfiguration": {"level": "OFF"},
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
}


class StateMachineAlreadyExists(AWSError):  # noqa: N818  (AWS's name for it)
    """Error of AWS, as the API's model has it."""

    TYPE = "StateMachineAlreadyExists"


def create(
    self: StepFunctionsParserBackend,
    name: str,
    definition: str,
    roleArn: str,  # noqa: N803  (moto passes it by name)
    **options: Any,
) -> StateMachine:
    """Create the state machine, return an equal one, or refuse."""
    old = next((each for each in self.state_machines if each.name == name), None)
    if old is not None:
        same = old.definition == definition and all(
            getattr(old, key) == (options.get(key) or default) for key, default in _DEFAULTS.items()
        )
        if not same:
            raise StateMachineAlreadyExists(f"State Machine Already Exists: '{old.arn}'")
    return _create(self, name, definition, roleArn, **options)


MEND = Mend("redeploys", (patch(StepFunctionsParserBackend, "create_state_machine", create),))
