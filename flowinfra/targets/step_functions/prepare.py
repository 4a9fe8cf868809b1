"""How flows on Step Functions are prepared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
from pydantic import ValidationError

from flowinfra.components.later import Later
from flowinfra.components.platform import Platform, PlatformSettings
from flowinfra.components.prepare import Preparation
from flowinfra.errors import ConfigError, FlowInfraError, Problems
from flowinfra.model.alerts import ENDS, combined
from flowinfra.model.events import EventConfig
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.mistakes import mistakes
from flowinfra.targets.step_functions import sends
from flowinfra.targets.step_functions.alerts import problems
from flowinfra.targets.step_functions.compiled import StepFunctionsCompiled
from flowinfra.targets.step_functions.plan import FlowPlan, check
from flowinfra.targets.step_functions.section import StepFunctionsSection
from flowinfra.targets.step_functions.triggers import event_problems


def _platform(label: str, given: Any) -> PlatformSettings:
    if isinstance(given, Platform):
        return given.settings
    if isinstance(given, PlatformSettings):
        return given
    raise ConfigError(
        f"{label}: platform is {given!r}; give Platform.existing(…) for what is there already, or a Platform"
    )


def _adapted(label: str, config: FlowConfig, settings: PlatformSettings) -> PlatformSettings:
    if settings.job_role is not None:
        for key, value, instead in (
            ("job_policies", config.job_policies, "attach them there"),
            ("reads", config.reads, "let that one read them"),
            ("sends", config.own.sends, "let that one send them (events:PutEvents on the bus)"),
        ):
            if value:
                raise ConfigError(
                    f"{label}: {key} is for a role of the flow's own; the platform brings job_role, {instead}"
                )
    own: StepFunctionsSection = config.own
    alerts = _platform_alerts(label, settings)
    return replace(
        settings,
        queue=settings.queue if own.queue is None else own.queue,
        name_prefix=own.name_prefix or settings.name_prefix,
        log_retention_days=own.log_retention_days or settings.log_retention_days,
        dead_letter_queue=own.dead_letter_queue or settings.dead_letter_queue,
        job_policies=tuple(dict.fromkeys((*settings.job_policies, *config.job_policies))),
        alerts=combined(alerts, own.alerts),
        events=_platform_events(label, settings),
    )


def _platform_events(label: str, settings: PlatformSettings) -> Mapping[str, EventConfig]:
    """The platform's events, with what a program gives checked as what a stack's file gives is."""
    found, problems = {}, list[FlowInfraError]()
    for name, event in settings.events.items():
        try:
            found[name] = EventConfig.model_validate(event)
        except ValidationError as error:
            problems += [
                ConfigError(f"{label}: the platform's events.{'.'.join(map(str, (name, *path)))}: {reason}")
                for path, reason in mistakes(error, EventConfig)
            ]
    if problems:
        raise Problems(problems)
    return found


def _platform_alerts(label: str, settings: PlatformSettings) -> Mapping[str, Any] | None:
    """The platform's alerts, with what a program gives checked as what a stack's file gives is."""
    alerts = settings.alerts
    if alerts is None:
        return None
    unknown = sorted(set(alerts) - {"topic", "on"})
    odd = [end for end in alerts.get("on") or () if end not in ENDS]
    if unknown or odd:
        raise ConfigError(
            f"{label}: the platform's alerts has {', '.join(map(repr, (*unknown, *odd)))}, allowed: topic, and on with "
            f"{', '.join(ENDS)}"
        )
    return alerts


def _problems(plan: FlowPlan, settings: PlatformSettings) -> list[FlowInfraError]:
    return [
        *check(plan, settings.site(), _default_tags()),
        *problems(plan.name, settings),
        *event_problems(plan.name, plan.compiled.flow, settings.events),
        *sends.problems(plan.name, plan.sends, settings.events),
    ]


def _default_tags() -> Mapping[str, str]:
    """Tags of the default provider, which gives them to every resource."""
    given = pulumi.Config("aws").get_object("defaultTags")
    tags = given.get("tags") if isinstance(given, Mapping) else None
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, Mapping) else {}


def _late(settings: PlatformSettings, later: Later) -> PlatformSettings:
    return replace(
        settings,
        queue=later.text(settings.queue),
        dead_letter_queue=later.text(settings.dead_letter_queue),
        job_policies=tuple(map(later.text, settings.job_policies)),
        alerts=settings.alerts and {**settings.alerts, "topic": later.text(settings.alerts.get("topic"))},
        log_retention_days=settings.log_retention_days
        if later.log_retention_days is None
        else later.log_retention_days,
    )


def _more(config: FlowConfig, platform: PlatformSettings) -> Mapping[str, Any]:
    return {
        "schedules": config.own.schedules,
        "timezone": config.schedule.timezone,
        "sends": sends.resolved(config.own.sends, platform.events),
    }


STEP_FUNCTIONS = Preparation(
    "step-functions", StepFunctionsCompiled, FlowPlan, _platform, _problems, _adapted, _late, _more
)
