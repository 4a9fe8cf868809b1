"""Small state machines and job definitions on an emulator."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from flowinfra.local import platform, run
from flowinfra.local.state import Instance, State

PATIENCE = 60.0
"""Seconds after which a test gives up waiting; nothing asserts how long anything takes."""


def wait_for(done: Callable[[], Any]) -> Any:
    """Wait until `done` answers with something true; return that."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := done()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return answer


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def job_state(
    definition: str, *command: str, following: str | None = None, parameters: Any = None, **extra: Any
) -> dict[str, Any]:
    """A state that runs a command as a Batch job."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Parameters": {
            "JobDefinition": definition,
            "JobName": "job",
            "JobQueue": platform.NAME,
            "ContainerOverrides": {"Command": list(command)},
            **(parameters or {}),
        },
        **extra,
    }
    return {**state, "Next": following} if following else {**state, "End": True}


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """A definition that starts with the first state."""
    return {"StartAt": next(iter(states)), "States": states}


class Aws:
    """Clients of an emulator, and what tests do with them."""

    def __init__(self, instance: Instance, state: State) -> None:
        self.instance = instance
        self.state = state
        self.batch = run.client(instance, "batch")
        self.states = run.client(instance, "stepfunctions")
        self.logs = run.client(instance, "logs")
        self.s3 = run.client(instance, "s3")

    def define(self, *command: str, name: str | None = None, **options: Any) -> str:
        """Register a job definition; return its ARN."""
        properties = {
            "image": "none",
            "command": list(command or ("true",)),
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
            "jobRoleArn": platform.role_arn(platform.JOB_ROLE),
            **options.pop("properties", {}),
        }
        answer = self.batch.register_job_definition(
            jobDefinitionName=name or unique("definition"),
            type="container",
            containerProperties=properties,
            **options,
        )
        return str(answer["jobDefinitionArn"])

    def submit(self, definition: str, *command: str, **options: Any) -> str:
        """Submit a job; return its id."""
        overrides = {"command": list(command)} if command else {}
        answer = self.batch.submit_job(
            jobName="job",
            jobQueue=platform.NAME,
            jobDefinition=definition,
            containerOverrides={**overrides, **options.pop("overrides", {})},
            **options,
        )
        return str(answer["jobId"])

    def job(self, job_id: str) -> Any:
        """DescribeJobs of one job."""
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def ended_job(self, job_id: str) -> Any:
        """The job, once it has ended."""
        wait_for(lambda: self.job(job_id)["status"] in ("SUCCEEDED", "FAILED"))
        return self.job(job_id)

    def output(self, job: Any) -> list[str]:
        """Lines that the job's last attempt left in CloudWatch Logs."""
        stream = job["attempts"][-1]["container"]["logStreamName"]
        events = self.logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
        return [event["message"] for event in events]

    def deploy(self, definition: Any, name: str | None = None) -> str:
        """Create a state machine; return its ARN."""
        answer = self.states.create_state_machine(
            name=name or unique("machine"),
            definition=json.dumps(definition),
            roleArn=platform.role_arn(platform.STATES_ROLE),
        )
        return str(answer["stateMachineArn"])

    def begin(self, machine_arn: str, value: Any = None) -> str:
        """Start an execution; return its ARN."""
        answer = self.states.start_execution(stateMachineArn=machine_arn, input=json.dumps(value or {}))
        return str(answer["executionArn"])

    def ended(self, execution_arn: str) -> Any:
        """DescribeExecution, once it has ended."""
        wait_for(lambda: self.states.describe_execution(executionArn=execution_arn)["status"] != "RUNNING")
        return self.states.describe_execution(executionArn=execution_arn)

    def execute(self, definition: Any, value: Any = None) -> Any:
        """Deploy a definition and run it to its end."""
        return self.ended(self.begin(self.deploy(definition), value))

    def jobs_named(self, name: str) -> list[Any]:
        """All jobs of that name."""
        return [job for job in self.batch.describe_jobs(jobs=[])["jobs"] if job["jobName"] == name]
