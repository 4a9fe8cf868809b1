"""How a request is put to `argo-workflows create`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from flowinfra.model.compiled import MARK
from flowinfra.model.cron import refused
from flowinfra.model.timezones import timezone_problem
from flowinfra.targets import pods
from flowinfra.targets.argo.options import ArgoOptions
from flowinfra.targets.target import Target

SECRETS = {
    "notify_slack": "https://secret.invalid/slack",
    "notify_pager_duty": "secret-pager-duty",
    "notify_incident_io": "secret-incident-io",
}
"""Field of the shape that names a Secret → what Metaflow is given in its place; none of these is left in the result."""

_SECRET_OPTIONS = {
    "--notify-slack-webhook-url": "notify_slack",
    "--notify-pager-duty-integration-key": "notify_pager_duty",
    "--notify-incident-io-api-key": "notify_incident_io",
}
"""Options of Metaflow's that take a secret → the field of the shape that names a Secret in its place."""

_SECRET = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9._-]{1,253}")


def _create_options(shape: ArgoOptions) -> list[str]:
    options = []
    if shape.workflow_priority is not None:
        options.append(f"--workflow-priority={shape.workflow_priority}")
    if shape.workflow_title is not None:
        options.append(f"--workflow-title={shape.workflow_title}")
    if shape.workflow_description is not None:
        options.append(f"--workflow-description={shape.workflow_description}")
    options.append(f"--{'' if shape.emit_events else 'no-'}auto-emit-argo-events")
    options.append(f"--{'' if shape.capture_errors else 'no-'}enable-error-msg-capture")
    if shape.heartbeat:
        options.append("--enable-heartbeat-daemon")
    return [*options, *_notifications(shape)]


def _notifications(shape: ArgoOptions) -> Iterator[str]:
    if shape.notify_on_error:
        yield "--notify-on-error"
    if shape.notify_on_success:
        yield "--notify-on-success"
    for option, name in _SECRET_OPTIONS.items():
        if getattr(shape, name) is not None:
            yield f"{option}={SECRETS[name]}"
    if shape.incident_io_source is not None:
        yield f"--incident-io-alert-source-config-id={shape.incident_io_source}"
    for key, value in sorted(shape.incident_io_metadata.items()):
        yield f"--incident-io-metadata={key}={value}"


def _settings(shape: ArgoOptions) -> dict[str, str]:
    values = pods.settings(shape)
    if shape.events:
        values |= {
            "METAFLOW_ARGO_EVENTS_EVENT": f"{MARK}event-name",
            "METAFLOW_ARGO_EVENTS_EVENT_BUS": f"{MARK}event-bus",
            "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": f"{MARK}event-source",
            "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": f"{MARK}events-service-account",
            "METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE": f"{MARK}events-namespace",
            "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": f"{MARK}events-webhook",
            "METAFLOW_ARGO_EVENTS_WEBHOOK_AUTH": f"{MARK}events-webhook-auth",
        }
    return values


def _problems(shape: ArgoOptions) -> Iterator[str]:
    for name in _SECRET_OPTIONS.values():
        value = getattr(shape, name)
        if value is not None and not _SECRET.fullmatch(value):
            yield f"{name}: give a Secret of Kubernetes as NAME/KEY, not the secret itself"
    told = [name for name in ("notify_on_error", "notify_on_success") if getattr(shape, name)]
    if told and not any(getattr(shape, name) for name in _SECRET_OPTIONS.values()):
        yield f"{', '.join(told)}: nobody is named who gets it; give one of {', '.join(_SECRET_OPTIONS.values())}"
    if told and shape.notify_incident_io is not None and shape.incident_io_source is None:
        yield "notify_incident_io: incident.io takes alerts of a source; give its id as incident_io_source"
    texts = {"image": shape.default_image, "incident_io_source": shape.incident_io_source}
    texts |= {f"incident_io_metadata.{key}": f"{key}={value}" for key, value in shape.incident_io_metadata.items()}
    for name, text in texts.items():
        if text is not None and "{{" in text:
            yield (
                f"{name}: found {text!r}, but Argo puts something else in where {{{{ stands; write it without two "
                "braces that follow each other"
            )
    for option in shape.extra:
        name = option.split("=", 1)[0]
        if name in _SECRET_OPTIONS:
            yield f"option {name} takes a secret; keep it in a Secret of Kubernetes: {_SECRET_OPTIONS[name]}: NAME/KEY"


def cron_problem(cron: str) -> str | None:
    """What is wrong with a cron for Argo, in words; None if it fits. Metaflow gives Argo the first five fields."""
    words = cron.split()
    if len(words) != 6:
        return refused("robfig", cron)
    problem = refused("robfig", " ".join(words[:5]), written=cron)
    if problem is None and words[5] != "*":
        return f"{cron!r}: it has the year {words[5]}; Argo has no years, so the flow would run in each: write `*`"
    return problem


def numbers_of_other_days(cron: str) -> str | None:
    """The day of the week of an AWS cron, where Argo reads its numbers as other days; None for any other cron."""
    words = cron.split()
    if len(words) == 6 and re.search(r"[0-9]", re.sub(r"/[0-9]+", "", words[4])):
        return words[4]
    return None


_EVENTS = "METAFLOW_ARGO_EVENTS_"


def _of_stack(stack: Any) -> dict[str, Any]:
    kubernetes = stack.platform.kubernetes
    return {"events": kubernetes is not None and kubernetes.events is not None}


def _lacks(stack: Any, _flow: Any) -> str | None:
    return None if stack.platform.kubernetes else "kubernetes"


TARGET = Target(
    name="argo",
    title="Argo Workflows",
    group="argo-workflows",
    options=ArgoOptions,
    create_options=_create_options,
    settings=_settings,
    given=pods.GIVEN,
    cron="robfig",
    cron_problem=cron_problem,
    timezone_problem=partial(timezone_problem, "Argo"),
    identity_settings={
        **pods.identity_settings("kubernetes"),
        f"{_EVENTS}EVENT": "kubernetes.events.event",
        f"{_EVENTS}EVENT_BUS": "kubernetes.events.bus",
        f"{_EVENTS}EVENT_SOURCE": "kubernetes.events.source",
        f"{_EVENTS}SERVICE_ACCOUNT": "kubernetes.events.service_account",
        f"{_EVENTS}SENSOR_NAMESPACE": "kubernetes.namespace",
        f"{_EVENTS}WEBHOOK_URL": "kubernetes.events.webhook_url",
        f"{_EVENTS}INTERNAL_WEBHOOK_URL": "kubernetes.events.webhook_url",
        f"{_EVENTS}WEBHOOK_AUTH": "kubernetes.events.webhook_auth",
    },
    shape_settings=pods.SHAPE_SETTINGS,
    datastores=pods.DATASTORES,
    problems=_problems,
    runner="kubernetes",
    of_stack=_of_stack,
    lacks=_lacks,
)
