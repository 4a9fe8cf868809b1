"""Stack configuration → compiled flows → components, with every problem of a stack told before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pulumi

from flowinfra.compiler import unreviewed_files
from flowinfra.components import outputs
from flowinfra.components.options import PlatformShape, compile_request, is_bundle
from flowinfra.components.plan import same_name_problems
from flowinfra.components.platform import Platform, PlatformArgs, PlatformSettings
from flowinfra.components.prepare import Deployment, deploy_time_values, planned
from flowinfra.components.running import project_root
from flowinfra.components.step_functions_flow import StepFunctionsFlow, StepFunctionsFlowArgs
from flowinfra.errors import FlowInfraError, Problems
from flowinfra.model.compiled import CompiledFlow, Json
from flowinfra.model.stack import FlowConfig, PlatformConfig, StackConfig
from flowinfra.program.compiling import compiled_configs, platform_shape
from flowinfra.program.configuration import read_stack, stack_file
from flowinfra.program.previews import refuse_production

_PLACEHOLDER = "being-created-00000000"
"""Stands for a name of a platform that is made after the checks."""


@dataclass(frozen=True)
class StackFlow:
    """A flow of the stack, compiled."""

    label: str
    """What messages call it: its file."""
    config: FlowConfig
    compiled: CompiledFlow
    deploy_time: Mapping[str, Json]


def deploy() -> None:
    """Deploy the stack.

    Raises:
        pulumi.RunError: one message with all that is wrong; nothing was made then.
    """
    root = project_root()
    try:
        file = stack_file(root, pulumi.get_stack())
        stack = read_stack(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env(), file)
        deployment = Deployment(pulumi.get_project(), pulumi.get_stack(), root)
        shape = platform_shape(stack)
        flows = compiled_flows(stack.flows, shape, deployment)
        refuse_production(stack, {flow.label: flow.compiled for flow in flows})
        check_flows(flows, existing_platform(stack), deployment)
    except Problems as problems:
        count = len(problems.errors)
        raise pulumi.RunError(f"{count} problem{'s' if count > 1 else ''} in this stack:\n{problems}") from None
    except FlowInfraError as error:
        raise pulumi.RunError(str(error)) from None
    settings = _created(stack) if stack.platform.create else existing_platform(stack)
    deployed = {flow.compiled.name: _component(flow, settings) for flow in flows}
    _export(deployed, settings)


def compiled_flows(configs: Sequence[FlowConfig], shape: PlatformShape, deployment: Deployment) -> list[StackFlow]:
    """Compile the enabled flows in parallel, and read those that are compiled already.

    Raises:
        Problems: everything that is wrong with any of them.
    """
    enabled = [config for config in configs if config.enabled]
    compiled = compiled_configs([(config, shape) for config in enabled], deployment.root)
    return [
        StackFlow(config.flow, config, flow, _deploy_time(config, shape, flow, deployment.root))
        for config, flow in zip(enabled, compiled, strict=True)
    ]


def check_flows(flows: Sequence[StackFlow], settings: PlatformSettings, deployment: Deployment) -> None:
    """Raise `Problems` with all that binding or AWS would refuse, and with flows that are one state machine."""
    labels = _labels(flows)
    problems: list[Exception] = list(same_name_problems({label: flow.compiled.name for label, flow in labels.items()}))
    for label, flow in labels.items():
        try:
            planned(label, flow.compiled, flow.config, settings, deployment, flow.deploy_time)
        except Problems as found:
            problems += found.errors
        except FlowInfraError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)


def _deploy_time(config: FlowConfig, shape: PlatformShape, compiled: CompiledFlow, root: Path) -> Mapping[str, Json]:
    if is_bundle(config):
        return config.deploy_time
    request = compile_request(config, shape, root)
    if untracked := unreviewed_files(compiled, request.flow):
        pulumi.log.warn(f"{request.label}: packaged, but not tracked by git: {', '.join(untracked)}")
    return deploy_time_values(request, compiled)


def _labels(flows: Sequence[StackFlow]) -> dict[str, StackFlow]:
    """What messages call each flow: its file, with what keeps it apart from others of that file."""
    labels = {}
    for flow in flows:
        config = flow.config
        apart = (config.target, config.name, config.name_prefix, config.branch, "production" * config.production)
        several = sum(flow.label == other.label for other in flows) > 1
        labels[f"{flow.label} ({', '.join(filter(None, apart))})" if several else flow.label] = flow
    return labels


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
        permissions_boundary=platform.permissions_boundary,
        job_policies=platform.job_policies,
        service_url=platform.service_url,
        service_auth_secret=platform.service_auth_secret,
        log_retention_days=platform.log_retention_days,
    )


def _created(stack: StackConfig) -> PlatformSettings:
    platform = stack.platform
    assert platform.create is not None
    return Platform("metaflow", _platform_args(platform, stack.name_prefix)).settings


def _platform_args(platform: PlatformConfig, name_prefix: str | None) -> PlatformArgs:
    create = platform.create
    assert create is not None
    args: PlatformArgs = {
        "compute": create.compute,
        "max_vcpus": create.max_vcpus,
        "instance_types": create.instance_types,
        "subnets": create.subnets,
        "security_groups": create.security_groups,
        "prefix": platform.prefix,
        "name_prefix": name_prefix,
        "partition": platform.partition,
        "permissions_boundary": platform.permissions_boundary,
        "job_policies": platform.job_policies,
        "service_url": platform.service_url,
        "service_auth_secret": platform.service_auth_secret,
        "log_retention_days": platform.log_retention_days,
    }
    if create.instance_profile:
        args["instance_profile"] = create.instance_profile
    if platform.region:
        args["region"] = platform.region
    if platform.account:
        args["account"] = platform.account
    return args


def _component(flow: StackFlow, settings: PlatformSettings) -> StepFunctionsFlow:
    args: StepFunctionsFlowArgs = {
        "flow": flow.compiled,
        "platform": settings,
        "schedule": {"enabled": flow.config.schedule.enabled},
        "aws_tags": flow.config.aws_tags,
        "job_policies": flow.config.job_policies,
        "deploy_time": flow.deploy_time,
    }
    if flow.config.queue is not None:
        args["queue"] = flow.config.queue
    if flow.config.name_prefix is not None:
        args["name_prefix"] = flow.config.name_prefix
    if flow.config.log_retention_days is not None:
        args["log_retention_days"] = flow.config.log_retention_days
    return StepFunctionsFlow(flow.compiled.name, args)


def _export(deployed: Mapping[str, StepFunctionsFlow], settings: PlatformSettings) -> None:
    pulumi.export(
        "flows",
        {
            name: {
                "arn": flow.arn,
                "namespace": flow.namespace,
                "authorize": flow.authorize,
                "trigger": flow.trigger,
                "console_url": flow.console_url,
                "metaflow_config": flow.metaflow_config,
                "version": flow.version,
            }
            for name, flow in deployed.items()
        },
    )
    pulumi.export(
        "metaflow_config",
        settings.on_site(lambda site: outputs.metaflow_config({**asdict(site), "name_prefix": settings.name_prefix})),
    )
