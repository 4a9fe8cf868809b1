"""What `argo-workflows create` sent → the Argo Workflows part of a CompiledFlow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowinfra.compiler.failures import place_of
from flowinfra.compiler.recording import Reading, Recording, Task
from flowinfra.compiler.request import CompileRequest
from flowinfra.errors import CompileError, together
from flowinfra.model.base import Json
from flowinfra.model.compiled import Schedule
from flowinfra.targets.argo import mends
from flowinfra.targets.argo.compiled import ArgoTarget
from flowinfra.targets.argo.job_set import loaded_job_set
from flowinfra.targets.argo.names import STEP
from flowinfra.targets.argo.rules import faults


def read(recording: Recording) -> Reading:
    """WorkflowTemplate, CronWorkflow and Sensor of a recording.

    Raises:
        CompileError, LookupError, TypeError, ValueError: Metaflow sent something else than what is known.
    """
    shape = recording.request.shape
    sent = {call["arguments"]["plural"]: call["arguments"] for call in recording.calls}
    if len(sent) != len(recording.calls) or not sent.keys() <= {"workflowtemplates", "cronworkflows", "sensors"}:
        raise ValueError(f"it makes {', '.join(call['arguments']['plural'] for call in recording.calls)}")
    template = mends.mend_template(sent["workflowtemplates"]["body"], shape, recording.python, _given(recording))
    containers = list(step_containers(template))
    exported = any(mends.exports_parameters(word) for entry in containers for word in entry.container["command"])
    if not exported and mends.PARAMETERS in template["metadata"]["annotations"]:
        raise ValueError("its start step takes parameters in another way")
    cron = _cron_workflow(sent.get("cronworkflows"))
    schedule = None if cron is None else _schedule(cron)
    if schedule is not None:
        _check(schedule, recording.request)
    _refuse(recording, template, cron)
    target = ArgoTarget(
        name=template["metadata"]["name"],
        workflow_template=template,
        cron_workflow=cron,
        sensor=None if "sensors" not in sent else mends.mend_sensor(sent["sensors"]["body"], template),
    )
    return Reading(
        section=target.model_dump(mode="json"),
        package_keys=frozenset(
            recording.key(variable["value"])
            for entry in containers
            for variable in entry.container["env"]
            if variable["name"] == "METAFLOW_CODE_URL"
        ),
        compute="kubernetes",
        tasks={entry.step: entry.task for entry in containers},
        schedule=schedule,
        workflow_timeout=template["spec"].get("activeDeadlineSeconds"),
    )


@dataclass(frozen=True)
class StepContainer:
    """A container that runs a step, and how the step's tasks are run."""

    step: str
    container: dict[str, Json]
    task: Task


def step_containers(workflow_template: Mapping[str, Any]) -> Iterator[StepContainer]:
    """The containers of all steps, those inside JobSets included; a JobSet's control and workers are two."""
    for template in workflow_template["spec"]["templates"]:
        attempts = int(template.get("retryStrategy", {}).get("limit", 0)) + 1
        step = template.get("metadata", {}).get("annotations", {}).get(STEP)
        if "container" in template and step is not None:
            yield StepContainer(step, template["container"], Task(attempts, template["activeDeadlineSeconds"]))
        if "resource" in template:
            job_set = loaded_job_set(template["resource"]["manifest"])
            for job in job_set["spec"]["replicatedJobs"]:
                pod = job["template"]["spec"]["template"]["spec"]
                task = Task(attempts, pod["activeDeadlineSeconds"])
                for container in pod["containers"]:
                    yield StepContainer(job_set["metadata"]["annotations"][STEP], container, task)


def _given(recording: Recording) -> frozenset[str]:
    """Variables that the flow gives its tasks, by @environment or as settings."""
    decorators = [decorator for step in recording.flow["steps"] for decorator in step["decorators"]]
    declared = (entry["attributes"]["vars"] for entry in decorators if entry["name"] == "environment")
    return frozenset(recording.request.shape.settings).union(*declared)


def _refuse(recording: Recording, template: Mapping[str, Any], cron: Mapping[str, Any] | None) -> None:
    """Raise `CompileError` with all that Argo would refuse."""
    request = recording.request
    places = {step["name"]: step["place"] for step in recording.flow["steps"]}
    found = [
        CompileError(
            f"{request.label}: {fault.words}"
            if fault.step is None
            else f"{place_of(request, places[fault.step])}: step {fault.step}: {fault.words}"
        )
        for fault in faults(template, cron, places)
    ]
    if found:
        raise together(found)


def _cron_workflow(sent: Mapping[str, Any] | None) -> dict[str, Json] | None:
    """The CronWorkflow with the namespace that the call named."""
    if sent is None:
        return None
    body = mends.with_schedules(mends.without_nulls(sent["body"]))
    return {**body, "metadata": {**body["metadata"], "namespace": sent["namespace"]}}


def _check(schedule: Schedule, request: CompileRequest) -> None:
    """Raise `CompileError` if the schedule has not the timezone that is asked for."""
    wanted = request.shape.schedule_timezone
    if wanted not in (None, schedule.timezone):
        raise CompileError(
            f"{request.label}: schedule.timezone: found {wanted!r}, but it is a mutator that gives the flow its "
            "schedule, which is replaced as a whole: give schedule.cron too"
        )


def _schedule(cron_workflow: Mapping[str, Any]) -> Schedule:
    spec = cron_workflow["spec"]
    [cron] = spec["schedules"]
    return Schedule(cron=cron, timezone=spec.get("timezone"))
