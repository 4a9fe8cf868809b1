"""A state machine that runs is DELETING until its executions meet their next state, and ends them there.

AWS: DeleteStateMachine "is an asynchronous operation. It sets the state machine's status to DELETING and begins the
deletion process. A state machine is deleted only when all its executions are completed. On the next state transition,
the state machine's executions are terminated" (API_DeleteStateMachine.html of the Step Functions API reference). Until
then it is described as DELETING, and a start, an update, or a create of the name is refused with StateMachineDeleting.

moto: removes it at once, and its executions go on.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.models import StepFunctionBackend
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.responses import StepFunctionResponse

from flowinfra.local.mends.mend import Mend, patch

_delete = StepFunctionBackend.delete_state_machine
_describe = StepFunctionResponse.describe_state_machine
_start = StepFunctionResponse.start_execution
_update = StepFunctionResponse.update_state_machine
_create = StepFunctionResponse.create_state_machine
_enter = CommonStateField._eval_body

_deleting: dict[str, StepFunctionBackend] = {}
"""ARN of a state machine that goes → where it is."""
_POLL = 0.1


class StateMachineDeleting(AWSError):  # noqa: N818  (AWS's name for it)
    """Error of AWS, as the API's model has it."""

    TYPE = "StateMachineDeleting"


def delete(self: StepFunctionBackend, arn: str) -> None:
    """DeleteStateMachine: at once where nothing runs."""
    if arn in _deleting:
        return
    if not _running(self, arn):
        _delete(self, arn)
        return
    _deleting[arn] = self
    threading.Thread(target=_finish, args=(self, arn), name="deleting", daemon=True).start()


def describe(self: StepFunctionResponse) -> ActionResult:
    """DescribeStateMachine."""
    answer = _describe(self)
    found: Any = answer.result
    if found["stateMachineArn"] in _deleting:
        found["status"] = "DELETING"
    return answer


def start(self: StepFunctionResponse) -> ActionResult:
    """StartExecution."""
    _refuse(self._get_param("stateMachineArn"))
    return _start(self)


def update(self: StepFunctionResponse) -> ActionResult:
    """UpdateStateMachine."""
    _refuse(self._get_param("stateMachineArn"))
    return _update(self)


def create(self: StepFunctionResponse) -> ActionResult:
    """CreateStateMachine."""
    name = self._get_param("name")
    for arn in list(_deleting):
        if arn.rpartition(":")[2] == name:
            _refuse(arn)
    return _create(self)


def enter(self: CommonStateField, env: Any) -> None:
    """A state of an execution: where the state machine goes, the execution ends in place of it."""
    context = env.states.context_object.context_object_data
    backend = _deleting.get(context["StateMachine"]["Id"]) if _deleting else None
    if backend is None:
        _enter(self, env)
        return
    execution: Any = backend.describe_execution(context["Execution"]["Id"])
    execution.stop(stop_date=datetime.now(tz=timezone.utc), error=None, cause="The state machine was deleted")


def _refuse(arn: str) -> None:
    if arn in _deleting:
        raise StateMachineDeleting(f"State Machine is being deleted: '{arn}'")


def _running(backend: StepFunctionBackend, arn: str) -> bool:
    machine = next((each for each in backend.state_machines if each.arn == arn), None)
    return machine is not None and any(execution.status == "RUNNING" for execution in machine.executions)


def _finish(backend: StepFunctionBackend, arn: str) -> None:
    while _running(backend, arn):
        time.sleep(_POLL)
    _delete(backend, arn)
    del _deleting[arn]


MEND = Mend(
    "deletions",
    (
        patch(StepFunctionBackend, "delete_state_machine", delete),
        patch(StepFunctionResponse, "describe_state_machine", describe),
        patch(StepFunctionResponse, "start_execution", start),
        patch(StepFunctionResponse, "update_state_machine", update),
        patch(StepFunctionResponse, "create_state_machine", create),
        patch(CommonStateField, "_eval_body", enter),
    ),
)
