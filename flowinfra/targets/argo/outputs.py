"""Outputs of a flow on Argo for its users: its page and the configuration of a laptop. Pure."""

from __future__ import annotations

from flowinfra.targets.argo.platform import ArgoSite


def ui_page(ui_url: str | None, namespace: str, name: str) -> str | None:
    """The WorkflowTemplate's page in Argo's user interface."""
    return None if ui_url is None else f"{ui_url.rstrip('/')}/workflow-templates/{namespace}/{name}"


def metaflow_config(site: ArgoSite) -> dict[str, str]:
    """The METAFLOW_* settings with which a laptop reaches a stack on Kubernetes; `site` with the service account."""
    events = site.events
    settings: dict[str, str | None] = {
        **site.metaflow_config,
        "METAFLOW_ARGO_EVENTS_EVENT": events.event if events else None,
        "METAFLOW_ARGO_EVENTS_EVENT_BUS": events.bus if events else None,
        "METAFLOW_ARGO_EVENTS_EVENT_SOURCE": events.source if events else None,
        "METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT": events.service_account if events else None,
        "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": events.webhook(site.namespace) if events else None,
    }
    return {name: value for name, value in settings.items() if value is not None}
