"""What an account has of the deployments that Metaflow's own command made: a few calls for each, several at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3

from flowinfra.errors import ToolError
from flowinfra.operate.verify.aws import THREADS, Calls
from flowinfra.operate.verify.compare import pairs
from flowinfra.targets.step_functions.by_hand import ByHand, offloaded, read_back, rule_name
from flowinfra.targets.task_command import NotMetaflowError

_MOST_JOBS = 100
"""Job definitions that AWS describes in one call."""


@dataclass(frozen=True)
class Rule:
    """The rule of a schedule."""

    name: str
    running: bool
    schedule: str | None
    inputs: tuple[str | None, ...] = ()
    """What each target is given."""


@dataclass(frozen=True)
class Job:
    """A job definition, as far as the stack's file may say the same."""

    image: str
    role: str | None
    fargate: bool


@dataclass(frozen=True)
class Machine:
    """A state machine with what belongs to it."""

    name: str
    arn: str
    by_hand: ByHand | None
    """None where Metaflow did not make it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    logs: bool = False
    """Whether its execution history goes to a log group."""
    rule: Rule | None = None
    jobs: Sequence[Job] = ()


class Account:
    """The state machines of one region of an account."""

    def __init__(self, session: boto3.Session, region: str) -> None:
        self._calls, self._region = Calls(session), region

    def names(self) -> dict[str, str]:
        """Name → ARN of all state machines.

        Raises:
            ToolError: AWS refuses, or is not reached.
        """
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            answer = self._ask("stepfunctions", "list_state_machines", maxResults=1000, **more)
            found |= {each["name"]: each["stateMachineArn"] for each in answer.get("stateMachines", ())}
            if not answer.get("nextToken"):
                return found
            more = {"nextToken": answer["nextToken"]}

    def look(self, arns: Iterable[str]) -> list[Machine]:
        """The state machines of these ARNs, in their order, without those that are gone.

        Raises:
            ToolError: AWS refuses, or is not reached.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            return [found for found in pool.map(self._machine, arns) if found is not None]

    def _machine(self, arn: str) -> Machine | None:
        found = self._ask("stepfunctions", "describe_state_machine", stateMachineArn=arn)
        if not found or found.get("status") == "DELETING":
            return None
        tags = self._ask("stepfunctions", "list_tags_for_resource", resourceArn=arn).get("tags", [])
        machine = Machine(
            name=found["name"],
            arn=arn,
            by_hand=self._by_hand(found["definition"]),
            tags=pairs(tags),
            logs=found.get("loggingConfiguration", {}).get("level", "OFF") != "OFF",
        )
        if machine.by_hand is None:
            return machine
        rule, jobs = self._rule(found["name"]), self._jobs(machine.by_hand.jobs)
        return Machine(machine.name, arn, machine.by_hand, machine.tags, machine.logs, rule, jobs)

    def _by_hand(self, definition: str) -> ByHand | None:
        try:
            return read_back(definition, self._command(definition))
        except NotMetaflowError:
            return None

    def _command(self, definition: str) -> str | None:
        """The start step's command where it is an object of the datastore; None where that cannot be read."""
        place = offloaded(definition)
        if place is None:
            return None
        try:
            found = self._calls.ask(self._region, "s3", "get_object", Bucket=place[0], Key=place[1])
        except ToolError:
            return None
        return found["Body"].read().decode(errors="replace") if found else None

    def _rule(self, state_machine: str) -> Rule | None:
        name = rule_name(state_machine)
        found = self._ask("events", "describe_rule", Name=name)
        if not found:
            return None
        targets = self._ask("events", "list_targets_by_rule", Rule=name).get("Targets", ())
        inputs = tuple(each.get("Input") for each in targets)
        return Rule(name, found["State"] != "DISABLED", found.get("ScheduleExpression"), inputs)

    def _jobs(self, arns: Sequence[str]) -> list[Job]:
        jobs = []
        for start in range(0, len(arns), _MOST_JOBS):
            some = list(arns[start : start + _MOST_JOBS])
            for each in self._ask("batch", "describe_job_definitions", jobDefinitions=some).get("jobDefinitions", ()):
                container = each.get("containerProperties", {})
                fargate = "FARGATE" in each.get("platformCapabilities", ())
                jobs.append(Job(container.get("image", ""), container.get("jobRoleArn"), fargate))
        return jobs

    def _ask(self, service: str, call: str, **arguments: Any) -> dict[str, Any]:
        """AWS's answer; empty where the thing does not exist."""
        try:
            return self._calls.ask(self._region, service, call, **arguments) or {}
        except ToolError as error:
            raise ToolError(f"{service} {call}: {error}") from None
