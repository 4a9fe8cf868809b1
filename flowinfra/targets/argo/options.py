"""Options of Argo Workflows, each declared here alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flowinfra.model.base import Model
from flowinfra.model.options import Option
from flowinfra.model.shape import Shape


class ArgoKeys(Model):
    """Options of a flow that change what Metaflow produces."""

    workflow_priority: Annotated[int | None, Option("priority of runs")] = None
    """Priority of each run: higher ones run first."""
    workflow_title: Annotated[str | None, Option("title", absent="the flow's name")] = None
    """Title in Argo's user interface. Default: the flow's name."""
    workflow_description: Annotated[str | None, Option("description", absent="the flow's own")] = None
    """Description in Argo's user interface. Default: the flow's docstring."""
    emit_events: Annotated[bool, Option("events of finished steps", absent="on")] = True
    """Each finished step publishes an event, where the platform has Argo Events."""
    capture_errors: Annotated[bool, Option("first error of a failed run", absent="on")] = True
    """A failed run shows its first error, which a hook writes."""
    heartbeat: Annotated[bool, Option("heartbeat daemon", absent="off")] = False
    """A container beside each run reports that it is alive."""
    notify_on_error: Annotated[bool, Option("notification of failed runs", absent="off")] = False
    """A message is sent when a run fails, to where the keys `notify_…` that name a Secret say."""
    notify_on_success: Annotated[bool, Option("notification of succeeded runs", absent="off")] = False
    """A message is sent when a run succeeds, to where the keys `notify_…` that name a Secret say."""
    notify_slack: Annotated[str | None, Option("Slack webhook's Secret", metavar="NAME/KEY")] = None
    """`NAME/KEY` of the Kubernetes Secret that holds the address of a Slack webhook."""
    notify_pager_duty: Annotated[str | None, Option("PagerDuty key's Secret", metavar="NAME/KEY")] = None
    """`NAME/KEY` of the Kubernetes Secret that holds PagerDuty's integration key."""
    notify_incident_io: Annotated[str | None, Option("incident.io key's Secret", metavar="NAME/KEY")] = None
    """`NAME/KEY` of the Kubernetes Secret that holds incident.io's API key."""
    incident_io_source: Annotated[str | None, Option("incident.io alert source", metavar="ID")] = None
    """Id of incident.io's alert source."""
    incident_io_metadata: Annotated[dict[str, str], Option("incident.io field", metavar="KEY VALUE")] = Field(
        default_factory=dict
    )
    """Fields that are sent to incident.io with each alert."""


class ArgoOptions(ArgoKeys, Shape):
    """All options of a compile for Argo; those declared here come from the stack's platform."""

    events: Annotated[bool, Option("Argo Events", absent="off")] = False
    """The platform has Argo Events: tasks know where to send events, and flows can wait for them."""
