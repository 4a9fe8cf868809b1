"""What is sent to AWS for a flow, as requests of its APIs, and what AWS would refuse of them. Pure.

Names of the flow, its definition and the tags of resources are left out: `limits` has words of its own for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowinfra.components.site import Site
from flowinfra.errors import BindError
from flowinfra.model.base import Json
from flowinfra.targets.step_functions.batch_limits import job_problems
from flowinfra.targets.step_functions.bound import Bound
from flowinfra.targets.step_functions.limits import submissions
from flowinfra.targets.step_functions.service_models import as_arguments, violations

if TYPE_CHECKING:
    from flowinfra.targets.step_functions.plan import FlowPlan


_LIMITS = "checked-by-limits"
"""Stands for what is not checked here."""


def problems(
    plan: FlowPlan, bound: Bound, job_definitions: Mapping[str, Mapping[str, Json]], site: Site
) -> Iterator[BindError]:
    """Everything that AWS would refuse of the flow's requests.

    Args:
        plan: the flow in its stack.
        bound: the flow with the stack's identity in it.
        job_definitions: step → arguments of RegisterJobDefinition.
        site: the stack's identity.
    """
    who = plan.name
    jobs = {
        parameters["Parameters"]["step_name"]: as_arguments("batch", "SubmitJob", parameters)
        for parameters in submissions(bound.definition)
    }
    for step, properties in job_definitions.items():
        found = dict.fromkeys(job_problems(jobs[step], properties, plan.compiled.flow.steps[step]))
        yield from (BindError(f"{who}: step {step!r}: {words}") for words in found)
        definition = {"jobDefinitionName": plan.names.job(step), **properties}
        yield from _refused(f"{who}: step {step!r}: its job definition", "batch", "RegisterJobDefinition", definition)
        yield from _refused(f"{who}: step {step!r}: its job", "batch", "SubmitJob", jobs[step])
    machine = {"name": _LIMITS, "definition": _LIMITS, "roleArn": site.states_role or site.role_to_be}
    yield from _refused(f"{who}: its state machine", "stepfunctions", "CreateStateMachine", machine)
    yield from _schedule_problems(plan, site)


def _schedule_problems(plan: FlowPlan, site: Site) -> Iterator[BindError]:
    schedule = plan.compiled.step_functions.schedule
    if schedule is None:
        return
    rule = {"Name": _LIMITS, "ScheduleExpression": schedule.expression, "Description": schedule.description}
    target = {
        "Id": _LIMITS,
        "Arn": site.state_machine_arn(plan.name),
        "RoleArn": site.events_role or site.role_to_be,
        "Input": schedule.input,
    }
    who = f"{plan.name}: the rule of its schedule"
    yield from _refused(who, "events", "PutRule", rule)
    yield from _refused(who, "events", "PutTargets", {"Rule": rule["Name"], "Targets": [target]})


def _refused(who: str, service: str, operation: str, arguments: Mapping[str, Any]) -> Iterator[BindError]:
    for path, words in violations(service, operation, arguments):
        place = f"{operation}.{path}" if path else operation
        yield BindError(f"{who}: AWS refuses {place}: {words}")
