"""Execution history goes to CloudWatch Logs where the state machine asks for it.

AWS: with a `loggingConfiguration` of a level other than OFF, each history event of that level is sent to the log
group, best effort (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html).

moto: keeps the configuration and sends nothing.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends
from moto.stepfunctions.parser.asl.eval.event.logging import (
    CloudWatchLoggingConfiguration,
    CloudWatchLoggingSession,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import Execution

from flowinfra.local.mends.mend import Mend, patch

_start: Any = Execution.start


class Session(CloudWatchLoggingSession):
    """Sends an execution's history events to its log group."""

    def publish_history_log(self, history_log: Any) -> None:
        """Send one event; a log group that is not there gets none."""
        backend: Any = logs_backends[self.configuration.log_account_id][self.configuration.log_region]
        group = self.configuration.log_group_name
        stream = self.execution_arn.rpartition(":")[2]
        moment = datetime.fromisoformat(str(history_log["event_timestamp"]).replace("Z", "+00:00"))
        event = {"timestamp": int(moment.timestamp() * 1000), "message": to_json_str(history_log)}
        with contextlib.suppress(ResourceNotFoundException):
            backend.ensure_log_stream(group, stream)
            backend.put_log_events(group, stream, [event])


def start(self: Any) -> None:
    """Start an execution with the log that its state machine asks for."""
    configuration = CloudWatchLoggingConfiguration.from_logging_configuration(
        state_machine_arn=self.state_machine.arn,
        logging_configuration=self.state_machine.loggingConfiguration,
    )
    if configuration is not None:
        self._cloud_watch_logging_session = Session(self.exec_arn, configuration)
    _start(self)


MEND = Mend("execution-logs", (patch(Execution, "start", start),))
