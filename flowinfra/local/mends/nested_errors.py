"""A failed branch or iteration fails its Parallel or Map with its own error.

AWS: the error of a failed branch or iteration is that of the state that encloses it, whatever its name
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).

moto: a name of Step Functions' own, such as States.TaskFailed of a failed job, is refused as "custom error
name", and the enclosing state fails with States.Runtime and that as its cause.
"""

from __future__ import annotations

import moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker as worker
import moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl as branches
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)

from flowinfra.local.mends.mend import Mend, patch

_STATES = {kind.to_name() for kind in StatesErrorNameType}


def error_name(error_name: str | None) -> ErrorName:
    """An error's name, Step Functions' own or not."""
    if error_name in _STATES:
        return StatesErrorName.from_name(error_name)
    return CustomErrorName(error_name)


MEND = Mend(
    "nested-errors",
    (patch(worker, "CustomErrorName", error_name), patch(branches, "CustomErrorName", error_name)),
)
