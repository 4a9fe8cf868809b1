"""The flows of a stack that run on Step Functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import pulumi

from flowinfra.components.plan import same_name_problems
from flowinfra.components.platform import Platform, PlatformSettings, alerts_args, events_args
from flowinfra.components.prepare import Prepared
from flowinfra.components.source import Deployment
from flowinfra.errors import FlowInfraError
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.targets.stack import Outputs
from flowinfra.targets.step_functions import triggers
from flowinfra.targets.step_functions.chains import Chains
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.component import StepFunctionsFlow
from flowinfra.targets.step_functions.outputs import metaflow_config
from flowinfra.targets.step_functions.plan import FlowPlan, state_machine
from flowinfra.targets.step_functions.prepare import STEP_FUNCTIONS
from flowinfra.targets.step_functions.quotas import stack_warnings

_PLACEHOLDER = "being-created-00000000"
"""Stands for a name of a platform that is made after the checks."""


class StepFunctions:
    """See `StackTarget`."""

    def __init__(self, stack: StackConfig, deployment: Deployment) -> None:
        self._stack, self._deployment = stack, deployment
        self._roles = self._rules = 0
        self._flows: Mapping[str, StackFlow] = {}
        self._chains = Chains({})

    def same_names(self, flows: Mapping[str, StackFlow]) -> Iterable[FlowInfraError]:
        """Flows that would be one state machine."""
        self._flows = flows
        compiled = ((label, flow.compiled) for label, flow in flows.items())
        self._chains = Chains(
            {label: flow for label, flow in compiled if isinstance(flow, StepFunctionsCompiled)},
            {label: flow.config.own.sends for label, flow in flows.items()},
            self._stack.platform.events,
            [label for label, flow in flows.items() if not flow.config.triggers.enabled],
        )
        return same_name_problems({label: state_machine(flow.compiled.name) for label, flow in flows.items()})

    def check(self, label: str, flow: StackFlow) -> Prepared[FlowPlan, PlatformSettings]:
        """The flow, ready to be deployed; raises all that binding or AWS would refuse."""
        prepared = STEP_FUNCTIONS.planned(label, flow.source, self._existing, self._deployment)
        if flow.compiled.flow.triggers:
            machines = {triggers.full_name(each.compiled.flow): each.compiled.name for each in self._flows.values()}
            plan = replace(
                prepared.plan,
                machines=machines,
                unsent=self._chains.unsent(label),
                circles=self._chains.circles_of(label),
            )
            prepared = replace(prepared, plan=plan)
        self._roles += len(prepared.plan.role_kinds(self._existing.site()))
        alerts = 0 if prepared.platform.alerts is None else 1 + triggers.several(prepared.plan.compiled.flow)
        self._rules += len(prepared.plan.compiled.flow.triggers) + alerts
        return prepared

    def warnings(self) -> Iterable[str]:
        """What all flows that were checked come near to together."""
        yield from stack_warnings(self._roles, self._rules)
        yield from self._chains.warnings()

    def deploy(
        self, flow: Prepared[FlowPlan, PlatformSettings], created: PlatformSettings | None, by: Mapping[str, Any]
    ) -> Outputs:
        """Make a StepFunctionsFlow."""
        made = StepFunctionsFlow.of(flow.on(created, STEP_FUNCTIONS.adapted) if created else flow, by)
        return {
            "arn": made.arn,
            "namespace": made.namespace,
            "authorize": made.authorize,
            "trigger": made.trigger,
            "console_url": made.console_url,
            "metaflow_config": made.metaflow_config,
            "version": made.version,
            **({} if made.topic_statement is None else {"topic_statement": made.topic_statement}),
        }

    def metaflow_config(self, created: PlatformSettings | None) -> pulumi.Input[dict[str, str]]:
        """Settings of the stack's platform for a laptop, without what is a flow's own."""
        settings = created or self._existing
        return settings.on_site(lambda site: metaflow_config({**asdict(site), "name_prefix": settings.name_prefix}))

    @cached_property
    def _existing(self) -> PlatformSettings:
        return existing_platform(self._stack)


def existing_platform(stack: StackConfig) -> PlatformSettings:
    """The platform that is there; in place of one that is still to be made, one with stand-ins to check with."""
    platform = stack.platform
    stand_in = _PLACEHOLDER if platform.create else None
    return Platform.existing(
        bucket=platform.bucket or _PLACEHOLDER,
        queue=platform.queue or _PLACEHOLDER,
        table=platform.table or stand_in,
        prefix=platform.prefix,
        compute=platform.create.compute if platform.create else platform.compute,
        region=platform.region,
        account=platform.account,
        partition=platform.partition,
        name_prefix=stack.name_prefix,
        job_role=platform.job_role,
        states_role=platform.states_role,
        events_role=platform.events_role,
        execution_role=platform.execution_role,
        dead_letter_queue=platform.dead_letter_queue,
        permissions_boundary=platform.permissions_boundary,
        job_policies=platform.job_policies,
        service_url=platform.service_url,
        service_auth_secret=platform.service_auth_secret,
        kms_keys=platform.kms_keys,
        log_retention_days=platform.log_retention_days,
        alerts=alerts_args(platform.alerts),
        events=events_args(platform.events),
        event_bus=platform.event_bus,
    )


STACK = StepFunctions
"""What the program makes of a stack's flows of this target."""
