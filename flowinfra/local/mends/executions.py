"""DescribeExecution answers with the execution's true state, and with the definition that it was started with.

AWS: DescribeExecution and ListExecutions give `output` as JSON text and `stopDate` for every execution that
has ended; StopExecution takes `error` and `cause` and answers with the stop date;
DescribeStateMachineForExecution gives the definition that the execution began with
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html).
`flowinfra gc` needs that last one to know what running executions refer to. GetExecutionHistory gives events from
either end, at most 1,000 (100 where nobody says) in one answer, and the rest by a token
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html).

moto: gives an output that is a string without its quotes, leaves the date out for executions that timed
out, drops error and cause, fails if an execution is stopped before its thread runs, and describes the state
machine's present definition. It gives a history as a whole, from its beginning, whatever is asked.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any, cast

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse

from flowinfra.local.mends.mend import Mend, patch

_describe = StepFunctionResponse.describe_execution
_get_history = StepFunctionResponse.get_execution_history
_list = StepFunctionResponse.list_executions
_stop_worker = ExecutionWorker.stop
_TIMED_OUT = "TIMED_OUT"
_EVENTS = 100
"""Events in one answer where nobody says how many."""
_PATIENCE = 10.0
"""Seconds that StopExecution waits for the interpreter."""


def describe(self: StepFunctionResponse) -> ActionResult:
    """DescribeExecution."""
    answer = _describe(self)
    found: Any = answer.result
    execution: Any = self.stepfunction_backend.describe_execution(found["executionArn"])
    if found["status"] == _TIMED_OUT:
        found["stopDate"] = execution.stop_date
    if "output" in found:
        found["output"] = json.dumps(execution.output)
    return answer


def list_executions(self: StepFunctionResponse) -> ActionResult:
    """ListExecutions."""
    answer = _list(self)
    found: Any = answer.result
    for each in found["executions"]:
        if each["status"] == _TIMED_OUT:
            each["stopDate"] = self.stepfunction_backend.describe_execution(each["executionArn"]).stop_date
    return answer


def history(self: StepFunctionResponse) -> ActionResult:
    """GetExecutionHistory: a page of it, from either end."""
    events: Any = list(cast(Any, _get_history(self).result)["events"])
    if self._get_param("reverseOrder"):
        events.reverse()
    size = self._get_int_param("maxResults") or _EVENTS
    begin = int(self._get_param("nextToken") or 0)
    rest = {"nextToken": str(begin + size)} if begin + size < len(events) else {}
    return ActionResult({"events": events[begin : begin + size], **rest})


def stop(self: StepFunctionResponse) -> ActionResult:
    """StopExecution: returns once the execution has stopped."""
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    error, cause = self._get_param("error"), self._get_param("cause")
    if execution.status == "RUNNING":
        execution.stop(stop_date=datetime.now(tz=timezone.utc), error=error, cause=cause)
        _wait(lambda: execution.status != "RUNNING")
        if execution.status == "ABORTED":
            execution.error, execution.cause = error, cause
    return ActionResult({"stopDate": execution.stop_date})


def stop_worker(self: ExecutionWorker, **reason: Any) -> None:
    """Stop the interpreter, once it has begun."""
    _wait(lambda: self.env is not None)
    _stop_worker(self, **reason)


def describe_state_machine(self: StepFunctionResponse) -> ActionResult:
    """DescribeStateMachineForExecution."""
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    machine = execution.state_machine
    return ActionResult(
        {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition,
            "roleArn": machine.roleArn,
            "updateDate": machine.update_date,
            "loggingConfiguration": machine.loggingConfiguration,
            "tracingConfiguration": machine.tracingConfiguration,
            "encryptionConfiguration": machine.encryptionConfiguration,
        }
    )


def _wait(done: Any) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


MEND = Mend(
    "executions",
    (
        patch(StepFunctionResponse, "describe_execution", describe),
        patch(StepFunctionResponse, "list_executions", list_executions),
        patch(StepFunctionResponse, "get_execution_history", history),
        patch(StepFunctionResponse, "stop_execution", stop),
        patch(StepFunctionResponse, "describe_state_machine_for_execution", describe_state_machine),
        patch(ExecutionWorker, "stop", stop_worker),
    ),
)
