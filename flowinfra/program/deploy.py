"""Stack configuration → compiled flows → components, with every problem of a stack reported before anything is made."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from flowinfra.compiler import Warn, unreviewed_files
from flowinfra.components.binding import deploy_time_parameters
from flowinfra.components.options import PlatformShape, compile_request, is_bundle
from flowinfra.components.outputs import shared_settings
from flowinfra.components.platform import Platform, PlatformArgs, PlatformSettings, alerts_args, events_args
from flowinfra.components.prepare import Prepared
from flowinfra.components.program import project_root
from flowinfra.components.renames import rename_problems
from flowinfra.components.source import Deployment, deploy_time_values
from flowinfra.components.version import ROLLED_BACK, Version, origin
from flowinfra.engine.project import StackFile, stack_file
from flowinfra.errors import FlowInfraError, Problems
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.program import frames
from flowinfra.program.older import VERSION, keys, older_problems, outputs_before
from flowinfra.program.record import keep_when_deployed, taken_back
from flowinfra.stack.compiling import StackFlow, each_compiled, platform_shape
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.listing import APART
from flowinfra.stack.loading import StackProblems, read_stack
from flowinfra.stack.platform import PlatformConfig
from flowinfra.stack.previews import production_problems
from flowinfra.targets import TARGETS
from flowinfra.targets.stack import CountsResources, Outputs, StackTarget


def deploy() -> None:
    """Deploy the flows of a stack by its file: what the `__main__.py` of a Pulumi project calls.

    The file is `Pulumi.<stack>.yaml`; its keys `flowinfra:…` say where the flows run and which they are. The stack's
    outputs are `flows` (name → what is deployed, and the commands for it), `version:NAME` for each flow, and
    `metaflow_config` (METAFLOW_* settings for a laptop).

        from flowinfra import deploy

        deploy()

    Raises:
        pulumi.RunError: one message with all that is wrong; nothing was made then.
    """
    frames.leave_out()
    root = project_root()
    try:
        file = stack_file(root, pulumi.get_stack())
        deployment = Deployment(pulumi.get_project(), pulumi.get_stack(), root)
        stack, checked = checked_stack(lambda: _configured(file), deployment, pulumi.log.warn)
        flows = dict(zip(keys(each.plan for each in checked.prepared), checked.flows, strict=True))
        by = origin(root)
        _not_back(stack, checked, flows, by, root)
    except Problems as problems:
        count = len(problems.errors)
        raise pulumi.RunError(f"{count} problem{'s' if count > 1 else ''} in this stack:\n{problems}") from None
    except FlowInfraError as error:
        raise pulumi.RunError(str(error)) from None
    # a state machine that leaves with its flow may have to be waited for
    TARGETS["step-functions"].part("drain").register()
    created = _created(stack) if stack.platform.create else None
    deployed: dict[str, Outputs] = {}
    versions: dict[str, pulumi.Output[Version]] = {}
    for prepared, key in zip(checked.prepared, flows, strict=True):
        made = dict(checked.targets[prepared.plan.compiled.target].deploy(prepared, created, by))
        # a preview prints an output as a whole where one value of it changes: all flows, if it were one of `flows`
        versions[key] = made.pop("version")
        pulumi.export(f"{VERSION}{key}", versions[key])
        deployed[key] = made
    keep_when_deployed(stack, flows, versions, created, by, deployment)
    pulumi.export("flows", deployed)
    settings = shared_settings(flow.compiled for flow in checked.flows)
    configs = [*(target.metaflow_config(created) for target in checked.targets.values()), settings]
    pulumi.export("metaflow_config", pulumi.Output.all(*configs).apply(lambda found: dict(ChainMap(*found))))


def _not_back(
    stack: StackConfig, checked: CheckedFlows, flows: Mapping[str, StackFlow], by: Mapping[str, Any], root: Path
) -> None:
    """Raise Problems where a stack would be deployed from an older commit, and warn of flows that were rolled back.

    A preview stack follows its branch, and whoever rolls back knows both.
    """
    if stack.preview is not None or ROLLED_BACK in by:
        return
    before = outputs_before(pulumi.log.warn)
    for line in taken_back(before, flows):
        pulumi.log.warn(line)
    plans = [each.plan for each in checked.prepared]
    if not stack.allow_older and (
        problems := list(older_problems(plans, before, by.get("commit"), root, pulumi.log.warn))
    ):
        raise Problems(problems)


def _configured(file: StackFile) -> StackConfig:
    return read_stack(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env(), file)


@dataclass(frozen=True)
class CheckedFlows:
    """The flows of a stack, none of which would be refused."""

    flows: Sequence[StackFlow]
    targets: Mapping[str, StackTarget]
    """The parts of the targets that the flows have, by target."""
    prepared: Sequence[Prepared[Any, Any]]
    """The stack's flows, ready to be deployed."""


def checked_stack(
    read: Callable[[], StackConfig],
    deployment: Deployment,
    warn: Warn,
    complete: Callable[[StackConfig], StackConfig] = lambda stack: stack,
) -> tuple[StackConfig, CheckedFlows]:
    """A stack with its flows, as `checked_flows` gives them.

    Args:
        read: gives the stack, or raises what is wrong with it.
        deployment: project, stack, and folder.
        warn: takes each warning about the flows.
        complete: what is to be done with the stack before its flows are looked at.

    Raises:
        Problems: everything that is wrong: with the stack's file, and with the flows whose entries are right.
    """
    try:
        stack = complete(read())
    except StackProblems as wrong:
        problems = list(wrong.errors)
        try:
            checked_flows(complete(wrong.sound), deployment, warn)
        except FlowInfraError as error:
            problems += error.errors
        raise Problems(problems) from None
    return stack, checked_flows(stack, deployment, warn)


def checked_flows(stack: StackConfig, deployment: Deployment, warn: Warn) -> CheckedFlows:
    """The enabled flows of a stack, compiled in parallel or read, and checked.

    Args:
        stack: the stack's configuration.
        deployment: project, stack, and folder.
        warn: takes each warning about the flows.

    Raises:
        Problems: everything that is wrong with any of them: flows that do not compile, and all that would be refused of
            those that do.
    """
    enabled = [(config, platform_shape(stack, config.target)) for config in stack.flows if config.enabled]
    results = each_compiled(enabled, deployment.root, warn)
    problems = [result for result in results if isinstance(result, FlowInfraError)]
    compiled = [
        (config, shape, flow)
        for (config, shape), flow in zip(enabled, results, strict=True)
        if isinstance(flow, CompiledFlow)
    ]
    _tell_unreviewed(compiled, deployment.root, warn)
    flows = []
    for config, shape, flow in compiled:
        try:
            values = _deploy_time(config, shape, flow, deployment.root)
        except FlowInfraError as error:
            problems.append(error)
            values = dict.fromkeys(deploy_time_parameters(flow))
        flows.append(StackFlow(config.flow, config, flow, values))
    try:
        checked = check_flows(flows, stack, deployment, warn)
    except FlowInfraError as error:
        raise Problems([*problems, error]) from None
    if problems:
        raise Problems(problems)
    return checked


def check_flows(flows: Sequence[StackFlow], stack: StackConfig, deployment: Deployment, warn: Warn) -> CheckedFlows:
    """Flows that are compiled, checked; without flows, there is the part of Step Functions.

    Raises:
        Problems: all that would be refused, and flows that would be one thing where they are deployed.
    """
    labels = _labels(flows)
    problems: dict[str, FlowInfraError] = {}

    def note(errors: Iterable[FlowInfraError]) -> None:
        # what a cluster lacks for all of its flows is told once
        problems.update({str(error): error for error in errors})

    note(production_problems(stack, {flow.label: flow.compiled for flow in flows}))
    names = list(dict.fromkeys(flow.compiled.target for flow in flows)) or ["step-functions"]
    targets = {name: _target(name)(stack, deployment) for name in names}
    prepared: dict[int, Prepared[Any, Any]] = {}
    note(rename_problems({label: (flow.compiled, flow.config.renamed_from) for label, flow in labels.items()}))
    for name, target in targets.items():
        own = {label: flow for label, flow in labels.items() if flow.compiled.target == name}
        note(target.same_names(own))
        for label, flow in own.items():
            try:
                prepared[id(flow)] = target.check(label, flow)
            except FlowInfraError as error:
                note(error.errors)
    if problems:
        raise Problems(list(problems.values()))
    for target in targets.values():
        if isinstance(target, CountsResources):
            for warning in target.warnings():
                warn(warning)
    if "step-functions" not in targets:
        for name in stack.platform.events:
            warn(f"platform.events.{name}: the stack has no flow on Step Functions, whose @trigger alone knows it")
        if stack.platform.event_bus:
            warn("platform.event_bus: the stack has no flow on Step Functions, whose @trigger alone listens to it")
    return CheckedFlows(flows, targets, [prepared[id(flow)] for flow in flows])


def _target(name: str) -> type[StackTarget]:
    found: type[StackTarget] = TARGETS[name].part("stack").STACK
    return found


def _deploy_time(config: FlowConfig, shape: PlatformShape, compiled: CompiledFlow, root: Path) -> Mapping[str, Json]:
    if is_bundle(config):
        return config.deploy_time
    return deploy_time_values(compile_request(config, shape, root), compiled)


def _tell_unreviewed(flows: Sequence[tuple[FlowConfig, PlatformShape, CompiledFlow]], root: Path, warn: Warn) -> None:
    own = [(config, shape, compiled) for config, shape, compiled in flows if not is_bundle(config)]
    found = unreviewed_files([(compiled, compile_request(config, shape, root)) for config, shape, compiled in own])
    for (config, _, _), words in zip(own, found, strict=True):
        for each in words:
            warn(f"{config.flow}: {each}")


def _labels(flows: Sequence[StackFlow]) -> dict[str, StackFlow]:
    """What messages call each flow: its file, with what keeps it apart from others of that file."""
    labels = {}
    for flow in flows:
        others = [other.config for other in flows if other.label == flow.label]
        apart = [
            key if value is True else f"{key} {value}"
            for key, value in _apart(flow.config).items()
            if value and any(_apart(other)[key] != value for other in others)
        ]
        labels[f"{flow.label} ({', '.join(apart)})" if apart else flow.label] = flow
    return labels


def _apart(config: FlowConfig) -> dict[str, Json]:
    return {**{key: getattr(config, key) for key in APART}, "name_prefix": config.of("step-functions").name_prefix}


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
        "kms_keys": platform.kms_keys,
        "log_retention_days": platform.log_retention_days,
        "alerts": alerts_args(platform.alerts),
        "dead_letter_queue": platform.dead_letter_queue,
        "events": events_args(platform.events),
        "event_bus": platform.event_bus,
    }
    if create.instance_profile:
        args["instance_profile"] = create.instance_profile
    if platform.region:
        args["region"] = platform.region
    if platform.account:
        args["account"] = platform.account
    return args
