"""Service integrations speak the state machine's spelling.

AWS: parameters and results of `batch:submitJob`, `states:startExecution` and `aws-sdk:…` integrations are spelled in
PascalCase whatever the service's own API says
(https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html,
supported-services-awssdk.html: "parameters … in PascalCase"); a body stream and a moment arrive as text.

moto: took this code over and left out the step that translates (`JobDefinition` ↔ `jobDefinition`): Batch
tasks fail with States.Runtime, cause "'JobDefinition'", and so do those that start an execution.
`aws-sdk:s3:getObject` leaves a stream object in the state, a start of an execution a date.
"""

from __future__ import annotations

import functools
from datetime import datetime, timezone
from typing import Any

import botocore.session
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.utils import camel_to_snake_case

from flowinfra.local.mends.mend import Mend, patch


@functools.cache
def _operation(service: str, action: str) -> Any:
    """Botocore's model of an operation, by its name in snake case."""
    model = botocore.session.get_session().get_service_model(service)
    names = {camel_to_snake_case(name): name for name in model.operation_names}
    return model.operation_model(names[camel_to_snake_case(action)])


def _model(task: Any, service: str | None, action: str | None) -> Any:
    return _operation(task._get_boto_service_name(service), task._get_boto_service_action(action))


def normalise_parameters(
    self: Any,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    """Respell a task's parameters, in place, as the service's API has them."""
    shape = _model(self, boto_service_name, service_action_name).input_shape
    if shape is not None:
        self._to_boto_request(parameters, shape)


def normalise_response(
    self: Any,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    """Respell a service's answer, in place, as the state machine sees it."""
    shape = _model(self, boto_service_name, service_action_name).output_shape
    if shape is None:
        return
    self._from_boto_response(response, shape)
    for key, value in response.items():
        if isinstance(value, datetime):
            response[key] = value.astimezone(timezone.utc).isoformat(timespec="milliseconds")


MEND = Mend(
    "integrations",
    tuple(
        patch(service, name, replacement)
        for service in (StateTaskServiceBatch, StateTaskServiceAwsSdk, StateTaskServiceSfn)
        for name, replacement in (
            ("_normalise_parameters", normalise_parameters),
            ("_normalise_response", normalise_response),
        )
    ),
)
