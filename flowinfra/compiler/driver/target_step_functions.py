"""`step-functions create`: where the driver stands in it, and what an empty AWS account answers it.

Runs in the flow's interpreter beside the driver: standard library only. Every target has such a file, with the same
nine names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import kubernetes_grammar as grammar
from . import places, triggers
from .kubernetes_words import NO_MAPPING, found
from .protocol import Part, Request

COMMAND = "metaflow.plugins.aws.step_functions.step_functions_cli"
"""Module of Metaflow's command, with `make_flow` and `new_token`."""

MAKER = "metaflow.plugins.aws.step_functions.step_functions"
"""Module that makes what is sent, with `deploy_time_eval`."""

COMPUTE = "batch"
"""Name of the decorator that holds a step's compute."""

KUBERNETES = False
"""Whether Metaflow makes manifests with the package `kubernetes`."""

CHECK: str | None = None
"""Function of COMMAND in which Metaflow looks at flow and graph before all else; None: it does so in `make_flow`."""

TASK = "FLOWINFRA_TASK_"
"""Begins the names of variables that a task's command is put together from (`targets/step_functions/sharing.py`)."""

SEAMS = triggers.SEAMS
"""Modules and names of Metaflow's in which this target stands, beside those of every target."""


NO_HOOKS = (
    "Metaflow runs no functions after a run on Step Functions. Let a flow do it: one with "
    "@trigger_on_finish(flow={name!r}) runs after a success, and one with @trigger(event='failed') after a failure, "
    "where the stack's file says `platform.events: {{failed: {{run: {{state_machine: {name}}}}}}}` (docs/events.md). "
    "`alerts` sends a message"
)
"""What is said of @exit_hook; docs/decisions/exit-hooks.md says why."""
NO_SWITCH = (
    "is a switch to {cases}; Metaflow makes no state machine of it. Decide within a step, or let the step send an "
    "event that starts a flow for each case (docs/events.md)"
)
"""What is said of a switch; docs/decisions/switch.md says why."""


def refusals(flow: Any, graph: Any) -> Iterator[Part]:
    """What no state machine or job could be given, and events that start no run; limits are known when it is made."""
    yield from triggers.refusals(flow)
    if flow._flow_decorators.get("exit_hook"):
        place = places.of_flow_decorator(type(flow), "exit_hook")
        yield {"subject": f"@exit_hook of {flow.name}", "words": NO_HOOKS.format(name=flow.name), **place}
    for name in graph.sorted_nodes:
        if graph[name].type == "split-switch":
            cases = ", ".join(dict.fromkeys(graph[name].out_funcs))
            again = " (it may repeat itself)" if name in graph[name].out_funcs else ""
            words = NO_SWITCH.format(cases=cases + again)
            yield {"subject": f"step {name}", "words": words, **places.of_step(graph[name])}
        for decorator in graph[name].decorators:
            for words in _wrong(decorator):
                yield {"subject": f"step {name}", "words": f"@{decorator.name}: {words}", **places.of_step(graph[name])}


def prepare(flow: Any) -> None:
    """Let Metaflow deploy a schedule in a timezone, which it refuses: flowinfra gives it to EventBridge Scheduler."""
    for decorator in flow._flow_decorators.get("schedule") or ():
        decorator.timezone = None


def _wrong(decorator: Any) -> Iterator[str]:
    if decorator.name == COMPUTE:
        image = decorator.attributes["image"]
        if image is not None and not (isinstance(image, str) and grammar.image(image)):
            yield f"image: {found(image, grammar.IMAGE_WORDS)}"
    elif decorator.name == "environment":
        variables = decorator.attributes["vars"]
        if not isinstance(variables, Mapping):
            # a text may be secret
            yield f"vars: {NO_MAPPING.format(type(variables).__name__)}"
            return
        for name in variables:
            if str(name).startswith(TASK):
                yield f"vars: {name} is not for flows: the command of each task is kept in variables {TASK}…; rename it"


def answers(request: Request, recording: Any, absent: type[Exception]) -> dict[str, Callable[..., Any]]:
    """`service.operation` → what the account answers; what is created goes to the driver's recording."""
    triggers.install()
    return Account(request["options"]["compute"], recording, absent).answers()


class _Paginator:
    def __init__(self, pages: list[Any]) -> None:
        self.pages = pages

    def paginate(self, **_arguments: Any) -> list[Any]:
        return self.pages


class Account:
    """An AWS account with a job queue and nothing else."""

    def __init__(self, compute: str, recording: Any, absent: type[Exception]) -> None:
        self.compute, self.recording, self.absent = compute, recording, absent
        self.registered = 0

    def answers(self) -> dict[str, Callable[..., Any]]:
        return {
            "stepfunctions.get_paginator": self.get_paginator,
            "stepfunctions.create_state_machine": self.create_state_machine,
            "events.put_rule": self.put_rule,
            "events.put_targets": self.put_targets,
            "events.disable_rule": self.disable_rule,
            "batch.describe_job_queues": self.describe_job_queues,
            "batch.describe_compute_environments": self.describe_compute_environments,
            "batch.describe_job_definitions": lambda **_arguments: {"jobDefinitions": []},
            "batch.register_job_definition": self.register_job_definition,
        }

    def get_paginator(self, operation: str) -> _Paginator:
        if operation != "list_state_machines":
            self.recording.unknown("stepfunctions", operation)
        return _Paginator([{"stateMachines": []}])

    def create_state_machine(self, **arguments: Any) -> Any:
        self.recording.call("stepfunctions", "create_state_machine", arguments)
        return {"stateMachineArn": "arn:flowinfra:state-machine"}

    def put_rule(self, **arguments: Any) -> Any:
        self.recording.call("events", "put_rule", arguments)
        return {}

    def put_targets(self, **arguments: Any) -> Any:
        self.recording.call("events", "put_targets", arguments)
        return {"FailedEntryCount": 0}

    def disable_rule(self, **_arguments: Any) -> Any:
        raise self.absent

    def describe_job_queues(self, jobQueues: list[str]) -> Any:  # noqa: N803  (boto3's name)
        return {"jobQueues": [{"computeEnvironmentOrder": [{"computeEnvironment": "any"}]} for _ in jobQueues]}

    def describe_compute_environments(self, computeEnvironments: list[str]) -> Any:  # noqa: N803
        return {"computeEnvironments": [{"computeResources": {"type": self.compute}} for _ in computeEnvironments]}

    def register_job_definition(self, **arguments: Any) -> Any:
        self.recording.call("batch", "register_job_definition", arguments)
        self.registered += 1
        return {"jobDefinitionArn": f"flowinfra--job-definition-{self.registered - 1}"}
