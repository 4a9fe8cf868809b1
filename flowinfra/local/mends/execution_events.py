"""Executions send events when they begin and when they end.

AWS: "Step Functions Execution Status Change" on the default bus, of standard workflows, best effort
(https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html).

moto: sends none.
"""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, SyncExecution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from flowinfra.local.events import shapes
from flowinfra.local.events.bus import BUS
from flowinfra.local.mends.mend import Mend, patch

_start: Any = ExecutionWorker.start
_terminated: Any = BaseExecutionWorkerCommunication.terminated


def start(self: Any) -> None:
    """Say so, and begin; in this order, for the end of a short execution must not be told first."""
    execution = self._execution_communication.execution
    if not isinstance(execution, SyncExecution):
        BUS.put(shapes.execution_changed(execution, "RUNNING"))
    _start(self)


def terminated(self: Any) -> None:
    """End, and say so."""
    _terminated(self)
    execution = self.execution
    if isinstance(execution, SyncExecution):
        return
    state = execution.exec_worker.env.program_state()
    if isinstance(state, ProgramStopped):
        execution.error, execution.cause = state.error, state.cause
    BUS.put(shapes.execution_changed(execution, execution.status))


MEND = Mend(
    "execution_events",
    (patch(ExecutionWorker, "start", start), patch(BaseExecutionWorkerCommunication, "terminated", terminated)),
)
