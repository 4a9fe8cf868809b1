"""Who gets a message when a run ends: a rule for the flow's state machine, whose target is an SNS topic.

Events of executions: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html. The message is
an input template of strings: nothing is escaped there, so what it shows of an event are names, dates and words that AWS
itself restricts to harmless characters (never the cause of a failure, which may be anything).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pulumi_aws as aws

from flowinfra.components.creation import Making
from flowinfra.components.platform import PlatformSettings
from flowinfra.components.site import Site
from flowinfra.errors import ConfigError
from flowinfra.model.alerts import topic_problems
from flowinfra.model.base import canonical_json
from flowinfra.targets.step_functions.outputs import console_host
from flowinfra.targets.step_functions.plan import FlowPlan
from flowinfra.targets.step_functions.together import machine_name
from flowinfra.targets.step_functions.triggers import several

_PATHS = {
    "run": "$.detail.name",
    "status": "$.detail.status",
    "time": "$.time",
    "execution": "$.detail.executionArn",
}


def problems(name: str, settings: PlatformSettings) -> Iterator[ConfigError]:
    """What is wrong with the alerts of a flow."""
    alerts = settings.alerts
    if alerts is None:
        return
    topic = alerts.get("topic")
    if topic is None:
        yield ConfigError(f"{name}: alerts has no topic; give alerts.topic of the platform or of the flow, an ARN")
    elif isinstance(topic, str):
        for words in topic_problems(topic, settings.region, settings.account, settings.partition):
            yield ConfigError(f"{name}: {words}")


def pattern(name: str, ends: list[str], site: Site) -> str:
    """The pattern of the events that the flow's rule takes."""
    return canonical_json(
        {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {"stateMachineArn": [site.state_machine_arn(name)], "status": ends},
        }
    )


def template(plan: FlowPlan, site: Site) -> str:
    """The message: strings in quotes, one for each line."""
    flow = plan.compiled.flow.name
    return _strings(
        f"Flow {flow}: run sfn-<run> has ended: <status>.",
        f"State machine {plan.name}, at <time>.",
        _page(site),
        f"How to look further: flowinfra runs {flow} -s {plan.names.stack}",
    )


def not_started(plan: FlowPlan, site: Site) -> str:
    """The message where what waits for a flow's events has failed."""
    return _strings(
        f"Flow {plan.compiled.flow.name} may not start: what waits for its events has ended: <status>.",
        f"State machine {machine_name(plan.name)}, at <time>.",
        _page(site),
    )


def _page(site: Site) -> str:
    console = console_host(site.partition, site.region)
    return f"What happened: {console}/states/home?region={site.region}#/v2/executions/details/<execution>"


def _strings(*lines: str) -> str:
    return "\n".join(json.dumps(line) for line in lines)


def topic_statement(topic: str, site: Site, names: str) -> dict[str, Any]:
    """What the policy of a topic must have, so that EventBridge may publish the alerts of these rules."""
    return {
        "Sid": "FlowinfraAlerts",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": site.arn("events", f"rule/{names}*")}},
    }


def make_alerts(making: Making[FlowPlan, PlatformSettings], machine: pulumi.Resource) -> pulumi.Output[str] | None:
    """Make the rule and its target; nothing where the flow has no alerts.

    Returns:
        The statement that the topic's policy needs, as JSON.
    """
    plan, settings, alerts = making.plan, making.platform, making.platform.alerts
    if alerts is None:
        return None
    topic, ends = alerts["topic"], list(alerts["on"])
    rule = _rule(making, machine, "alerts", plan.name, ends, template)
    if (failures := [end for end in ends if end != "SUCCEEDED"]) and several(plan.compiled.flow):
        # each event that comes is an execution that succeeds
        _rule(making, machine, "events-alerts", machine_name(plan.name), failures, not_started)
    return pulumi.Output.all(topic=topic, site=settings.on_site(lambda site: site), rule=rule.name).apply(
        lambda found: canonical_json(topic_statement(found["topic"], found["site"], plan.names.stack_names.role_prefix))
    )


def _rule(
    making: Making[FlowPlan, PlatformSettings],
    machine: pulumi.Resource,
    kind: str,
    watched: str,
    ends: list[str],
    message: Callable[[FlowPlan, Site], str],
) -> aws.cloudwatch.EventRule:
    """A rule for ends of executions of the state machine that is watched, and its target."""
    plan, settings, alerts = making.plan, making.platform, making.platform.alerts
    assert alerts is not None
    rule = aws.cloudwatch.EventRule(
        f"{making.name}-{kind}",
        name_prefix=plan.names.role_prefix("alerts"),
        description=f"flowinfra: alerts of runs of {plan.compiled.flow.name}",
        event_pattern=settings.on_site(lambda site: pattern(watched, ends, site)),
        tags=plan.tags,
        # a flow that is renamed keeps its rule
        opts=making.options(depends_on=[machine], ignore_changes=["namePrefix"]),
    )
    aws.cloudwatch.EventTarget(
        f"{making.name}-{kind}-target",
        rule=rule.name,
        target_id="topic",
        arn=alerts["topic"],
        input_transformer={
            "input_paths": _PATHS,
            "input_template": settings.on_site(lambda site: message(plan, site)),
        },
        opts=making.options(depends_on=[machine]),
    )
    return rule
