"""What the emulator answers beside AWS's own API, under `/_flowinfra/`: its state, how far an
execution is, and what topics were sent.

AWS has the progress only in an execution's history, which grows with each task, and nowhere what was published.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.batch.models import batch_backends
from moto.sns.models import sns_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from flowinfra.local import tracking, wiring
from flowinfra.local.calls import Application
from flowinfra.local.events.bus import BUS
from flowinfra.local.identity import ACCOUNT, REGION
from flowinfra.operate.runs.progress import Progress, Step, Task, map_sizes, steps_of

PREFIX = "/_flowinfra/"


class Console:
    """WSGI middleware that answers paths which begin with PREFIX."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request of flowinfra's own, or pass it on."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        what, _, name = path.removeprefix(PREFIX).partition("/")
        answer = None
        if what == "status":
            answer = status()
        elif what == "executions":
            answer = execution(name)
        elif what == "messages":
            answer = messages()
        code = "404 Not Found" if answer is None else "200 OK"
        start_response(code, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]


def status() -> dict[str, Any]:
    """What is deployed and what runs."""
    machines = [
        {
            "name": machine.name,
            "arn": machine.arn,
            "running": sum(each.status == "RUNNING" for each in machine.executions),
            "executions": len(machine.executions),
        }
        for machine in _state_machines()
    ]
    jobs = Counter(str(job._status.value if hasattr(job._status, "value") else job._status) for job in _jobs().values())
    return {
        "pid": os.getpid(),
        "isolation": wiring.current().isolation.value,
        "state_machines": machines,
        "jobs": dict(jobs),
    }


def execution(name: str) -> dict[str, Any] | None:
    """How far an execution is, found by its name (with or without `sfn-`) or ARN; None if it does not
    exist.
    """
    wanted = name.removeprefix("sfn-")
    # what waits for a flow's events (NAME-events) starts the flow under the name of its own execution
    for machine in sorted(_state_machines(), key=lambda machine: len(machine.name)):
        for each in machine.executions:
            if wanted in (each.name, each.execution_arn):
                return _progress(machine.name, each).to_dict()
    return None


def messages() -> dict[str, Any]:
    """What was published to each topic, the oldest first, and the events that no target got."""
    return {
        "topics": {
            arn: [
                {"id": identifier, "subject": subject, "message": message}
                for identifier, message, subject, *_ in list(topic.sent_notifications)
            ]
            for arn, topic in list(sns_backends[ACCOUNT][REGION].topics.items())
        },
        "lost": [vars(each) for each in list(BUS.lost)],
    }


def _progress(state_machine: str, execution: Any) -> Progress:
    environment = execution.exec_worker.env
    # not `get_event_history`, which copies all of it: this is asked several times a second
    sizes = map_sizes(list(environment.event_manager._history_event_list) if environment else [])
    jobs = _jobs()
    tasks: dict[str, list[Task]] = {}
    for job_id, origin in tracking.jobs_of(execution.execution_arn):
        tasks.setdefault(origin.state, []).append(_task(jobs[job_id]))
    steps = []
    for name, maps in steps_of(json.loads(execution.state_machine.definition)).items():
        known = tasks.get(name, [])
        expected = sizes.get(maps[-1], 0) if maps else 0
        steps.append(Step(name, max(1, expected, len(known)), tuple(known)))
    return Progress(
        ref=execution.execution_arn,
        name=state_machine,
        status=execution.status,
        error=execution.error,
        cause=execution.cause,
        steps=tuple(steps),
    )


def _task(job: Any) -> Task:
    return Task(
        id=job.job_id,
        status=job._status.value if hasattr(job._status, "value") else str(job._status),
        attempts=len(job.attempts),
        reason=job.job_stopped_reason,
        exit_code=job.exit_code,
        started=job.attempts[0]["startedAt"] / 1000 if job.attempts else None,
        stopped=job.job_stopped_at.timestamp() if job.job_stopped else None,
    )


def _state_machines() -> list[Any]:
    return list(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines)


def _jobs() -> dict[str, Any]:
    return dict(batch_backends[ACCOUNT][REGION]._jobs)
