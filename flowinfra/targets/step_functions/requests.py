"""What is sent to AWS for a flow, as requests of its APIs, and what AWS would refuse of them. Pure.

Names of the flow, its definition and the tags of resources are left out: `limits` has words of its own for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flowinfra.components.site import Site
from flowinfra.errors import BindError
from flowinfra.targets.step_functions.batch_limits import job_problems
from flowinfra.targets.step_functions.bound import Bound
from flowinfra.targets.step_functions.service_models import as_arguments, violations
from flowinfra.targets.step_functions.states import step_of, submitting_states
from flowinfra.targets.step_functions.timing import starts

if TYPE_CHECKING:
    from flowinfra.targets.step_functions.plan import FlowPlan


_LIMITS = "checked-by-limits"
"""Stands for what is not checked here."""


def problems(plan: FlowPlan, bound: Bound, site: Site) -> Iterator[BindError]:
    """Everything that AWS would refuse of the flow's requests.

    Args:
        plan: the flow in its stack.
        bound: the flow with the stack's identity in it.
        site: the stack's identity.
    """
    who = plan.name
    definitions = {job.name: {"jobDefinitionName": job.name, **job.arguments} for job in bound.jobs.values()}
    for step, job in bound.jobs.items():
        registered = definitions[job.name]
        yield from _refused(f"{who}: step {step!r}: its job definition", "batch", "RegisterJobDefinition", registered)
    for state in submitting_states(bound.definition):
        step = step_of(state)
        asked = as_arguments("batch", "SubmitJob", state["Parameters"])
        found = job_problems(asked, definitions[asked["jobDefinition"]], plan.compiled.flow.steps[step])
        yield from (BindError(f"{who}: step {step!r}: {words}") for words in dict.fromkeys(found))
        yield from _refused(f"{who}: step {step!r}: its job", "batch", "SubmitJob", asked)
    machine = {"name": _LIMITS, "definition": _LIMITS, "roleArn": site.states_role or site.role_to_be}
    yield from _refused(f"{who}: its state machine", "stepfunctions", "CreateStateMachine", machine)
    yield from _schedule_problems(plan, site)


def _schedule_problems(plan: FlowPlan, site: Site) -> Iterator[BindError]:
    for start in starts(plan):
        asked = {
            # an entry's own name has words of its own where it does not fit
            "Name": start.name if start.key is None else _LIMITS,
            "ScheduleExpression": start.expression,
            "ScheduleExpressionTimezone": start.timezone,
            "Description": start.description,
            "State": "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": site.state_machine_arn(plan.name),
                "RoleArn": site.events_role or site.role_to_be,
                "Input": start.input,
            },
        }
        who = f"{plan.name}: its schedule{'' if start.key is None else f' {start.key}'}"
        yield from _refused(who, "scheduler", "CreateSchedule", asked)


def _refused(who: str, service: str, operation: str, arguments: Mapping[str, Any]) -> Iterator[BindError]:
    for path, words in violations(service, operation, arguments):
        place = f"{operation}.{path}" if path else operation
        yield BindError(f"{who}: AWS refuses {place}: {words}")
