"""Executions of a flow's state machine, asked of AWS: of a person's account, or of the embedded one.

Only calls that Metaflow's own commands make, and GetExecutionHistory, which answers whatever the flow logs.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flowinfra.errors import ToolError, TriggerError
from flowinfra.operate.runs import history
from flowinfra.operate.runs.history import Event, Failure
from flowinfra.operate.runs.machines import Machine, execution_input, read
from flowinfra.operate.runs.progress import Progress, Step, run_id

_PAGE = 1000
"""Events that GetExecutionHistory gives at most in one answer."""
_JOBS = 100
"""Jobs that DescribeJobs takes at most."""
_LOCAL_SECONDS, _SECONDS = 0.3, 3.0


@dataclass(frozen=True)
class Run:
    """An execution that has been, or is."""

    run_id: str
    """Metaflow's."""
    ref: str
    """ARN of the execution; `NAMESPACE/NAME` of a workflow on Argo."""
    status: str
    started: datetime
    stopped: datetime | None
    failure: Failure | None


class Executions:
    """Executions of one state machine."""

    def __init__(self, session: boto3.Session, arn: str) -> None:
        """Take a session, and the state machine's ARN, which says the region."""
        settings = Config(retries={"mode": "standard", "max_attempts": 8})
        self.region = arn.split(":")[3]
        self._arn = arn
        with asked():
            self._states: Any = session.client("stepfunctions", region_name=self.region, config=settings)
            self._batch: Any = session.client("batch", region_name=self.region, config=settings)
        self._definitions: dict[str, Mapping[str, Any]] = {}
        self._histories: dict[str, list[Event]] = {}

    @property
    def embedded(self) -> bool:
        """Whether the embedded AWS answers, and not an account."""
        return urlsplit(self._states.meta.endpoint_url).hostname in ("127.0.0.1", "localhost", "::1")

    @property
    def interval(self) -> float:
        """Seconds between two looks at an execution that is followed."""
        return _LOCAL_SECONDS if self.embedded else _SECONDS

    def machine(self) -> Machine:
        """The state machine as it is now."""
        with asked():
            found = self._states.describe_state_machine(stateMachineArn=self._arn)
        return read(found["name"], self._arn, json.loads(found["definition"]))

    def start(self, values: Mapping[str, Any]) -> str:
        """Start an execution; returns its ARN. Tried again after a lost answer, it starts none twice.

        Raises:
            TriggerError: the values are too long.
            ToolError: AWS refuses it.
        """
        text = execution_input(self.machine(), values)
        with asked():
            started = self._states.start_execution(stateMachineArn=self._arn, name=str(uuid.uuid4()), input=text)
        return str(started["executionArn"])

    def ref_of(self, run_id: str) -> str:
        """ARN of a run's execution."""
        return f"{self._arn.replace(':stateMachine:', ':execution:')}:{run_id.removeprefix('sfn-')}"

    def progress(self, arn: str) -> Progress:
        """How far an execution is.

        Raises:
            TriggerError: there is no such execution.
            ToolError: AWS does not answer.
        """
        described = self._describe(arn)
        events = self._history(arn)
        with asked():
            if arn not in self._definitions:
                machine = self._states.describe_state_machine_for_execution(executionArn=arn)
                self._definitions[arn] = json.loads(machine["definition"])
            jobs = self._jobs(history.open_jobs(events))
            items = {
                state: self._states.describe_map_run(mapRunArn=map_run)["itemCounts"]
                for map_run, state in history.map_runs(events).items()
            }
        found = history.steps(self._definitions[arn], events, jobs, items)
        ended = described["status"] != "RUNNING"
        return Progress(
            ref=arn,
            name=self._arn.rpartition(":")[2],
            status=described["status"],
            error=described.get("error"),
            cause=described.get("cause"),
            steps=tuple(settled(step) if ended else step for step in found),
        )

    def run(self, arn: str) -> Run:
        """One run, with what made it fail."""
        described = self._describe(arn)
        return self._run({**described, "executionArn": arn})

    def last(self, count: int) -> list[Run]:
        """The last runs, the newest first."""
        with asked():
            pages = self._states.get_paginator("list_executions").paginate(
                stateMachineArn=self._arn, PaginationConfig={"MaxItems": count, "PageSize": min(count, _PAGE)}
            )
            listed = [each for page in pages for each in page["executions"]]
        return [self._run(each) for each in listed[:count]]

    def _run(self, listed: Mapping[str, Any]) -> Run:
        return Run(
            run_id=run_id(listed["executionArn"]),
            ref=listed["executionArn"],
            status=listed["status"],
            started=listed["startDate"],
            stopped=listed.get("stopDate"),
            failure=None if listed["status"] in ("RUNNING", "SUCCEEDED") else self._failure(listed["executionArn"]),
        )

    def _failure(self, arn: str) -> Failure | None:
        described = self._describe(arn)
        events = self._history(arn)
        found = history.failure(events, described["status"], described.get("error"), described.get("cause"))
        runs = history.map_runs(events)
        if found is None or found.task is not None or not runs:
            return found
        return self._of_child(list(runs)[-1], found)

    def _of_child(self, map_run: str, found: Failure) -> Failure:
        """The failure of a distributed map's first failed item: its tasks are in an execution of its own."""
        try:
            listed = self._states.list_executions(mapRunArn=map_run, statusFilter="FAILED", maxResults=1)["executions"]
        except (BotoCoreError, ClientError) as error:
            return replace(found, reason=f"{found.reason} (which of its items failed cannot be asked: {_said(error)})")
        return (self._failure(listed[0]["executionArn"]) if listed else None) or found

    def _describe(self, arn: str) -> dict[str, Any]:
        try:
            with asked():
                found: dict[str, Any] = self._states.describe_execution(executionArn=arn)
        except ToolError as error:
            if "ExecutionDoesNotExist" not in str(error):
                raise
            raise TriggerError(
                f"there is no run sfn-{arn.rpartition(':')[2]} of the state machine {self._arn.rpartition(':')[2]}; "
                "Step Functions forgets executions 90 days after their end"
            ) from None
        return found

    def _history(self, arn: str) -> list[Event]:
        """The whole history; asked again, only what is new is fetched."""
        with asked():
            pages = self._states.get_paginator("get_execution_history").paginate(
                executionArn=arn, reverseOrder=True, PaginationConfig={"PageSize": _PAGE}
            )
            newest_first = (event for page in pages for event in page["events"])
            self._histories[arn] = history.merged(self._histories.get(arn, []), newest_first)
        return self._histories[arn]

    def _jobs(self, ids: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for begin in range(0, len(ids), _JOBS):
            answer = self._batch.describe_jobs(jobs=ids[begin : begin + _JOBS])
            found |= {job["jobId"]: job for job in answer["jobs"]}
        return found


def settled(step: Step) -> Step:
    """A step of an execution that is over: a job that Batch has forgotten, or is about to end, has not succeeded."""
    tasks = (
        task if task.ended else replace(task, status="FAILED", reason=task.reason or "stopped") for task in step.tasks
    )
    return replace(step, tasks=tuple(tasks))


@contextlib.contextmanager
def asked() -> Iterator[None]:
    """What AWS refuses, as an error for users."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ToolError(f"AWS did not do what was asked: {_said(error)}") from None


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0]
