"""An execution that is started without a name gets a UUID.

AWS: "If you don't provide a name for the execution, Step Functions automatically generates a universally
unique identifier (UUID)"
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html). Metaflow's run id
is `sfn-` and this name.

moto: the interpreter's executions are all named `None`.
"""

from __future__ import annotations

import uuid
from typing import Any

from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from flowinfra.local.mends.mend import Mend, patch

_start: Any = StepFunctionsParserBackend.start_execution


def start(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    """Start an execution under its name, a valid one, or a fresh UUID."""
    if name:
        self._validate_name(name)
    return _start(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)


MEND = Mend("execution-names", (patch(StepFunctionsParserBackend, "start_execution", start),))
