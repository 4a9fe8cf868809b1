"""ArgoFlow: one Metaflow flow on Argo Workflows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

import pulumi
from typing_extensions import Required

from flowinfra.components import datastore, outputs
from flowinfra.components.arguments import FlowArgs
from flowinfra.components.creation import FlowComponent, Making, after, begun
from flowinfra.components.deployed_parameters import deployed_parameters
from flowinfra.components.failed_updates import of_component
from flowinfra.components.inputs import describe_deployed
from flowinfra.components.kubernetes_object import kubernetes_object
from flowinfra.components.plan import same_name
from flowinfra.components.pod_identity import pod_role
from flowinfra.components.pod_roles import ROLE_ARN, role_warnings
from flowinfra.components.prepare import Prepared
from flowinfra.components.program import claim
from flowinfra.components.version import Version, deployed_version
from flowinfra.errors import Problems
from flowinfra.targets.argo.labels import Object
from flowinfra.targets.argo.outputs import metaflow_config, ui_page
from flowinfra.targets.argo.ownership import not_taken
from flowinfra.targets.argo.plan import PODS, ArgoPlan, check, sensor, workflow_template
from flowinfra.targets.argo.platform import ArgoSite, KubernetesPlatform
from flowinfra.targets.argo.prepare import ARGO

T = TypeVar("T")


class ArgoFlowArgs(FlowArgs, total=False):
    """Arguments of a flow on Argo Workflows."""

    platform: Required[KubernetesPlatform]
    """The platform that the flow runs on."""
    workflow_priority: int
    """Priority of each run: higher ones run first."""
    workflow_title: str
    """Title in Argo's user interface. Default: the flow's name."""
    workflow_description: str
    """Description in Argo's user interface. Default: the flow's docstring."""
    emit_events: bool
    """Whether each finished step publishes an event, where the platform has Argo Events. Default: True."""
    capture_errors: bool
    """Whether a failed run shows its first error. Default: True."""
    heartbeat: bool
    """Whether a container beside each run reports it alive to the metadata service. Default: False."""
    notify_on_error: bool
    """Whether a message is sent when a run fails. Default: False."""
    notify_on_success: bool
    """Whether a message is sent when a run succeeds. Default: False."""
    notify_slack: str
    """`NAME/KEY` of the Kubernetes Secret that holds the address of a Slack webhook."""
    notify_pager_duty: str
    """`NAME/KEY` of the Kubernetes Secret that holds PagerDuty's integration key."""
    notify_incident_io: str
    """`NAME/KEY` of the Kubernetes Secret that holds incident.io's API key."""
    incident_io_source: str
    """Id of incident.io's alert source."""
    incident_io_metadata: Mapping[str, str]
    """Fields that are sent to incident.io with each alert."""
    job_policies: Sequence[pulumi.Input[str]]
    """ARNs of managed policies for the flow's pods, where the platform has `pod_roles`."""
    reads: Sequence[str] | Literal["all"]
    """Other flows whose artifacts, cards and data the flow's pods may read, where the platform has `pod_roles`."""
    labels: Mapping[str, pulumi.Input[str]]
    """Labels of the flow's Kubernetes objects, workflows and pods, beside the platform's."""
    annotations: Mapping[str, pulumi.Input[str]]
    """Annotations of the flow's Kubernetes objects, workflows and pods, beside the platform's."""


class ArgoFlow(FlowComponent[ArgoPlan, KubernetesPlatform]):
    """A WorkflowTemplate, its CronWorkflow and Sensor, service accounts, and what the tasks read from the datastore.

    A running workflow keeps the template that it began with (Argo stores it in the workflow), and the datastore's
    objects stay when they leave the program; `flowinfra gc` removes them.
    """

    LOST_BY_RENAMES = (
        "that WorkflowTemplate is deleted once there is the new one. Running workflows go on; what starts runs by the "
        "old name does not find it. The earlier `name` keeps it"
    )

    workflow_template: pulumi.Output[str]
    """Name of the WorkflowTemplate."""
    kubernetes_namespace: pulumi.Output[str]
    """Namespace of Kubernetes that the WorkflowTemplate is in."""
    namespace: pulumi.Output[str]
    """Metaflow namespace of the flow's runs."""
    authorize: pulumi.Output[str]
    """The command that lets a person deploy over the flow by hand."""
    trigger: pulumi.Output[str]
    """The command that starts a run."""
    ui_url: pulumi.Output[str | None]
    """Address of the flow's page in Argo's user interface; None where the platform has no `ui_url`."""
    metaflow_config: pulumi.Output[dict[str, str]]
    """METAFLOW_* settings with which a laptop reaches the flow; as JSON, a file that Metaflow takes."""
    version: pulumi.Output[Version]
    """What is deployed (`id`, `digest`, `package`, `metaflow`), and which commit and person brought it."""

    def __init__(self, name: str, args: ArgoFlowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Deploy a flow.

        Args:
            name: of the resource.
            args: the flow, its platform, and what differs here.
            opts: of the resource.

        Raises:
            pulumi.RunError: with every problem of the flow, its arguments and the limits, before anything is made.
        """
        self._make(name, *begun(name, args, ARGO), opts)

    def _make(
        self,
        name: str,
        prepared: Prepared[ArgoPlan, KubernetesPlatform],
        by: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        plan, site = prepared.plan, prepared.platform.site()
        twice = partial(same_name, workflow_template(site.namespace, plan.name))
        claim(f"workflow template {_place(prepared.platform)}/{plan.name}", name, twice)
        if (own := plan.sensor_name) is not None:
            claim(f"sensor {_place(prepared.platform)}/{own}", name, partial(same_name, sensor(site.namespace, own)))
        self._begin("flowinfra:argo:ArgoFlow", name, plan, _shown(prepared), opts)
        making = _Making(name, plan, prepared.platform, of_component(self, name))
        if idle := plan.idle_timezone:
            pulumi.log.warn(idle, self)

        for warning in role_warnings(plan, making.platform):
            pulumi.log.warn(warning, self)

        hooks = not_taken(making)
        making, granted = _with_role(making)
        granted += [part for who in plan.own_accounts(site) for part in _account(making, who, hooks)]
        objects = datastore.files(name, plan.compiled, making.platform.store, plan.object_tags, making.child)
        deployed = _workflow(making, [*granted, *objects], hooks)

        def there(make: Callable[[ArgoSite], T]) -> pulumi.Output[T]:
            return after(deployed[0], making.platform.on_site(make))

        ui_url = prepared.platform.ui_url
        self.workflow_template = there(lambda _: plan.name)
        self.kubernetes_namespace = there(lambda site: site.namespace)
        self.namespace = there(lambda _: outputs.namespace(plan.token))
        self.authorize = there(lambda _: outputs.authorize_command(plan.compiled, plan.file, plan.token))
        self.trigger = there(lambda _: outputs.trigger_command(plan.compiled, plan.file))
        self.ui_url = there(lambda site: ui_page(ui_url, site.namespace, plan.name))
        self.metaflow_config = there(
            lambda site: {
                **plan.compiled.shape.settings,
                **metaflow_config(replace(site, service_account=plan.account(PODS, site))),
            }
        )
        self.version = deployed_version(name, plan.compiled, by, deployed, making.child)
        self.register_outputs(
            {
                "workflow_template": self.workflow_template,
                "kubernetes_namespace": self.kubernetes_namespace,
                "namespace": self.namespace,
                "authorize": self.authorize,
                "trigger": self.trigger,
                "ui_url": self.ui_url,
                "metaflow_config": self.metaflow_config,
                "version": self.version,
            }
        )


def _place(platform: KubernetesPlatform) -> str:
    """The namespace. One that is being created is an Output, which distinguishes it."""
    return platform.namespace if isinstance(platform.namespace, str) else f"namespace {id(platform.namespace)}"


_Making = Making[ArgoPlan, KubernetesPlatform]


def _with_role(making: _Making) -> tuple[_Making, list[pulumi.Resource]]:
    """A platform whose service account of pods has the role of the flow's own, where the platform has such roles."""
    platform, plan = making.platform, making.plan
    if platform.pod_roles is None:
        return making, []
    arn, granted = pod_role(making, platform.pod_roles, plan.account(PODS, platform.site()))
    if platform.pod_roles.oidc_provider is None:
        return making, granted
    return replace(making, platform=replace(platform, pod_role=arn)), granted


def _account(making: _Making, who: str, hooks: pulumi.ResourceHookBinding | None) -> list[pulumi.Resource]:
    """A service account of the flow's own, and what it may do."""
    plan = making.plan
    found: Any = making.platform.on_site(lambda site: plan.account_objects(who, site))
    known = plan.account_objects(who, making.platform.site())
    extras = _extras(making.platform, found["account"]) if who == PODS else {}
    return [
        kubernetes_object(
            f"{making.name}-{who}-{part}",
            stand_in["apiVersion"],
            stand_in["kind"],
            {**_body(found[part], stand_in), **(extras if part == "account" else {})},
            making.options(hooks=hooks),
        )
        for part, stand_in in known.items()
    ]


def _extras(platform: KubernetesPlatform, account: Any) -> dict[str, Any]:
    """What the platform adds to the service account of tasks: how they reach AWS, and registries of images."""
    extras: dict[str, Any] = {}
    if platform.pod_role is not None:
        annotated = pulumi.Output.all(account["metadata"], platform.pod_role)
        extras["metadata"] = annotated.apply(
            lambda found: {**found[0], "annotations": {**found[0]["annotations"], ROLE_ARN: found[1]}}
        )
    if platform.image_pull_secrets:
        extras["imagePullSecrets"] = [{"name": name} for name in platform.image_pull_secrets]
    return extras


def _workflow(
    making: _Making, needs: Sequence[pulumi.Resource], hooks: pulumi.ResourceHookBinding | None
) -> list[pulumi.Resource]:
    """The template, and then what starts it."""
    objects = _objects(making)
    made: list[pulumi.Resource] = []
    for kind, recorded in making.plan.recorded.items():
        made.append(
            kubernetes_object(
                f"{making.name}-{kind}",
                recorded["apiVersion"],
                recorded["kind"],
                _body(objects[kind], recorded),
                making.options(depends_on=[*needs, *made[:1]], hooks=hooks, **({} if made else making.protection)),
            )
        )
    return made


def _objects(making: _Making) -> Any:
    """Kind → object: at once where all of it is known, and was checked by that."""
    plan, platform = making.plan, making.platform
    if not plan.parameters and not platform.pending:
        return plan.workflow_objects(platform.site())

    def objects(found: Mapping[str, Any]) -> dict[str, Object]:
        current = replace(plan, parameters=json.loads(found["parameters"]))
        if problems := check(current, found["site"]):
            raise pulumi.RunError(str(Problems(problems)))
        return current.workflow_objects(found["site"])

    parameters = deployed_parameters(making.name, plan.compiled, plan.parameters, making.child)
    return pulumi.Output.all(site=platform.on_site(lambda site: site), parameters=parameters).apply(objects)


def _body(found: Any, stand_in: Object) -> dict[str, Any]:
    return {key: found[key] for key in stand_in if key not in ("apiVersion", "kind")}


def _shown(prepared: Prepared[ArgoPlan, KubernetesPlatform]) -> dict[str, Any]:
    """The component's inputs: the flow in human terms."""
    plan, platform = prepared.plan, prepared.platform
    site = platform.site()
    return describe_deployed(
        plan.compiled,
        plan.schedule_enabled,
        plan.triggers_enabled,
        {
            "production_token": plan.names.production_token,
            "protect": plan.protect,
            "kubernetes_namespace": platform.namespace,
            "service_account": platform.service_account,
            "pod_role": platform.pod_role,
            "pod_roles": platform.pod_roles and platform.pod_roles.shown,
            "job_policies": list(platform.pod_roles.job_policies) if platform.pod_roles else [],
            "reads": list(plan.reads),
            "image_pull_secrets": list(platform.image_pull_secrets),
            "permissions": _permissions(plan, site),
            "datastore": platform.on_site(lambda site: site.place.address),
            "event_source": _events(platform) if plan.has_sensor else None,
            "service_url": platform.service_url,
            "labels": dict(platform.labels),
            "annotations": dict(platform.annotations),
            "aws_tags": dict(plan.aws_tags),
        },
    )


def _permissions(plan: ArgoPlan, site: ArgoSite) -> dict[str, list[str]]:
    """Whose own service account → `group/resource: verbs` in the namespace."""
    return {
        who: [
            f"{group}/{resource}: {', '.join(rule['verbs'])}"
            for rule in plan.rules(who)
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        ]
        for who in plan.own_accounts(site)
    }


def _events(platform: KubernetesPlatform) -> dict[str, str | None]:
    events = platform.events
    assert events is not None
    return {
        "bus": events.bus,
        "source": events.source,
        "event": events.event,
        "service_account": events.service_account,
    }
